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
