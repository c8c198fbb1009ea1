// The focus is never lost: where a live update or an answer takes the focused element away, it goes to what has come
// in its place, or to what is nearest. A part that only moved (rows that are sorted anew) has it again.
// A new page is no such case: there the workspace gets the focus (shell.js).

const CAN = "a[href], button:not(:disabled), input:not(:disabled, [type=hidden]), select:not(:disabled), textarea:not(:disabled), summary, [tabindex]";
let last = null;
let trail = []; // where it was: [parent, number among its children], from the innermost

function remember(event) {
  last = event.target;
  trail = [];
  for (let node = last; node.parentElement; node = node.parentElement) {
    trail.push([node.parentElement, [...node.parentElement.children].indexOf(node)]);
  }
}

const focusable = (node) => {
  if (!node) return null;
  return [node, ...node.querySelectorAll(CAN)].find((one) => one.matches(CAN) && one.checkVisibility());
};

function heir() {
  const namesake = last.id && document.getElementById(last.id);
  if (namesake) return focusable(namesake);
  for (const [parent, index] of trail) {
    if (!parent.isConnected || parent === document.body) continue;
    const found = focusable(parent.children[Math.min(index, parent.children.length - 1)]) ?? focusable(parent);
    if (found) return found;
  }
  return document.getElementById("workspace");
}

function changed(records) {
  if (!last || document.activeElement !== document.body) return;
  const taken = records.flatMap((one) => [...one.removedNodes]).find((node) => node.contains(last));
  if (!taken || taken.id === "workspace") return;
  (last.isConnected ? last : heir())?.focus({ preventScroll: true });
}

export function start() {
  document.addEventListener("focusin", remember);
  // A click on nothing takes the focus away on purpose.
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest(CAN)) last = null; });
  new MutationObserver(changed).observe(document.body, { childList: true, subtree: true });
}
