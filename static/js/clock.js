// The lab clock of the header: counts on between the server's words.
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

export function start() {
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
