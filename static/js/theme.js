// Light and dark: shown at once, remembered by the server for this person on every machine.
import { token } from "./shell.js";

function toggle(button) {
  const theme = document.body.getAttribute("cds-theme") === "dark" ? "light" : "dark";
  document.body.setAttribute("cds-theme", theme);
  document.dispatchEvent(new CustomEvent("shell:theme", { detail: { theme } }));
  fetch(button.dataset.url, {
    method: "POST",
    headers: { "X-CSRFToken": token() },
    body: new URLSearchParams({ theme }),
  });
}

export function start() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-toggle]");
    if (button) toggle(button);
  });
}
