// Dialogs and wizards in a native <dialog>: opened by data-dialog="<url>", sent by fetch, never losing what was typed.
import { absorb, act, start as startActing } from "./act.js";
import { token } from "./menu.js";
import { toast, words } from "./shell.js";

let opener = null;
let clean = "";
let waiting = null;

export function start() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-dialog]");
    if (!link || link.getAttribute("aria-disabled") === "true") return;
    event.preventDefault();
    openDialog(link.dataset.dialog, link);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    event.preventDefault();
    act(button.dataset.act, button.dataset.url, button);
  });
  startActing();
  import("./wizard.js").then((module) => module.start());
}

const current = () => document.querySelector("#dialogs > dialog");
export const formOf = (dialog) => dialog.querySelector("form");

export async function openDialog(url, from = null) {
  opener = from ?? document.activeElement;
  const answer = await ask(url);
  if (!answer) return;
  if (!answer.ok) return absorb(await answer.text());
  show(await answer.text());
}

// A dialog as it was left: what was typed is sent again, and closing it asks before that is lost.
export async function openSaved(url, body, from = null) {
  opener = from;
  const answer = await ask(url, { method: "POST", body: new URLSearchParams(body) });
  if (!answer) return false;
  if (answer.status === 404) return void toast(words.gone, "error");
  if (!answer.ok && answer.status !== 422) return void absorb(await answer.text());
  show(await answer.text());
  clean = "";
  return true;
}

async function ask(url, options = {}) {
  const headers = { "X-Requested-With": "fetch", "X-CSRFToken": token() };
  try {
    const answer = await fetch(url, { ...options, headers });
    if (answer.status !== 401) return answer;
    if (current()) warn("expired");
    else location.assign(`/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
  } catch {
    if (current()) warn("offline");
  }
  return null;
}

function show(html) {
  current()?.close();
  const root = document.getElementById("dialogs");
  root.innerHTML = html;
  const dialog = current();
  wire(dialog);
  dialog.showModal();
  document.dispatchEvent(new CustomEvent("dialog:drawn", { detail: { dialog } }));
  clean = snapshot(dialog);
  focusFirst(dialog);
}

function wire(dialog) {
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave(dialog);
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected && opener !== document.body) opener.focus({ preventScroll: true });
    else if (document.activeElement === document.body) document.getElementById("workspace")?.focus({ preventScroll: true });
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    send(dialog, event.submitter);
  });
  dialog.addEventListener("click", (event) => onClick(dialog, event));
  dialog.addEventListener("keydown", (event) => event.key.length === 1 && event.stopPropagation()); // letters are no shortcuts here
}

function onClick(dialog, event) {
  if (event.target.closest("[data-close]")) leave(dialog);
  else if (event.target.closest("[data-minimise]")) document.dispatchEvent(new CustomEvent("dialog:minimise", { detail: { dialog } }));
  else if (event.target.closest("[data-discard]")) dialog.close();
  else if (event.target.closest("[data-stay]")) hideNotice(dialog);
  const take = event.target.closest("[data-take]");
  if (take) takeTheirs(dialog, take);
}

// Closing asks once where something was typed; a question without fields closes at once.
function leave(dialog) {
  const touched = snapshot(dialog) !== clean;
  const asked = !dialog.querySelector("[data-notice=discard]")?.hidden;
  if (touched && !asked && dialog.querySelector("[data-notice=discard]")) notice(dialog, "discard");
  else dialog.close();
}

export function snapshot(dialog) {
  const form = formOf(dialog);
  return form ? new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string")).toString() : "";
}

// --- sending ---------------------------------------------------------------------------------------------------------
// Nothing that comes while a part is being drawn again is lost: a click waits for that answer, and what was typed meanwhile
// is sent once more instead of being drawn over.
export async function send(dialog, submitter = null) {
  const form = formOf(dialog);
  const refresh = submitter?.value === "refresh";
  if (form.dataset.busy) return void (form.dataset.busy === "refresh" && (!refresh || !waiting) && (waiting = submitter));
  const body = new FormData(form, submitter?.name ? submitter : undefined);
  const sent = snapshot(dialog);
  busy(form, refresh ? "refresh" : "send");
  const answer = await ask(form.getAttribute("action"), { method: "POST", body: new URLSearchParams([...body]) });
  busy(form, "");
  const next = waiting;
  waiting = null;
  if (next) return send(dialog, next);
  if (refresh && snapshot(dialog) !== sent) return send(dialog, submitter);
  if (!answer) return;
  const html = await answer.text();
  if (answer.status === 202) return finished(dialog, html);
  if (answer.ok || answer.status === 422) return redraw(dialog, html, answer.status === 422);
  if (answer.status >= 500) return warn("failed");
  refused(dialog, html);
}

function busy(form, why) {
  why ? (form.dataset.busy = why) : delete form.dataset.busy;
  form.setAttribute("aria-busy", why !== "");
  if (why === "refresh") return;
  const on = why !== "";
  for (const button of form.querySelectorAll("button[type=submit]")) {
    if (on && !button.disabled) button.dataset.was = "1";
    if (button.dataset.was) button.disabled = on;
    if (!on) delete button.dataset.was;
  }
}

function finished(dialog, html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  const results = pieces.content.querySelector("dialog");
  absorb(html);
  if (results) return show(results.outerHTML);
  dialog.close();
}

// The answer is morphed into the open dialog: focus, scroll and opened parts stay where they are.
function redraw(dialog, html, faulty) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  const fresh = pieces.content.querySelector("dialog");
  const stepped = fresh.dataset.step !== dialog.dataset.step;
  const focused = document.activeElement?.name;
  if (stepped) dialog.innerHTML = fresh.innerHTML;
  else window.Idiomorph.morph(dialog, fresh.innerHTML, { morphStyle: "innerHTML", callbacks: { beforeNodeMorphed: keeps, beforeAttributeUpdated: (name) => name !== "open" } });
  dialog.dataset.step = fresh.dataset.step ?? "";
  document.dispatchEvent(new CustomEvent("dialog:drawn", { detail: { dialog } }));
  if (faulty) focusFault(dialog);
  else if (stepped) focusFirst(dialog);
  else if (focused) dialog.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
}

// A tree that a person has opened stays open; which of its entries is chosen the tree knows itself.
const keeps = (old) => !(old.nodeType === 1 && old.hasAttribute("data-stable"));

function focusFirst(dialog) {
  const fields = dialog.querySelectorAll(".dialog-body :is(input:not([type=hidden]), select, textarea):not([disabled])");
  const wanted = [...fields].find((field) => field.checkVisibility?.() ?? true);
  (wanted ?? harmless(dialog) ?? dialog).focus();
  if (wanted?.matches("input[type=text]")) wanted.select();
}

// The button that Enter presses where there is nothing to type: never the red one.
function harmless(dialog) {
  const danger = dialog.querySelector("footer .btn-danger");
  return dialog.querySelector(danger ? "footer [data-close]" : "footer button[type=submit]:not(:disabled)");
}

function focusFault(dialog) {
  const field = dialog.querySelector(".has-error :is(input, select, textarea):not([type=hidden])");
  for (let part = field?.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  (field ?? harmless(dialog))?.focus();
  dialog.querySelector(".dialog-faults")?.scrollIntoView({ block: "nearest" });
}

// --- what went wrong -------------------------------------------------------------------------------------------------
function notice(dialog, kind) {
  const bar = dialog.querySelector(`[data-notice="${kind}"]`);
  if (!bar) return;
  hideNotice(dialog);
  bar.hidden = false;
  (bar.querySelector("button") ?? bar).focus?.();
}

function hideNotice(dialog) {
  for (const bar of dialog.querySelectorAll("[data-notice]")) bar.hidden = true;
}

function warn(kind) {
  notice(current(), kind);
}

function refused(dialog, html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  const said = pieces.content.querySelector(".toast p")?.textContent;
  const bar = dialog.querySelector("[data-notice=refused]");
  if (!said || !bar) return warn("expired"); // no sentence of ours: the answer of the CSRF check
  bar.querySelector("p").textContent = said;
  notice(dialog, "refused");
}

function takeTheirs(dialog, button) {
  const field = dialog.querySelector(`[name="${CSS.escape(button.dataset.take)}"]`);
  if (!field) return;
  if (field.type === "checkbox") field.checked = button.value === "True";
  else field.value = button.value;
  button.closest("tr").classList.add("taken");
  field.dispatchEvent(new Event("change", { bubbles: true }));
}
