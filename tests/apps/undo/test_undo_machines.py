"""Undo of what a machine is made of, where it runs, and what it has of its own in its cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from domain import faults
from inventory.hardware import OVERRIDES
from inventory.models import Task
from inventory.services import networks, vms
from inventory.services.undo import undo
from scheduler.services import migration, rules
from scheduler.services.devices import Target
from tests.builders import GIB, SmallLab, make_datastore, make_network
from tests.cast import Cast
from tests.dialogs import address, opened
from tests.pumping import hold_clock, meet, succeeded

pytestmark = pytest.mark.django_db


def test_hardware_and_host_go_back_on_the_fleet(lab: SmallLab, cast: Cast) -> None:
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    vm = lab.vms[1]
    here = vm.host
    task = succeeded(lab.vcenter, vms.reconfigure(cast.student, vm, {"vcpus": vm.vcpus + 1}))
    vm.refresh_from_db()
    assert succeeded(lab.vcenter, undo(cast.student, task)).state == "success"
    vm.refresh_from_db()
    assert vm.vcpus == task.args["undo"]["before"]["vcpus"]
    there = next(host for host in lab.hosts if host.pk != here.pk)
    task = succeeded(lab.vcenter, migration.relocate(cast.student, vm, Target(host=there)))
    assert type(vm).objects.get(pk=vm.pk).host == there
    succeeded(lab.vcenter, undo(cast.student, task))
    assert type(vm).objects.get(pk=vm.pk).host == here


# --- devices ---------------------------------------------------------------------------------------------------------
def devices_of(vm: Any) -> Any:
    """What the devices of a machine are, whatever their keys."""
    disks = vm.disks.values_list("datastore__name", "capacity_bytes", "provisioning")
    return sorted(disks), sorted(vm.nics.values_list("network__name", "adapter", "mac", "connected"))


DEVICES: dict[str, Callable[[SmallLab, Any], dict[str, Any]]] = {
    "a disk that was added": lambda lab, vm: {"disks": {"add": [{"capacity_bytes": GIB}]}},
    "an adapter that was added": lambda lab, vm: {"nics": {"add": [{"network": lab.network.moref}]}},
    "an adapter that was unplugged": lambda lab, vm: {"nics": {"edit": {vm.nics.get().key: {"connected": False}}}},
    "an adapter that was removed": lambda lab, vm: {"nics": {"remove": [vm.nics.get().key]}},
    "several at once": lambda lab, vm: {
        "vcpus": vm.vcpus + 1, "nics": {"remove": [vm.nics.get().key]}, "disks": {"add": [{"capacity_bytes": GIB}]},
    },
}  # fmt: skip


@pytest.mark.parametrize("what", DEVICES)
def test_devices_go_back_on_the_fleet(lab: SmallLab, cast: Cast, what: str) -> None:
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    vm = lab.vms[1]
    before, vcpus = devices_of(vm), vm.vcpus
    task = succeeded(lab.vcenter, vms.reconfigure(cast.student, vm, DEVICES[what](lab, vm)))
    after = devices_of(vm)
    assert after != before
    with pytest.raises(faults.NoPermission):
        undo(cast.reader, task)
    vm.refresh_from_db()
    back = succeeded(lab.vcenter, undo(cast.student, task))
    vm.refresh_from_db()
    assert (devices_of(vm), vm.vcpus) == (before, vcpus)
    task.refresh_from_db()
    with pytest.raises(faults.NotSupported):
        undo(cast.student, task)
    if len(after[0]) > len(before[0]):
        with pytest.raises(faults.NotSupported):  # it was a disk that was taken away
            undo(cast.student, back)
    else:
        succeeded(lab.vcenter, undo(cast.student, back))
        assert devices_of(vm) == after


@pytest.mark.parametrize("what", ["removed", "grown"])
def test_disks_that_have_no_way_back_say_so(lab: SmallLab, cast: Cast, client: Client, what: str) -> None:
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    disk = lab.vms[1].disks.get()
    changes = {"remove": [disk.key]} if what == "removed" else {"grow": {disk.key: 2 * disk.capacity_bytes}}
    task = succeeded(lab.vcenter, vms.reconfigure(cast.student, lab.vms[1], {"vcpus": 2, "disks": changes}))
    assert not task.undoable
    with pytest.raises(faults.NotSupported, match="cannot be undone"):
        undo(cast.student, task)
    client.force_login(cast.student)
    assert task.no_way_back in client.get("/tasks/recent/").content.decode()


def test_a_device_that_was_changed_since_stays(lab: SmallLab, cast: Cast) -> None:
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    vm = lab.vms[1]
    key = vm.nics.get().key
    task = succeeded(lab.vcenter, vms.reconfigure(cast.student, vm, {"nics": {"edit": {key: {"connected": False}}}}))
    vm.nics.update(network=make_network(lab.datacenter, hosts=lab.hosts))
    with pytest.raises(faults.ConcurrentAccess):
        undo(cast.student, task)
    assert not vm.nics.get().connected


def test_an_adapter_does_not_come_back_without_its_network(lab: SmallLab, cast: Cast) -> None:
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    vm, gone = lab.vms[1], make_network(lab.datacenter, hosts=lab.hosts)
    vm.nics.update(network=gone)
    meet(lab.vcenter)
    task = succeeded(lab.vcenter, vms.reconfigure(cast.student, vm, {"nics": {"remove": [vm.nics.get().key]}}))
    networks.destroy(cast.student, gone)
    with pytest.raises(faults.ManagedObjectNotFound):
        undo(cast.student, task)


# --- moves -----------------------------------------------------------------------------------------------------------
def test_a_move_by_drs_goes_back(lab: SmallLab, cast: Cast, client: Client) -> None:
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    vm, here = lab.vm, lab.vm.host
    there = next(host for host in lab.hosts if host.pk != here.pk)
    task = succeeded(lab.vcenter, migration.relocate(None, vm, Target(host=there), cause="drs", initiator_name="DRS"))
    client.force_login(cast.reader)
    assert client.post(reverse("inventory:task-undo", args=(task.pk,))).status_code == 403
    client.force_login(cast.outsider)
    assert client.post(reverse("inventory:task-undo", args=(task.pk,))).status_code == 404
    type(here).objects.filter(pk=here.pk).update(in_maintenance=True)
    with pytest.raises(faults.MethodFault):  # the way back is checked like any other move
        undo(cast.student, task)
    type(here).objects.filter(pk=here.pk).update(in_maintenance=False)
    succeeded(lab.vcenter, undo(cast.student, task))
    assert type(vm).objects.get(pk=vm.pk).host == here
    task.refresh_from_db()
    with pytest.raises(faults.NotSupported):
        undo(cast.student, task)


def test_disks_and_networks_of_a_move_go_back(lab: SmallLab, cast: Cast) -> None:
    store, network = make_datastore(lab.datacenter, hosts=lab.hosts), make_network(lab.datacenter, hosts=lab.hosts)
    hold_clock(lab.vcenter)
    meet(lab.vcenter)
    vm = lab.vms[1]
    before = devices_of(vm)
    target = Target(datastore=store, format="thickLazyZeroed", networks={vm.nics.get().key: network})
    task = succeeded(lab.vcenter, migration.relocate(cast.student, vm, target))
    assert vm.disks.get().datastore == store
    assert vm.disks.get().provisioning == "thickLazyZeroed"
    assert vm.nics.get().network == network
    vm.refresh_from_db()
    succeeded(lab.vcenter, undo(cast.student, task))
    assert devices_of(vm) == before


# --- overrides -------------------------------------------------------------------------------------------------------
def overrides(vm: Any) -> dict[str, Any]:
    """What a machine has of its own now."""
    return type(vm).objects.filter(pk=vm.pk).values(*OVERRIDES).get()


def test_overrides_of_several_machines_are_one_task_and_each_gets_its_own_back(lab: SmallLab, cast: Cast) -> None:
    one, other = lab.vms[0], lab.vms[1]
    rules.set_override(cast.student, [one], ha_restart_priority="low")
    task = rules.set_override(cast.student, [one, other], ha_restart_priority="highest")
    assert task is not None
    assert {overrides(vm)["ha_restart_priority"] for vm in (one, other)} == {"highest"}
    undo(cast.student, task)
    assert [overrides(vm)["ha_restart_priority"] for vm in (one, other)] == ["low", ""]


def test_an_override_that_somebody_changed_or_a_machine_that_left_stays(lab: SmallLab, cast: Cast) -> None:
    vm = lab.vms[1]
    task = rules.set_override(cast.student, [vm], drs_override="manual")
    rules.set_override(cast.student, [vm], drs_override="disabled")
    assert task is not None
    with pytest.raises(faults.ConcurrentAccess):
        undo(cast.student, task)
    rules.set_override(cast.student, [vm], drs_override="manual")
    with pytest.raises(faults.NoPermission):
        undo(cast.operator, task)
    vms.delete_from_disk(cast.student, vm)
    with pytest.raises(faults.ConcurrentAccess):
        undo(cast.student, task)


def test_the_dialogs_answer_with_the_task_that_can_be_undone(lab: SmallLab, cast: Cast, client: Client) -> None:
    client.force_login(cast.student)
    vm = lab.vms[1]
    for name, values in (("vm-override", {"drs_override": "manual"}), ("vm-override-delete", {})):
        url = f"{address(lab, lab.cluster, name)}?vm={vm.moref}"
        answer = client.post(url, {**opened(client, url), **values})
        assert answer.status_code == 202
        assert Task.objects.latest("pk").undoable, name
        assert reverse("inventory:task-undo", args=(Task.objects.latest("pk").pk,)) in answer.content.decode(), name
