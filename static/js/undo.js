// Undo: each person sees it on the rows of their own tasks and of those that nobody asked for (moves by DRS); what was
// done at once also offers it in a toast.
import { absorb, showToast } from "./act.js";

export function start() {
  const user = document.body.dataset.user;
  if (user) {
    const own = new CSSStyleSheet(); // rows are drawn once for everybody
    own.insertRule(`.btn.undo:is([data-undo-by="${CSS.escape(user)}"], [data-undo-by=""]) { display: inline-flex }`);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, own];
  }
  document.addEventListener("tasks:accepted", (event) => offer(event.detail.row));
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.successful && /\/tasks\/\d+\/undo\/$/.test(detail.pathInfo?.requestPath ?? "")) absorb(detail.xhr.responseText);
  });
}

function offer(row) {
  const button = row.querySelector(".undo")?.cloneNode(true);
  if (!button) return;
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.setAttribute("role", "status");
  const said = document.createElement("p");
  said.textContent = `${row.cells[0].textContent}: ${row.cells[1].textContent.trim()}`;
  toast.append(said, button);
  button.addEventListener("htmx:afterRequest", () => toast.remove());
  showToast(toast);
  window.htmx?.process(toast);
}
