"""Stories with hands: the whole life of a virtual machine through grid, menus, wizard and dialogs; keys and focus."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import Page, Route, expect

from tests.browser.hands import DIALOG, right_click

Enter = Callable[..., Page]
AXE = Path(settings.BASE_DIR) / "node_modules/axe-core/axe.min.js"
PICTURES = Path(settings.BASE_DIR) / "test-results" / "dialogs"


def to_vms(page: Page) -> None:
    """The VMs of the first cluster."""
    page.goto("/search/?q=Cluster&kind=ClusterComputeResource")
    base = page.locator(".page-body .object-link").first.get_attribute("href")
    page.goto(f"{base}vms/")
    expect(page.locator("[data-grid=vms] tbody tr").first).to_be_visible()


def row(page: Page, name: str):
    return page.locator(f"[data-grid=vms] tbody tr[data-name='{name}']")


def choose(page: Page, name: str, *path: str) -> None:
    """Right-click on a row, then follow the menu."""
    right_click(page, row(page, name), *path)


def find(page: Page, text: str) -> None:
    page.fill(".grid-find input", text)
    page.wait_for_url(re.compile(f"q={text}"))


def press_next(page: Page, title: str) -> None:
    page.locator(f"{DIALOG} footer button[value=next]").click()
    expect(page.locator(f"{DIALOG} h3")).to_have_text(title)


def test_the_life_of_a_virtual_machine(enter: Enter) -> None:
    page = enter()
    to_vms(page)
    page.locator("#workspace .quick [data-action=new-vm], #workspace .quick [aria-label^='New Virtual']").first.click()
    press_next(page, "Select a name and folder")
    page.fill(f"{DIALOG} input[name=name-name]", "story-01")
    press_next(page, "Select a compute resource")
    expect(page.locator(f"{DIALOG} .verdict")).to_contain_text("Compatibility checks succeeded")
    press_next(page, "Select storage")
    press_next(page, "Select compatibility")
    press_next(page, "Select a guest OS")
    press_next(page, "Customize hardware")
    page.fill(f"{DIALOG} input[name=hardware-memory_0]", "1")
    press_next(page, "Ready to complete")
    expect(page.locator(f"{DIALOG} .review")).to_contain_text("story-01")
    page.locator(f"{DIALOG} button[value=finish]").last.click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)
    expect(page.locator("#recent-tasks")).to_contain_text("Create virtual machine")

    find(page, "story")
    expect(row(page, "story-01")).to_contain_text("Powered off")
    choose(page, "story-01", "Power", "Power On")
    expect(row(page, "story-01")).to_contain_text("Powered on")
    choose(page, "story-01", "Power", "Power Off")
    page.locator(f"{DIALOG} footer button[type=submit]").click()
    expect(row(page, "story-01")).to_contain_text("Powered off")

    choose(page, "story-01", "Edit Settings")
    page.fill(f"{DIALOG} input[name=memory_0]", "2")
    page.locator(f"{DIALOG} footer button[type=submit]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)
    expect(page.locator("#recent-tasks tr", has_text="Reconfigure virtual machine").first).to_contain_text("Completed")
    choose(page, "story-01", "Delete from Disk")
    expect(page.locator(f"{DIALOG} .radius")).to_contain_text("recycle bin")
    page.locator(f"{DIALOG} footer button[type=submit]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)
    expect(row(page, "story-01")).to_have_count(0)
    expect(page.locator("#recent-tasks tr", has_text="Delete virtual machine").first).to_contain_text("Completed")


def test_a_grid_keeps_selection_focus_and_history(enter: Enter) -> None:
    page = enter()
    to_vms(page)
    first = page.locator("[data-grid=vms] tbody tr").first
    first.locator("td").nth(2).click()
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("[data-grid=vms] tr[aria-selected=true]")).to_have_count(2)
    expect(page.locator(".grid-selected")).to_have_text("2 selected")
    page.locator("th a", has_text="Status").click()
    page.wait_for_url(re.compile("sort=status"))
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Status")
    expect(page.locator(".grid-selected")).to_have_text("2 selected")
    page.go_back()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Name")
    page.locator("[data-grid=vms] tbody td").nth(1).focus()
    grid = page.locator("[data-grid]").get_attribute("data-url") or ""
    with page.expect_response(lambda answer: urlsplit(answer.url).path == grid) as looked:
        page.evaluate("document.dispatchEvent(new CustomEvent('live:tree', { detail: {} }))")
    looked.value.finished()
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("document.activeElement.tagName") == "TD"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/vm-\d+/"))


def test_enter_by_mistake_destroys_nothing(enter: Enter) -> None:
    """The question before something hard to take back has the focus on Cancel; one that is harmless, on its verb."""
    page = enter()
    to_vms(page)
    name = page.locator("[data-grid=vms] tbody tr", has_text="Powered off").first.get_attribute("data-name") or ""
    choose(page, name, "Delete from Disk")
    expect(page.locator(f"{DIALOG} footer .btn-danger")).to_be_visible()
    expect(page.locator(f"{DIALOG} footer [data-close]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(DIALOG)).to_have_count(0)
    expect(row(page, name)).to_be_visible()


def test_menus_obey_the_keys_of_their_pattern_and_give_the_focus_back(enter: Enter) -> None:
    page = enter()
    to_vms(page)
    page.locator("[data-grid=vms] tbody td").nth(2).focus()
    page.keyboard.press("Shift+F10")
    expect(page.locator("#menus [role=menuitem]:focus")).to_have_text("Power")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#menus [role=menu][data-owner] [role=menuitem]:focus")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#menus [role=menuitem]:focus")).to_have_text("Power")
    page.keyboard.press("Escape")
    expect(page.locator("#menus > *")).to_have_count(0)
    assert page.evaluate("document.activeElement.tagName") == "TD"


def test_what_is_typed_while_a_part_is_drawn_again_stays(enter: Enter) -> None:
    """CPUs decide the choices of cores per socket: somebody who goes on to the memory is faster than that answer."""
    page = enter()
    to_vms(page)
    page.locator("#workspace .quick [data-action=new-vm], #workspace .quick [aria-label^='New Virtual']").first.click()
    for title in ("Select a name and folder", "Select a compute resource", "Select storage", "Select compatibility"):
        press_next(page, title)
        if "name" in title:
            page.fill(f"{DIALOG} input[name=name-name]", "typed-quickly")
    press_next(page, "Select a guest OS")
    press_next(page, "Customize hardware")
    held: list[Route] = []
    page.route("**/new-vm/**", lambda route: held.append(route) if not held else route.continue_())
    page.fill(f"{DIALOG} input[name=hardware-vcpus]", "4")
    page.press(f"{DIALOG} input[name=hardware-vcpus]", "Tab")
    memory = page.locator(f"{DIALOG} input[name=hardware-memory_0]")
    memory.fill("9")
    held[0].continue_()
    expect(page.locator(f"{DIALOG} select[name=hardware-cores_per_socket] option")).to_have_count(3)
    expect(memory).to_have_value("9")


def test_an_abandoned_form_asks_once(enter: Enter) -> None:
    page = enter()
    to_vms(page)
    name = page.locator("[data-grid=vms] tbody tr").first.get_attribute("data-name") or ""
    choose(page, name, "Rename")
    expect(page.locator(DIALOG)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#dialogs dialog")).to_have_count(0)
    choose(page, name, "Rename")
    page.fill(f"{DIALOG} input[name=name]", "something else")
    page.keyboard.press("Escape")
    expect(page.locator(f"{DIALOG} [data-notice=discard]")).to_be_visible()
    page.locator(f"{DIALOG} [data-discard]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not set up")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_in_menus_and_dialogs(enter: Enter, theme: str) -> None:
    page = enter(bypass_csp=True)  # axe and pictures bring styles of their own
    page.context.add_cookies([{"name": "theme", "value": theme, "url": page.url}])
    to_vms(page)
    PICTURES.mkdir(parents=True, exist_ok=True)
    name = page.locator("[data-grid=vms] tbody tr").first.get_attribute("data-name") or ""
    found = []
    for path in ((), ("Edit Settings",), ("Clone", "Clone to Virtual Machine"), ("Snapshots", "Take Snapshot")):
        choose(page, name, *path)
        if path:
            expect(page.locator(DIALOG)).to_be_visible()
        page.screenshot(path=PICTURES / f"{theme}-{'-'.join(path) or 'menu'}.png")
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run('#dialogs, #menus, [data-grid]', { resultTypes: ['violations'] })")
        found += [
            f"{path} {one['id']}: {one['nodes'][0]['target']} {one['nodes'][0].get('failureSummary', '')}"
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(page.locator("#dialogs dialog, #menus > *")).to_have_count(0)
    assert not found, "\n".join(found)
