// The replay page: its form is sent in the background (a refusal keeps the chosen file), its curves are drawn by policy.
import { post } from "./act.js";
import { draw } from "./plot.js";
import { refreshSoon } from "./shell.js";

let shown = null; // {root, url, plots, resize}

async function onSubmit(event) {
  const form = event.target;
  if (!form.matches?.("form[data-replay]")) return;
  event.preventDefault();
  const body = new FormData(form);
  if (body.get("origin") !== "upload") body.delete("trace");
  const button = event.submitter;
  if (button) button.disabled = true;
  const done = await post(form.getAttribute("action"), body);
  if (button && !done) button.disabled = false;
  refreshSoon();
}

// Choosing a file means that it is wanted, and its hosts are seldom this cluster's.
function onChange({ target }) {
  if (!target.matches?.("form[data-replay] [name=trace]") || !target.files.length) return;
  target.form.querySelector("[name=origin][value=upload]").checked = true;
}

function leave() {
  for (const plot of shown?.plots ?? []) plot.destroy();
  shown?.resize.disconnect();
  shown = null;
}

// The table is renewed while policies come in; the charts stay outside of it and are drawn anew when there is one more.
async function scan() {
  const root = document.querySelector("[data-curves]");
  const url = root ? document.querySelector("[data-curves-url]")?.dataset.curvesUrl ?? "" : "";
  if (root === (shown?.root ?? null) && url === (shown?.url ?? "")) return;
  leave();
  if (!root) return;
  const mine = shown = { root, url, plots: [], resize: new ResizeObserver(() => mine.plots.forEach((plot) => plot.fit())) };
  root.hidden = url.startsWith("#");
  if (!url || root.hidden) return;
  const answer = await fetch(url.split("#")[0], { headers: { "X-Requested-With": "fetch" } }).catch(() => null);
  if (!answer?.ok || mine !== shown) return;
  const data = await answer.json();
  for (const place of root.querySelectorAll("[data-curve]")) await show(mine, place, data);
}

async function show(mine, place, data) {
  const series = data[place.dataset.curve];
  const keys = Object.keys(series);
  const labels = Object.fromEntries(keys.map((key) => [key, { label: data.names[key], unit: place.dataset.unit }]));
  place.replaceChildren();
  const options = { labels, zone: "UTC", style: "line", large: false, onCursor: () => {} };
  const plot = await draw(place, keys, { times: data.times, series }, options);
  if (mine !== shown) return plot.destroy();
  mine.plots.push(plot);
  mine.resize.observe(place);
}

// Progress of the task of a replay is said on its page too.
function onTask({ detail }) {
  if (document.querySelector("form[data-replay]") && detail) refreshSoon();
}

export function start() {
  document.addEventListener("submit", onSubmit);
  document.addEventListener("change", onChange);
  document.addEventListener("live:task", onTask);
  new MutationObserver(() => { leave(); scan(); }).observe(document.body, { attributeFilter: ["cds-theme"] });
  new MutationObserver(scan).observe(document.body, { childList: true, subtree: true });
  scan();
}
