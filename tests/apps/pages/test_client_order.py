"""The lists and menus stand in the order that an administrator's fingers know; the quickstart of a cluster."""

from __future__ import annotations

import pytest
from django.urls import reverse

from domain.states import HostConnection
from inventory import actions
from inventory.actions.action import Action, Submenu
from inventory.actions.registry import entries
from inventory.models import Host, License
from inventory.pages.registry import CONFIGURE, MONITOR, sections_for
from tests import builders, cast, dialogs

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=2)
    made.people = cast.make_cast(made.vcenter)
    return made


def in_order(found, *wanted):
    """Those of `wanted` that are there stand in that order; all of them are there."""
    return [one for one in found if one in wanted] == list(wanted)


def test_the_lists_of_monitor_and_configure(lab):
    reverse("inventory:home")  # other apps declare their sections with their addresses

    def slugs(obj, tab):
        return [one.slug for one in sections_for(obj, tab)]

    assert in_order(
        slugs(lab.cluster, MONITOR), "issues", "triggered", "performance", "advanced", "tasks", "events", "scores",
        "recommendations", "faults", "drs-history", "cpu-utilization", "memory-utilization", "ha", "cpu", "memory",
        "storage", "utilization",
    )  # fmt: skip
    assert in_order(
        slugs(lab.cluster, CONFIGURE), "drs", "ha", "quickstart", "general", "evc", "groups", "rules", "overrides",
        "host-options", "alarm-definitions", "scheduled-tasks",
    )  # fmt: skip
    assert in_order(
        slugs(lab.datacenter, MONITOR), "issues", "triggered", "performance", "advanced", "consumers", "heat", "tasks",
        "events",
    )  # fmt: skip
    assert in_order(
        slugs(lab.hosts[0], MONITOR), "issues", "performance", "advanced", "tasks", "events", "hardware-health"
    )
    assert in_order(
        slugs(lab.hosts[0], CONFIGURE), "devices", "switches", "vmkernel", "adapters", "licensing", "power", "overview",
        "alarm-definitions", "scheduled-tasks",
    )  # fmt: skip


MENUS = {
    "host": ("new-vm", "new-pool", "new-vapp", "maintenance", "connection", "power", "storage", "assign-license",
             "settings", "remove-host", "tags", "add-permission", "alarms"),
    "cluster": ("add-host", "new-vm", "new-pool", "new-vapp", "storage", "settings", "move-to-folder", "rename",
                "tags", "add-permission", "alarms", "delete"),
    "vm": ("power", "snapshots", "migrate", "clone", "template", "edit-settings", "move-to-folder", "rename",
           "edit-notes", "tags", "add-permission", "alarms", "unregister", "delete-from-disk"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MENUS)
def test_the_menus(lab, kind):
    obj = {"host": lab.hosts[0], "cluster": lab.cluster, "vm": lab.vms[0]}[kind]
    keys = list(dict.fromkeys(one.key for one in entries(obj) if isinstance(one, Action | Submenu)))
    assert in_order(keys, *MENUS[kind])
    assert actions.for_object(lab.people.student, obj).items


def test_the_quickstart_says_what_is_done_and_what_is_not(lab, client):
    client.force_login(lab.people.student)
    url = f"/vc/{lab.vcenter.uuid}/{lab.cluster.moref}/configure/quickstart/"
    shown = client.get(url).context
    assert all(check.fine for check in shown["added"])
    small = License.objects.create(vcenter=lab.vcenter, name="small", edition="essentials", cores=64)
    Host.objects.filter(pk=lab.hosts[0].pk).update(
        connection_state=HostConnection.DISCONNECTED, vmotion_enabled=False, license=small, vmotion_ip_family="ipv6"
    )
    lab.hosts[1].host_networks.all().delete()
    lab.hosts[1].mounts.all().delete()
    shown = client.get(url).context
    assert [check.fine for check in shown["added"]] == [True, False, True, True]
    assert lab.hosts[0].name in shown["added"][1].text
    assert [check.fine for check in shown["configured"]] == [False] * 5
    empty = builders.make_cluster(lab.datacenter, "Empty", hosts=0)
    shown = client.get(f"/vc/{lab.vcenter.uuid}/{empty.moref}/configure/quickstart/").context
    assert ([check.fine for check in shown["added"]], shown["configured"]) == ([False], [])


def test_several_hosts_are_added_to_a_cluster_at_once_or_none(lab, client):
    client.force_login(lab.people.student)
    url = dialogs.address(lab, lab.cluster, "add-host")
    walk = dialogs.Walk(client, url).send(name="one.lab\ntwo.lab\none.lab")
    assert walk.answer.status_code == 422
    walk = dialogs.Walk(client, url).send(name=f"one.lab\n{lab.hosts[0].name}")
    assert (walk.answer.status_code, lab.hosts[0].name in walk.page) == (422, True)
    assert not Host.objects.filter(name="one.lab").exists()
    walk = dialogs.Walk(client, url).send(name=" one.lab \n\ntwo.lab").send().send()
    assert "one.lab, two.lab" in walk.page
    walk.send("finish")
    assert walk.answer.status_code == 202
    assert set(lab.cluster.hosts.values_list("name", flat=True)) > {"one.lab", "two.lab"}
