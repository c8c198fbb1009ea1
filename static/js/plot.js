// One uPlot chart in the colours of the theme. uPlot is fetched when the first chart is drawn.
import { format } from "./figures.js";
import { words } from "./shell.js";

const HOUR_S = 3600;
const DAY_S = 86400;
let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/uplot/uPlot.iife.min.js", import.meta.url).href;
    script.addEventListener("load", () => resolve(window.uPlot));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return library;
}

const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
const COLORS = 8;
export const color = (at) => css(`--chart-${(at % COLORS) + 1}`);
// When all colours are taken they come again, with dashes.
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
export const pattern = (at) => Math.floor(at / COLORS) % DASHES.length;
const dash = (at) => DASHES[pattern(at)];

// What the server sends has percent as 0..100; the forms of figures.js want counters as they are recorded.
export const say = (value, unit) => format(value === null || value === undefined ? null : unit === "percent" ? value * 100 : value, unit);

function dates(zone) {
  const form = (options) => new Intl.DateTimeFormat(words.language, { timeZone: zone, hour12: false, ...options });
  const forms = {
    time: form({ hour: "2-digit", minute: "2-digit" }),
    day: form({ month: "short", day: "numeric" }),
    moment: form({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  };
  return (name, seconds) => forms[name].format(new Date(seconds * 1000));
}

// Binary prefixes want ticks at 1, 2, 4 … of 1024; all else at 1, 2, 5 … of ten.
function steps(unit) {
  if (!["KB", "KBps", "MB"].includes(unit)) return undefined;
  return Array.from({ length: 50 }, (_, power) => 2 ** (power - 4));
}

function range(unit) {
  return (_plot, _least, most) => {
    const top = most > 0 ? most * 1.08 : 1;
    return [0, unit === "percent" ? Math.min(Math.max(top, 1), most <= 100 ? 100 : top) : top];
  };
}

// Room for the longest figure of an axis, in px; `least`, so that charts with short ones stand in line.
const DIGIT_PX = 7, MARGIN_PX = 16;
const wide = (least) => (_plot, texts) => Math.max(least, MARGIN_PX + DIGIT_PX * Math.max(0, ...(texts ?? []).map((text) => text.length)));

function axes(units, { large, zone }) {
  const say_date = dates(zone);
  const look = { stroke: css("--ink-soft"), font: `11px ${css("--font")}`, ticks: { stroke: css("--line"), width: 1, size: 4 } };
  const time = {
    ...look, grid: { show: false }, size: 30,
    values: (plot, splits) => {
      const span = plot.scales.x.max - plot.scales.x.min;
      return splits.map((split) => say_date(span > 3 * DAY_S || (span > 30 * HOUR_S && split % DAY_S === 0) ? "day" : "time", split));
    },
  };
  const values = units.slice(0, 2).map((unit, at) => ({
    ...look, scale: unit, side: at ? 1 : 3, size: wide(large ? 72 : 64), incrs: steps(unit), space: large ? 40 : 30,
    grid: at ? { show: false } : { stroke: css("--line"), width: 1 },
    values: (_plot, splits) => splits.map((split) => say(split, unit)),
  }));
  return [time, ...values];
}

// A line of the whole beside lines of its instances: it is their sum already, and no layer of a stack.
const isWhole = (key, keys) => keys.some((other) => other.startsWith(`${key}@`));

// Stacked: each line lies on the sum of those before it that have the same unit; who has no figure there adds nothing.
function columns(keys, data, { style, labels }) {
  const series = keys.map((key) => data.series[key] ?? data.times.map(() => null));
  if (style !== "stacked") return [data.times, ...series];
  const sums = {};
  const known = data.times.map((_time, at) => series.some((values) => values[at] !== null));
  return [data.times, ...series.map((values, line) => {
    if (isWhole(keys[line], keys)) return values;
    const sum = (sums[labels[keys[line]].unit] ??= data.times.map(() => 0));
    return values.map((value, at) => (known[at] ? (sum[at] += value ?? 0) : null));
  })];
}

function bands(keys, { style, labels }) {
  if (style !== "stacked") return [];
  const layers = keys.map((key) => !isWhole(key, keys));
  const below = (at) => keys.findLastIndex((key, other) => other < at && layers[other] && labels[key].unit === labels[keys[at]].unit);
  return keys.map((_key, at) => [at + 1, layers[at] ? below(at) + 1 : 0]).filter(([, under]) => under).map((pair) => ({ series: pair }));
}

function series(keys, { labels, style }) {
  return keys.map((key, at) => {
    const stroke = color(at);
    const fill = style === "line" || isWhole(key, keys) ? undefined : shade(stroke, style === "stacked" ? 0.4 : 0.18);
    return { label: labels[key].label, scale: labels[key].unit, stroke, width: 1.5, dash: dash(at), fill, spanGaps: false, points: { show: false } };
  });
}

function shade(hex, alpha) {
  const [red, green, blue] = [1, 3, 5].map((from) => parseInt(hex.slice(from, from + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

function settings(place, keys, options) {
  const units = [...new Set(keys.map((key) => options.labels[key].unit))];
  return {
    width: place.clientWidth, height: place.clientHeight, padding: [10, units.length > 1 ? 0 : 14, 0, 0],
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), options.zone),
    scales: Object.fromEntries([["x", { time: true }], ...units.map((unit) => [unit, { range: range(unit) }])]),
    axes: axes(units, options),
    series: [{}, ...series(keys, options)],
    bands: bands(keys, options),
    legend: { show: false },
    cursor: { sync: options.large ? undefined : { key: "performance" }, points: { size: 7 }, drag: { x: true, y: false } },
    hooks: { setCursor: [(plot) => options.onCursor(plot.cursor.idx ?? null)] },
  };
}

// Draw; the answer can take over new data, fit itself to its place, and go.
export async function draw(place, keys, data, options) {
  const Plot = await load();
  let zoomed = false;
  const plot = new Plot(settings(place, keys, options), columns(keys, data, options), place);
  plot.over.addEventListener("dblclick", () => { zoomed = false; });
  plot.over.addEventListener("mouseup", () => { zoomed = zoomed || plot.select.width > 0; });
  return {
    canvas: plot.ctx.canvas,
    drawn: () => drawn(plot, keys, options),
    renew: (fresh) => plot.setData(columns(keys, fresh, options), !zoomed),
    fit: () => { if (place.clientWidth !== plot.width || place.clientHeight !== plot.height) plot.setSize({ width: place.clientWidth, height: place.clientHeight }); },
    destroy: () => plot.destroy(),
  };
}

// What is on the canvas, as numbers in CSS pixels: the ticks of both axes and the points of the lines.
function drawn(plot, keys, options) {
  const [x, ...values] = plot.axes.filter((axis) => axis.scale === "x" || axis._splits);
  const box = { left: plot.over.offsetLeft, top: plot.over.offsetTop, width: plot.over.clientWidth, height: plot.over.clientHeight };
  const ticks = (axis) => (axis._splits ?? []).map((split, at) => ({ at: plot.valToPos(split, axis.scale), say: String(axis._values?.[at] ?? "") }));
  const lines = keys.map((key, at) => {
    const { scale } = plot.series[at + 1];
    const under = plot.bands.find((band) => band.series[0] === at + 1)?.series[1];
    const points = (line) => plot.data[0].map((time, i) => {
      const value = plot.data[line][i];
      return value === null || value === undefined || time < plot.scales.x.min || time > plot.scales.x.max ? null : [plot.valToPos(time, "x"), plot.valToPos(value, scale)];
    });
    return { color: color(at), dash: dash(at), filled: !isWhole(key, keys), points: points(at + 1), under: under ? points(under) : null };
  });
  const look = { surface: css("--surface"), ink: css("--ink"), soft: css("--ink-soft"), line: css("--line"), font: css("--font") };
  return { box, width: plot.width, height: plot.height, fill: { line: 0, area: 0.18 }[options.style] ?? 0.4, x: ticks(x), y: values.map(ticks), lines, look };
}

// The chart with its title and the names of its lines, as a PNG.
export function picture({ canvas }, title, names) {
  const scale = devicePixelRatio || 1;
  const [top, line] = [40 * scale, 22 * scale];
  const sheet = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height + top + line * names.length + 12 * scale });
  const pen = sheet.getContext("2d");
  pen.fillStyle = css("--surface");
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.drawImage(canvas, 0, top);
  pen.fillStyle = css("--ink");
  pen.font = `${15 * scale}px ${css("--font")}`;
  pen.fillText(title, 16 * scale, 26 * scale);
  pen.font = `${12 * scale}px ${css("--font")}`;
  names.forEach((name, at) => {
    const y = top + canvas.height + line * (at + 0.7);
    pen.strokeStyle = color(at);
    pen.lineWidth = 3 * scale;
    pen.setLineDash(dash(at).map((length) => length * scale / 2));
    pen.beginPath();
    pen.moveTo(16 * scale, y - 3.5 * scale);
    pen.lineTo(30 * scale, y - 3.5 * scale);
    pen.stroke();
    pen.fillStyle = css("--ink");
    pen.fillText(name, 38 * scale, y);
  });
  return new Promise((resolve) => { sheet.toBlob(resolve, "image/png"); });
}
