// Recent tasks and alarms follow what is pushed: a row is morphed where it is shown, a new one goes where its number puts it.

const ROWS_MAX = 50;
const SHOWN_IN = { all: () => true, running: (state) => ["queued", "running"].includes(state), failed: (state) => state === "error" };

function rowOf(html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  return pieces.content.querySelector("tr");
}

function insert(rows, row, state) {
  const which = rows.closest("[data-which]")?.dataset.which ?? "all";
  if (!(SHOWN_IN[which] ?? SHOWN_IN.all)(state)) return;
  const id = Number(row.dataset.task);
  const after = [...rows.children].find((other) => Number(other.dataset.task) < id);
  if (!after && rows.children.length >= ROWS_MAX) return;
  rows.insertBefore(row, after ?? null);
  window.htmx?.process(row);
  while (rows.children.length > ROWS_MAX) rows.lastElementChild.remove();
}

// The same row may be in the pane and on the page of tasks.
export function takeTask({ id, state, html }) {
  const shown = document.querySelectorAll(`tr[data-task="${id}"]`);
  for (const old of shown) {
    const parent = old.parentElement;
    window.Idiomorph.morph(old, rowOf(html), { morphStyle: "outerHTML", ignoreActiveValue: true });
    window.htmx?.process(parent);
  }
  const rows = document.getElementById("task-rows");
  if (rows && !rows.querySelector(`tr[data-task="${id}"]`)) insert(rows, rowOf(html), state);
}

function renew(name) {
  const table = document.getElementById(`recent-${name}`);
  if (!table || !window.htmx) return;
  const which = encodeURIComponent(table.dataset.which ?? "all");
  window.htmx.ajax("GET", `/${name}/recent/?which=${which}`, { target: table, swap: "outerHTML" });
}

export const renewTasks = () => renew("tasks");
export const renewAlarms = () => renew("alarms");
