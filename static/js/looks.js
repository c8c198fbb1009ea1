// Who only looks into a vCenter is not offered what changes it. Rows of tasks and alarms are drawn once for everybody: what
// changes something bears data-changes there, and lies in an element with data-vc.
const only = new Set();
const sheet = new CSSStyleSheet();

function draw() {
  sheet.replaceSync([...only].map((vc) => `[data-vc="${CSS.escape(vc)}"] [data-changes] { display: none !important }`).join("\n"));
}

// True where that was news: what else the page offers there is old then.
export function looks(vc, yes) {
  if (only.has(vc) === yes) return false;
  yes ? only.add(vc) : only.delete(vc);
  draw();
  return true;
}

export function start() {
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const clocks = document.getElementById("lab-clocks");
  for (const clock of clocks ? JSON.parse(clocks.textContent) : []) looks(clock.vc, clock.looks);
}
