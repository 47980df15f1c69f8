// The meaning of a word, while a pointer or the keyboard is on it; Escape hides it.
{
  const tip = document.getElementById("tip");
  let told = null;
  let leaving = 0;

  function hide() {
    told?.removeAttribute("aria-describedby");
    told = null;
    tip.hidden = true;
  }

  function show(target) {
    clearTimeout(leaving);
    if (target === told) return;
    hide();
    told = target;
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const [place, own] = [target.getBoundingClientRect(), tip.getBoundingClientRect()];
    const below = place.bottom + 6 + own.height < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(place.left, document.documentElement.clientWidth - own.width - 8))}px`;
    tip.style.top = `${below ? place.bottom + 6 : Math.max(4, place.top - own.height - 6)}px`;
  }

  const leave = () => { clearTimeout(leaving); leaving = setTimeout(hide, 150); };
  for (const event of ["pointerover", "focusin"]) {
    document.addEventListener(event, ({ target }) => {
      const term = target.closest?.("[data-tip]");
      if (term) show(term);
      else if (target.closest?.("#tip")) clearTimeout(leaving);
      else leave();
    });
  }
  document.addEventListener("focusout", leave);
  document.addEventListener("scroll", () => { if (told && told !== document.activeElement) hide(); }, true);
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") hide(); });
}
