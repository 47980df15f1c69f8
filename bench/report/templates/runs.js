// All runs, a sheet at a time: of ten thousand rows a hundred are in the page.
const runs = (() => {
  const table = document.getElementById("runs");
  const rows = JSON.parse(document.getElementById("runs-rows").textContent);
  const headers = Array.from(table.tHead.rows[0].cells);
  const names = headers.map((header) => header.textContent.trim());
  const pager = document.querySelector(".pager");
  const [back, on] = pager.querySelectorAll("button");
  const SHEET = 100;
  const key = (cell) => (Array.isArray(cell) ? cell[1] : cell === "" ? undefined : cell);
  let order = rows.map((_, index) => index);
  let shown = order;
  let passes = () => true;
  let first = 0;
  let hidden = new Set();

  function line(row) {
    const line = document.createElement("tr");
    row.forEach((cell, index) => {
      const box = document.createElement(index ? "td" : "th");
      const number = Array.isArray(cell);
      const text = number ? cell[0] : cell;
      box.textContent = number ? text.replaceAll("-", "−") : text;
      if (number) box.className = "number";
      if (!index) box.scope = "row";
      if (hidden.has(index)) box.classList.add("off");
      if (names[index] === "command" && text) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "copy";
        button.dataset.text = text;
        button.textContent = "Copy";
        button.setAttribute("aria-label", `Copy the command of ${row[names.indexOf("run")]}`);
        const code = document.createElement("code");
        code.textContent = text;
        box.className = "command";
        box.replaceChildren(button, code);
      }
      if (names[index] === "error" || names[index] === "warning") box.classList.add("wide");
      line.append(box);
    });
    return line;
  }

  function draw(all = false) {
    first = Math.max(0, Math.min(first, Math.floor((shown.length - 1) / SHEET) * SHEET));
    const sheet = all ? shown : shown.slice(first, first + SHEET);
    const lines = document.createDocumentFragment();
    for (const index of sheet) lines.append(line(rows[index]));
    table.tBodies[0].replaceChildren(lines);
    pager.hidden = shown.length <= SHEET;
    const last = first + sheet.length;
    pager.querySelector(".sheet").textContent = `${shown.length ? first + 1 : 0}–${last} of ${shown.length}`;
    back.disabled = first === 0;
    on.disabled = last >= shown.length;
  }

  function filter(test = passes) {
    passes = test;
    shown = order.filter((index) => passes(index));
    first = 0;
    draw();
    return shown.length;
  }

  headers.forEach((header, index) => {
    header.querySelector("button").addEventListener("click", () => {
      const keys = rows.map((row) => key(row[index]));
      order = sorted(keys, markSorted(header), index ? rows.map((row) => row[0]) : null);
      filter();
    });
  });
  back.addEventListener("click", () => { first -= SHEET; draw(); });
  on.addEventListener("click", () => { first += SHEET; draw(); });
  chooser(table, (set) => { hidden = set; hideCells(table, set); });
  draw();
  const column = (name) => rows.map((row) => (names.includes(name) ? row[names.indexOf(name)] : ""));
  return { draw, filter, column, count: rows.length };
})();
