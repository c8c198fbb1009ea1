"""A story with hands: a vApp is made, machines move into it, its order is set, and it starts in that order."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.hands import DIALOG, follow
from tests.labs import LabProcess

Enter = Callable[..., Page]
MADE = "story-app"
SUBMIT = f"{DIALOG} footer button[type=submit]"
TASKS = "#recent-tasks tr"


def send(page: Page) -> None:
    page.locator(SUBMIT).click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


def to(page: Page, name: str, kind: str) -> str:
    """The page of an object by its name; returns its address."""
    page.goto(f"/search/?q={name}&kind={kind}")
    address = page.locator(".page-body .object-link").first.get_attribute("href")
    assert address is not None
    page.goto(address)
    return address


def test_a_vapp_is_made_ordered_and_started(enter: Enter, lab_server: LabProcess) -> None:
    page = enter()
    to(page, "Cluster-A", "ClusterComputeResource")
    follow(page, "New vApp")
    page.fill(f"{DIALOG} input[name=name]", MADE)
    send(page)
    shop = to(page, "Web shop", "VirtualApp")
    expect(page.locator("#summary-cards")).to_contain_text("shop-db")

    # From its last tier to its first: the order in which they were made says nothing.
    follow(page, "Edit Start Order")
    groups = page.locator(f"{DIALOG} .vapp-order input[name$=-group]")
    for index, group in enumerate(("3", "2", "1")):
        groups.nth(index).fill(group)
    for delay in page.locator(f"{DIALOG} .vapp-order input[name$=_delay_s]").all():
        delay.fill("5")
    send(page)
    page.goto(f"{shop}configure/start-order/")
    expect(page.locator(".vapp-lines tbody tr[data-member]").first).to_contain_text("shop-web")

    follow(page, "Power", "Power Off")
    send(page)
    expect(page.locator(TASKS, has_text="Power off vApp").first).to_contain_text("Completed")
    follow(page, "Power", "Power On")
    started = page.locator(TASKS, has_text=re.compile("Power on vApp"))
    expect(started.first).to_contain_text("Completed")
    expect(page.locator(".vapp-lines tbody tr", has_text="Powered on")).to_have_count(3)
    ran = lab_server.rows(
        "select entity_name from inventory_task where operation = 'vm.power_on' and parent_id = "
        "(select max(id) from inventory_task where operation = 'vapp.power_on') order by started_lab_s"
    )
    assert [name for (name,) in ran] == ["shop-web", "shop-app", "shop-db"]

    # It hangs among virtual machines and templates as well, with an icon of its own.
    page.goto(f"{shop}summary/")
    page.locator("#view-vms").click()
    expect(page.locator(".tree [role=treeitem][data-kind=VirtualApp]", has_text="Web shop")).to_be_visible()

    to(page, MADE, "VirtualApp")
    follow(page, "Delete")
    send(page)
    expect(page.locator(TASKS, has_text="Delete vApp").first).to_contain_text("Completed")
