// What a chart says in words: its legend with figures, its table, its notes.
import { pattern, say } from "./plot.js";
import { words as shellWords } from "./shell.js";

export function note(place, text) {
  const say = document.createElement("p");
  say.className = "chart-note";
  say.textContent = text;
  place.replaceChildren(say);
}

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const swatch = (at) => element("span", "", { class: "swatch", "data-color": (at % 8) + 1, "data-dash": pattern(at) });

function summary(values) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return { least: null, mean: null, most: null };
  return { least: Math.min(...known), mean: known.reduce((sum, value) => sum + value, 0) / known.length, most: Math.max(...known) };
}

function cells(key, page, index) {
  const { unit } = page.labels[key];
  const values = page.data.series[key] ?? [];
  const { least, mean, most } = summary(values);
  return [values[index ?? values.length - 1] ?? null, least, mean, most].map((value) => say(value, unit));
}

// Built once per set of counters; afterwards only the figures in it change.
function buildShort(legend, keys, page) {
  legend.replaceChildren(...keys.map((key, at) => {
    const entry = element("span", "", { class: "key" });
    entry.append(swatch(at), element("span", page.labels[key].label), element("span", "", { class: "number", "data-cell": "" }));
    return entry;
  }));
}

function buildFull(legend, keys, page, words) {
  const table = element("table", "", { class: "lines" });
  const head = element("tr");
  const titles = [words.counter, "", words.least, words.mean, words.most];
  head.append(...titles.map((title, at) => element("th", title, at === 1 ? { scope: "col", "data-newest": "" } : { scope: "col" })));
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  table.tBodies[0].append(...keys.map((key, at) => {
    const row = element("tr");
    const name = element("th", "", { scope: "row" });
    name.append(swatch(at), ` ${page.labels[key].label}`);
    row.append(name, ...[0, 1, 2, 3].map(() => element("td", "", { class: "number", "data-cell": "" })));
    return row;
  }));
  legend.replaceChildren(table);
}

export function fillLegend(legend, { keys }, page, index, words) {
  if (!legend || !page.data) return;
  const full = "full" in legend.dataset;
  if (legend.dataset.keys !== keys.join()) {
    (full ? buildFull : buildShort)(legend, keys, page, words);
    legend.dataset.keys = keys.join();
  }
  const places = legend.querySelectorAll("[data-cell]");
  const texts = keys.flatMap((key) => (full ? cells(key, page, index) : cells(key, page, index).slice(0, 1)));
  texts.forEach((text, at) => { if (places[at].textContent !== text) places[at].textContent = text; });
  const newest = legend.querySelector("[data-newest]");
  if (newest) newest.textContent = index === null ? words.newest : words.shown;
}

// The same figures as a table, newest first.
export function fillTable(place, keys, page, words) {
  const moment = new Intl.DateTimeFormat(shellWords.language, { timeZone: page.root.dataset.zone, dateStyle: "medium", timeStyle: "medium", hour12: false });
  const table = element("table", "", { class: "lines" });
  const head = element("tr");
  head.append(element("th", words.time, { scope: "col" }), ...keys.map((key) => element("th", page.labels[key].label, { scope: "col" })));
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  const rows = page.data.times.map((seconds, at) => {
    const row = element("tr");
    const figures = keys.map((key) => element("td", say(page.data.series[key]?.[at] ?? null, page.labels[key].unit), { class: "number" }));
    row.append(element("th", moment.format(new Date(seconds * 1000)), { scope: "row" }), ...figures);
    return row;
  });
  table.tBodies[0].append(...rows.reverse());
  place.replaceChildren(table);
}
