// What a menu entry, a header icon or a palette entry does: open a dialog, follow a link, or post and show the task.
import { openDialog } from "./dialog.js";
import { token } from "./menu.js";

export function act(method, url, from = null) {
  if (method === "dialog") return openDialog(url, from);
  if (method === "link") return follow(url);
  if (method === "visit") return window.location.assign(url); // a page of its own, or a file
  return post(url);
}

function follow(url) {
  if (window.htmx && document.getElementById("workspace")) {
    const link = Object.assign(document.createElement("a"), { href: url, hidden: true });
    document.body.append(link);
    window.htmx.process(link);
    link.click();
    link.remove();
  } else location.assign(url);
}

// 202 carries the row of the task, 403 and 409 a toast that says why not.
export async function post(url, body = new URLSearchParams()) {
  const answer = await fetch(url, { method: "POST", body, headers: { "X-Requested-With": "fetch", "X-CSRFToken": token() } });
  if (answer.status === 401) return void location.assign(`/login/?next=${encodeURIComponent(location.pathname)}`);
  absorb(await answer.text());
  return answer.ok;
}

// Put the pieces of an answer where they belong: rows of tasks on top of Recent Tasks, toasts in the corner.
export function absorb(html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  const list = document.querySelector("#recent-tasks tbody");
  for (const row of pieces.content.querySelectorAll("tr[data-task]")) {
    if (list && !document.getElementById(row.id)) { // the push may have been faster than the answer
      list.prepend(row);
      window.htmx?.process(row);
    }
    document.dispatchEvent(new CustomEvent("tasks:accepted", { detail: { row } }));
  }
  for (const toast of pieces.content.querySelectorAll(".toast")) showToast(toast);
  document.dispatchEvent(new CustomEvent("tasks:changed"));
}

const TOAST_MS = 9000;

export function showToast(toast) {
  document.getElementById("toasts")?.append(toast);
  toast.querySelector("[data-close-toast]")?.addEventListener("click", () => toast.remove());
  if (!toast.classList.contains("error")) setTimeout(() => toast.remove(), TOAST_MS);
}

// A shortcut names actions by key; the first that the object at hand offers and allows is done.
async function byKey(keys) {
  const place = document.querySelector("#workspace[data-moref]")?.dataset;
  if (!place?.vc) return;
  const answer = await fetch(`/vc/${place.vc}/${place.moref}/palette/`, { headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok) return;
  const entries = document.createElement("template");
  entries.innerHTML = await answer.text();
  const wanted = keys.map((key) => entries.content.querySelector(`[data-key="${key}"]`)).find(Boolean);
  if (wanted) act(wanted.dataset.act, wanted.dataset.url);
}

export function start() {
  document.addEventListener("shell:action", (event) => byKey(event.detail.keys));
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (/\/do\/[\w-]+\/$/.test(detail.pathInfo?.requestPath ?? "")) absorb(detail.xhr.responseText);
  });
}
