// What happens inside dialogs: parts that depend on others are drawn again by the server, trees open lazily, tabs switch.
import { send } from "./dialog.js";
import { token } from "./menu.js";

export function start() {
  document.addEventListener("change", (event) => {
    const dialog = event.target.closest("#dialogs dialog");
    if (!dialog) return;
    if (event.target.closest("[data-refresh]")) refresh(dialog);
    reveal(dialog);
  });
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("input", (event) => event.target.matches("[data-pick-find]") && find(event.target));
  document.addEventListener("dialog:drawn", (event) => reveal(event.detail.dialog));
}

function refresh(dialog) {
  const button = dialog.querySelector("button[name=go][value=refresh]");
  if (button) send(dialog, button);
}

// data-when="field=value value": a part that only some choices have.
function reveal(dialog) {
  for (const part of dialog.querySelectorAll("[data-when]")) {
    const [name, values] = part.dataset.when.split("=");
    const field = dialog.querySelector(`[name="${CSS.escape(name)}"]:checked, select[name="${CSS.escape(name)}"]`);
    part.hidden = !field || !values.split(" ").includes(field.value);
  }
}

// --- trees to choose from -------------------------------------------------------------------------------------------
async function unfold(branch) {
  const below = branch.parentElement.querySelector(":scope > ul");
  below.hidden = branch.getAttribute("aria-expanded") === "true";
  branch.setAttribute("aria-expanded", !below.hidden);
  if (below.hidden || branch.dataset.loaded) return;
  branch.dataset.loaded = "1";
  const answer = await fetch(branch.dataset.branch, { headers: { "X-Requested-With": "fetch", "X-CSRFToken": token() } });
  if (answer.ok) below.innerHTML = await answer.text();
  else delete branch.dataset.loaded;
}

function find(field) {
  const text = field.value.trim().toLowerCase();
  for (const line of document.querySelectorAll(`#${field.getAttribute("aria-controls")} [data-pick-name]`)) {
    line.hidden = text !== "" && !line.dataset.pickName.toLowerCase().includes(text);
  }
}

// --- tabs inside a dialog -------------------------------------------------------------------------------------------
function onClick(event) {
  const tab = event.target.closest("#dialogs [role=tab]");
  if (tab) choose(tab);
  const branch = event.target.closest("#dialogs [data-branch]");
  if (branch) unfold(branch);
}

function choose(tab) {
  const list = tab.closest("[role=tablist]");
  for (const other of list.querySelectorAll("[role=tab]")) {
    const on = other === tab;
    other.setAttribute("aria-selected", on);
    other.tabIndex = on ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
  }
  const keep = tab.closest("form")?.querySelector("input[name=tab]");
  if (keep) keep.value = tab.id;
  tab.focus();
}

function onKey(event) {
  const tab = event.target.closest?.("#dialogs [role=tab]");
  if (!tab) return;
  const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  const at = tabs.indexOf(tab);
  const to = { ArrowRight: (at + 1) % tabs.length, ArrowLeft: (at - 1 + tabs.length) % tabs.length, Home: 0, End: tabs.length - 1 };
  if (!(event.key in to)) return;
  event.preventDefault();
  choose(tabs[to[event.key]]);
}
