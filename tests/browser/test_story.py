"""The acceptance story: one person runs a datacenter, one watches it live, one is a stranger to it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from tests.browser.hands import DIALOG, expand, right_click
from tests.labs import LabProcess

Enter = Callable[..., Page]
NAME = "acceptance-01"
STEPS = ("Create virtual machine", "Power on virtual machine", "Reconfigure virtual machine",
         "Power off virtual machine", "Delete virtual machine")  # fmt: skip
EVENTS = ("VmCreatedEvent", "VmPoweredOnEvent", "VmReconfiguredEvent", "VmPoweredOffEvent", "VmRecycledEvent")
CHANGES = ("power-on", "power-off", "reset", "suspend", "delete-from-disk", "unregister", "to-template")
KINDS = ("VirtualMachine", "HostSystem", "ClusterComputeResource", "ResourcePool", "Datastore", "Network", "Folder",
         "Datacenter")  # fmt: skip
README_PICTURE = Path(settings.BASE_DIR) / "docs" / "images" / "cluster.png"
WRITE_PICTURE = "WRITE_PICTURES"


# --- hands and eyes --------------------------------------------------------------------------------------------------
def object_of(page: Page, kind: str, query: str = "e") -> str:
    """The address of the first object of that kind that the search finds; "" where there is none."""
    page.goto(f"/search/?q={query}&kind={kind}")
    found = page.locator(".page-body .object-link")
    return (found.first.get_attribute("href") or "") if found.count() else ""


def machines_of_cluster(page: Page) -> str:
    return f"{object_of(page, 'ClusterComputeResource', 'Cluster')}vms/"


def row(page: Page, name: str = NAME) -> Locator:
    return page.locator(f"[data-grid=vms] tbody tr[data-name='{name}']")


def find(page: Page, text: str) -> None:
    page.fill(".grid-find input", text)
    page.wait_for_url(re.compile(f"q={text}"))
    # The rows follow the address; a menu that is opened before they do would go with the old ones.
    expect(page.locator(f"[data-grid=vms] tbody tr[data-name]:not([data-name*='{text}'])")).to_have_count(0)


def choose(page: Page, *path: str, name: str = NAME) -> None:
    """Right-click on a row, then follow the menu."""
    right_click(page, row(page, name), *path)


def submit(page: Page) -> None:
    page.locator(f"{DIALOG} footer button[type=submit]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


def press_next(page: Page, title: str) -> None:
    page.locator(f"{DIALOG} footer button[value=next]").click()
    expect(page.locator(f"{DIALOG} h3")).to_have_text(title)


def create_through_the_wizard(page: Page, name: str) -> None:
    """A small machine whose memory can grow while it runs."""
    page.locator("#workspace .quick [data-action=new-vm]").first.click()
    press_next(page, "Select a name and folder")
    page.fill(f"{DIALOG} input[name=name-name]", name)
    for title in ("Select a compute resource", "Select storage", "Select compatibility", "Select a guest OS"):
        press_next(page, title)
    press_next(page, "Customize hardware")
    page.fill(f"{DIALOG} input[name=hardware-memory_0]", "1")
    page.locator(f"{DIALOG} summary", has_text="Memory").click()
    page.check(f"{DIALOG} input[name=hardware-memory_hot_add]")
    press_next(page, "Ready to complete")
    expect(page.locator(f"{DIALOG} .review")).to_contain_text(name)
    page.locator(f"{DIALOG} button[value=finish]").last.click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


def open_tree(page: Page) -> None:
    """Open the lines of the tree down to the hosts of the first cluster."""
    expect(page.locator("#tree-pane[aria-busy=false]")).to_be_visible()
    for kind in ("vCenter", "Datacenter", "Cluster"):
        line = page.locator("#tree-pane [role=treeitem]").and_(page.locator(f"[aria-label*=', {kind}']")).first
        expand(line)


def expect_done(page: Page, task: str, name: str = NAME) -> None:
    """Recent Tasks tells that the newest task of that name on that machine is completed."""
    line = page.locator("#task-rows tr", has_text=task).filter(has_text=name).first
    expect(line).to_contain_text("Completed")


def post(page: Page, address: str) -> int:
    """Send a form as this person, with the token of this page; the status that came back."""
    headers = page.evaluate("JSON.parse(document.body.getAttribute('hx-headers'))")
    return page.request.post(address, headers=headers).status


# --- the story -------------------------------------------------------------------------------------------------------
def test_usage_changes_without_a_reload(enter: Enter) -> None:
    page = enter()
    page.goto(machines_of_cluster(page))
    page.evaluate("window.sameDocument = true")
    figures = page.locator("[data-grid=vms] span[data-figure]")
    expect(figures.filter(has_text=re.compile("[1-9]")).first).to_be_visible()
    before = figures.all_inner_texts()
    page.wait_for_function(
        "before => [...document.querySelectorAll('[data-grid=vms] span[data-figure]')]"
        ".filter((cell, i) => cell.innerText !== before[i]).length > before.length / 10",
        arg=before,
    )
    assert page.evaluate("window.sameDocument")


def test_a_machine_lives_and_everybody_sees_it(enter: Enter) -> None:
    admin, reader = enter("administrator"), enter("reader")
    grid = machines_of_cluster(admin)
    for page in (admin, reader):
        page.goto(grid)
        expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    reader.evaluate("window.sameDocument = true")
    find(reader, "acceptance")

    create_through_the_wizard(admin, NAME)
    expect_done(admin, "Create virtual machine")
    find(admin, "acceptance")
    for page in (admin, reader):
        expect(row(page)).to_contain_text("Powered off")
    choose(admin, "Power", "Power On")
    for page in (admin, reader):
        expect(row(page)).to_contain_text("Powered on")

    choose(admin, "Edit Settings")
    admin.fill(f"{DIALOG} input[name=memory_0]", "2")
    submit(admin)
    expect_done(admin, "Reconfigure virtual machine")
    choose(admin, "Power", "Power Off")
    submit(admin)
    expect(row(reader)).to_contain_text("Powered off")
    expect_done(admin, "Power off virtual machine")
    choose(admin, "Delete from Disk")
    submit(admin)
    for page in (admin, reader):
        expect(row(page)).to_have_count(0)
    for step in STEPS:
        expect_done(reader, step)
    assert reader.evaluate("window.sameDocument")
    expect_traces(admin)


def expect_traces(page: Page) -> None:
    """Each step is an event with vSphere's name, and an entry of the audit log with its author."""
    page.goto(f"/events/?q={NAME}")
    for event in EVENTS:
        expect(page.locator(".page-body tbody tr", has_text=event).first).to_be_visible()
    page.goto(f"/audit/?q={NAME}")
    told = page.locator(".page-body tbody tr", has_text=NAME)
    expect(told).to_have_count(len(STEPS))
    for entry in told.all():
        expect(entry).to_contain_text("administrator")


def test_a_reader_can_change_nothing(enter: Enter) -> None:
    page = enter("reader")
    vm = object_of(page, "VirtualMachine", "web")
    page.goto(vm)
    page.locator("#actions-button").click()
    for entry in ("Edit Settings", "Rename", "Delete from Disk", "Remove from Inventory"):
        item = page.locator("#menus [role=menuitem]", has_text=entry)
        expect(item).to_have_attribute("aria-disabled", "true")
        expect(item).to_contain_text("You need the privilege")
    page.keyboard.press("Escape")
    expect(page.locator(".quick button:not([aria-disabled=true])")).to_have_count(0)
    title = page.locator("#workspace h1").inner_text()
    assert {post(page, f"{vm}do/{action}/") for action in CHANGES} <= {403, 409}
    assert {post(page, f"{vm}dialog/{name}/") for name in ("edit-settings", "rename", "clone")} <= {403, 409}
    page.reload()
    expect(page.locator("#workspace h1")).to_have_text(title)
    expect(page.locator("#task-rows tr", has_text="reader")).to_have_count(0)


def test_a_stranger_finds_nothing(enter: Enter) -> None:
    admin = enter("administrator")
    objects = [address for kind in KINDS if (address := object_of(admin, kind, "e" if kind != "Network" else "N"))]
    assert len(objects) >= len(KINDS) - 1
    stranger = enter("student")
    vcenter = re.sub(r"[a-z]+-\d+/$", "", objects[0])
    within = ("", "summary/", "monitor/", "configure/", "permissions/", "vms/", "menu/", "dialog/rename/")
    addresses = [vcenter, f"{vcenter}tasks/", f"{vcenter}events/", f"{vcenter}tree/"]
    addresses += [f"{address}{part}" for address in objects for part in within]
    found = {address: stranger.request.get(address).status for address in addresses}
    found |= {f"POST {one}": post(stranger, f"{one}do/power-off/") for one in objects}
    assert {address: status for address, status in found.items() if status != 404} == {}
    expect(stranger.locator("#tree-pane")).not_to_contain_text("Seoul-DC")


def test_back_and_reload_keep_what_was_there(enter: Enter) -> None:
    page = enter()
    page.goto(f"{machines_of_cluster(page)}?sort=-name")
    find(page, "web")
    names = page.locator("[data-grid=vms] tbody tr").evaluate_all("rows => rows.map(row => row.dataset.name)")
    assert len(names) > 1
    row(page, names[0]).locator("a").first.click()
    expect(page.locator("#workspace h1")).to_have_text(names[0])
    page.locator(".tabs a", has_text="Monitor").click()
    page.locator(".section-group a", has_text="Events").click()
    page.wait_for_url(re.compile("/monitor/events/"))
    for _again in range(2):
        expect(page.locator(".tabs [aria-current]")).to_have_text("Monitor")
        expect(page.locator("#workspace h1")).to_have_text(names[0])
        page.reload()
    while "/vms/" not in page.url:
        before = page.url
        page.evaluate("history.back()")  # a person's key: it does not wait for the load that it may start
        page.wait_for_url(lambda url, before=before: url != before)
    expect(page.locator(".grid-find input")).to_have_value("web")
    expect(page.locator("[data-grid=vms] tbody tr").first).to_have_attribute("data-name", names[0])
    page.reload()
    shown = page.locator("[data-grid=vms] tbody tr")
    expect(shown).to_have_count(len(names))
    assert shown.evaluate_all("rows => rows.map(row => row.dataset.name)") == names


def test_two_people_edit_one_machine(enter: Enter) -> None:
    one, other = enter("administrator"), enter("operator")
    one.goto(machines_of_cluster(one))
    create_through_the_wizard(one, "shared-01")
    expect_done(one, "Create virtual machine", "shared-01")
    other.goto(one.url)
    for page in (one, other):
        find(page, "shared")
        choose(page, "Edit Settings", name="shared-01")
        expect(page.locator(DIALOG)).to_be_visible()
    other.fill(f"{DIALOG} input[name=memory_0]", "2")
    submit(other)
    expect_done(other, "Reconfigure virtual machine", "shared-01")

    one.fill(f"{DIALOG} input[name=vcpus]", "4")
    one.locator(f"{DIALOG} footer button[type=submit]").click()
    differences = one.locator(f"{DIALOG} .dialog-merge tbody tr")
    expect(differences.filter(has_text=re.compile("^Memory")).first).to_contain_text("2 GB")
    expect(differences.filter(has_not_text="Taken over")).to_have_count(0)
    expect(one.locator(f"{DIALOG} input[name=vcpus]")).to_have_value("4")
    submit(one)
    expect(one.locator("#task-rows tr", has_text="Reconfigure virtual machine").filter(has_text="Completed").filter(
        has_text="administrator").filter(has_text="shared-01")).to_have_count(1)  # fmt: skip
    choose(one, "Edit Settings", name="shared-01")
    expect(one.locator(f"{DIALOG} input[name=vcpus]")).to_have_value("4")
    expect(one.locator(f"{DIALOG} input[name=memory_0]")).to_have_value("2")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_main_pages(enter: Enter, lab_server: LabProcess, theme: str) -> None:
    """Kept in the lab's folder; the README's one is written anew where `WRITE_PICTURES` is set."""
    page = enter()
    page.context.add_cookies([{"name": "theme", "value": theme, "url": lab_server.url}])
    folder = lab_server.data_dir / "pictures"
    folder.mkdir(exist_ok=True)
    cluster, host = object_of(page, "ClusterComputeResource", "Cluster"), object_of(page, "HostSystem", "esx")
    for name, address in {"home": "/", "cluster": f"{cluster}summary/", "vms": f"{cluster}vms/",
                          "host": f"{host}summary/", "performance": f"{host}monitor/performance/"}.items():  # fmt: skip
        page.goto(address)
        expect(page.locator("body")).to_have_attribute("cds-theme", theme)
        open_tree(page)
        expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
        picture = page.screenshot(path=folder / f"{theme}-{name}.png")
        assert len(picture) > 20_000
    if os.environ.get(WRITE_PICTURE) and theme == "light":
        README_PICTURE.parent.mkdir(exist_ok=True)
        README_PICTURE.write_bytes((folder / "light-vms.png").read_bytes())
