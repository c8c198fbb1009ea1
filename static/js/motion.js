// Moves: the panel of a VM that migrates follows its task, and a VM that is dragged onto a host of the tree opens the
// Migrate wizard with that host chosen. The keyboard's way is the wizard itself.
import { openDialog } from "./dialog.js";
import { current, refreshSoon } from "./shell.js";

const RENEW_MS = 700;
const VM = "VirtualMachine";
const HOST = "HostSystem";

let renewing = 0;
let dragged = null; // {vc, morefs}

// --- progress ---------------------------------------------------------------------------------------------------------
const panels = () => [...document.querySelectorAll("[data-motion]")];

function heard({ detail }) {
  const shown = panels().filter((panel) => panel.dataset.motionTask === String(detail.id));
  if (!shown.length) return void (begins(detail) && refreshSoon());
  if (["success", "error"].includes(detail.state)) return refreshSoon();
  renewing ||= setTimeout(renew, RENEW_MS);
}

// A move of the shown VM has begun: its page has no panel yet.
function begins({ vc, entity, state }) {
  const here = current();
  return here.vc === vc && here.moref === entity && here.kind === VM && state === "running" && !panels().length;
}

async function renew() {
  renewing = 0;
  for (const panel of panels()) {
    const answer = await fetch(panel.dataset.motionUrl, { headers: { "X-Requested-With": "fetch" } }).catch(() => null);
    if (!panel.isConnected || !answer?.ok) continue;
    if (answer.status === 204) return refreshSoon();
    window.Idiomorph.morph(panel, await answer.text(), { morphStyle: "outerHTML", ignoreActiveValue: true });
    for (const fresh of panels()) window.htmx?.process(fresh);
  }
}

// --- badges -----------------------------------------------------------------------------------------------------------
// Lines of the tree and rows of grids say what moves: what Recent Tasks shows, or a push tells.
const MOVES = ["vm.relocate", "vm.drs_migrate"];
const moving = new Map(); // "<vc>:<moref>" -> what the badge says

function note(row) {
  if (!MOVES.includes(row?.dataset.operation)) return;
  const key = `${row.dataset.vc}:${row.dataset.entity}`;
  if (!["queued", "running"].includes(row.dataset.state)) return void (moving.delete(key), unmark(row.dataset));
  const done = row.querySelector("progress")?.getAttribute("value");
  moving.set(key, { label: row.cells[0].textContent.trim(), done: done ? `${done}%` : "…" });
}

const places = (vc, moref) => [
  document.querySelector(`.tree [data-node="${CSS.escape(`${vc}:${moref}`)}"] > .line`),
  current().vc === vc && document.querySelector(`#row-${CSS.escape(moref)} [data-col="name"]`),
].filter(Boolean);

function unmark({ vc, entity }) {
  for (const place of places(vc, entity)) place.querySelector(":scope > .moving")?.remove();
}

function paint() {
  for (const [key, { label, done }] of moving) {
    const [vc, moref] = key.split(":");
    for (const place of places(vc, moref)) {
      const badge = place.querySelector(":scope > .moving") ?? place.appendChild(document.createElement("span"));
      badge.className = "moving";
      badge.title = `${label}: ${done}`;
      if (badge.textContent !== done) badge.textContent = done;
    }
  }
}

function told(html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  note(pieces.content.querySelector("tr"));
  paint();
}

function shown() {
  for (const row of document.querySelectorAll("#recent-tasks tr[data-operation]")) note(row);
  paint();
}

// --- dragging ---------------------------------------------------------------------------------------------------------
const nodeOf = (target) => target.closest?.('.tree [role="treeitem"][data-kind]');
const rowOf = (target) => target.closest?.("[data-grid] tbody tr[data-moref]");

// What a pointer goes down on becomes draggable: lines and rows are drawn anew all the time.
function ready(event) {
  const node = nodeOf(event.target);
  const row = rowOf(event.target);
  if (node?.dataset.kind === VM) node.draggable = true;
  if (row && /^vm-/.test(row.dataset.moref) && !event.target.closest("input")) row.draggable = true;
}

function begin(event) {
  const node = nodeOf(event.target);
  const row = rowOf(event.target);
  if (node?.dataset.kind === VM) dragged = { vc: node.dataset.vc, morefs: [node.dataset.moref] };
  else if (row && /^vm-/.test(row.dataset.moref)) dragged = { vc: current().vc, morefs: chosenWith(row) };
  else return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.morefs.join(" "));
  document.body.classList.add("dragging-vm");
}

// A row that is one of several chosen ones takes the others along.
function chosenWith(row) {
  const rows = [...row.parentElement.querySelectorAll('tr[aria-selected="true"]')].map((one) => one.dataset.moref);
  return rows.includes(row.dataset.moref) ? rows : [row.dataset.moref];
}

function goal(event) {
  const node = dragged && nodeOf(event.target);
  return node?.dataset.kind === HOST && node.dataset.vc === dragged.vc ? node : null;
}

function over(event) {
  const host = goal(event);
  mark(host);
  if (!host) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "move";
}

function mark(host) {
  for (const old of document.querySelectorAll(".tree .drop-here")) if (old !== host) old.classList.remove("drop-here");
  host?.classList.add("drop-here");
}

function drop(event) {
  const host = goal(event);
  if (!host) return;
  event.preventDefault();
  const { vc, morefs } = dragged;
  const query = new URLSearchParams({ host: host.dataset.moref });
  if (morefs.length > 1) query.set("on", morefs.join(" "));
  const address = morefs.length > 1 ? `/vc/${vc}/migrate/` : `/vc/${vc}/${morefs[0]}/dialog/migrate/`;
  openDialog(`${address}?${query}`, host);
}

function end() {
  dragged = null;
  mark(null);
  document.body.classList.remove("dragging-vm");
}

export function start() {
  document.addEventListener("live:task", heard);
  document.addEventListener("live:task", ({ detail }) => told(detail.html));
  for (const name of ["shell:arrived", "tasks:changed", "htmx:afterSettle"]) document.addEventListener(name, shown);
  shown();
  document.addEventListener("pointerdown", ready);
  document.addEventListener("dragstart", begin);
  document.addEventListener("dragover", over);
  document.addEventListener("drop", drop);
  document.addEventListener("dragend", end);
}
