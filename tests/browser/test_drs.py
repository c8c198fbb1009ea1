"""DRS before a person's eyes: one of several recommendations is applied by hand, then DRS goes on by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.hands import DIALOG, speed
from tests.browser.test_motion import address_of
from tests.labs import LabProcess

Enter = Callable[..., Page]
ROWS = "#recommendations table.recommended tbody tr[id^=rec-]"
# The fullest host of the cluster gets busy machines, more than its cores can serve.
BUSY = """
from django.db.models import Sum
from inventory.models import Cluster, Host, VirtualMachine
from scheduler.services import injection, settings
cluster = Cluster.objects.filter(standalone=False).order_by("id").first()
settings.reconfigure(None, cluster, {"drs_enabled": True, "drs_automation": "manual", "dpm_enabled": False})
running = VirtualMachine.objects.filter(host__cluster=cluster, power_state="poweredOn", drs_override="")
fullest = running.values("host").annotate(cpus=Sum("vcpus")).order_by("-cpus").first()["host"]
host, cpus, hogs = Host.objects.get(pk=fullest), 0, []
for vm in running.filter(host=host).select_related("host__cluster", "vcenter").order_by("vcpus", "id"):
    if cpus < 1.6 * host.cores:
        injection.inject(None, vm, "cpu_hog", duration_s=5 * 86400)
        cpus += vm.vcpus
        hogs.append(vm.pk)
print(host.name, *hogs)
"""
CALM = """
from inventory.models import Cluster, VirtualMachine
from scheduler.services import injection, settings
cluster = Cluster.objects.filter(standalone=False).order_by("id").first()
settings.reconfigure(None, cluster, {{"drs_automation": "fullyAutomated"}})
for vm in VirtualMachine.objects.filter(pk__in=[{hogs}]):
    injection.inject(None, vm, "cpu_hog", duration_s=1)
"""


@pytest.fixture
def busy_host(lab_server: LabProcess) -> Iterator[str]:
    """Name of a host with more to do than it can; the cluster's DRS is manual."""
    host, *hogs = lab_server.manage("shell", "-v0", "-c", BUSY).splitlines()[-1].split()
    yield host
    lab_server.manage("shell", "-v0", "-c", CALM.format(hogs=",".join(hogs)))


def apply_one(page: Page, cluster: str) -> tuple[str, str]:
    """Override: all but one are left out. What was applied: (name of the machine, name of its goal).

    A cycle that was under way may take the chosen one back; then nothing is started, and another is chosen.
    """
    page.goto(f"{cluster}monitor/recommendations/")
    expect(page.locator(ROWS).nth(2)).to_be_visible()
    speed(page, 0)
    for _ in range(5):
        page.reload()
        page.locator("[data-override]").check()
        row = page.locator(ROWS).first
        expect(row.locator("input[name=only]")).to_be_enabled()
        page.evaluate(
            "(boxes) => document.querySelectorAll(boxes).forEach((box, at) => at && box.click())",
            f"{ROWS} input[name=only]",
        )
        said = row.locator("td").nth(2).inner_text()
        page.get_by_role("button", name="Apply Recommendations").click()
        toast = page.locator("#toasts .toast").first
        expect(toast).to_contain_text("started")
        if "1 was started" in toast.inner_text():
            break
    else:
        pytest.fail(f"nothing was started: {said}")
    found = re.search(r"Migrate (\S+) from \S+ to (\S+)", said)
    assert found, said
    return found[1], found[2]


def set_fully_automated(page: Page, cluster: str) -> None:
    page.goto(f"{cluster}configure/drs/")
    page.locator(".section-head").get_by_role("button", name="Edit").click()
    page.locator(f"{DIALOG} input[name=drs_automation][value=fullyAutomated]").check()
    page.locator(f"{DIALOG} footer button[type=submit]").last.click()
    expect(page.locator("#dialogs dialog")).to_have_count(0)


def test_one_recommendation_of_several_is_applied_and_then_the_cluster_balances_itself(
    enter: Enter, busy_host: str
) -> None:
    page = enter()
    cluster = address_of(page, "Cluster", "ClusterComputeResource")
    page.goto(cluster)
    speed(page, 60)
    vm, goal = apply_one(page, cluster)
    speed(page, 30)
    page.goto(f"{cluster}monitor/drs-history/")
    moved = page.locator("#drs-history tbody tr", has_text=f"Migrate {vm} from {busy_host} to {goal}")
    expect(moved.first).to_contain_text("Completed")
    expect(moved.first).to_contain_text("administrator")
    expect(page.locator("#drs-history tbody tr", has_text="administrator")).to_have_count(1)

    set_fully_automated(page, cluster)
    page.goto(f"{cluster}monitor/drs-history/")
    by_itself = page.locator("#drs-history tbody tr", has_text=f"from {busy_host}").filter(has_text="DRS")
    expect(by_itself.first).to_contain_text("Completed")
    page.goto(f"{cluster}monitor/recommendations/")
    expect(page.locator(ROWS)).to_have_count(0)
