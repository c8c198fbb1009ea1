// Where somebody lands whose page shows an object that is there no more: on what it was in, or at home, with a sentence
// that says why. The page names what its object is in: data-above of the workspace, the nearest first.
import { current, toast, words, workspace, fill } from "./shell.js";

const KEPT = "landing";
let leaving = false;

// The first of these references that the person sees there, "" where none is; null where the server does not answer.
async function first(vc, refs) {
  const answer = await fetch(`/landing/?${new URLSearchParams({ vc, on: refs.join(",") })}`).catch(() => null);
  return answer?.ok ? (await answer.json()).at : null;
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
  const at = await first(vc, [moref, ...(workspace().dataset.above ?? "").split(" ").filter(Boolean)]);
  leaving = false;
  if (location.href !== here) return;
  if (at === null) return void (anew && location.reload());
  const its = at === moref;
  const to = at ? `/vc/${vc}/${at}/` : "/";
  sessionStorage.setItem(KEPT, said(anew, name, to, its));
  if (its && anew) location.reload();
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
