// One filter for the whole page: cards, tables of each data set by the models of its ranked one, and all runs.
{
  const form = document.querySelector(".filter");
  const columns = Object.fromEntries(["data", "model", "family", "status"].map((name) => [name, runs.column(name)]));
  const words = runs.column("data").map((_, index) =>
    Object.values(columns).map((column) => column[index]).join(" ").toLowerCase());
  const sections = Array.from(document.querySelectorAll("section.data-set"), (section) => ({
    section,
    data: section.dataset.data,
    ranked: Array.from(section.querySelectorAll("table.ranked tbody tr")),
    others: Array.from(section.querySelectorAll("table:not(.ranked) tbody tr, .commands div, .mosaics figure")),
  }));
  const cards = Array.from(document.querySelectorAll(".card"));

  function apply() {
    const wanted = Object.fromEntries(Array.from(new FormData(form)));
    const parts = wanted.find.toLowerCase().split(/\s+/).filter(Boolean);
    const finds = (text) => parts.every((part) => text.includes(part));
    const any = parts.length || wanted.model || wanted.family || wanted.status;
    const seen = new Set();
    for (const { section, data, ranked, others } of sections) {
      const models = new Set();
      if (!wanted.data || wanted.data === data) {
        for (const row of ranked) {
          const own = row.dataset;
          const fits = (!wanted.model || wanted.model === own.model) && (!wanted.family || wanted.family === own.family)
            && (!wanted.status || own.status.split(/[ ,]+/).includes(wanted.status)) && finds(own.find);
          if (fits) models.add(own.model);
        }
        if (models.size || !any) seen.add(data);
      }
      const open = seen.has(data);
      if (section.hidden === open) section.hidden = !open;
      if (!open) continue;
      for (const row of [...ranked, ...others]) {
        const hide = any && row.dataset.model ? !models.has(row.dataset.model) : false;
        if (row.hidden !== hide) row.hidden = hide;
      }
    }
    for (const card of cards) card.hidden = !seen.has(card.dataset.data);
    const count = runs.filter((index) => (!wanted.data || columns.data[index] === wanted.data)
      && (!wanted.model || columns.model[index] === wanted.model) && (!wanted.family || columns.family[index] === wanted.family)
      && (!wanted.status || columns.status[index] === wanted.status) && finds(words[index]));
    const narrowed = any || wanted.data;
    form.querySelector("output").textContent = narrowed ? `${seen.size} of ${sections.length} data sets, ${count} of ${runs.count} runs` : "";
  }

  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  apply();
}
