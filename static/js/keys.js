// The keyboard: single keys act where no field has the focus.
import { showDock } from "./panes.js";
import { showView } from "./tree.js";

const GO = { h: "hosts", v: "vms", s: "storage", n: "networking" };
let going = false;

// With a Korean keyboard a letter comes as Hangul: then the key says which one it is.
const keyOf = (event) => (event.code?.startsWith("Key") && !/^[\x20-\x7e]$/.test(event.key) ? event.code.slice(3).toLowerCase() : event.key);
const writing = (target) => target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
const press = (selector) => document.querySelector(selector)?.click();

const KEYS = {
  "/": () => document.getElementById("global-search").focus(),
  ".": () => press("#actions-button"),
  "?": () => document.getElementById("help-sheet").showModal(),
  t: () => showDock("tasks", true),
  a: () => showDock("alarms", true),
  m: () => document.dispatchEvent(new CustomEvent("shell:action", { detail: { keys: ["migrate"] } })),
  e: () => document.dispatchEvent(new CustomEvent("shell:action", { detail: { keys: ["edit-settings", "edit"] } })),
};

// The second key of `g h`: it comes before the tree, which would take it for the beginning of a name.
function second(event) {
  const view = GO[keyOf(event)];
  if (!going || !view) return;
  going = false;
  event.preventDefault();
  event.stopPropagation();
  showView(view, true);
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  const key = keyOf(event);
  going = key === "g";
  if (going) setTimeout(() => { going = false; }, 1200);
  const act = KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
}

export function start() {
  document.addEventListener("keydown", second, true);
  document.addEventListener("keydown", pressed);
}
