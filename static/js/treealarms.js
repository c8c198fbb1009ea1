// Parents in the tree show the worst alarm below them: an outlined sign, where their own alarms have a filled one.
// The server is asked once per tree, and again when alarms change; lines that open later take what is known.
import { words } from "./shell.js";

const RANK = { yellow: 1, red: 2 };
const SIGN = { yellow: "warning-standard", red: "error-standard" };
const WAIT_MS = 800;
const pane = document.getElementById("tree-pane");
const worst = new Map(); // vCenter -> { reference: status }
const waiting = new Map();

const sayings = () => [words.belowYellow, words.belowRed].map((text) => `, ${text}`);
const saying = (status) => (status === "red" ? `, ${words.belowRed}` : `, ${words.belowYellow}`);

async function ask(vc) {
  const view = pane.dataset.shows ?? "hosts";
  const answer = await fetch(`/vc/${vc}/tree/alarms/?view=${view}`).catch(() => null);
  if (!answer?.ok || view !== (pane.dataset.shows ?? "hosts")) return;
  worst.set(vc, await answer.json());
  draw();
}

function askSoon(vc) {
  clearTimeout(waiting.get(vc));
  waiting.set(vc, setTimeout(() => ask(vc), WAIT_MS));
}

function draw() {
  for (const item of pane.querySelectorAll("[role=treeitem][data-moref]")) {
    const glyph = item.querySelector(":scope > .line > .glyph");
    if (glyph) mark(item, glyph);
  }
}

// Own alarms that are as bad have a sign already. Nothing is written that is there, or watching would never end.
function mark(item, glyph) {
  const below = worst.get(item.dataset.vc)?.[item.dataset.moref];
  const shown = RANK[below] > (RANK[glyph.dataset.status] ?? 0) ? below : "";
  const old = glyph.querySelector(".below");
  if (!old?.classList.contains(`below-${shown}`)) {
    old?.remove();
    if (shown) glyph.append(sign(shown));
  }
  const own = sayings().reduce((text, said) => text.replace(said, ""), item.getAttribute("aria-label") ?? "");
  const label = shown ? own + saying(shown) : own;
  if (item.getAttribute("aria-label") !== label) item.setAttribute("aria-label", label);
}

function sign(status) {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", `icon overlay below below-${status}`);
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  const sprite = pane.querySelector(".glyph use")?.getAttribute("href").split("#")[0];
  use.setAttribute("href", `${sprite}#${SIGN[status]}`);
  icon.append(use);
  return icon;
}

function askAll() {
  for (const item of pane.querySelectorAll('[role=treeitem][aria-level="1"][data-vc]')) ask(item.dataset.vc);
}

export function start() {
  let planned = 0;
  new MutationObserver(() => {
    cancelAnimationFrame(planned);
    planned = requestAnimationFrame(draw);
  }).observe(pane, { childList: true, subtree: true, attributeFilter: ["aria-label"] });
  document.addEventListener("tree:loaded", askAll);
  document.addEventListener("live:alarms", (event) => askSoon(event.detail.vc));
  askAll();
}
