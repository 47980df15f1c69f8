// Tips, copies, enlarged figures, print.
{
  const tip = document.getElementById("tip");
  let told = null;
  let leaving = 0;

  function hideTip() {
    told?.removeAttribute("aria-describedby");
    told = null;
    tip.hidden = true;
  }

  function showTip(target) {
    clearTimeout(leaving);
    if (target === told) return;
    hideTip();
    told = target;
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const [place, own] = [target.getBoundingClientRect(), tip.getBoundingClientRect()];
    const below = place.bottom + 6 + own.height < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(place.left, document.documentElement.clientWidth - own.width - 8))}px`;
    tip.style.top = `${below ? place.bottom + 6 : Math.max(4, place.top - own.height - 6)}px`;
  }

  const leave = () => { clearTimeout(leaving); leaving = setTimeout(hideTip, 150); };
  for (const event of ["pointerover", "focusin"]) {
    document.addEventListener(event, ({ target }) => {
      const term = target.closest?.("[data-tip]");
      if (term) showTip(term);
      else if (target.closest?.("#tip")) clearTimeout(leaving);
      else leave();
    });
  }
  document.addEventListener("focusout", leave);
  document.addEventListener("scroll", () => { if (told && told !== document.activeElement) hideTip(); }, true);
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") hideTip(); });

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // no permission, or a page that the browser does not trust
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("button.copy");
    if (!button) return;
    await copy(button.dataset.text ?? document.getElementById(button.dataset.copies).textContent);
    button.focus();
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  const dialog = document.querySelector("dialog");
  for (const zoom of document.querySelectorAll("button.zoom")) {
    zoom.addEventListener("click", () => {
      const large = zoom.querySelector("img").cloneNode();
      large.loading = "eager";
      const caption = zoom.parentElement.querySelector(".caption").cloneNode(true);
      dialog.querySelector("div").replaceChildren(large, caption);
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });

  const opened = [];
  addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll("details:not([open], .columns)")) {
      box.open = true;
      opened.push(box);
    }
    for (const image of document.images) image.loading = "eager";
    runs.draw(true);
    for (const table of document.querySelectorAll("table.grid")) {
      const names = Array.from(table.tHead.rows[0].cells, (header) => header.textContent.trim());
      if (names.length < 12 || table.classList.contains("ranked")) continue;
      table.classList.add("blocks");
      for (const row of table.tBodies[0].rows) {
        for (const cell of row.cells) cell.dataset.label = names[cell.cellIndex];
      }
    }
  });
  addEventListener("afterprint", () => {
    for (const box of opened.splice(0)) box.open = false;
    runs.draw();
    for (const table of document.querySelectorAll("table.blocks")) table.classList.remove("blocks");
  });
}
