// Work in progress: a wizard that was minimised waits as a chip in the bottom pane, with everything that was typed.
// It lives in the tab's session storage, so that it survives navigation and a reload; secrets are never kept.
import { formOf, openSaved, snapshot } from "./dialog.js";

const KEY = "wizards";
const MOST = 8;
const user = () => document.body.dataset.user ?? "";

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY));
    return kept?.user === user() && Array.isArray(kept.list) ? kept.list : []; // somebody else's are not shown
  } catch {
    return [];
  }
}

function write(list) {
  try { sessionStorage.setItem(KEY, JSON.stringify({ user: user(), list })); } catch { /* private mode, or full */ }
  draw(list);
}

function minimise(dialog) {
  const body = new URLSearchParams(snapshot(dialog));
  for (const name of [...body.keys()]) if (/password|secret|csrf/i.test(name)) body.delete(name);
  const one = {
    id: `${Date.now()}`,
    title: dialog.querySelector("#dialog-title").textContent.trim(),
    step: dialog.querySelector(".wizard-page h3")?.textContent.trim() ?? "",
    url: formOf(dialog).getAttribute("action"),
    body: body.toString(),
  };
  dialog.close();
  write([...read(), one].slice(-MOST));
  document.querySelector("#work-in-progress li:last-child button")?.focus();
}

// What was typed is sent for a new drawing, so that lists and checks are those of now.
async function restore(id, from) {
  const one = read().find((other) => other.id === id);
  if (!one) return;
  if (await openSaved(one.url, `${one.body}&go=refresh`, from)) forget(id);
}

function forget(id) {
  write(read().filter((one) => one.id !== id));
}

function draw(list) {
  const place = document.getElementById("work-in-progress");
  const model = document.getElementById("chip");
  if (!place || !model) return;
  place.hidden = list.length === 0;
  const chips = list.map((one) => {
    const chip = model.content.firstElementChild.cloneNode(true);
    chip.querySelector("[data-restore]").dataset.restore = one.id;
    chip.querySelector("[data-forget]").dataset.forget = one.id;
    chip.querySelector("[data-restore] span").textContent = one.title;
    chip.querySelector("[data-restore]").title = one.step ? `${one.title}: ${one.step}` : one.title;
    return chip;
  });
  place.replaceChildren(...chips);
}

export function start() {
  draw(read());
  document.addEventListener("dialog:minimise", (event) => minimise(event.detail.dialog));
  document.addEventListener("click", (event) => {
    const restoring = event.target.closest("[data-restore]");
    if (restoring) restore(restoring.dataset.restore, restoring);
    const gone = event.target.closest("[data-forget]");
    if (gone) forget(gone.dataset.forget);
  });
}
