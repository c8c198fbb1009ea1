// The classroom: notes on top of a lab's pages, the live class wall, dialogs after which a page looks anew, printing.
import { looks } from "./looks.js";
import { current, refresh, refreshSoon, token } from "./shell.js";

const FALLBACK_MS = 10000;
let shownFor = "";

// --- notes --------------------------------------------------------------------------------------------------------------
// Of the lab that is shown; on pages of no object, of a student's only one.
function lab() {
  const clocks = document.getElementById("lab-clocks");
  const known = clocks ? JSON.parse(clocks.textContent) : [];
  return current().vc ?? (known.length === 1 ? known[0].vc : "");
}

async function notes(always = false) {
  const place = document.getElementById("class-notes");
  const vc = lab();
  if (!place || (vc === shownFor && !always)) return;
  shownFor = vc;
  if (!vc) return void place.replaceChildren();
  const answer = await fetch(`/vc/${vc}/classroom/`, { headers: { "X-Requested-With": "fetch" } }).catch(() => null);
  if (!answer?.ok || vc !== lab()) return;
  place.innerHTML = await answer.text();
  window.htmx?.process(place);
  const told = place.querySelector("[data-looks]");
  if (told && looks(vc, told.dataset.looks === "true")) refreshSoon(); // somebody drives, or no longer does
}

// --- class-wide work ------------------------------------------------------------------------------------------------------
// What was done to the class shows in the lists below it once it is done.
let known = null; // the work that was seen to be done last; null before a page of a course was seen
function finished() {
  const batch = document.getElementById("batch");
  if (!batch) return;
  const { batchDone: done } = batch.dataset;
  const news = known !== null && done !== known; // some is done before the page has asked once
  known = done;
  if (news) document.dispatchEvent(new CustomEvent("shell:refresh")); // the tree too: a lab was made, copied or deleted
}

// --- the wall -----------------------------------------------------------------------------------------------------------
// Tiles that differ come as the page has them; their order says who needs somebody most.
function tiles({ topic, order, parts }) {
  const wall = document.querySelector(`[data-topic="${CSS.escape(topic)}"]`);
  if (!wall) return;
  if (!order.length) return void (wall.querySelector(".lab-tile") && refreshSoon());
  wall.querySelector(".empty-page")?.remove();
  for (const [id, html] of Object.entries(parts)) draw(wall, id, html);
  const others = (tile) => wall.dataset.group && tile.dataset.group !== wall.dataset.group;
  for (const tile of [...wall.children]) if (!order.includes(tile.id) || others(tile)) tile.remove();
  order.forEach((id, at) => {
    const tile = document.getElementById(id);
    if (tile && wall.children[at] !== tile) wall.insertBefore(tile, wall.children[at] ?? null);
  });
}

// Pages of lessons, cards and scores are told that they are old, and fetch themselves.
function lookAnew({ topic, parts }) {
  const page = document.querySelector(`[data-topic="${CSS.escape(topic)}"][data-known]`);
  if (!page || !parts.state || page.dataset.known === parts.state) return;
  page.dataset.known = parts.state;
  refreshSoon();
}

function draw(wall, id, html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  const fresh = pieces.content.querySelector(".lab-tile");
  const old = document.getElementById(id);
  if (old) window.Idiomorph.morph(old, fresh, { morphStyle: "outerHTML" });
  else wall.append(fresh);
}

// A student who waits for the lab: once it is there the whole page knows it, tree and clock too.
async function waitForLab() {
  if (!document.querySelector("[data-lab-to-come]") || document.hidden) return;
  const before = document.querySelectorAll("[data-lab-to-come]").length;
  await refresh();
  if (document.querySelectorAll("[data-lab-to-come]").length < before) location.reload();
}

// Without a socket the page asks for itself.
function fallBack() {
  const live = document.querySelector("[data-live-state]")?.dataset.liveState === "live";
  if (document.querySelector("[data-topic]") && !live && !document.hidden) refreshSoon();
}

function put(event) {
  const field = event.target.querySelector?.("input[data-token]");
  if (field) field.value = token();
}

// --- inventory files ------------------------------------------------------------------------------------------------------
// The text of a chosen file goes into the field beside it: it is sent, kept and mended like typed text.
async function takeFile(input) {
  const [file] = input.files;
  if (!file) return;
  const said = input.closest(".file-text").querySelector("[data-file-name]");
  input.value = ""; // the same file may be chosen again once it is mended
  if (file.size > Number(input.dataset.limit)) return void (said.textContent = input.dataset.tooLarge);
  const field = document.getElementById(input.dataset.fileInto);
  field.value = await file.text();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  said.textContent = file.name;
}

export function start() {
  document.addEventListener("submit", put, true);
  document.addEventListener("change", (event) => { if (event.target.matches("[data-file-into]")) takeFile(event.target); });
  document.addEventListener("shell:arrived", () => notes());
  document.addEventListener("htmx:afterSettle", finished);
  document.addEventListener("htmx:load", finished);
  document.addEventListener("live:notes", (event) => { if (event.detail.vc === lab()) notes(true); });
  document.addEventListener("live:topic", (event) => (event.detail.topic.startsWith("wall:") ? tiles : lookAnew)(event.detail));
  document.addEventListener("tasks:changed", () => { if (location.pathname.startsWith("/classroom/")) refreshSoon(); });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });
  setInterval(fallBack, FALLBACK_MS);
  setInterval(waitForLab, FALLBACK_MS);
  finished(); // what was done before is no news
  notes();
}
