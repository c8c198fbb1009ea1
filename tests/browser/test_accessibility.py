"""axe-core finds nothing serious on the main pages, in either theme; their pictures are kept for people to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page

from tests.browser.hands import log_in, new_page, password_of
from tests.labs import LabProcess

AXE = Path(settings.BASE_DIR) / "node_modules/axe-core/axe.min.js"
PICTURES = Path(settings.BASE_DIR) / "var" / "pictures"  # the folder test-results is emptied by the driver
# A tree item's visible text contains that of its children, so this rule cannot hold for nested items.
OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "rules": {"label-content-name-mismatch": {"enabled": False}},
}
TABS = {
    "ClusterComputeResource": ("summary", "monitor/cpu", "configure/general", "hosts", "vms"),
    "HostSystem": ("summary", "configure/switches", "permissions"),
    "VirtualMachine": ("summary", "monitor/events", "monitor/performance", "snapshots"),
    "Datastore": ("summary", "files"),
}
# Pages of a kind that others show too: one theme is enough for them.
MORE_TABS = {
    "ClusterComputeResource": (
        "monitor/consumers", "monitor/heat", "monitor/advanced/?style=vms", "configure/alarm-definitions",
        "permissions", "dialog-new-alarm",
    ),
    "HostSystem": ("monitor/utilization",),
    "VirtualMachine": ("monitor/advanced", "dialog-edit-settings"),
    "Network": ("summary", "configure"),
    "Datacenter": ("summary",),
}  # fmt: skip
MORE_PAGES = ("/audit/", "/roles/", "/sessions/", "/second-factor/", "/password/")
NARROW = ("/", "/tasks/", "/second-factor/")
NARROW_TABS = {
    "ClusterComputeResource": ("summary", "monitor/heat", "monitor/consumers", "vms"),
    "VirtualMachine": ("summary", "monitor/advanced"),
}
PAGES = ("/", "/tasks/", "/events/", "/search/?q=web", "/recycle/", "/preferences/")


@pytest.fixture
def page(lab_server: LabProcess, browser: Browser) -> Iterator[Page]:
    page = new_page(browser, lab_server)
    log_in(page, "administrator", password_of(lab_server, "administrator"))
    page.wait_for_selector(".tree [role=treeitem]")
    yield page
    page.context.close()


def addresses(page: Page, pages: tuple[str, ...], tabs_of: dict[str, tuple[str, ...]]) -> list[str]:
    """The pages, and the tabs of one object of each kind, found by the search as a person would."""
    found = list(pages)
    for kind, tabs in tabs_of.items():
        page.goto(f"/search/?q={'e' if kind != 'ClusterComputeResource' else 'Cluster'}&kind={kind}")
        base = page.locator(".page-body .object-link").first.get_attribute("href")
        found += [f"{base}{tab}{'' if '?' in tab else '/'}" for tab in tabs]
    return found


def show(page: Page, address: str) -> None:
    """Open a page, or a dialog over the object that it is about."""
    base, is_dialog, name = address.partition("dialog-")
    page.goto(base)
    page.wait_for_selector("#tree-pane[aria-busy=false]", state="attached")
    if is_dialog:
        page.evaluate(
            """url => { const opener = document.createElement("button"); opener.dataset.dialog = url;
            document.getElementById("workspace").append(opener); opener.click(); opener.remove(); }""",
            f"{base}dialog/{name}",
        )
        page.wait_for_selector("dialog[open] form")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not set up")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious(page: Page, theme: str, lab_server: LabProcess) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": lab_server.url}])
    PICTURES.mkdir(parents=True, exist_ok=True)
    problems = []
    shown = addresses(page, PAGES, TABS) + (addresses(page, MORE_PAGES, MORE_TABS) if theme == "light" else [])
    for address in shown:
        show(page, address)
        page.screenshot(path=PICTURES / f"{theme}-{picture(address)}.png")
        page.evaluate(AXE.read_text())
        for rule in page.evaluate("options => axe.run(options)", OPTIONS)["violations"]:
            if rule["impact"] in ("serious", "critical"):
                problems += [f"{address}: {rule['id']} {node['target']} {node['html'][:120]}" for node in rule["nodes"]]
    assert not problems, "\n".join(problems)


def test_a_phone_shows_the_main_pages_without_scrolling_sideways(page: Page) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = addresses(page, NARROW, NARROW_TABS)
    page.set_viewport_size({"width": 390, "height": 844})
    wide = []
    for address in found:
        show(page, address)
        page.screenshot(path=PICTURES / f"narrow-{picture(address)}.png")
        width = page.evaluate("document.scrollingElement.scrollWidth")
        wide += [f"{address}: {width} px"] if width > 390 else []
    assert not wide, "\n".join(wide)


def picture(address: str) -> str:
    """The name of a picture: the kind of the object and the tab."""
    parts = [part for part in address.split("?")[0].split("/") if part and part != "vc" and len(part) != 36]
    return "-".join(parts).rstrip("-0123456789") or "home"
