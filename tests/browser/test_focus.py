"""The focus is never lost, whatever live updates take away; keys do what they say with any keyboard."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.hands import DIALOG, MENU_ITEM
from tests.browser.test_shell import expect_focus, line, open_to, press_together

Enter = Callable[..., Page]
# Three buttons in a list; then what a live update may do to the one that has the focus.
UPDATE = """what => {
    const list = document.createElement("ul");
    list.innerHTML = ["one", "two", "three"].map(name => `<li><button type="button">${name}</button></li>`).join("");
    document.querySelector("#workspace .page-body").append(list);
    const item = list.children[1];
    item.firstElementChild.focus();
    ({
        replaced: () => { item.innerHTML = '<button type="button">two anew</button>'; },
        removed: () => item.remove(),
        moved: () => list.append(item),
        emptied: () => list.replaceChildren(),
    })[what]();
    return new Promise(done => setTimeout(() => { list.remove(); done(window.had); }));
}"""
WATCH = "document.addEventListener('focusin', event => { window.had = event.target.id || event.target.textContent })"
SUSPEND = """row => fetch(row.dataset.rowMenu.replace("/menu/", "/do/suspend/"), { method: "POST",
    headers: { "X-CSRFToken": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"] } })"""


def test_the_focus_goes_to_what_comes_in_its_place(enter: Enter) -> None:
    page = enter()
    page.evaluate(WATCH)
    heirs = {"replaced": "two anew", "removed": "three", "moved": "two"}
    assert {what: page.evaluate(UPDATE, what) for what in heirs} == heirs
    page.evaluate(UPDATE, "emptied")
    assert page.evaluate("document.activeElement !== document.body")


def test_a_link_in_a_row_that_changes_keeps_the_focus(enter: Enter) -> None:
    page = enter()
    page.goto("/search/?q=Cluster-A&kind=ClusterComputeResource")
    page.goto(f"{page.locator('.page-body .object-link').first.get_attribute('href')}vms/?q=web")
    row = page.locator("[data-grid] tbody tr", has_text="Powered on").last
    name = row.get_attribute("data-name")
    row = page.locator(f"[data-grid] tbody tr[data-name='{name}']")
    row.locator("td a").first.focus()
    row.evaluate(SUSPEND)
    expect(row).to_contain_text("Suspended")
    expect(row.locator("td a").first).to_be_focused()


def test_the_menu_key_of_the_tree_is_about_the_line_that_has_the_focus(enter: Enter) -> None:
    page = enter()
    open_to(page, "vcenter-01.lab", "Seoul-DC", "Cluster-A")
    line(page, "Cluster-A").locator(":scope > .line .name").click()
    expect(page.locator("#workspace h1")).to_have_text("Cluster-A")
    line(page, "esx-02.lab.local").focus()
    page.keyboard.press(".")
    expect(page.locator(f"{MENU_ITEM}[data-label='Maintenance Mode']")).to_be_visible()
    page.keyboard.press("Escape")
    expect_focus(page, "esx-02.lab.local")


def test_no_letter_of_a_name_is_a_shortcut(enter: Enter) -> None:
    page = enter()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/search/?q=web&kind=VirtualMachine")
    page.locator(".page-body .object-link").first.click()
    page.wait_for_selector("#workspace[data-kind=VirtualMachine]")
    line(page, "vcenter-01.lab").focus()
    press_together(page, *"vcem")  # no name goes on so, and m alone would migrate the machine
    page.evaluate("fetch('/healthz')")
    assert not [url for url in asked if "/palette/" in url]
    expect(page.locator(DIALOG)).to_have_count(0)


def test_letters_of_a_korean_keyboard_are_the_same_keys(enter: Enter) -> None:
    page = enter()
    page.locator("#workspace").focus()
    page.evaluate(
        """[["ㅎ", "KeyG"], ["ㅍ", "KeyV"], ["ㅁ", "KeyA"]].forEach(([key, code]) => document.activeElement
        .dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true })))"""
    )
    expect(page.locator("#view-vms")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#pane-alarms")).to_be_visible()
