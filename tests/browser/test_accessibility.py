"""axe-core finds nothing serious, whatever a person opens, in either theme; a phone shows what it has to.

Pictures of the main pages are kept for people to look at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Error, Page

from tests.browser.hands import log_in, new_page, password_of
from tests.everywhere import ALONE, DIALOG, FAULT, TEACHER, Place
from tests.labs import LabProcess

AXE = Path(settings.BASE_DIR) / "node_modules/axe-core/axe.min.js"
PICTURES = Path(settings.BASE_DIR) / "var" / "pictures"  # the folder test-results is emptied by the driver
SERIOUS = ("serious", "critical")
PASSING_MS = 10_000  # longer than anything that goes away by itself stays
# A tree item's visible text contains that of its children: the first cannot hold for nested items. The next two are
# judged in LOOK; the last two cost much, and what they find is never serious.
LEFT_OUT = ("label-content-name-mismatch", "color-contrast", "link-in-text-block", "region", "heading-order")
EVERY_RULE = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "rules": {rule: {"enabled": False} for rule in LEFT_OUT},
    "preload": False,
}
# By all rules in light; in dark by those of colour, which alone can have another answer. These cost by far the most,
# and say the same wherever ink, size and what lies behind are the same: each such pair is judged where it is met first.
# The shell is looked at with the first page, then what the place has brought.
LOOK = """async ([theme, rules, whole, again]) => {
    document.body.setAttribute("cds-theme", theme);
    const dialog = document.querySelector("#dialogs > dialog[open]");
    const brought = dialog ?? (whole ? null : document.getElementById("workspace"));
    const there = brought ?? document.body;
    if (dialog) dialog.dataset.looked = theme;
    for (const rows of there.querySelectorAll("tbody")) {
        for (const row of [...rows.children].slice(8)) row.hidden = true; // they are like those above
    }
    if (again) delete window.knownPairs?.[theme];
    const known = (window.knownPairs ??= {})[theme] ??= new Set();
    const behind = (node) => {
        const layers = [];
        for (; node; node = node.parentElement) {
            const { backgroundColor, backgroundImage, opacity } = getComputedStyle(node);
            if (opacity !== "1") layers.push(opacity);
            if (backgroundImage !== "none") layers.push(backgroundImage);
            if (backgroundColor !== "rgba(0, 0, 0, 0)") layers.push(backgroundColor);
            if (backgroundColor.startsWith("rgb(")) break;
        }
        return layers;
    };
    const written = (node) => node.matches("input, select, textarea")
        || [...node.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    const unknown = [...there.querySelectorAll("*")].filter((node) => {
        if (!written(node) || !node.checkVisibility({ visibilityProperty: true })) return false;
        const { color, fontSize, fontWeight, textDecorationLine } = getComputedStyle(node);
        const beside = node.matches("a") ? [textDecorationLine, getComputedStyle(node.parentElement).color] : [];
        const off = node.matches(":disabled *, :disabled");
        const pair = [color, fontSize, fontWeight, off, ...beside, ...behind(node)].join();
        return !known.has(pair) && known.add(pair);
    });
    const found = rules ? (await axe.run(brought ?? document, rules)).violations : [];
    if (!unknown.length) return found;
    const colours = { resultTypes: ["violations"], runOnly: ["color-contrast", "link-in-text-block"], preload: false };
    return [...found, ...(await axe.run({ include: unknown }, colours)).violations];
}"""
# As a link does, but known to have arrived; a place that is no page of the shell says false.
VISIT = """url => new Promise(resolve => {
    document.querySelector("#dialogs > dialog")?.close();
    document.addEventListener("shell:arrived", () => resolve(true), { once: true });
    document.addEventListener("htmx:responseError", () => resolve(false), { once: true });
    const link = Object.assign(document.createElement("a"), { href: url, hidden: true });
    document.body.append(link);
    htmx.process(link);
    link.click();
    link.remove();
})"""
OPEN = """url => {
    document.querySelector("#dialogs > dialog")?.close();
    const opener = document.createElement("button");
    opener.dataset.dialog = url;
    document.getElementById("workspace").append(opener);
    opener.click();
    opener.remove();
}"""
KEPT = {
    "vcenter summary/summary/", "vcenter permissions/permissions/", "vcenter vms/", "vcenter monitor/events/",
    "datacenter summary/summary/", "cluster summary/summary/", "datacenter monitor/performance/",
    "cluster monitor/advanced/", "host monitor/advanced/",
    "cluster monitor/recommendations/", "cluster configure/drs/", "host summary/summary/",
    "host configure/switches/", "vm summary/summary/", "vm snapshots/", "vm dialog edit-settings",
    "datastore summary/summary/", "datastore files/", "network summary/summary/", "inventory:home", "inventory:tasks",
    "inventory:events", "inventory:preferences", "inventory:recycle-bin", "inventory:roles", "inventory:audit",
    "inventory:find", "classroom:wall", "account_login",
}  # fmt: skip
NARROW = ("/", "/tasks/", "/second-factor/")
NARROW_TABS = {
    "ClusterComputeResource": ("summary", "monitor/heat", "monitor/consumers", "vms"),
    "VirtualMachine": ("summary", "monitor/advanced"),
}


class Visitor:
    """One of those who look, in a page that goes from place to place as links do: the shell is loaded once."""

    def __init__(self, browser: Browser, lab: LabProcess, session: str) -> None:
        self.page = new_page(browser, lab, reduced_motion="reduce")
        self.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": lab.url}])
        self.page.add_init_script(path=AXE)
        self.fresh = True  # the shell was not looked at yet

    def open(self, place: Place) -> None:
        """Show a page, or a dialog over what is shown; then what it is made of has come."""
        page = self.page
        if place.what == DIALOG:
            if not self.in_shell():
                page.goto("/")
            page.evaluate(OPEN, place.address)
            page.wait_for_selector("#dialogs > dialog[open]:not([data-looked])")
        elif place.what == ALONE or not self.in_shell() or not page.evaluate(VISIT, place.address):
            page.goto(place.address)
            self.fresh = True
        if self.in_shell():
            page.wait_for_selector("#tree-pane[aria-busy=false]", state="attached")

    def in_shell(self) -> bool:
        return self.page.query_selector("#navigator") is not None

    def findings(self, theme: str, rules: dict[str, Any] | None) -> list[str]:
        """What axe calls serious in what the place has brought. What may pass by, as a toast, is looked at again."""
        found = self._serious(theme, rules, again=False)
        if found:
            self.page.wait_for_timeout(PASSING_MS)
            found = self._serious(theme, rules, again=True)
        return found

    def _serious(self, theme: str, rules: dict[str, Any] | None, *, again: bool) -> list[str]:
        found = self.page.evaluate(LOOK, [theme, rules, self.fresh, again])
        return [
            f"{rule['id']} {node['target']} {node['html'][:160]}"
            for rule in found if rule["impact"] in SERIOUS for node in rule["nodes"]
        ]  # fmt: skip


@pytest.fixture
def told(lab_server: LabProcess) -> Iterator[dict[str, Any]]:
    """All places of the lab, and a class that is there for the while."""
    everywhere = ("shell", "-v0", "-c", "from tests import everywhere; everywhere.{}()")
    ask, forget = ((*everywhere[:-1], everywhere[-1].format(verb)) for verb in ("tell", "forget"))
    yield json.loads(lab_server.manage(*ask))
    lab_server.manage(*forget)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not set up")
def test_nothing_serious_anywhere(told: dict[str, Any], browser: Browser, lab_server: LabProcess) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    places = [Place(*one) for one in told["places"]]
    problems = [place.name for place in places if place.what == FAULT]
    for who, session in told["sessions"].items():
        visitor = Visitor(browser, lab_server, session)
        for place in places:
            if place.who == who and place.what != FAULT:
                problems += look(visitor, place)
        visitor.page.context.close()
    assert not problems, "\n".join(problems)
    assert len(places) > 150
    assert {place.name for place in places} >= KEPT


def look(visitor: Visitor, place: Place) -> list[str]:
    """The findings of both themes; the pictures are taken on the way."""
    found: list[str] = []
    try:
        visitor.open(place)
    except Error as why:
        return [f"{place.name} does not open: {why}"]
    for theme, rules in {"dark": None, "light": EVERY_RULE}.items():
        found += [f"{place.name}, {theme}: {one}" for one in visitor.findings(theme, rules)]
        if place.name in KEPT:
            visitor.page.screenshot(path=PICTURES / f"{theme}-{picture(place.name)}.png")
    visitor.fresh = False
    return found


@pytest.fixture
def page(lab_server: LabProcess, browser: Browser) -> Iterator[Page]:
    page = new_page(browser, lab_server)
    log_in(page, TEACHER, password_of(lab_server, TEACHER))
    page.wait_for_selector(".tree [role=treeitem]")
    yield page
    page.context.close()


def addresses(page: Page, pages: tuple[str, ...], tabs_of: dict[str, tuple[str, ...]]) -> list[str]:
    """The pages, and the tabs of one object of each kind, found by the search as a person would."""
    found = list(pages)
    for kind, tabs in tabs_of.items():
        page.goto(f"/search/?q={'e' if kind != 'ClusterComputeResource' else 'Cluster'}&kind={kind}")
        base = page.locator(".page-body .object-link").first.get_attribute("href")
        found += [f"{base}{tab}/" for tab in tabs]
    return found


def test_a_phone_shows_the_main_pages_without_scrolling_sideways(page: Page) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = addresses(page, NARROW, NARROW_TABS)
    page.set_viewport_size({"width": 390, "height": 844})
    wide = []
    for address in found:
        page.goto(address)
        page.wait_for_selector("#tree-pane[aria-busy=false]", state="attached")
        name = "-".join(part for part in address.split("/") if part and part != "vc" and len(part) != 36)
        page.screenshot(path=PICTURES / f"narrow-{name.rstrip('-0123456789') or 'home'}.png")
        width = page.evaluate("document.scrollingElement.scrollWidth")
        wide += [f"{address}: {width} px"] if width > 390 else []
    assert not wide, "\n".join(wide)


def picture(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")
