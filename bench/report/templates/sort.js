"use strict";
// A heading sorts its table: numbers as numbers, text as text, empty cells always last.
function sortBy(header, column) {
  const table = header.closest("table");
  const descending = header.getAttribute("aria-sort") === "ascending";
  const rows = Array.from(table.tBodies[0].rows);
  const key = (row) => row.cells[column].dataset.sort;
  const numeric = rows.every((row) => key(row) === undefined || !Number.isNaN(Number(key(row))));
  rows.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    const order = numeric ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
    return descending ? -order : order;
  });
  table.tBodies[0].append(...rows);
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
}
for (const table of document.querySelectorAll("table.sortable")) {
  Array.from(table.tHead.rows[0].cells).forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => sortBy(header, column));
  });
}
