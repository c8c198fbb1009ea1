// Decisions: the time slider. Recommendations: "Override" lets single ones be left out, and a choice outlives the live refresh of the list.
import { post } from "./act.js";
import { refreshSoon, visit } from "./shell.js";

const left = new Set(); // what is not to be applied, by what it is about
const offered = new Set(); // what was on the list when somebody began to choose: what comes later is not theirs
let overriding = false;

const form = () => document.querySelector("form[data-recommendations]");

function restore() {
  const list = form();
  if (!list) return;
  const override = list.querySelector("[data-override]");
  if (override && override.checked !== overriding) override.checked = overriding;
  for (const box of list.querySelectorAll("input[name=only]")) {
    const wanted = !overriding || (offered.has(box.value) && !left.has(box.value));
    if (box.disabled === overriding) box.disabled = !overriding;
    if (box.checked !== wanted) box.checked = wanted;
  }
}

function begin(override) {
  overriding = override;
  left.clear();
  offered.clear();
  for (const box of form().querySelectorAll("input[name=only]")) offered.add(box.value);
}

function choose(value, wanted) {
  offered.add(value);
  if (wanted) left.delete(value);
  else left.add(value);
}

function onChange({ target }) {
  if (!target.closest?.("form[data-recommendations]")) return;
  if (target.matches("[data-override]")) begin(target.checked);
  else if (target.matches("[name=only]")) choose(target.value, target.checked);
  restore();
}

async function onSubmit(event) {
  if (!event.target.matches?.("form[data-recommendations]")) return;
  event.preventDefault();
  const button = event.submitter;
  const url = button?.hasAttribute("formaction") ? button.formAction : event.target.getAttribute("action");
  const body = new URLSearchParams(new FormData(event.target));
  if (button) button.disabled = true;
  const done = await post(url, body);
  if (button) button.disabled = false;
  if (done) { left.clear(); overriding = false; }
  refreshSoon();
}

// The time slider over the last cycles: moving it says when, letting go shows that cycle.
function onSlide({ target, type }) {
  if (!target.matches?.("[data-time-slider]")) return;
  const one = JSON.parse(target.dataset.timeSlider)[target.value];
  if (!one) return;
  target.setAttribute("aria-valuetext", `${one.when}, ${one.said}`);
  target.closest(".time-slider").querySelector("output").textContent = `${one.when} · ${one.said}`;
  if (type === "change") visit(`?decision=${one.id}`);
}

export function start() {
  document.addEventListener("input", onSlide);
  document.addEventListener("change", onSlide);
  document.addEventListener("change", onChange);
  document.addEventListener("submit", onSubmit);
  new MutationObserver(restore).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "checked"] });
  document.addEventListener("shell:arrived", () => { left.clear(); overriding = false; });
}
