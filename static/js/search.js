// Global search: suggestions as you type, arrows to choose, Enter for the chosen one or for the page of results.
import { fill, words } from "./shell.js";

export function choose(list, step) {
  const options = [...list.querySelectorAll('[role="option"]')];
  if (!options.length) return null;
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = options[(at + step + options.length + (at < 0 && step < 0 ? 1 : 0)) % options.length];
  for (const option of options) option.setAttribute("aria-selected", String(option === next));
  next.scrollIntoView({ block: "nearest" });
  return next;
}

export async function suggestions(url, query, list) {
  const answer = await fetch(`${url}?${new URLSearchParams({ q: query })}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok) return false;
  list.innerHTML = await answer.text();
  if (!list.querySelector("[role=option]")) {
    const none = document.createElement("p");
    none.className = "empty-note";
    none.textContent = fill(words.noResults, { query });
    list.replaceChildren(none);
  }
  [...list.querySelectorAll("[role=option]")].forEach((option, number) => { option.id = `${list.id}-${number}`; });
  window.htmx.process(list);
  return true;
}

export function start() {
  const field = document.getElementById("global-search");
  const list = document.getElementById("search-results");
  let waiting = 0;
  const shut = () => {
    if (list.matches(":popover-open")) list.hidePopover();
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const show = async () => {
    const query = field.value.trim();
    if (!query) return shut();
    if (!(await suggestions(field.dataset.suggest, query, list)) || field.value.trim() !== query) return null;
    if (document.activeElement !== field) return null;
    const box = field.getBoundingClientRect();
    list.style.top = `${box.bottom + 4}px`;
    list.style.left = `${Math.max(8, Math.min(box.left, innerWidth - 428))}px`;
    list.style.width = `${Math.min(Math.max(box.width, 420), innerWidth - 16)}px`;
    if (!list.matches(":popover-open")) list.showPopover();
    field.setAttribute("aria-expanded", "true");
    return null;
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 180);
  });
  field.addEventListener("focus", () => field.value && show());
  field.addEventListener("blur", () => setTimeout(() => !list.contains(document.activeElement) && shut(), 150));
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && list.matches(":popover-open")) {
      const chosen = choose(list, step);
      if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
      event.preventDefault();
    } else if (event.key === "Enter") {
      const chosen = list.matches(":popover-open") && list.querySelector('[aria-selected="true"]');
      if (chosen) {
        event.preventDefault();
        chosen.click();
      }
      shut();
    } else if (event.key === "Escape") {
      shut();
      field.blur();
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => event.target.closest("a") && shut());
}
