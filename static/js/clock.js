// The lab clock of the header: counts on between the server's words; and when the figures on the page were sampled.
import { current, words } from "./shell.js";

const button = document.getElementById("lab-clock");
const clocks = new Map();

function take(clock) {
  clocks.set(clock.vc, { ...clocks.get(clock.vc), ...clock, at: performance.now() });
}

function shown() {
  return clocks.get(current().vc) || clocks.values().next().value;
}

function draw() {
  const clock = shown();
  if (!clock) return;
  const counted = clock.now + (performance.now() - clock.at) * clock.speed;
  const now = new Date(clock.until ? Math.min(counted, clock.until) : counted);
  const form = { timeZone: clock.zone, hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit", month: "short", day: "numeric" };
  const text = new Intl.DateTimeFormat(words.language === "ko" ? "ko-KR" : "en-GB", form).format(now);
  const when = button.querySelector(".when");
  if (when.textContent !== text) when.textContent = text;
  const speed = clock.speed ? `${clock.until ? "▸" : ""}×${clock.speed}` : words.paused;
  const tag = button.querySelector(".speed");
  if (tag.textContent !== speed) tag.textContent = speed;
  button.dataset.url = `/vc/${clock.vc}/clock/`;
}

// A moment of a lab as the server writes it (inventory/format.py: moment).
function moment(ms, zone) {
  const form = { timeZone: zone, hour12: false, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  if (words.language !== "ko") form.month = "short";
  const part = Object.fromEntries(new Intl.DateTimeFormat(words.language === "ko" ? "ko-KR" : "en-US", form).formatToParts(ms).map(({ type, value }) => [type, value]));
  const hour = part.hour === "24" ? "00" : part.hour;
  const date = words.language === "ko" ? `${part.year}. ${part.month}. ${part.day}.` : `${part.day} ${part.month} ${part.year},`;
  return `${date} ${hour}:${part.minute}:${part.second}`;
}

// The figures that were just painted are of this moment.
function sampled({ vc, ms }) {
  if (vc !== current().vc) return;
  for (const place of document.querySelectorAll("#workspace [data-sampled] time")) {
    place.dateTime = new Date(ms).toISOString();
    const text = moment(ms, clocks.get(vc)?.zone);
    if (place.textContent !== text) place.textContent = text;
  }
}

export function start() {
  document.addEventListener("live:figures", (event) => sampled(event.detail));
  if (!button) return;
  for (const clock of JSON.parse(document.getElementById("lab-clocks").textContent)) take(clock);
  draw();
  setInterval(draw, 250);
  document.addEventListener("shell:arrived", draw);
  document.addEventListener("live:clock", (event) => { take(event.detail); draw(); });
  const menu = document.getElementById("clock-menu");
  menu.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") window.htmx.ajax("GET", button.dataset.url, { target: menu, swap: "innerHTML" });
  });
}
