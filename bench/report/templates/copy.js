// A button copies its text, or that of the element that it names.
{
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
}
