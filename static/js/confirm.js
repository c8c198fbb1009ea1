// hx-confirm asks in the house's own dialog: in the person's language and theme, with the verb of the button on it.

const dialog = document.getElementById("confirm");

function verbOf(element) {
  const button = element.matches("form") ? element.querySelector("[type=submit]") : element;
  return (button?.textContent.trim() || button?.getAttribute("aria-label") || "").trim();
}

function ask(question, verb) {
  const yes = dialog.querySelector("[data-verb]");
  dialog.querySelector("#confirm-text").textContent = question;
  if (verb) yes.textContent = verb;
  dialog.returnValue = "";
  dialog.showModal();
  dialog.querySelector("footer [value='']").focus(); // Enter by mistake does nothing
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

export function start() {
  dialog.addEventListener("keydown", (event) => event.key.length === 1 && event.stopPropagation()); // letters are no shortcuts here
  document.addEventListener("htmx:confirm", (event) => {
    const { question, elt, issueRequest } = event.detail;
    if (!question) return;
    event.preventDefault();
    const focused = document.activeElement;
    ask(question, verbOf(elt)).then((yes) => {
      if (focused?.isConnected) focused.focus({ preventScroll: true });
      if (yes) issueRequest(true);
    });
  });
}
