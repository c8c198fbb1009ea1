// Panes: width of the navigator, height of the bottom pane, what is collapsed, which tab of the bottom pane is shown.

import { renewAlarms } from "./dock.js";

const root = document.documentElement;
const save = (name, value) => { try { localStorage.setItem(`pane.${name}`, value); } catch { /* private mode */ } };

// A splitter that is dragged or moved with the arrow keys; `property` is the custom property that it changes.
export function splitter(bar, { property, low, high, measure, keys }) {
  const set = (size) => {
    const value = Math.round(Math.max(low, Math.min(high(), size)));
    root.style.setProperty(`--${property}`, `${value}px`);
    bar.setAttribute("aria-valuenow", value);
    save(property, value);
  };
  bar.setAttribute("aria-valuemin", low);
  bar.setAttribute("aria-valuemax", high());
  bar.setAttribute("aria-valuenow", Math.round(measure()));
  bar.addEventListener("pointerdown", (down) => {
    const begin = measure();
    bar.setPointerCapture(down.pointerId);
    bar.classList.add("dragging");
    const move = (event) => set(begin + keys.delta(event.clientX - down.clientX, event.clientY - down.clientY));
    const end = () => {
      bar.classList.remove("dragging");
      bar.removeEventListener("pointermove", move);
    };
    bar.addEventListener("pointermove", move);
    bar.addEventListener("pointerup", end, { once: true });
    bar.addEventListener("pointercancel", end, { once: true });
  });
  bar.addEventListener("keydown", (event) => {
    const step = { [keys.more]: 16, [keys.less]: -16 }[event.key];
    if (!step) return;
    set(measure() + step);
    event.preventDefault();
  });
}

function fold(name, closed) {
  root.dataset[name] = closed ? "closed" : "open";
  save(name, root.dataset[name]);
  for (const button of document.querySelectorAll(`[data-${name}-toggle]`)) button.setAttribute("aria-expanded", String(!closed));
}

export function openNavigator() {
  if (matchMedia("(width <= 760px)").matches) root.dataset.drawer = "open";
  else fold("nav", false);
}

// Show a tab of the bottom pane; a second call with the same tab closes the pane.
export function showDock(name, toggle = false) {
  const shown = document.getElementById(`pane-${name}`);
  const closed = root.dataset.dock === "closed";
  if (toggle && !closed && !shown.hidden) return fold("dock", true);
  for (const one of ["tasks", "alarms"]) {
    const here = one === name;
    document.getElementById(`pane-${one}`).hidden = !here;
    const tab = document.getElementById(`tab-${one}`);
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
    for (const tool of document.querySelectorAll(`.dock-tools [data-for="${one}"]`)) tool.hidden = !here;
  }
  fold("dock", false);
  if (name === "alarms" && document.querySelector("#recent-alarms[data-later]")) renewAlarms();
  document.getElementById(`tab-${name}`).focus({ preventScroll: true });
}

// The counts lie in the pane that is watched: only a real change is written, or watching would never end.
function say(name, number) {
  const mark = document.querySelector(`[data-count="${name}"]`);
  const text = number ? String(number) : "";
  if (mark.textContent !== text) mark.textContent = text;
}

function counts() {
  say("running", document.querySelectorAll('#task-rows [data-state="running"], #task-rows [data-state="queued"]').length);
  if (!document.querySelector("#recent-alarms[data-later]")) say("alarms", document.querySelectorAll("#alarm-rows [data-alarm]").length);
}

export function start() {
  const nav = document.getElementById("navigator");
  const dock = document.getElementById("dock");
  splitter(document.getElementById("nav-splitter"), {
    property: "nav-width", low: 180, high: () => Math.min(720, innerWidth * 0.6), measure: () => nav.offsetWidth,
    keys: { delta: (x) => x, more: "ArrowRight", less: "ArrowLeft" },
  });
  splitter(document.getElementById("dock-splitter"), {
    property: "dock-height", low: 90, high: () => Math.min(700, innerHeight * 0.7), measure: () => dock.offsetHeight,
    keys: { delta: (x, y) => -y, more: "ArrowUp", less: "ArrowDown" },
  });
  document.addEventListener("click", (event) => {
    const target = event.target;
    if (target.closest("[data-nav-toggle]")) fold("nav", root.dataset.nav === "open");
    if (target.closest("[data-dock-toggle]")) fold("dock", root.dataset.dock !== "closed");
    if (target.closest("button[data-drawer]")) root.dataset.drawer = root.dataset.drawer === "open" ? "" : "open";
    else if (root.dataset.drawer === "open" && !target.closest(".navigator, .drop, .topbar")) root.dataset.drawer = "";
    const tab = target.closest(".dock-bar .tab");
    if (tab) showDock(tab.id.replace("tab-", ""));
  });
  document.querySelector(".dock-bar [role=tablist]").addEventListener("keydown", (event) => {
    if (["ArrowLeft", "ArrowRight"].includes(event.key)) showDock(document.activeElement.id === "tab-tasks" ? "alarms" : "tasks");
  });
  document.addEventListener("shell:arrived", () => { root.dataset.drawer = ""; });
  new MutationObserver(counts).observe(dock, { childList: true, subtree: true });
  counts();
}
