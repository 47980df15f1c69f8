"use strict";
// Headings sort a table of one data set, empty cells last; a grouped one keeps the rows of its first column together.
const collator = new Intl.Collator("en", { numeric: true });

// Numbers that are in the order of the keys; the collator, which is slow, compares each distinct text once.
function places(keys) {
  if (!keys.some((key) => typeof key === "string")) return keys;
  const texts = keys.map((key) => (key === undefined ? undefined : String(key)));
  const known = [...new Set(texts)].filter((text) => text !== undefined).sort(collator.compare);
  const place = new Map(known.map((text, index) => [text, index]));
  return texts.map((text) => place.get(text));
}

// Indices of rows in order of their keys; `groups` come first where they are given.
function sorted(keys, descending, groups) {
  const [own, first] = [places(keys), groups && places(groups)];
  const turn = descending ? -1 : 1;
  return keys.map((_, index) => index).sort((a, b) => {
    if (first && first[a] !== first[b]) return first[a] - first[b];
    const [x, y] = [own[a], own[b]];
    return x === undefined || y === undefined ? (x === undefined) - (y === undefined) : turn * (x - y);
  });
}

function keyOf(cell) {
  const key = cell.dataset.sort ?? cell.textContent;
  if (key === "") return undefined;
  return cell.classList.contains("number") ? Number(key) : key;
}

function markSorted(header) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  return descending;
}

function sortRows(table, header) {
  const rows = Array.from(table.tBodies[0].rows);
  const groups = table.classList.contains("grouped") && header.cellIndex ? rows.map((row) => row.cells[0].textContent) : null;
  const keys = rows.map((row) => keyOf(row.cells[header.cellIndex]));
  const order = sorted(keys, markSorted(header), groups);
  table.tBodies[0].append(...order.map((index) => rows[index]));
}

// A list of columns above a table shows and hides them; `redraw` is told the indices of those that are hidden.
function chooser(table, redraw) {
  const headers = Array.from(table.tHead.rows[0].cells);
  const hidden = new Set(headers.filter((header) => "hidden" in header.dataset).map((header) => header.cellIndex));
  const box = document.createElement("details");
  box.className = "columns";
  box.innerHTML = "<summary>Columns</summary><fieldset><legend>Columns shown</legend></fieldset>";
  headers.forEach((header, index) => {
    if (index === (table.classList.contains("ranked") ? 1 : 0)) return;
    const label = document.createElement("label");
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = !hidden.has(index);
    tick.addEventListener("change", () => {
      hidden[tick.checked ? "delete" : "add"](index);
      redraw(hidden);
    });
    label.append(tick, " ", header.textContent.trim());
    box.querySelector("fieldset").append(label);
  });
  table.closest(".scroll").before(box);
  redraw(hidden);
}

function hideCells(table, hidden) {
  for (const row of table.rows) {
    for (const cell of row.cells) {
      const hide = hidden.has(cell.cellIndex);
      if (cell.classList.contains("off") !== hide) cell.classList.toggle("off", hide);
    }
  }
}

for (const table of document.querySelectorAll("table.sortable:not(#runs)")) {
  for (const header of table.tHead.rows[0].cells) {
    header.querySelector("button")?.addEventListener("click", () => sortRows(table, header));
  }
}
for (const table of document.querySelectorAll("table.grid:not(#runs)")) {
  chooser(table, (hidden) => hideCells(table, hidden));
}
