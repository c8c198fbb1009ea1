// Actions menus (WAI-ARIA menu pattern) in native popovers.
// data-menu="<url>" on a button opens below it; data-context-menu="<url>" on anything opens at the pointer.
import { act } from "./act.js";

const HOVER_MS = 160;
let opener = null;
let hoverTimer = 0;

export function start() {
  document.addEventListener("click", onClick);
  document.addEventListener("contextmenu", onContextMenu);
  document.addEventListener("keydown", onKey);
}

function onClick(event) {
  const button = event.target.closest("button[data-menu]");
  if (button) {
    event.preventDefault();
    const box = button.getBoundingClientRect();
    openMenu(button.dataset.menu, { x: box.left, y: box.bottom + 2, from: button });
  }
}

function onContextMenu(event) {
  if (event.target.closest("input, textarea, select, dialog, [popover]") || event.shiftKey) return;
  const place = event.target.closest("[data-context-menu]");
  if (!place) return;
  event.preventDefault();
  openMenu(place.dataset.contextMenu, { ...pointOf(event, place), from: focusable(place) });
}

// A context menu asked for by keyboard has no pointer: it opens at the element.
export function pointOf(event, place) {
  if (event.clientX || event.clientY) return { x: event.clientX, y: event.clientY };
  const box = (document.activeElement && place.contains(document.activeElement) ? document.activeElement : place).getBoundingClientRect();
  return { x: box.left + 12, y: box.bottom };
}

function focusable(place) {
  return place.contains(document.activeElement) ? document.activeElement : place.querySelector("a, button, [tabindex]") ?? place;
}

// Fetch a menu and show it. `body` makes it a POST (a selection may be longer than an address).
export async function openMenu(url, { x, y, from, body = null }) {
  closeMenu();
  opener = from;
  const headers = { "X-Requested-With": "fetch", "X-CSRFToken": token() };
  const answer = await fetch(url, body ? { method: "POST", body, headers } : { headers });
  if (answer.status === 401) return void location.assign(`/login/?next=${encodeURIComponent(location.pathname)}`);
  if (!answer.ok || opener !== from) return;
  const root = document.getElementById("menus");
  root.innerHTML = await answer.text();
  const menu = root.firstElementChild;
  wire(menu);
  menu.showPopover();
  place(menu, x, y);
  focusItem(items(menu)[0]);
}

// The cookie knows the token after a new log-in in another tab, which the page does not.
export function token() {
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  if (cookie) return cookie[1];
  return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] ?? "";
}

function place(menu, x, y, flipX = x) {
  const { width, height } = menu.getBoundingClientRect();
  const left = x + width > innerWidth - 4 ? Math.max(4, flipX - width) : x;
  const top = y + height > innerHeight - 4 ? Math.max(4, innerHeight - height - 4) : y;
  menu.style.left = `${left}px`;
  menu.style.top = `${top}px`;
  menu.classList.toggle("near-edge", left + width + 280 > innerWidth);
}

function wire(menu) {
  menu.addEventListener("toggle", (event) => {
    if (event.target === menu && event.newState === "closed") closed(menu);
  });
  menu.addEventListener("click", (event) => {
    const item = event.target.closest("[role=menuitem]");
    if (!item) return;
    event.preventDefault();
    activate(item);
  });
  menu.addEventListener("pointermove", (event) => {
    const item = event.target.closest("[role=menuitem]");
    if (item && item !== document.activeElement) hover(item);
  });
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
}

function hover(item) {
  item.focus({ preventScroll: true });
  clearTimeout(hoverTimer);
  hoverTimer = setTimeout(() => {
    if (!item.isConnected) return;
    closeBeside(item);
    if (submenu(item)) openSubmenu(item, false);
  }, HOVER_MS);
}

function closed(menu) {
  const within = menu.contains(document.activeElement) || document.activeElement === document.body;
  if (within) opener?.focus?.({ preventScroll: true });
  menu.remove();
}

export function closeMenu() {
  document.querySelector("#menus > [popover]")?.hidePopover();
}

const items = (menu) => [...menu.children].filter((child) => child.getAttribute("role") === "menuitem");
const submenu = (item) => (item.getAttribute("aria-haspopup") ? document.getElementById(item.getAttribute("aria-controls")) : null);

function focusItem(item) {
  item?.focus({ preventScroll: false });
}

function closeBeside(item) {
  for (const other of item.parentElement.querySelectorAll(":scope > [role=menu]")) {
    if (other !== submenu(item) && other.matches(":popover-open")) other.hidePopover();
  }
}

function openSubmenu(item, focus) {
  const below = submenu(item);
  if (!below.matches(":popover-open")) below.showPopover();
  const box = item.getBoundingClientRect();
  place(below, box.right - 2, box.top - 5, box.left + 2);
  item.setAttribute("aria-expanded", "true");
  below.addEventListener("toggle", (event) => {
    if (event.newState === "closed") item.setAttribute("aria-expanded", "false");
  }, { once: true });
  if (focus) focusItem(items(below)[0]);
}

function activate(item) {
  if (item.getAttribute("aria-disabled") === "true") return;
  if (submenu(item)) return openSubmenu(item, true);
  const { url, method } = item.dataset;
  const from = opener;
  closeMenu();
  act(method, url, from);
}

const keys = {
  ArrowDown: (item, all) => focusItem(all[(all.indexOf(item) + 1) % all.length]),
  ArrowUp: (item, all) => focusItem(all[(all.indexOf(item) - 1 + all.length) % all.length]),
  Home: (item, all) => focusItem(all[0]),
  End: (item, all) => focusItem(all.at(-1)),
  ArrowRight: (item) => submenu(item) && openSubmenu(item, true),
  ArrowLeft: (item) => back(item),
  Enter: (item) => activate(item),
  " ": (item) => activate(item),
  Escape: (item) => back(item) || closeMenu(),
  Tab: () => closeMenu(),
};

function back(item) {
  const menu = item.closest("[role=menu]");
  const owner = menu.dataset.owner && document.getElementById(menu.dataset.owner);
  if (!owner) return false;
  menu.hidePopover();
  focusItem(owner);
  return true;
}

function onKey(event) {
  const item = event.target.closest?.("#menus [role=menuitem]");
  if (!item) return;
  const all = items(item.closest("[role=menu]"));
  if (keys[event.key]) {
    event.preventDefault();
    event.stopPropagation();
    keys[event.key](item, all);
  } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    event.stopPropagation();
    typeAhead(item, all, event.key.toLowerCase());
  }
}

function typeAhead(item, all, letter) {
  const from = all.indexOf(item) + 1;
  const order = [...all.slice(from), ...all.slice(0, from)];
  focusItem(order.find((other) => other.dataset.label.toLowerCase().startsWith(letter)));
}
