// Where somebody lands whose page shows an object that is there no more: on what it was in, or at home, with a sentence
// that says why. The page names what its object is in: data-above of the workspace, the nearest first.
import { current, toast, words, workspace, fill } from "./shell.js";

const KEPT = "landing";
let leaving = false;

async function answers(url) {
  const answer = await fetch(url, { method: "HEAD" }).catch(() => null);
  return answer === null ? null : answer.ok;
}

// The first of these addresses that is there; null where the server does not answer.
async function first(urls) {
  for (const url of urls) {
    const there = await answers(url);
    if (there === null) return null;
    if (there) return url;
  }
  return "/";
}

function said(anew, name, to, its) {
  if (its) return anew ? words.labAnew : "";
  return fill(anew && to !== "/" ? words.labAnewWithout : words.goneFromHere, { name });
}

// `anew`: the lab was taken to another state, so that even what is still there has to be read anew.
export async function land(anew = false) {
  const { vc, moref, name } = current();
  if (!vc || leaving) return;
  leaving = true;
  const here = location.href;
  const own = [here, `/vc/${vc}/${moref}/`];
  const above = (workspace().dataset.above ?? "").split(" ").filter(Boolean).map((one) => `/vc/${vc}/${one}/`);
  const to = await first([...own, ...above, `/vc/${vc}/`]);
  leaving = false;
  if (location.href !== here) return;
  if (to === null) return void (anew && location.reload());
  if (to === here && !anew) return;
  sessionStorage.setItem(KEPT, said(anew, name, to, own.includes(to)));
  if (to === here) location.reload();
  else location.replace(to);
}

export function start() {
  document.addEventListener("live:gone", ({ detail }) => { if (detail.vc === current().vc) land(); });
  document.addEventListener("live:anew", ({ detail }) => { if (detail.vc === current().vc) land(true); });
  document.addEventListener("shell:missing", () => land());
  const text = sessionStorage.getItem(KEPT);
  if (!text) return;
  sessionStorage.removeItem(KEPT);
  toast(text, "info", true);
}
