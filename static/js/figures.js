// Figures as people read them, in the same forms as the server writes them (inventory/format.py), and where they are shown.
import { words } from "./shell.js";

const NOTHING = "—";
const BYTES = ["B", "KB", "MB", "GB", "TB", "PB"];
const WARNING = 0.75;
const FULL = 0.9;
const numbers = new Map();
const durations = new Map();

function number(value, decimals = null) {
  const size = Math.abs(value);
  const digits = decimals ?? (size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2);
  if (!numbers.has(digits)) {
    numbers.set(digits, new Intl.NumberFormat(words.language, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return numbers.get(digits).format(value);
}

function bytes(value) {
  let unit = 0;
  for (; Math.abs(value) >= 1024 && unit < BYTES.length - 1; unit += 1) value /= 1024;
  return `${number(value)} ${BYTES[unit]}`;
}

function large(value, small, big) {
  return value >= 1000 ? `${number(value / 1000)} ${big}` : `${number(value, 0)} ${small}`;
}

function part(value, unit) {
  if (!durations.has(unit)) {
    const display = { day: "long", hour: "long", minute: "short", second: "narrow" }[unit];
    durations.set(unit, new Intl.NumberFormat(words.language, { style: "unit", unit, unitDisplay: display }));
  }
  const text = durations.get(unit).format(value);
  return words.language === "en" && unit === "second" ? text.replace("s", " s") : text;
}

function duration(seconds) {
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const at = steps.findIndex(([, length]) => seconds >= length);
  if (at < 0) return part(0, "second");
  const [unit, length] = steps[at];
  const rest = steps[at + 1];
  const more = rest ? Math.floor((seconds % length) / rest[1]) : 0;
  return part(Math.floor(seconds / length), unit) + (more ? ` ${part(more, rest[0])}` : "");
}

const FORMS = {
  percent: (value) => `${number(value / 100, Math.abs(value) >= 1000 || value === 0 ? 0 : 1)}%`,
  MHz: (value) => large(value, "MHz", "GHz"),
  KB: (value) => bytes(value * 1024),
  MB: (value) => bytes(value * 1024 * 1024),
  KBps: (value) => `${bytes(value * 1024)}/s`,
  W: (value) => large(value, "W", "kW"),
  s: duration,
};

// A figure of a counter by its unit (domain.counters); percent there is 1/100 %.
export function format(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  return (FORMS[unit] ?? ((plain) => (unit && unit !== "number" ? `${number(plain)} ${unit}` : number(plain))))(value);
}

// Only the text node changes: nothing is laid out anew that keeps its width, and no observer of the page wakes up.
function write(element, text) {
  if (element.firstChild?.nodeType === Node.TEXT_NODE && element.childNodes.length === 1) {
    if (element.firstChild.nodeValue !== text) element.firstChild.nodeValue = text;
  } else if (element.textContent !== text) element.textContent = text;
}

function tone(ratio) {
  return ratio >= FULL ? "error" : ratio >= WARNING ? "warn" : "";
}

// The level of a tile of the heat map, by its share in percent (inventory/pages/consumers.py).
function heat(pct) {
  return [25, 50, 75, 90].filter((bound) => pct >= bound).length;
}

function paintBar(bar, ratio) {
  bar.value = Math.round(ratio * 1000) / 10;
  for (const one of ["ok", "warn", "error"]) bar.classList.toggle(`tone-${one}`, one === (tone(ratio) || "ok"));
}

function paintFigure(element, value) {
  if (element.contains(document.activeElement) && document.activeElement !== document.body) return;
  if (element.nodeName === "PROGRESS") paintBar(element, value / 10000);
  else write(element, format(value, element.dataset.unit));
  const tile = element.closest("[data-heat]");
  if (tile) tile.dataset.heat = heat(value / 100);
}

// A meter shows what is used of a capacity in the unit of its figure.
function paintMeter(meter, value) {
  const capacity = Number(meter.dataset.capacity);
  const ratio = capacity > 0 ? Math.min(1, value / capacity) : 0;
  meter.dataset.tone = tone(ratio) || "info";
  const bar = meter.querySelector("progress");
  bar.value = Math.round(ratio * 100);
  const texts = { used: format(value, meter.dataset.unit), free: format(Math.max(0, capacity - value), meter.dataset.unit) };
  for (const [name, text] of Object.entries(texts)) {
    const place = meter.querySelector(`[data-part="${name}"]`);
    if (place) write(place, text);
  }
}

// Show {reference: {counter key: value}} wherever this page shows them; `vcOf(element)` tells whose reference it is.
export function paint(vc, values, vcOf, places = "[data-figure], [data-meter]") {
  for (const element of document.querySelectorAll(places)) {
    const [moref, key] = (element.dataset.figure ?? element.dataset.meter).split(/[: ]/);
    const value = values[moref]?.[key];
    if (value === undefined || vcOf(element) !== vc) continue;
    if (element.dataset.meter) paintMeter(element, value);
    else paintFigure(element, value);
  }
}
