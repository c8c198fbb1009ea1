// The inventory tree: lazy, kept over navigation, with the keys of the WAI-ARIA tree pattern.
import { openMenu } from "./menu.js";
import { current, words } from "./shell.js";
import { openNavigator } from "./panes.js";

const pane = document.getElementById("tree-pane");
const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private mode */ } };
const saved = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
// Where an object is at home when the view that is shown has no line for it.
const HOME = { Datastore: "storage", Network: "networking", "group-s": "storage", "group-n": "networking", "group-v": "vms", "group-h": "hosts" };
const VIEWS = ["hosts", "vms", "storage", "networking"];

let view = VIEWS.find((one) => one === new URLSearchParams(location.search).get("nav")) || saved("tree.view") || "hosts";
let typed = "";
let typing = 0;

const opened = () => new Set(JSON.parse(saved(`tree.open.${view}`) || "[]"));
const keep = (set) => store(`tree.open.${view}`, JSON.stringify([...set].slice(-60)));
const items = () => [...pane.querySelectorAll('[role="treeitem"]')].filter((item) => item.offsetParent);
const byNode = (id) => pane.querySelector(`[data-node="${CSS.escape(id)}"]`);
const selectedId = () => { const at = current(); return at.vc ? `${at.vc}:${at.moref}` : ""; };
const parent = (item) => item.parentElement.closest('[role="treeitem"]');
const line = (item) => item.querySelector(":scope > .line");

async function fragment(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" } });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content;
}

const address = (item, more = {}) =>
  `/vc/${item.dataset.vc}/tree/?${new URLSearchParams({ view, node: item.dataset.moref, level: Number(item.getAttribute("aria-level")) + 1, ...more })}`;

async function load() {
  pane.setAttribute("aria-busy", "true");
  const set = opened();
  const wanted = [...set];
  if (!wanted.length) for (const clock of roots()) wanted.push(`${clock}:group-d1`);
  const content = await fragment(`${pane.dataset.roots}?${new URLSearchParams({ view, open: wanted.join(",") })}`);
  pane.replaceChildren(content);
  pane.dataset.shows = view;
  pane.setAttribute("aria-busy", "false");
  document.dispatchEvent(new CustomEvent("tree:loaded"));
  for (const item of pane.querySelectorAll('[aria-expanded="true"]')) set.add(item.dataset.node);
  keep(set);
  window.htmx.process(pane);
  roving(pane.querySelector('[role="treeitem"]'));
  await select();
}

function roots() {
  const clocks = document.getElementById("lab-clocks");
  return clocks ? JSON.parse(clocks.textContent).map((clock) => clock.vc) : [];
}

// One line is in the tab order: the one that had the focus last.
function roving(item) {
  if (!item) return;
  for (const old of pane.querySelectorAll('[role="treeitem"][tabindex="0"]')) old.tabIndex = -1;
  item.tabIndex = 0;
}

function focus(item) {
  if (!item) return;
  roving(item);
  item.focus({ preventScroll: true });
  line(item).scrollIntoView({ block: "nearest", inline: "nearest" });
}

// The line of the shown object is selected; its ancestors are opened, so that it is in sight.
async function select() {
  const id = selectedId();
  for (const old of pane.querySelectorAll('[aria-selected="true"]')) {
    old.removeAttribute("aria-selected");
    old.querySelector(":scope > .line a")?.removeAttribute("aria-current");
  }
  if (!id) return;
  const item = byNode(id) || (await reveal());
  if (!item || id !== selectedId()) return;
  item.setAttribute("aria-selected", "true");
  line(item).querySelector("a")?.setAttribute("aria-current", "page");
  if (!pane.contains(document.activeElement)) roving(item);
  line(item).scrollIntoView({ block: "nearest", inline: "nearest" });
}

// A link may lead to an object that this view does not show: then the view changes with it.
async function follow() {
  await select();
  const { kind, moref, vc } = current();
  const home = HOME[kind] ?? HOME[moref?.match(/^group-./)?.[0]] ?? (kind === "VirtualMachine" ? "vms" : null);
  if (vc && home && home !== view && !byNode(`${vc}:${moref}`)) showView(home, false, false);
}

async function reveal() {
  const at = current();
  const answer = await fetch(`/vc/${at.vc}/tree/?${new URLSearchParams({ view, path: at.moref })}`).catch(() => null);
  if (!answer?.ok) return null;
  const { path } = await answer.json();
  for (const moref of path.slice(0, -1)) {
    const item = byNode(`${at.vc}:${moref}`);
    if (!item) return null;
    await open(item);
  }
  return path.length ? byNode(`${at.vc}:${at.moref}`) : null;
}

async function open(item) {
  if (item.getAttribute("aria-expanded") !== "false" || item.hasAttribute("aria-busy")) return;
  const group = item.querySelector(":scope > [role=group]");
  if (!group.children.length && !(await fetched(item, group))) return;
  item.setAttribute("aria-expanded", "true");
  keep(opened().add(item.dataset.node));
}

// Fill a level for the first time; false where the server does not answer.
async function fetched(item, group) {
  item.setAttribute("aria-busy", "true");
  const content = await fragment(address(item)).catch(() => null);
  item.removeAttribute("aria-busy");
  if (!content) return false;
  group.replaceChildren(content);
  window.htmx.process(group);
  return true;
}

function close(item) {
  item.setAttribute("aria-expanded", "false");
  if (item.contains(document.activeElement) && document.activeElement !== item) focus(item);
  const set = opened();
  set.delete(item.dataset.node);
  keep(set);
}

async function more(item) {
  const [vc, moref] = item.dataset.parent.split(/:(.*)/);
  const query = new URLSearchParams({ view, node: moref, offset: item.dataset.offset, level: item.getAttribute("aria-level") });
  const content = await fragment(`/vc/${vc}/tree/?${query}`);
  const first = content.firstElementChild;
  item.replaceWith(content);
  window.htmx.process(first.parentElement);
  focus(first);
}

// Fetch one level anew and take over what is different: names, badges, arrivals, departures. Open nodes stay open.
async function renew(item) {
  const group = item.querySelector(":scope > [role=group]");
  if (!group?.children.length) return;
  const content = await fragment(address(item)).catch(() => null);
  if (!content) return;
  for (const fresh of content.querySelectorAll("[data-node]")) {
    const old = byNode(fresh.dataset.node);
    if (!old || parent(old) !== item) continue;
    const children = old.querySelector(":scope > [role=group]");
    if (children && fresh.hasAttribute("aria-expanded")) {
      fresh.setAttribute("aria-expanded", old.getAttribute("aria-expanded"));
      fresh.querySelector(":scope > [role=group]").replaceChildren(...[...children.children].map((child) => child.cloneNode(true)));
    }
    fresh.tabIndex = old.tabIndex;
    if (old.hasAttribute("aria-selected")) fresh.setAttribute("aria-selected", "true");
  }
  const next = document.createElement("ul");
  next.setAttribute("role", "group");
  next.append(content);
  window.Idiomorph.morph(group, next, { morphStyle: "innerHTML" });
  window.htmx.process(group);
  if (!pane.querySelector('[role="treeitem"][tabindex="0"]')) roving(byNode(selectedId()) || items()[0]);
}

const stale = new Set();
let renewing = 0;

function renewSoon(vc, moref, itself) {
  const item = byNode(`${vc}:${moref}`);
  const level = item && (itself ? parent(item) || item : item);
  if (!level) return;
  stale.add(level.dataset.node);
  clearTimeout(renewing);
  renewing = setTimeout(() => {
    for (const id of stale) { const found = byNode(id); if (found) renew(found); }
    stale.clear();
  }, 600);
}

export function showView(name, focused = false, asked = true) {
  if (asked) openNavigator();
  for (const tab of document.querySelectorAll(".view-tabs [role=tab]")) {
    const here = tab.dataset.view === name;
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
  }
  if (view === name && pane.childElementCount) return focused && focus(byNode(selectedId()) || items()[0]);
  view = name;
  store("tree.view", view);
  return load().then(() => focused && focus(byNode(selectedId()) || items()[0]));
}

function toTyped(item, key) {
  clearTimeout(typing);
  typing = setTimeout(() => { typed = ""; }, 700);
  typed += key.toLowerCase();
  const all = items();
  const from = all.indexOf(item) + (typed.length === 1 ? 1 : 0);
  const found = [...all.slice(from), ...all.slice(0, from)].find((one) => line(one).querySelector(".name").textContent.trim().toLowerCase().startsWith(typed));
  focus(found);
  return Boolean(found) || typed.length > 1; // in the middle of a name no letter is a shortcut
}

// The menu of the line that has the focus, which need not be the object that is shown.
function menu(item) {
  const box = line(item).querySelector(".name").getBoundingClientRect();
  openMenu(item.dataset.contextMenu, { x: box.left, y: box.bottom, from: item });
}

function pressed(event) {
  const item = event.target.closest('[role="treeitem"]');
  if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
  if (item.dataset.contextMenu && (event.key === "." || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey))) {
    event.preventDefault();
    event.stopPropagation();
    return menu(item);
  }
  const expanded = item.getAttribute("aria-expanded");
  const all = items();
  const at = all.indexOf(item);
  const act = {
    ArrowDown: () => focus(all[at + 1]),
    ArrowUp: () => focus(all[at - 1]),
    Home: () => focus(all[0]),
    End: () => focus(all.at(-1)),
    ArrowRight: () => (expanded === "false" ? open(item) : expanded === "true" && focus(item.querySelector('[role="treeitem"]'))),
    ArrowLeft: () => (expanded === "true" ? close(item) : focus(parent(item))),
    Enter: () => activate(item),
    " ": () => activate(item),
    "*": () => { for (const one of (parent(item) || pane).querySelectorAll(`[aria-level="${item.getAttribute("aria-level")}"][aria-expanded="false"]`)) open(one); },
  }[event.key];
  if (act) act();
  else if (!(event.key.length === 1 && /[\p{L}\p{N}-]/u.test(event.key) && !event.shiftKey && toTyped(item, event.key))) return;
  event.preventDefault();
  event.stopPropagation();
}

function activate(item) {
  if (item.classList.contains("tree-more")) more(item);
  else line(item).querySelector("a")?.click();
}

function clicked(event) {
  const item = event.target.closest('[role="treeitem"]');
  if (!item) return;
  if (event.target.closest(".twisty")) {
    if (item.getAttribute("aria-expanded") === "true") close(item);
    else open(item);
  } else if (item.classList.contains("tree-more")) more(item);
  else if (!event.target.closest("a")) activate(item);
  focus(item);
}

export function start() {
  pane.addEventListener("click", clicked);
  pane.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-view]:not(.tree)");
    if (!button) return;
    button.closest("[popover]")?.hidePopover();
    button.closest("dialog")?.close();
    showView(button.dataset.view);
  });
  document.querySelector(".view-tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = VIEWS[(VIEWS.indexOf(view) + step + VIEWS.length) % VIEWS.length];
    showView(next);
    document.getElementById(`view-${next}`).focus();
  });
  document.addEventListener("shell:arrived", follow);
  document.addEventListener("shell:refresh", load);
  document.addEventListener("live:object", (event) => renewSoon(event.detail.vc, event.detail.moref, true));
  document.addEventListener("live:tree", (event) => renewSoon(event.detail.vc, event.detail.moref, false));
  return showView(view, false, false).then(follow);
}
