"""A machine is dragged to a host that is out of sight: the tree comes along at its edge."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Enter = Callable[..., Page]
TOP = "document.getElementById('tree-pane').scrollTop"


def test_the_tree_scrolls_while_something_is_dragged_to_its_edge(enter: Enter) -> None:
    page = enter(viewport={"width": 1440, "height": 480})
    page.goto("/search/?q=web&kind=VirtualMachine")
    page.locator(".page-body .object-link").first.click()
    line = page.locator("#tree-pane [role=treeitem][data-kind=VirtualMachine] > .line").first
    expect(line).to_be_visible()
    line.evaluate("line => line.scrollIntoView({ block: 'center' })")
    start, pane, at = page.evaluate(TOP), page.locator("#tree-pane").bounding_box(), line.bounding_box()
    assert pane
    assert at
    assert start > 0, "the machine's host stands above it, out of sight"
    page.mouse.move(at["x"] + 60, at["y"] + at["height"] / 2)
    page.mouse.down()
    page.mouse.move(at["x"] + 70, at["y"] + at["height"] / 2 - 10, steps=4)
    page.wait_for_selector("body.dragging-vm")
    for shift in range(400):
        page.mouse.move(at["x"] + 60 + shift % 8, pane["y"] + 8)  # a hand is never quite still
        if page.evaluate(TOP) == 0:
            break
    assert page.evaluate(TOP) == 0
    page.keyboard.press("Escape")
    page.mouse.up()
