// The frame: boosted navigation, refusals as toasts, focus, drop-downs, the refresh of the shown object.

export const words = JSON.parse(document.getElementById("ui-words").textContent);
export const workspace = () => document.getElementById("workspace");
export const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

export function fill(text, fields) {
  return text.replace(/%\((\w+)\)s/g, (all, name) => fields[name] ?? all);
}

export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

// Where the workspace is: {vc, moref, kind}; empty on pages that are no object's.
export function current() {
  const { vc, moref, kind, name } = workspace().dataset;
  return vc ? { vc, moref, kind, name } : {};
}

// Go to an address as a click on a link does.
export function visit(url) {
  const link = document.createElement("a");
  link.href = url;
  link.hidden = true;
  document.body.append(link);
  window.htmx.process(link);
  link.click();
  link.remove();
}

// `stays`: until somebody closes it.
export function toast(text, tone = "info", stays = false) {
  const box = document.createElement("div");
  box.className = `toast ${tone}`;
  const say = document.createElement("p");
  say.textContent = text;
  const close = document.createElement("button");
  close.className = "icon-button";
  close.type = "button";
  close.setAttribute("aria-label", words.dismiss);
  close.textContent = "×";
  close.addEventListener("click", () => box.remove());
  box.append(say, close);
  const tray = document.getElementById("toasts");
  while (tray.children.length > 3) tray.firstChild.remove();
  tray.append(box);
  if (!stays) setTimeout(() => box.remove(), tone === "error" ? 12000 : 6000);
}

let navigation = null;
let slow = 0;

function beforeSend({ detail: { boosted, xhr } }) {
  if (!boosted) return;
  navigation?.abort();
  navigation = xhr;
  clearTimeout(slow);
  slow = setTimeout(() => document.body.classList.add("navigating"), 250);
  xhr.addEventListener("loadend", () => ended(xhr)); // htmx's own event is lost with a link that is gone by then
}

function ended(xhr) {
  if (xhr !== navigation) return;
  navigation = null;
  clearTimeout(slow);
  document.body.classList.remove("navigating");
}

// A boosted answer replaces the workspace, error pages too; an answer from the log-in page means that the session ended.
function beforeSwap(event) {
  const { detail } = event;
  const landed = new URL(detail.xhr.responseURL || location.href, location.href);
  if (landed.pathname.startsWith("/login")) {
    event.preventDefault();
    location.assign(`/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  if (!detail.boosted) return;
  if (!detail.serverResponse.includes('id="workspace"')) {
    event.preventDefault();
    location.assign(landed.href);
    return;
  }
  detail.shouldSwap = true;
  detail.isError = false;
  detail.target = workspace();
  detail.swapOverride = "outerHTML";
}

// A long list of sections begins anew with each page: show which of them this is.
function showSection() {
  document.querySelector(".sections [aria-current]")?.scrollIntoView({ block: "nearest" });
}

let shown = document.getElementById("workspace");

function arrived() {
  if (!workspace() || workspace() === shown) return;
  shown = workspace();
  if (!document.activeElement || document.activeElement === document.body) workspace().focus({ preventScroll: true });
  announce(document.title);
  showSection();
  document.dispatchEvent(new CustomEvent("shell:arrived", { detail: current() }));
}

function refused(event) {
  const { xhr, boosted } = event.detail;
  if (boosted || xhr.status === 422 || xhr.status === 0) return;
  const answer = new DOMParser().parseFromString(xhr.responseText || "", "text/html");
  const said = answer.querySelector("[data-fault]")?.textContent.trim();
  const known = { 403: words.forbidden, 404: words.gone }[xhr.status];
  toast(said || known || fill(words.failed, { status: xhr.status }), "error");
}

// Fetch the shown page anew and morph the parts that may change under a reader's eyes: neither focus nor scroll is lost.
export async function refresh() {
  const page = workspace();
  const parts = [...page.querySelectorAll(".object-head, #banners, [data-live-content]")];
  if (!parts.length) return;
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.status === 404 && page === workspace()) document.dispatchEvent(new Event("shell:missing"));
  if (!answer?.ok || page !== workspace() || document.querySelector("dialog[open].wizard")) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of parts) {
    const selector = old.id ? `#${old.id}` : `.${old.classList[0]}`;
    const now = fresh.querySelector(selector);
    if (now) {
      const typing = !document.activeElement?.matches("button, a"); // a focused button may well change its words
      window.Idiomorph.morph(old, now, { morphStyle: "outerHTML", ignoreActiveValue: typing });
      window.htmx.process(page.querySelector(selector));
    }
  }
}

let pending = 0;
export function refreshSoon() {
  clearTimeout(pending);
  pending = setTimeout(refresh, 400);
}

function place(drop, anchor) {
  const box = anchor.getBoundingClientRect();
  const width = drop.offsetWidth;
  drop.style.top = `${box.bottom + 4}px`;
  drop.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
}

function toggled(event) {
  const drop = event.target;
  if (!drop.classList?.contains("drop") || drop.id === "search-results") return;
  const opener = document.querySelector(`.topbar > [popovertarget="${drop.id}"], .bar-end > [popovertarget="${drop.id}"]`);
  const open = event.newState === "open";
  opener?.setAttribute("aria-expanded", String(open));
  if (open && opener) place(drop, opener.offsetParent ? opener : document.querySelector('[popovertarget="user-menu"]'));
  if (open) drop.querySelector("a, button")?.focus();
}

function arrows(event) {
  const drop = event.target.closest?.(".drop[popover]");
  if (!drop || drop.id === "search-results" || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  const items = [...drop.querySelectorAll("a, button")].filter((item) => item.offsetParent);
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  items.at(to % items.length)?.focus();
  event.preventDefault();
}

export function start() {
  const body = document.body;
  body.addEventListener("htmx:beforeSend", beforeSend);
  body.addEventListener("htmx:beforeSwap", beforeSwap);
  // Boosted links and Back alike end with a new workspace on the stage; htmx tells of the first before it is there.
  new MutationObserver(arrived).observe(document.getElementById("stage"), { childList: true });
  body.addEventListener("htmx:responseError", refused);
  body.addEventListener("htmx:sendError", () => toast(words.offline, "error"));
  document.addEventListener("toggle", toggled, true);
  document.addEventListener("keydown", arrows);
  document.addEventListener("click", (event) => {
    if (event.target.closest(".drop a.drop-item")) event.target.closest("[popover]")?.hidePopover();
    if (event.target.closest("[data-refresh]")) document.dispatchEvent(new CustomEvent("shell:refresh"));
    if (event.target.closest("[data-help]")) document.getElementById("help-sheet").showModal();
    if (event.target.nodeName === "DIALOG" && event.target.classList.contains("sheet")) event.target.close();
  });
  document.addEventListener("shell:refresh", refresh);
  showSection();
  document.addEventListener("live:object", (event) => {
    const here = current();
    if (event.detail?.vc === here.vc && event.detail?.moref === here.moref) refreshSoon();
  });
}
