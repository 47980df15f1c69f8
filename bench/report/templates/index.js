// The select over kinds of data shows what is of that kind, in the table and among the cards.
{
  const select = document.getElementById("kind");
  select.closest("p").hidden = false;
  select.addEventListener("change", () => {
    for (const part of document.querySelectorAll("[data-kind]")) {
      part.hidden = Boolean(select.value) && part.dataset.kind !== select.value;
    }
    for (const study of document.querySelectorAll("section.study")) {
      const cards = [...study.querySelectorAll("[data-kind]")];
      study.hidden = cards.length > 0 && cards.every((card) => card.hidden);
    }
  });
}
// Rows of older versions are folded where there are newer ones; a link into a folded part opens it.
for (const part of document.querySelectorAll("tbody.older")) {
  const button = part.querySelector("button");
  const show = (open) => {
    part.classList.toggle("folded", !open);
    button.setAttribute("aria-expanded", open);
  };
  button.hidden = false;
  part.querySelector(".without").hidden = true;
  button.addEventListener("click", () => show(part.classList.contains("folded")));
  show(!("fold" in part.dataset));
}
document.addEventListener("click", ({ target }) => {
  const link = target.closest('a[href^="#"]');
  const box = link && document.getElementById(link.hash.slice(1))?.closest("details");
  if (box) box.open = true;
});
addEventListener("beforeprint", () => {
  for (const box of document.querySelectorAll("details")) box.open = true;
});
