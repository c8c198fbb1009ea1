// Charts of an object's figures: [data-charts="<address of the data>"] holds panels [data-chart="<lines>"]. A line is a
// counter of the page's object, "2", of an instance of it, "2@0", of another object, "vm-42:2", or of all machines that
// have no line, "rest:6".
// The figures come as JSON; while a page is live only the new points are fetched, at most once a second.
import { draw, picture } from "./plot.js";
import { drawing } from "./plotsvg.js";
import { fillLegend, fillTable, note } from "./plottext.js";
import { current, visit } from "./shell.js";

const RENEW_MS = 1000;
const KEYS_MAX = 32;

let page = null; // {root, labels, words, panels: [{place, keys, plot}], data, renewing}

const words = () => document.getElementById("chart-words").dataset;
const keysOf = (place) => place.dataset.chart.split(",").filter(Boolean);

function scan() {
  const root = document.querySelector("[data-charts]");
  if (page?.root === root) return;
  leave();
  if (root) enter(root);
}

function leave() {
  for (const panel of page?.panels ?? []) panel.plot?.destroy();
  page?.resize?.disconnect();
  page = null;
}

function enter(root) {
  const panels = [...root.querySelectorAll("[data-chart]")].map((place) => ({ place, keys: keysOf(place), plot: null }));
  page = { root, panels, labels: JSON.parse(root.dataset.labels), data: null, renewedAt: 0 };
  page.resize = new ResizeObserver(() => page?.panels.forEach(fit));
  for (const panel of panels) page.resize.observe(panel.place);
  root.querySelector("details.chart-table")?.addEventListener("toggle", showTable);
  fetchAll();
}

// --- figures ------------------------------------------------------------------------------------------------------------
const allKeys = () => [...new Set(page.panels.flatMap((panel) => panel.keys))];

async function ask(since = null) {
  const query = new URLSearchParams({ period: page.root.dataset.period });
  if (since !== null) query.set("since", since);
  const keys = allKeys();
  const parts = [];
  for (let at = 0; at < keys.length; at += KEYS_MAX) parts.push(keys.slice(at, at + KEYS_MAX));
  const answers = await Promise.all(parts.map(async (part) => {
    query.set("lines", part.join(","));
    const answer = await fetch(`${page.root.dataset.charts}?${query}`, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }));
  return joined(answers);
}

// Parts that were asked for side by side may end at different samples: the shortest counts, the rest comes next time.
function joined(answers) {
  const count = Math.min(...answers.map((one) => one.times.length));
  const series = Object.assign({}, ...answers.map((one) => one.series));
  for (const key of Object.keys(series)) series[key] = series[key].slice(0, count);
  return { ...answers[0], times: answers[0].times.slice(0, count), series };
}

async function fetchAll() {
  const mine = page;
  if (!allKeys().length) return page.panels.forEach((panel) => note(panel.place, words().none));
  try {
    const data = await ask();
    if (mine !== page) return;
    page.data = data;
    page.panels.forEach(show);
    showTable();
  } catch {
    if (mine === page) for (const panel of page.panels) note(panel.place, words().failed);
  }
}

// A new sample has come: append what is after the last point that is known.
async function renew() {
  const mine = page;
  if (!page?.data || performance.now() - page.renewedAt < RENEW_MS) return;
  page.renewedAt = performance.now();
  const last = page.data.times.at(-1) ?? null;
  const fresh = await ask(last).catch(() => null);
  if (!fresh?.times.length || mine !== page || last !== (page.data.times.at(-1) ?? null)) return;
  append(page.data, fresh);
  for (const panel of page.panels) update(panel);
  showTable();
}

function append(data, fresh) {
  const room = { realtime: 180, day: 288, week: 336, month: 360, year: 365 }[data.period];
  const gap = data.times.length ? Math.round((fresh.times[0] - data.times.at(-1)) / data.sampling) - 1 : 0;
  const missing = Array.from({ length: Math.min(gap, room) }, (_, at) => data.times.at(-1) + (at + 1) * data.sampling);
  data.times = [...data.times, ...missing, ...fresh.times].slice(-room);
  for (const [key, values] of Object.entries(data.series)) {
    data.series[key] = [...values, ...missing.map(() => null), ...(fresh.series[key] ?? [])].slice(-room);
  }
}

// --- drawing ------------------------------------------------------------------------------------------------------------
const optionsOf = (panel) => ({
  labels: page.labels, zone: page.root.dataset.zone, style: page.root.dataset.style ?? "line", period: page.data.period,
  large: panel.place.classList.contains("large"), onCursor: (index) => fillLegend(legendOf(panel), panel, page, index, words()),
});
const legendOf = (panel) => panel.place.parentElement.querySelector(".chart-legend");

async function show(panel) {
  panel.plot?.destroy();
  panel.plot = null;
  panel.place.replaceChildren();
  if (!page.data.times.length) return note(panel.place, words().none);
  const mine = page;
  const plot = await draw(panel.place, panel.keys, page.data, optionsOf(panel));
  if (mine !== page) return plot.destroy();
  panel.plot = plot;
  fillLegend(legendOf(panel), panel, page, null, words());
}

function update(panel) {
  if (!panel.plot) return show(panel);
  panel.plot.renew(page.data);
  fillLegend(legendOf(panel), panel, page, null, words());
}

function fit(panel) {
  panel.plot?.fit();
}

function showTable() {
  const details = page?.root.querySelector("details.chart-table[open]");
  if (details && page.data) fillTable(details.querySelector("div"), page.panels[0].keys, page, words());
}

// --- what a person chooses ------------------------------------------------------------------------------------------------
function chosen(event) {
  const form = event.target.closest?.(".chart-options");
  if (!form || !page) return;
  if ("targetAll" in event.target.dataset) for (const box of targetBoxes(form)) box.checked = event.target.checked;
  else if (!["counter", "style", "target"].includes(event.target.name)) return;
  const counters = [...form.querySelectorAll('[name="counter"]:checked')].map((box) => box.value);
  const style = form.querySelector('[name="style"]:checked').value;
  fitTargets(form, counters);
  const fields = { counters: counters.join(","), style, targets: targetNames(form) };
  // Which machines make a stack is known to the server alone.
  if ("one" in form.dataset || style === "vms") return visit(withFields(location.href, fields));
  const lines = linesOf(form, counters);
  const tooMany = lines.length > KEYS_MAX;
  form.querySelector("[data-too-many]").hidden = !tooMany;
  if (tooMany && event.target.name === "counter") event.target.checked = false;
  else if (lines.length) choose(lines.slice(0, KEYS_MAX), fields);
}

const targetBoxes = (form) => [...form.querySelectorAll('[name="target"]:not([value="self"])')];
const ownBox = (form) => form.querySelector('[name="target"][value="self"]');

// Instances without any of the counters are greyed. Something is always shown: without a line the object itself.
function fitTargets(form, counters) {
  const boxes = targetBoxes(form);
  const all = form.querySelector("[data-target-all]");
  if (!all) return;
  for (const box of boxes) {
    box.disabled = !box.dataset.keys.split(" ").some((key) => counters.includes(key));
    box.parentElement.classList.toggle("disabled", box.disabled);
    box.parentElement.title = box.disabled ? words().unfit : "";
  }
  all.checked = boxes.every((box) => box.checked);
  if (!boxes.some((box) => box.checked && !box.disabled)) ownBox(form).checked = true;
}

// As the address says it: nothing of the object alone, * of all instances.
function targetNames(form) {
  const boxes = targetBoxes(form);
  if (!boxes.length) return form.querySelector('[name="targets"]')?.value ?? "";
  const names = boxes.filter((box) => box.checked).map((box) => box.value);
  if (!names.length) return "";
  return [...(ownBox(form).checked ? ["self"] : []), ...(names.length === boxes.length ? ["*"] : names)].join(",");
}

function linesOf(form, counters) {
  const others = page.root.dataset.objects.split(" ").filter(Boolean);
  const own = ownBox(form)?.checked ?? true;
  const names = targetBoxes(form).filter((box) => box.checked).map((box) => box.value);
  return counters.flatMap((key) => [
    ...(own ? [key] : []), ...names.map((name) => `${key}@${name}`), ...others.map((other) => `${other}:${key}`),
  ]).filter((line) => line in page.labels);
}

function choose(lines, fields) {
  const [panel] = page.panels;
  const known = page.data && lines.every((line) => line in page.data.series);
  panel.keys = lines;
  panel.place.dataset.chart = lines.join(",");
  page.root.dataset.style = fields.style;
  rewrite(fields, lines);
  if (known) { show(panel); showTable(); } else fetchAll();
}

function withFields(address, fields) {
  const url = new URL(address, location.href);
  for (const [name, value] of Object.entries(fields)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  return url.href;
}

// The address says what is shown; so do the links to other periods and to the file, and what is kept as a view.
function rewrite(fields, lines) {
  history.replaceState(history.state, "", withFields(location.href, fields));
  for (const link of document.querySelectorAll(".periods a")) link.href = withFields(link.href, fields);
  for (const link of document.querySelectorAll("[data-chart-csv]")) link.href = withFields(link.href, { lines: lines.join(",") });
  const kept = document.querySelector("[data-chart-shown]");
  if (kept) kept.value = new URL(withFields(`?${kept.value}`, fields)).search.slice(1);
}

async function savePicture(ending) {
  const [panel] = page.panels;
  if (!panel.plot) return;
  const title = `${current().name} – ${document.querySelector(".periods [aria-current]").textContent}`;
  const names = panel.keys.map((key) => page.labels[key].label);
  const blob = ending === "svg" ? drawing(panel.plot.drawn(), title, names) : await picture(panel.plot, title, names);
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${current().name}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function start() {
  for (const name of ["htmx:afterSettle", "shell:arrived"]) document.addEventListener(name, scan);
  document.addEventListener("live:figures", (event) => { if (event.detail.vc === current().vc) renew(); });
  document.addEventListener("live:resync", renew);
  document.addEventListener("change", chosen);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-chart-png]")) savePicture("png");
    if (event.target.closest("[data-chart-svg]")) savePicture("svg");
  });
  new MutationObserver(() => page?.data && page.panels.forEach(show)).observe(document.body, { attributeFilter: ["cds-theme"] });
  scan();
}
