"""Stories of moves: by wizard and drag while somebody watches, cancelled in mid-copy; a host emptied, another dead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.hands import DIALOG, follow, speed
from tests.labs import LabProcess, wait_for

Enter = Callable[..., Page]
FITS = "one => one.scrollWidth <= one.clientWidth"
HOST_LINK = "[aria-labelledby=card-related] a[data-moref^=host-]"
# Lab seconds per second: a copy that somebody has to see, or to stop, must not end before.
STOPPED, SLOW, FAST = 0, 0.15, 30
# Whatever is left of the stories: hosts that are dead or in maintenance, guests that write their memory.
MEND = """
from inventory.models import Host, VCenter, VirtualMachine
from scheduler.services import injection, maintenance
vcenter = VCenter.objects.order_by("id").first()
for host in Host.objects.filter(vcenter=vcenter, cluster__standalone=False):
    if host.connection_state != "connected":
        injection.inject(None, host, "host_recover")
    if host.in_maintenance:
        maintenance.leave(None, host)
"""


def address_of(page: Page, name: str, kind: str) -> str:
    page.goto(f"/search/?q={name}&kind={kind}")
    href = page.locator(".page-body .object-link", has_text=re.compile(f"^\\s*{re.escape(name)}")).first
    return str(href.get_attribute("href"))


def a_running_vm(page: Page, cluster: str) -> tuple[str, str]:
    """Name and address of a machine that runs, a big one: its copy takes a while."""
    page.goto(f"{cluster}vms/?sort=host_mem&desc=1")
    row = page.locator("[data-grid=vms] tbody tr", has_text="Powered on").first
    name, url = row.evaluate("row => [row.dataset.name, row.dataset.url]")
    return str(name), str(url)


def inject(page: Page, address: str, fault: str) -> None:
    page.goto(address)
    follow(page, "Lab", "Inject Fault")
    page.locator(f"{DIALOG} input[name=fault][value={fault}]").check()
    page.fill(f"{DIALOG} input[name=duration_min]", "600")
    page.locator(f"{DIALOG} footer button[type=submit]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


def through_the_wizard(page: Page) -> None:
    """Compute resource only, the first host that will do, the same networks, high priority."""
    follow(page, "Migrate")
    for title in ("Select a compute resource", "Select networks", "Select vMotion priority", "Ready to complete"):
        if title == "Select networks":
            assert page.locator(f"{DIALOG} .pick-table").evaluate(FITS), "the load bars are out of sight"
            page.locator(f"{DIALOG} input[name=compute-host][value^=host]:not([disabled])").first.check()
            expect(page.locator(f"{DIALOG} .verdict")).to_contain_text("Compatibility checks succeeded")
        page.locator(f"{DIALOG} footer button[value=next]").click()
        expect(page.locator(f"{DIALOG} h3")).to_have_text(title)
    expect(page.locator(DIALOG)).to_contain_text("Load of the hosts")
    page.locator(f"{DIALOG} footer button[value=finish]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


def drag_to_another_host(page: Page, vm: str) -> str:
    """The machine's line in the tree onto a host's, with the mouse; the name of that host."""
    node = page.locator(f"[role=treeitem][data-moref={vm.rstrip('/').rpartition('/')[2]}]")
    here = page.locator(HOST_LINK).get_attribute("data-moref")
    cluster = page.locator(".tree [role=treeitem][data-kind=ClusterComputeResource]", has=node)
    other = cluster.locator(f"[role=treeitem][data-kind=HostSystem]:not([data-moref={here}])").first
    expect(page.locator("[data-live-state]")).to_have_attribute("data-live-state", "live")
    page.locator(".tree").locator(node).locator("> .line").drag_to(other.locator("> .line"))
    expect(page.locator(f"{DIALOG} h3")).to_have_text("Ready to complete")
    name = str(other.locator("> .line").inner_text()).strip()
    expect(page.locator(f"{DIALOG} .review")).to_contain_text(name)
    page.locator(f"{DIALOG} footer button[value=finish]").click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)
    return name


def uptimes(page: Page, vm: str) -> list[float]:
    """What the guest itself counts: its seconds since the boot, sample by sample."""
    lines = page.request.get(f"{vm}performance/export/?lines=155").text().splitlines()[1:]
    return [float(cells[-1]) for line in lines if (cells := line.split(","))[-1]]


def test_a_machine_counts_on_while_it_is_moved(enter: Enter) -> None:
    # A tall window: while a line is dragged the tree cannot be scrolled to its goal.
    page, watcher = enter(viewport={"width": 1440, "height": 2400}), enter("reader")
    name, vm = a_running_vm(page, address_of(page, "Cluster", "ClusterComputeResource"))
    inject(page, vm, "memory_hog")
    speed(page, SLOW)
    watcher.goto(vm)
    source = watcher.locator(HOST_LINK).inner_text().strip()
    page.goto(vm)
    through_the_wizard(page)
    expect(watcher.locator("[data-motion]")).to_contain_text(re.compile("[0-9]%"))
    speed(page, FAST)
    expect(watcher.locator(HOST_LINK)).not_to_have_text(source)
    expect(watcher.locator("[data-motion]")).to_have_count(0)
    counted = uptimes(watcher, vm)[-1]

    page.goto(vm)
    speed(page, SLOW)
    goal = drag_to_another_host(page, vm)
    expect(watcher.locator("[data-motion]")).to_be_visible()
    speed(page, FAST)
    expect(watcher.locator(HOST_LINK)).to_have_text(re.compile(re.escape(goal)))
    expect(watcher.locator("[data-motion]")).to_have_count(0)
    wait_for(lambda: uptimes(watcher, vm)[-1] >= counted + 20, "the counter to go on")
    seen = uptimes(watcher, vm)
    assert seen == sorted(seen), f"{name} began anew: {seen}"

    watcher.goto(f"{watcher.locator(HOST_LINK).get_attribute('href')}monitor/migrations/")
    assert watcher.locator("#migrations .panel").evaluate(FITS), "the table is wider than the window"


@pytest.fixture
def _mended_hosts(lab_server: LabProcess) -> Iterator[None]:
    """The stories that follow find every host at work."""
    yield
    lab_server.manage("shell", "-v0", "-c", MEND)


@pytest.mark.usefixtures("_mended_hosts")
def test_machines_move_and_survive_their_hosts(enter: Enter) -> None:
    page, watcher = enter(), enter("reader")
    cluster = address_of(page, "Cluster", "ClusterComputeResource")
    name, vm = a_running_vm(page, cluster)
    inject(page, vm, "memory_hog")
    speed(page, SLOW)
    watcher.goto(vm)
    source = page.locator(HOST_LINK).inner_text()

    through_the_wizard(page)
    panel = watcher.locator("[data-motion]")
    expect(panel).to_contain_text("Copying the memory")
    expect(panel.locator("rect").first).to_be_attached()
    speed(page, STOPPED)  # however long the click takes, the copy is in its middle
    page.locator("[data-motion-cancel]").click()
    speed(page, SLOW)
    expect(panel).to_have_count(0)
    watcher.goto(f"{vm}monitor/migrations/")
    expect(watcher.locator("#migrations tbody tr").first).to_contain_text("Stayed")
    page.goto(vm)
    expect(page.locator(HOST_LINK)).to_have_text(source)

    speed(page, 10)
    host = address_of(page, source.strip(), "HostSystem")
    page.goto(host)
    follow(page, "Maintenance Mode", "Enter Maintenance Mode")
    expect(page.locator(DIALOG)).to_contain_text(name)
    page.locator(f"{DIALOG} footer button[type=submit]").click()
    expect(page.locator(".object-title")).to_contain_text("Maintenance mode")
    expect(page.locator(".object-title")).not_to_contain_text("Entering")
    watcher.goto(vm)
    expect(watcher.locator(HOST_LINK)).not_to_have_text(source)
    there = watcher.locator(HOST_LINK).inner_text()

    inject(page, address_of(page, there.strip(), "HostSystem"), "host_crash")
    watcher.goto(f"{cluster}monitor/ha/")
    done = watcher.locator("#ha-summary tr", has=watcher.locator(f"a[href^='{vm}']")).first
    expect(done).to_contain_text("Restarted")
    watcher.goto(vm)
    expect(watcher.locator(".object-title")).to_contain_text("Powered on")
    expect(watcher.locator(HOST_LINK)).not_to_have_text(there)
