// The command palette: pages, views, objects by name, and what can be done with the selected object.
import { current } from "./shell.js";
import { choose, suggestions } from "./search.js";

export function start() {
  const dialog = document.getElementById("palette");
  const field = dialog.querySelector("input");
  const list = document.getElementById("palette-list");
  const commands = document.getElementById("palette-commands");
  const search = document.getElementById("global-search").dataset.suggest;
  let actions = [];
  let waiting = 0;

  const matches = (query) => {
    const all = [...commands.content.querySelectorAll("[role=option]")].map((one) => document.importNode(one, true));
    return [...actions.map((one) => one.cloneNode(true)), ...all].filter((one) => one.textContent.toLowerCase().includes(query));
  };
  const show = async () => {
    const query = field.value.trim();
    const found = matches(query.toLowerCase());
    const objects = document.createElement("div");
    objects.id = "palette-objects";
    if (query) await suggestions(search, query, objects);
    if (field.value.trim() !== query) return;
    list.replaceChildren(...found, ...(objects.querySelector("[role=option]") || !found.length ? [objects] : []));
    window.htmx.process(list);
    const first = choose(list, 1);
    if (first) field.setAttribute("aria-activedescendant", (first.id ||= "palette-first"));
  };
  const loadActions = async () => {
    actions = [];
    const at = current();
    if (!at.moref) return;
    const answer = await fetch(`/vc/${at.vc}/${at.moref}/palette/`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    actions = [...holder.content.querySelectorAll("[role=option]")];
  };
  const open = async () => {
    if (dialog.open) return;
    dialog.showModal();
    field.value = "";
    field.focus();
    await show();
    await loadActions();
    await show();
  };
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 120);
  });
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose(list, step);
    else if (event.key === "Enter") list.querySelector('[aria-selected="true"]')?.click();
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => event.target.closest("[role=option]") && dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
