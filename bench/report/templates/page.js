// Enlarged figures, print.
{
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
