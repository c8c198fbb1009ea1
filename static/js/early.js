// Before the first paint: the sizes that a person gave the panes. No module, so that nothing jumps afterwards. And until
// the modules are there: a button that was pressed meanwhile is pressed for its person as soon as somebody listens.
(() => {
  const root = document.documentElement;
  const saved = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const px = (name, low, high) => {
    const value = Number(saved(`pane.${name}`));
    if (value >= low && value <= high) root.style.setProperty(`--${name}`, `${value}px`);
  };
  px("nav-width", 180, 720);
  px("dock-height", 90, 700);
  px("exercise-width", 280, 760);
  if (saved("pane.exercise")) root.dataset.exercise = saved("pane.exercise"); // set where a lab has exercises
  root.dataset.nav = saved("pane.nav") || "open";
  root.dataset.dock = saved("pane.dock") || (matchMedia("(width <= 760px)").matches ? "closed" : "open");

  let pressed = null;
  const hold = (event) => {
    const button = event.target.closest("button[type=button]");
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    pressed = button;
  };
  document.addEventListener("click", hold, true);
  document.addEventListener("app:ready", () => {
    document.removeEventListener("click", hold, true);
    if (pressed?.isConnected) pressed.click();
  }, { once: true });
})();
