"""Stories of second thoughts: take a step back, put a wizard aside, say no to a question, look up a word."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.hands import follow

Enter = Callable[..., Page]


def first_machine(page: Page) -> tuple[str, str]:
    """(address, name) of a machine, by way of the advanced search; its page is shown then."""
    page.goto("/find/")
    page.locator(".find-row [name=v]").fill("web")
    page.locator(".find-foot [type=submit]").click()
    row = page.locator(".find-results tr[data-moref]").first
    expect(row).to_be_visible()
    assert "where=" in page.url
    name, url = row.get_attribute("data-name") or "", row.get_attribute("data-url") or ""
    page.goto(url)
    expect(page.locator("#workspace h1")).to_have_text(name)
    return url, name


def open_entry(page: Page, *path: str) -> None:
    """An entry of the Actions menu of the shown object, by the labels that lead to it."""
    follow(page, *path)
    expect(page.locator("#dialogs dialog")).to_be_visible()


def test_a_rename_is_taken_back_from_the_toast(enter: Enter) -> None:
    page = enter()
    _url, name = first_machine(page)
    open_entry(page, "Rename…")
    page.locator("#dialogs [name=name]").fill(f"{name}-x")
    page.locator("#dialogs footer [type=submit]").click()
    undo = page.locator("#toasts .undo")
    expect(undo).to_be_visible()
    undo.first.click()
    renames = page.locator("#task-rows tr", has_text="Rename")
    expect(renames.locator("a", has_text=re.compile(f"^\\s*{re.escape(name)}\\s*$")).first).to_be_visible()
    expect(page.locator("#workspace h1")).to_have_text(name)


def test_a_wizard_waits_through_a_reload_and_a_word_is_looked_up(enter: Enter) -> None:
    page = enter()
    url, _name = first_machine(page)
    open_entry(page, "Clone", "Clone to Virtual Machine…")
    field = page.locator("#dialogs input[name$=-name]")
    field.fill("half-done")
    page.locator("#dialogs [data-minimise]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)
    page.goto(f"{url}configure/")
    chip = page.locator("#work-in-progress [data-restore]")
    expect(chip).to_be_visible()
    tab = page.locator(".tabs .tab", has_text="Configure")
    tab.hover()
    page.keyboard.down("Alt")
    expect(page.locator(".peek")).to_have_text("구성")
    page.keyboard.up("Alt")
    chip.click()
    expect(field).to_have_value("half-done")
    expect(chip).to_have_count(0)
    page.locator("#dialogs header [data-close]").click()
    page.locator("#dialogs [data-discard]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


def test_a_question_is_asked_in_the_clients_own_dialog(enter: Enter) -> None:
    page = enter()
    page.goto("/")
    url = page.locator("#tree-pane [data-moref=group-d1] a").first.get_attribute("href")
    page.goto(f"{url}permissions/")
    rows = page.locator("#permissions tbody:not(.empty) tr")
    before = rows.count()
    rows.last.get_by_role("button").click()
    asked = page.locator("#confirm")
    expect(asked).to_be_visible()
    expect(asked.locator("[data-verb]")).to_have_text("Remove")
    page.keyboard.press("Escape")
    expect(asked).not_to_be_visible()
    expect(rows).to_have_count(before)
