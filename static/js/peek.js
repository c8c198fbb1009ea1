// A label in the other language: hold Alt over it (or on what has the focus), or rest the pointer on it in Korean.
// Students learn the words of the exam beside those of the screen.

const LABELS = "[role=menuitem], [role=tab], .tab, .btn, th, legend, label, .field-label, dt, h1, h2, h3, .sections a, .drop-item, summary";
const REST_MS = 1200;
const other = document.documentElement.lang.startsWith("ko") ? "en" : "ko";
let bubble = null;
let terms = null; // what is shown -> the same in the other language
let held = false;
let under = null;
let resting = 0;

async function known() {
  if (terms) return terms;
  const answer = await fetch("/terms/").catch(() => null);
  if (!answer?.ok) return new Map();
  const found = new Map();
  for (const [english, korean] of Object.entries(await answer.json())) {
    const [from, to] = other === "en" ? [korean, english] : [english, korean];
    const said = found.get(from);
    found.set(from, said && said !== to ? `${said} / ${to}` : to); // one word may stand for two
  }
  return (terms = found);
}

const bare = (text) => text.replace(/\s+/g, " ").replace(/(…|\.\.\.)$/, "").trim();

// The words of an element: all of them, or those of its first part (a count or a shortcut may follow).
function* texts(element) {
  yield bare(element.textContent);
  for (const part of element.querySelectorAll("span")) yield bare(part.textContent);
  for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) yield bare(node.data);
  yield bare(element.getAttribute("aria-label") ?? "");
}

async function peek(element) {
  const words = await known();
  if (element !== under && element !== document.activeElement) return;
  for (const text of texts(element)) if (words.has(text)) return show(element, words.get(text));
  hide();
}

function show(element, text) {
  if (!bubble) {
    bubble = Object.assign(document.createElement("div"), { className: "peek", popover: "manual" });
    bubble.setAttribute("role", "tooltip");
    bubble.lang = other;
    document.body.append(bubble);
  }
  bubble.textContent = text;
  bubble.showPopover();
  const box = element.getBoundingClientRect();
  const left = Math.max(4, Math.min(box.left, innerWidth - bubble.offsetWidth - 4));
  const below = box.bottom + 4 + bubble.offsetHeight < innerHeight;
  bubble.style.left = `${left}px`;
  bubble.style.top = `${below ? box.bottom + 4 : box.top - bubble.offsetHeight - 4}px`;
}

function hide() {
  clearTimeout(resting);
  if (bubble?.matches(":popover-open")) bubble.hidePopover();
}

const labelOf = (target) => target?.closest?.(LABELS) ?? null;

function moved(event) {
  const element = labelOf(event.target);
  if (element === under) return;
  under = element;
  hide();
  if (!element) return;
  if (held) peek(element);
  else if (other === "en") resting = setTimeout(() => peek(element), REST_MS);
}

export function start() {
  document.addEventListener("pointerover", moved);
  document.addEventListener("pointerdown", hide);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Alt") return hide();
    if (held) return;
    held = true;
    const element = under ?? labelOf(document.activeElement);
    if (element) peek(element);
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== "Alt") return;
    held = false;
    if (bubble?.matches(":popover-open")) event.preventDefault(); // or the browser's own menu would take the focus
    hide();
  });
  addEventListener("blur", () => { held = false; hide(); });
}
