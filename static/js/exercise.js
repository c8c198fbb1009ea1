// The exercise beside the client: it stays while pages change, follows the lab, and says what is still missing.
import { absorb, post } from "./act.js";
import { splitter } from "./panes.js";
import { current, token } from "./shell.js";

const POLL_MS = 4000; // without a socket
const WAITING = 5; // a lab of a class without an exercise asks every so many times, until its teacher opens one
const root = document.documentElement;
const place = () => document.getElementById("exercise-scroll");
const body = () => place()?.querySelector(".exercise-body");
const save = (name, value) => { try { localStorage.setItem(`pane.${name}`, value); } catch { /* private mode */ } };
const saved = (name) => { try { return localStorage.getItem(`pane.${name}`); } catch { return null; } };
const narrow = matchMedia("(width <= 760px)"); // there it takes room from the page, until somebody opens it
let shownFor = "";
let waits = false;
let turn = 0;

// The lab of the page; on pages of no object the one that is shown already, or the only one there is.
function lab() {
  const clocks = document.getElementById("lab-clocks");
  const known = clocks ? JSON.parse(clocks.textContent) : [];
  return current().vc ?? (shownFor || (known.length === 1 ? known[0].vc : ""));
}

function show(state) {
  if (state) root.dataset.exercise = state;
  else delete root.dataset.exercise;
  save("exercise", state);
  for (const button of document.querySelectorAll("[data-exercise-toggle]")) button.setAttribute("aria-expanded", String(state === "open"));
}

function toggle() {
  if (!root.dataset.exercise) return;
  const open = root.dataset.exercise !== "open";
  save("exercise-fold", open ? "open" : "closed");
  show(open ? "open" : "closed");
  if (open) place().focus({ preventScroll: true });
  else document.querySelector(".exercise-strip").focus({ preventScroll: true });
}

// What a person has unfolded stays unfolded.
const KEEP = { beforeAttributeUpdated: (name, node) => !(name === "open" && node.nodeName === "DETAILS") };

function draw(html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  const fresh = pieces.content.querySelector(".exercise-body");
  if (!fresh) return absorb(html);
  const old = body();
  const lesson = (one) => one?.querySelector(".exercise-lesson")?.dataset.lesson ?? "";
  if (lesson(old) !== lesson(fresh)) place().scrollTop = 0;
  if (old && old.dataset.vcOf === fresh.dataset.vcOf) window.Idiomorph.morph(old, fresh, { morphStyle: "outerHTML", callbacks: KEEP });
  else place().replaceChildren(fresh);
  show(saved("exercise-fold") || (narrow.matches ? "closed" : "open"));
}

async function ask(url, options = {}) {
  return fetch(url, { ...options, headers: { "X-Requested-With": "fetch", ...options.headers } }).catch(() => null);
}

async function follow(always = false) {
  const vc = lab();
  if (!place() || (vc === shownFor && !always)) return;
  const known = vc === shownFor ? body()?.dataset.digest ?? "" : "";
  shownFor = vc;
  if (!vc) return show("");
  const answer = await ask(`/vc/${vc}/exercise/?known=${known}`);
  if (vc !== shownFor) return;
  if (answer?.status === 404) { // the lab was deleted: nobody asks for it again
    waits = false;
    place().replaceChildren();
    return show("");
  }
  if (!answer?.ok) return;
  waits = answer.headers.has("X-Exercise-Later");
  if (answer.status === 200) return draw(await answer.text());
  if (!known) {
    place().replaceChildren();
    show("");
  }
}

async function press(button) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true"); // a disabled one would lose the focus
  const answer = await ask(button.dataset.exercisePost, { method: "POST", headers: { "X-CSRFToken": token() } });
  button.removeAttribute("aria-busy");
  if (answer?.status === 401) return location.assign(`/login/?next=${encodeURIComponent(location.pathname)}`);
  if (answer) draw(await answer.text());
}

function clicked(event) {
  if (event.target.closest("[data-exercise-toggle]")) toggle();
  const button = event.target.closest("[data-exercise-post]");
  if (button) press(button);
  const plain = event.target.closest("[data-post]");
  if (plain) post(plain.dataset.post);
}

function keyed(event) {
  if (event.altKey && !event.ctrlKey && !event.metaKey && event.code === "KeyX") {
    toggle();
    event.preventDefault();
  }
}

// The socket says when there is something new; without one the panel asks for itself.
function poll() {
  const live = document.querySelector("[data-live-state]")?.dataset.liveState === "live";
  if (live || document.hidden || !shownFor) return;
  turn += 1;
  if (root.dataset.exercise || (waits && turn % WAITING === 0)) follow(true);
}

export function start() {
  const dock = document.getElementById("exercise");
  if (!dock) return;
  splitter(document.getElementById("exercise-splitter"), {
    property: "exercise-width", low: 280, high: () => Math.min(760, innerWidth * 0.5), measure: () => dock.offsetWidth,
    keys: { delta: (x) => -x, more: "ArrowLeft", less: "ArrowRight" },
  });
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", keyed);
  document.addEventListener("shell:arrived", () => follow(true));
  document.addEventListener("tasks:changed", () => { if (shownFor) follow(true); });
  for (const name of ["live:notes", "live:resync"]) {
    document.addEventListener(name, (event) => { if (event.detail.vc === shownFor) follow(true); });
  }
  setInterval(poll, POLL_MS);
  follow(true); // early.js has made room for what was shown last
}
