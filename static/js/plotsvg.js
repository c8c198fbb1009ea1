// A chart as an SVG file: the same lines, ticks and names as on the page, as shapes that scale.
const NAMESPACE = "http://www.w3.org/2000/svg";
const HEAD = 40;
const LINE = 22;

function shape(name, attributes, text = "") {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const place = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

// Runs of points without a gap between them, as [first index, points].
function runs(points) {
  const found = [];
  points.forEach((point, at) => {
    if (!point) return;
    if (at && points[at - 1]) found.at(-1)[1].push(point);
    else found.push([at, [point]]);
  });
  return found;
}

function area([first, points], under, height) {
  const floor = points.map(([x], at) => under?.[first + at] ?? [x, height]).reverse();
  return `M${[...points, ...floor].map(place).join("L")}Z`;
}

function curves({ box, lines, fill }) {
  const group = shape("g", { transform: `translate(${box.left} ${box.top + HEAD})` });
  for (const { color, dash, filled, points, under } of lines) {
    for (const run of runs(points)) {
      if (fill && filled) group.append(shape("path", { d: area(run, under, box.height), fill: color, "fill-opacity": fill }));
      group.append(shape("path", { d: `M${run[1].map(place).join("L")}`, fill: "none", stroke: color, "stroke-width": 1.5, "stroke-dasharray": dash.join(" ") || "none" }));
    }
  }
  return group;
}

function axes({ box, x, y, look }) {
  const group = shape("g", { "font-size": 11, fill: look.soft, transform: `translate(0 ${HEAD})` });
  const [left, right, bottom] = [box.left, box.left + box.width, box.top + box.height];
  for (const tick of x) group.append(shape("text", { x: left + tick.at, y: bottom + 18, "text-anchor": "middle" }, tick.say));
  y.forEach((ticks, side) => {
    for (const { at, say } of ticks) {
      const height = box.top + at;
      if (!side) group.append(shape("path", { d: `M${left} ${height}H${right}`, stroke: look.line }));
      const where = side ? { x: right + 8, "text-anchor": "start" } : { x: left - 8, "text-anchor": "end" };
      group.append(shape("text", { ...where, y: height + 4 }, say));
    }
  });
  return group;
}

function names(list, drawn) {
  const group = shape("g", { "font-size": 12, fill: drawn.look.ink });
  list.forEach((name, at) => {
    const y = HEAD + drawn.height + LINE * (at + 0.7);
    group.append(shape("path", { d: `M16 ${y - 4}h14`, stroke: drawn.lines[at].color, "stroke-width": 3, "stroke-dasharray": drawn.lines[at].dash.map((length) => length / 2).join(" ") || "none" }), shape("text", { x: 38, y }, name));
  });
  return group;
}

// `drawn` is what plot.js tells of a chart; the answer is a Blob.
export function drawing(drawn, title, list) {
  const height = HEAD + drawn.height + LINE * list.length + 12;
  const root = shape("svg", { xmlns: NAMESPACE, width: drawn.width, height, viewBox: `0 0 ${drawn.width} ${height}`, "font-family": drawn.look.font });
  root.append(shape("title", {}, title), shape("rect", { width: "100%", height: "100%", fill: drawn.look.surface }));
  root.append(shape("text", { x: 16, y: 26, "font-size": 15, fill: drawn.look.ink }, title));
  root.append(axes(drawn), curves(drawn), names(list, drawn));
  return new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}
