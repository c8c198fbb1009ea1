// Live pages: one socket per page, or polling where there is none. What the page shows is collected from its elements:
//   [data-figure="<moref>:<counter>"], [data-meter=…]   figures            (figures.js paints them)
//   [data-moref], [data-live-object]                     objects that may change
//   tree lines that are open                             trees
// An element belongs to the vCenter of the nearest [data-vc]. What comes in is told as events of the document:
//   live:object {vc, moref}  live:tree {vc, moref}  live:task {vc, id, state, html}  live:alarms {vc}  live:events {vc}
//   live:notes {vc}  live:topic {topic, order, parts}: see data-topic="name:number" on an element
//   live:anew {vc}  live:gone {vc}
//   live:clock {vc, now, speed, late}  live:figures {vc, ms, d}  live:changed {vc, …}  live:resync {vc}
import { paint } from "./figures.js";
import { takeTask, renewAlarms, renewTasks } from "./dock.js";
import { current, fill, words } from "./shell.js";

const LIMITS = { vcenters: 64, objects: 1000, trees: 500, figures: 200, counters: 16 };
const BACK_OFF_MS = [300, 1000, 2000, 4000, 8000, 15000];
const POLL_MS = 5000;
const POLL_AFTER = 2; // failed sockets
const SILENCE_MS = 16000; // the server speaks every 5 s
const COLLECT_MS = 250;
const LOGGED_OUT = 4401;

const cursors = new Map(); // vc -> where in its log of facts this page is
const late = new Map(); // vc -> seconds
const newest = new Map(); // vc -> figures, for places that a swap has brought
let socket = null;
let failures = 0;
let retry = 0;
let polling = 0;
let heardAt = 0;
let told = "";
let wanted = [];
let stopped = false;

const vcOf = (element) => element.closest("[data-vc]")?.dataset.vc ?? current().vc;

// --- what the page shows ------------------------------------------------------------------------------------------------
function vcenters() {
  const clocks = document.getElementById("lab-clocks");
  const known = clocks ? JSON.parse(clocks.textContent).map((clock) => clock.vc) : [];
  return [...new Set([current().vc, ...known].filter(Boolean))].slice(0, LIMITS.vcenters);
}

function collect() {
  const watches = new Map(vcenters().map((vc) => [vc, { vc, objects: new Set(), trees: new Set(), figures: new Set(), counters: new Set() }]));
  const add = (element, name, value) => {
    const watch = watches.get(vcOf(element));
    if (watch && value && watch[name].size < LIMITS[name]) watch[name].add(value);
  };
  for (const element of document.querySelectorAll("[data-figure], [data-meter]")) {
    const [moref, key] = (element.dataset.figure ?? element.dataset.meter).split(/[: ]/);
    add(element, "figures", moref);
    add(element, "counters", Number(key));
  }
  for (const element of document.querySelectorAll("[data-live-object], [data-moref]")) {
    if (element.offsetParent) add(element, "objects", element.dataset.liveObject ?? element.dataset.moref);
  }
  for (const element of document.querySelectorAll('[role="treeitem"][aria-expanded="true"]')) add(element, "trees", element.dataset.moref);
  return [...watches.values()].map((watch) => ({
    vc: watch.vc, tasks: true, lang: words.language,
    ...Object.fromEntries(["objects", "trees", "figures", "counters"].map((name) => [name, [...watch[name]]])),
  }));
}

let collecting = 0;
function collectSoon() {
  if (collecting) return;
  collecting = setTimeout(() => { collecting = 0; watch(); }, COLLECT_MS);
}

function watch(since = false) {
  wanted = collect();
  const topic = document.querySelector("[data-topic]")?.dataset.topic ?? "";
  for (const [vc, values] of newest) paint(vc, values, vcOf, "[data-figure]:empty");
  const text = JSON.stringify([wanted, topic]);
  if (socket?.readyState !== WebSocket.OPEN || (text === told && !since)) return;
  told = text;
  const watches = since ? wanted.map((one) => ({ ...one, since: cursors.get(one.vc) ?? "" })) : wanted;
  socket.send(JSON.stringify({ watch: watches, topic, lang: words.language }));
}

// --- what comes in ------------------------------------------------------------------------------------------------------
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`live:${name}`, { detail, bubbles: true }));

const TAKE = {
  at: (message) => cursors.set(message.vc, message.at),
  clock: (message) => { late.set(message.vc, { seconds: message.late, at: performance.now() }); tell("clock", message); },
  figures: (message) => { newest.set(message.vc, message.d); paint(message.vc, message.d, vcOf); tell("figures", message); },
  task: (message) => { takeTask(message); tell("task", message); },
  alarms: (message) => { renewAlarms(); tell("alarms", message); },
  changed: (message) => {
    for (const moref of message.objects ?? []) tell("object", { vc: message.vc, moref });
    for (const moref of message.trees ?? []) tell("tree", { vc: message.vc, moref });
    if (message.events) tell("events", { vc: message.vc });
    tell("changed", message);
  },
  notes: (message) => tell("notes", message),
  topic: (message) => tell("topic", message),
  // Another past holds: an object that is shown may be gone, so that the whole page comes anew (landing.js).
  reload: ({ vc }) => {
    tell("anew", { vc });
    if (current().vc !== vc) TAKE.resync({ vc });
  },
  // The vCenter is there no more, or not for this person.
  gone: ({ vc }) => {
    tell("gone", { vc });
    if (current().vc !== vc) document.dispatchEvent(new CustomEvent("shell:refresh"));
  },
  resync: ({ vc }) => {
    renewTasks();
    renewAlarms();
    for (const one of wanted.filter((each) => each.vc === vc)) for (const moref of one.trees) tell("tree", { vc, moref });
    if (current().vc === vc) tell("object", { vc, moref: current().moref });
    tell("events", { vc });
    tell("resync", { vc });
  },
};

function take(message) {
  TAKE[message.t]?.(message);
}

// --- how fresh it is ----------------------------------------------------------------------------------------------------
function show(state, text) {
  for (const mark of document.querySelectorAll("[data-live-state]")) {
    if (mark.dataset.liveState !== state) mark.dataset.liveState = state;
    const say = mark.querySelector("span") ?? mark;
    if (say.textContent !== text) say.textContent = text;
  }
}

// Between the server's words the page goes on counting.
function lateness(vc) {
  const { seconds, at } = late.get(vc) ?? { seconds: 0, at: 0 };
  return seconds ? seconds + Math.floor((performance.now() - at) / 1000) : 0;
}

function judge() {
  const silent = performance.now() - heardAt > SILENCE_MS;
  if (socket?.readyState === WebSocket.OPEN && silent && heardAt && wanted.length) socket.close();
  const behind = current().vc ? lateness(current().vc) : Math.max(0, ...[...late.keys()].map(lateness));
  // A page that has nothing to watch (of somebody without a lab, say) hears nothing, and misses nothing.
  if (!stopped && socket?.readyState === WebSocket.OPEN && !wanted.length) show("live", words.live);
  else if (stopped || !heardAt || silent) show(heardAt || failures || stopped ? "offline" : "connecting", heardAt || failures || stopped ? words.liveOffline : words.liveConnecting);
  else if (behind) show("delayed", fill(words.liveDelayed, { seconds: behind }));
  else if (polling) show("delayed", words.livePolled);
  else show("live", words.live);
}

// --- the socket ---------------------------------------------------------------------------------------------------------
function connect() {
  clearTimeout(retry);
  if (stopped || (socket && socket.readyState <= WebSocket.OPEN)) return;
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live/`);
  socket = mine;
  mine.addEventListener("open", () => { told = ""; watch(true); });
  mine.addEventListener("message", (event) => {
    failures = 0;
    stopPolling();
    heardAt = performance.now();
    take(JSON.parse(event.data));
    judge();
  });
  mine.addEventListener("close", (event) => {
    if (socket !== mine) return;
    socket = null;
    stopped = event.code === LOGGED_OUT;
    heardAt = polling ? heardAt : 0;
    const wait = BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)];
    failures += 1;
    if (!stopped) retry = setTimeout(connect, wait * (0.7 + 0.6 * Math.random()));
    if (!stopped && failures >= POLL_AFTER) startPolling();
    judge();
  });
}

// --- polling ------------------------------------------------------------------------------------------------------------
function startPolling() {
  if (polling) return;
  polling = setInterval(pollAll, POLL_MS);
  pollAll();
}

function stopPolling() {
  clearInterval(polling);
  polling = 0;
}

async function pollAll() {
  if (document.hidden) return;
  wanted = collect();
  await Promise.all(wanted.slice(0, 4).map((one) => poll(one).catch(() => null)));
  judge();
}

async function poll(one) {
  const lists = ["objects", "trees", "figures", "counters"].map((name) => [name, one[name].join(",")]);
  const query = new URLSearchParams([...lists, ["tasks", "1"], ["since", cursors.get(one.vc) ?? ""]]);
  const answer = await fetch(`/vc/${one.vc}/live/?${query}`, { headers: { Accept: "application/json" } });
  if (answer.status === 404) tell("gone", { vc: one.vc });
  if (!answer.ok) return;
  const { at, offline, messages } = await answer.json();
  if (!offline) {
    heardAt = performance.now();
    if (at) cursors.set(one.vc, at);
  }
  messages.forEach(take);
}

export function start() {
  const marks = ["data-topic", "data-figure", "data-meter", "data-moref", "data-vc", "aria-expanded"];
  new MutationObserver(collectSoon).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: marks });
  for (const name of ["htmx:afterSettle", "shell:arrived"]) document.addEventListener(name, collectSoon);
  for (const [target, name] of [[document, "visibilitychange"], [window, "online"]]) {
    target.addEventListener(name, () => { if (!document.hidden) connect(); });
  }
  setInterval(judge, 1000);
  connect();
}
