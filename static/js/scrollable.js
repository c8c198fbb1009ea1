// What scrolls and holds nothing that can have the focus gets it itself, so that it can be scrolled by keyboard.
const REGIONS = ".page-body, .content, .panel, .notes, .scroll-x, .bulk-list, .pick-table, .dialog-body, .chart-table > div";
const CAN = "a[href], button:not(:disabled), input:not(:disabled, [type=hidden]), select:not(:disabled), textarea:not(:disabled), summary:not(:disabled *), [tabindex]:not([tabindex='-1'])";
const WAIT_MS = 120;
let waiting = 0;

const scrolls = (region) => region.scrollHeight > region.clientHeight + 1 || region.scrollWidth > region.clientWidth + 1;
const holds = (region) => [...region.querySelectorAll(CAN)].some((one) => !one.hasAttribute("data-scrollable") && one.checkVisibility());

function look() {
  waiting = 0;
  for (const region of document.querySelectorAll(REGIONS)) {
    const wanted = scrolls(region) && !holds(region);
    if (wanted === region.hasAttribute("data-scrollable")) continue;
    region.toggleAttribute("data-scrollable", wanted);
    if (wanted) region.tabIndex = 0;
    else if (region !== document.activeElement) region.removeAttribute("tabindex");
  }
}

const lookSoon = () => { waiting ||= setTimeout(look, WAIT_MS); };

export function start() {
  for (const name of ["htmx:afterSettle", "shell:arrived", "dialog:drawn", "toggle"]) document.addEventListener(name, lookSoon, true);
  window.addEventListener("resize", lookSoon);
  look();
}
