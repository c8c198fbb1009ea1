// While a machine is dragged, the tree scrolls when the pointer comes near its upper or lower edge.
const EDGE_PX = 48;
const FASTEST_PX = 14; // per frame, at the very edge
const QUIET_MS = 500; // a drag that is still on says so more often than that; the pointer may have left the window

const pane = document.getElementById("tree-pane");
let speed = 0;
let heardAt = 0;
let frame = 0;

// Pixels per frame where the pointer is: negative is up, 0 is away from the edges.
function speedAt({ clientX, clientY }) {
  const box = pane.getBoundingClientRect();
  if (clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom) return 0;
  const up = EDGE_PX - (clientY - box.top);
  const down = EDGE_PX - (box.bottom - clientY);
  if (up <= 0 && down <= 0) return 0;
  return (FASTEST_PX * (up > down ? -up : down)) / EDGE_PX;
}

function over(event) {
  if (!document.body.classList.contains("dragging-vm")) return;
  speed = speedAt(event);
  heardAt = performance.now();
  if (speed && !frame) frame = requestAnimationFrame(step);
}

function step() {
  frame = 0;
  if (!speed || performance.now() - heardAt > QUIET_MS) return;
  pane.scrollTop += speed;
  frame = requestAnimationFrame(step);
}

function end() {
  speed = 0;
}

export function start() {
  document.addEventListener("dragover", over);
  document.addEventListener("dragend", end);
  document.addEventListener("drop", end);
}
