// Grids: selection, keyboard (WAI-ARIA grid pattern), menus, and rows that change under the person's hands.
// Sorting, filters and paging are links and forms that htmx sends; what is chosen and focused survives every swap.
import { openMenu, pointOf } from "./menu.js";

const PAGE_ROWS = 10;
const REFRESH_MS = 150;
const WHOLE_MS = 3000; // at most one whole look per so long, however much happens
const chosen = new Map(); // grid key + address -> Set of morefs, so that paging and sorting keep a selection
let anchor = null;
let stale = new Set();
let rowTimer = 0;
let wholeTimer = 0;
let looking = Promise.resolve(); // one look after the other: an older answer never overwrites a newer one
let looked = -Infinity;
let kept = null;

export function start() {
  document.addEventListener("click", onClick);
  document.addEventListener("dblclick", onDoubleClick);
  document.addEventListener("contextmenu", onContextMenu);
  document.addEventListener("keydown", onKey);
  document.addEventListener("change", onChange);
  document.addEventListener("focusin", onFocus);
  document.addEventListener("toggle", onToggle, true);
  document.addEventListener("htmx:beforeSwap", remember);
  document.addEventListener("htmx:afterSettle", settle);
  document.addEventListener("live:object", (event) => refreshRow(event.detail.moref));
  document.addEventListener("live:tree", () => refreshRow(""));
  document.addEventListener("live:task", ({ detail }) => ["success", "error"].includes(detail.state) && refreshRow(""));
  for (const grid of document.querySelectorAll("[data-grid]")) prepare(grid);
}

const gridOf = (node) => node?.closest?.("[data-grid]");
const rowsOf = (grid) => [...grid.querySelectorAll("tbody tr[data-moref]")];
const selection = (grid) => {
  const key = grid.dataset.url;
  if (!chosen.has(key)) chosen.set(key, new Set());
  return chosen.get(key);
};

function prepare(grid) {
  paint(grid);
  const cells = grid.querySelectorAll("tbody td");
  if (cells.length && !grid.querySelector("tbody td[tabindex='0']")) cells[Math.min(1, cells.length - 1)].tabIndex = 0;
}

// --- selection ------------------------------------------------------------------------------------------------------
function paint(grid) {
  const set = selection(grid);
  let here = 0;
  const rows = rowsOf(grid);
  for (const row of rows) {
    const on = set.has(row.dataset.moref);
    here += on;
    row.setAttribute("aria-selected", on);
    row.querySelector("[data-select]").checked = on;
  }
  const all = grid.querySelector("[data-select-all]");
  all.checked = rows.length > 0 && here === rows.length;
  all.indeterminate = here > 0 && here < rows.length;
  const label = grid.querySelector(".grid-selected");
  label.hidden = set.size === 0;
  label.textContent = grid.dataset.selected.replace("%d", set.size);
  grid.querySelector("[data-selection-menu]").disabled = set.size === 0;
}

function toggle(row, on = null) {
  const set = selection(gridOf(row));
  const moref = row.dataset.moref;
  (on ?? !set.has(moref)) ? set.add(moref) : set.delete(moref);
}

function only(row) {
  const set = selection(gridOf(row));
  set.clear();
  set.add(row.dataset.moref);
}

function range(grid, from, to) {
  const rows = rowsOf(grid);
  const [low, high] = [rows.indexOf(from), rows.indexOf(to)].sort((a, b) => a - b);
  for (const row of rows.slice(Math.max(0, low), high + 1)) toggle(row, true);
}

function anchorRow(grid, fallback) {
  return rowsOf(grid).find((row) => row.dataset.moref === anchor) ?? fallback;
}

function onClick(event) {
  const grid = gridOf(event.target);
  if (!grid) return;
  if (event.target.closest("[data-selection-menu]")) return selectionMenu(grid, event.target.closest("button"));
  const row = event.target.closest("tbody tr[data-moref]");
  if (!row || event.target.closest("a, button")) return;
  if (event.shiftKey) range(grid, anchorRow(grid, row), row);
  else if (event.ctrlKey || event.metaKey || event.target.closest(".grid-check")) toggle(row);
  else only(row);
  if (!event.shiftKey) anchor = row.dataset.moref;
  else getSelection()?.removeAllRanges();
  paint(grid);
  focusCell(event.target.closest("td"));
}

function onChange(event) {
  if (!event.target.matches("[data-select-all]")) return;
  const grid = gridOf(event.target);
  for (const row of rowsOf(grid)) toggle(row, event.target.checked);
  paint(grid);
}

// --- menus and opening ----------------------------------------------------------------------------------------------
function onDoubleClick(event) {
  const row = event.target.closest("[data-grid] tbody tr[data-moref]");
  if (row && !event.target.closest("input, button")) open(row);
}

function open(row) {
  row.querySelector("td a[href]")?.click();
}

function onContextMenu(event) {
  const row = event.target.closest("[data-grid] tbody tr[data-moref]");
  if (!row || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  const grid = gridOf(row);
  if (!selection(grid).has(row.dataset.moref)) {
    only(row);
    anchor = row.dataset.moref;
    paint(grid);
  }
  rowMenu(grid, row, pointOf(event, row), event.target.closest("td") ?? row);
}

function rowMenu(grid, row, point, from) {
  if (selection(grid).size > 1) return bulkMenu(grid, point, from);
  openMenu(row.dataset.rowMenu, { ...point, from });
}

function bulkMenu(grid, point, from) {
  const body = new URLSearchParams({ on: [...selection(grid)].join(" ") });
  openMenu(grid.dataset.bulkMenu, { ...point, from, body });
}

function selectionMenu(grid, button) {
  const box = button.getBoundingClientRect();
  const point = { x: box.left, y: box.bottom + 2 };
  const [first] = selection(grid);
  const row = grid.querySelector(`#row-${CSS.escape(first)}`);
  selection(grid).size === 1 && row ? rowMenu(grid, row, point, button) : bulkMenu(grid, point, button);
}

// --- keyboard -------------------------------------------------------------------------------------------------------
function focusCell(cell) {
  const grid = gridOf(cell);
  if (!grid) return;
  for (const other of grid.querySelectorAll("tbody td[tabindex='0']")) other.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus({ preventScroll: false });
}

function onFocus(event) {
  const cell = event.target.closest?.("[data-grid] tbody td");
  if (cell && event.target === cell && cell.tabIndex !== 0) focusCell(cell);
}

function moved(cell, rows, cells, key, ctrl) {
  const row = rows.indexOf(cell.parentElement);
  const column = cells.indexOf(cell);
  const at = (r, c) => rows[Math.max(0, Math.min(rows.length - 1, r))]?.children[Math.max(0, Math.min(cells.length - 1, c))];
  const to = {
    ArrowDown: () => at(row + 1, column),
    ArrowUp: () => at(row - 1, column),
    ArrowRight: () => at(row, column + 1),
    ArrowLeft: () => at(row, column - 1),
    Home: () => at(ctrl ? 0 : row, 0),
    End: () => at(ctrl ? rows.length : row, cells.length),
    PageDown: () => at(row + PAGE_ROWS, column),
    PageUp: () => at(row - PAGE_ROWS, column),
  };
  return to[key]?.();
}

function onKey(event) {
  const cell = event.target.closest?.("[data-grid] tbody td");
  if (!cell || event.altKey) return;
  const grid = gridOf(cell);
  const rows = rowsOf(grid);
  const ctrl = event.ctrlKey || event.metaKey;
  const next = moved(cell, rows, [...cell.parentElement.children], event.key, ctrl);
  if (next) {
    if (event.shiftKey && next.parentElement !== cell.parentElement) range(grid, cell.parentElement, next.parentElement);
    focusCell(next);
  } else if (!command(event, grid, cell, rows, ctrl)) return;
  event.preventDefault();
  event.stopPropagation();
  paint(grid);
}

function command(event, grid, cell, rows, ctrl) {
  const row = cell.parentElement;
  const box = cell.getBoundingClientRect();
  const menu = () => rowMenu(grid, row, { x: box.left + 12, y: box.bottom }, cell);
  if (event.key === " ") toggle(row);
  else if (event.key === "Enter") open(row);
  else if (event.key === "a" && ctrl) rows.forEach((other) => toggle(other, true));
  else if (event.key === "Escape" && selection(grid).size) selection(grid).clear();
  else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey) || event.key === ".") {
    if (!selection(grid).has(row.dataset.moref)) only(row);
    menu();
  } else return false;
  anchor = row.dataset.moref;
  return true;
}

// --- swaps keep focus, scroll and selection -------------------------------------------------------------------------
function remember(event) {
  const grid = gridOf(event.detail.target);
  if (!grid || grid !== event.detail.target) return;
  const focus = document.activeElement;
  kept = {
    key: grid.dataset.grid,
    left: grid.querySelector(".grid-scroll").scrollLeft,
    field: focus?.dataset?.keep ? { name: focus.dataset.keep, at: focus.selectionStart, text: focus.value } : null,
    control: grid.contains(focus) ? focus.dataset.focus : null,
  };
}

function settle(event) {
  const here = event.detail.elt;
  const grids = here.matches?.("[data-grid]") ? [here] : [...(here.querySelectorAll?.("[data-grid]") ?? [])];
  const fresh = kept && document.getElementById(`grid-${kept.key}`);
  for (const grid of new Set(fresh ? [...grids, fresh] : grids)) prepare(grid);
  if (fresh) restore(fresh);
}

function restore(grid) {
  grid.querySelector(".grid-scroll").scrollLeft = kept.left;
  if (kept.field) {
    const field = grid.querySelector(`[data-keep="${kept.field.name}"]`);
    field.value = kept.field.text; // what was typed meanwhile wins over the answer
    field.focus();
    field.setSelectionRange(kept.field.at, kept.field.at);
    if (field.value !== field.defaultValue) field.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (kept.control) grid.querySelector(`[data-focus="${kept.control}"]`)?.focus();
  kept = null;
}

function onToggle(event) {
  const popup = event.target;
  if (!popup.matches?.("[popover][data-anchor]") || event.newState !== "open") return;
  const button = document.querySelector(`[popovertarget="${popup.id}"]`);
  const box = button.getBoundingClientRect();
  const { width, height } = popup.getBoundingClientRect();
  const below = box.bottom + 4 + height <= innerHeight;
  popup.style.left = `${Math.max(4, Math.min(box.left, innerWidth - width - 8))}px`;
  popup.style.top = `${below ? box.bottom + 4 : Math.max(4, box.top - height - 4)}px`;
  popup.querySelector("input:not([disabled])")?.focus();
}

// --- live changes ---------------------------------------------------------------------------------------------------
// "" means that rows may have come or gone: then the whole page of the grid is looked at again, which costs the server
// more and so happens less often. Cells that changed never wait for that.
function refreshRow(moref) {
  if (!document.querySelector("[data-grid]")) return;
  if (!moref) wholeTimer ||= setTimeout(() => inTurn(refreshWhole), Math.max(REFRESH_MS, looked + WHOLE_MS - performance.now()));
  else if (document.getElementById(`row-${moref}`)) {
    stale.add(moref);
    rowTimer ||= setTimeout(() => inTurn(refreshRows), REFRESH_MS);
  }
}

function inTurn(look) {
  looking = looking.then(look, look);
}

async function refreshRows() {
  const wanted = [...stale];
  stale = new Set();
  rowTimer = 0;
  for (const grid of document.querySelectorAll("[data-grid]")) {
    const here = wanted.filter((moref) => grid.querySelector(`#row-${CSS.escape(moref)}`));
    const changed = `${grid.dataset.url}?only=${encodeURIComponent(here.join(" "))}`;
    // A row that does not come back is gone: then others move up.
    if (here.length && (await merge(grid, changed, false)) < here.length) await lookAgain(grid);
  }
}

async function refreshWhole() {
  wholeTimer = 0;
  for (const grid of document.querySelectorAll("[data-grid]")) await lookAgain(grid);
}

function lookAgain(grid) {
  looked = performance.now();
  return merge(grid, grid.dataset.url + grid.dataset.query, true);
}

async function merge(grid, url, whole) {
  const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok || !grid.isConnected) return Infinity;
  const pieces = document.createElement("template");
  const html = await answer.text();
  pieces.innerHTML = whole ? html : `<table><tbody>${html}</tbody></table>`;
  const fresh = [...pieces.content.querySelectorAll("tbody tr[data-moref]")];
  if (whole && !fresh.length) return replace(grid, pieces.content.querySelector("[data-grid]"));
  for (const row of fresh) patch(document.getElementById(row.id), row);
  if (whole) reorder(grid, fresh, pieces.content.querySelector(".grid-foot"));
  paint(grid);
  return fresh.length;
}

function replace(grid, fresh) {
  selection(grid).clear();
  grid.replaceWith(fresh);
  window.htmx?.process(fresh);
  prepare(fresh);
  return 0;
}

// Cells are changed one by one, so that the focused cell stays the same element.
function patch(old, fresh) {
  if (!old) return;
  [...fresh.children].forEach((cell, index) => {
    const there = old.children[index];
    if (index > 0 && there && there.innerHTML !== cell.innerHTML) there.innerHTML = cell.innerHTML;
  });
}

// A row that is gone hands the focus to its neighbour, and is no longer chosen.
function leave(grid, row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  if (row.contains(document.activeElement) && neighbour) {
    const index = [...row.children].indexOf(document.activeElement.closest("td"));
    focusCell(neighbour.children[Math.max(0, index)]);
  }
  selection(grid).delete(row.dataset.moref);
  row.remove();
}

function reorder(grid, fresh, foot) {
  const body = grid.querySelector("tbody");
  const names = new Set(fresh.map((row) => row.id));
  for (const row of rowsOf(grid)) if (!names.has(row.id)) leave(grid, row);
  fresh.forEach((row, index) => {
    const there = document.getElementById(row.id) ?? row;
    if (body.children[index] !== there) body.insertBefore(there, body.children[index] ?? null);
  });
  if (foot && !grid.querySelector(".grid-foot").contains(document.activeElement)) {
    grid.querySelector(".grid-foot").replaceWith(foot);
    window.htmx?.process(foot);
  }
}
