// The entry: starts each module once. A module exports start(); it listens on the document, so that swaps need no care.
const MODULES = ["shell", "landing", "focus", "theme", "panes", "tree", "treealarms", "search", "keys", "palette", "clock", "menu", "dialog", "confirm", "minimise", "grid", "live", "looks", "undo", "chart", "scheduler", "replay", "motion", "edgescroll", "scrollable", "peek", "classroom", "exercise"];

const started = MODULES.map((name) =>
  import(`./${name}.js`).then((module) => module.start?.()).catch((error) => console.error(`module ${name}:`, error)));
Promise.all(started).then(() => document.dispatchEvent(new Event("app:ready"))); // early.js held what was pressed

