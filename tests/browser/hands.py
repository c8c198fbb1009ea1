"""What the stories' hands have in common: patient with a busy machine, with rows and menus that change meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress

from playwright.sync_api import Browser, Error, Locator, Page, expect
from playwright.sync_api import TimeoutError as TooLate

from tests.labs import PATIENCE_MS, LabProcess

DIALOG = "#dialogs dialog[open]"
MENU_ITEM = "#menus [role=menuitem]:visible"
TRY_MS = 20_000  # then what was opened is gone: a list that changed has taken its menu along


def new_page(browser: Browser, lab: LabProcess, **options: object) -> Page:
    """A page of a person of their own, patient."""
    context = browser.new_context(base_url=lab.url, **{"viewport": {"width": 1440, "height": 900}, **options})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


def go(page: Page, address: str) -> None:
    """Open an address, also where the page shown is just loading itself anew (its lab was reset, say)."""
    for _again in range(5):
        try:
            page.goto(address)
            return
        except Error as why:
            if "interrupted by another navigation" not in str(why):
                raise
            page.wait_for_load_state()
    page.goto(address)


def log_in(page: Page, who: str, password: str, then: str = "/") -> None:
    """Log in and wait for the navigator; English and light, whatever an earlier story left in the preferences."""
    page.goto(f"/login/?next={then}")
    page.fill("input[name=username]", who)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("#tree-pane[aria-busy=false]", state="attached")
    as_new(page)


def as_new(page: Page) -> None:
    headers = page.evaluate("JSON.parse(document.body.getAttribute('hx-headers'))")
    kept = {
        "language": (page.locator("html").get_attribute("lang"), "en"),
        "theme": (page.locator("body").get_attribute("cds-theme"), "light"),
    }
    changed = {name: wanted for name, (now, wanted) in kept.items() if now != wanted}
    for name, wanted in changed.items():
        answer = page.request.post(f"/preferences/{name}/", form={name: wanted}, headers=headers)
        assert answer.ok, answer.status
    if changed:
        page.reload()
        page.wait_for_selector("#tree-pane[aria-busy=false]", state="attached")


def password_of(lab: LabProcess, who: str) -> str:
    return next(one["password"] for one in lab.accounts() if one["username"] == who)


def item(page: Page, label: str) -> Locator:
    """The entry of the menu that is open, by how its label begins; of the innermost menu."""
    return page.locator(MENU_ITEM, has_text=re.compile(f"^\\s*{re.escape(label)}")).last


def through_menu(page: Page, open_menu: Callable[[], None], *path: str) -> None:
    """Open a menu and follow the labels; once more where the menu went away before the last of them was pressed."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while True:
        open_menu()
        try:
            page.locator(MENU_ITEM).first.wait_for(timeout=TRY_MS)
            for label in path:
                item(page, label).click(timeout=TRY_MS)
            return
        except TooLate:
            assert time.monotonic() < deadline_s, f"the menu does not offer {' > '.join(path)}"
            page.keyboard.press("Escape")
            page.keyboard.press("Escape")


def follow(page: Page, *path: str) -> None:
    """The Actions menu of the shown object."""
    through_menu(page, lambda: page.locator("#actions-button").click(), *path)


def right_click(page: Page, row: Locator, *path: str) -> None:
    """The menu of a row of a list."""
    through_menu(page, lambda: row.locator("td").nth(2).click(button="right"), *path)


def expand(line: Locator) -> None:
    """Open a line of the tree. The page may open it at the same moment, to show where it is: then again."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while line.get_attribute("aria-expanded") != "true":
        assert time.monotonic() < deadline_s, f"it does not open: {line}"
        line.locator(":scope > .line .twisty").click()
        with suppress(AssertionError):
            expect(line).to_have_attribute("aria-expanded", "true", timeout=TRY_MS)


def speed(page: Page, times: float) -> None:
    """Set how fast the clock of the shown object's lab runs; 0 stops it."""
    vc = page.locator("#workspace").get_attribute("data-vc")
    answer = page.evaluate(
        """([url, times]) => fetch(url, {method: "POST", body: new URLSearchParams({verb: "speed", speed: times}),
        headers: {"X-CSRFToken": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"]}})
        .then((one) => one.status)""",
        [f"/vc/{vc}/clock/", str(times)],
    )
    assert answer == 200
