"""Snapshots from the service to the fleet: what is taken comes back, and a lost fleet loses none of it."""

from __future__ import annotations

import pytest

from domain import faults
from domain.states import VmPower
from hypervisors.simulated.records import SnapshotTree
from hypervisors.simulated.state import FleetState
from inventory import fleet
from inventory.models import Host, VirtualMachine
from inventory.services import snapshots, vms
from tests import builders, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


def fleet_state(lab):
    blob = fleet.store_of(lab.vcenter).load()
    assert blob is not None
    return FleetState.from_bytes(blob)


def fresh(vm):
    return VirtualMachine.objects.select_related("host", "pool", "current_snapshot").get(pk=vm.pk)


def take(lab, vm, name, **options):
    pumping.succeeded(lab.vcenter, snapshots.take(None, fresh(vm), name, **options))
    return fresh(vm).snapshots.get(name=name)


def powered(lab, vm, verb):
    pumping.succeeded(lab.vcenter, verb(None, fresh(vm)))


def test_reverting_brings_the_hardware_back_on_the_fleet_as_well(lab):
    vm = lab.vms[0]
    powered(lab, vm, vms.power_off)
    before = take(lab, vm, "before")
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, fresh(vm), {"vcpus": 4, "memory_mib": 8192}))
    pumping.succeeded(lab.vcenter, snapshots.revert(None, fresh(vm), before))
    row = fresh(vm)
    state = fleet_state(lab)
    slot = state.vm_ids.find(str(vm.uuid))
    assert (row.vcpus, row.memory_mib) == (vm.vcpus, vm.memory_mib)
    assert (state.vms.vcpus[slot], state.vms.memory_mib[slot]) == (row.vcpus, row.memory_mib)


def test_going_back_to_a_snapshot_without_memory_ends_powered_off_everywhere(lab):
    vm = lab.vms[0]
    powered(lab, vm, vms.suspend)
    point = take(lab, vm, "while suspended")
    pumping.succeeded(lab.vcenter, snapshots.revert(None, fresh(vm), point))
    assert fresh(vm).power_state == VmPower.OFF
    state = fleet_state(lab)
    assert state.vms.power[state.vm_ids.find(str(vm.uuid))] == 0
    powered(lab, vm, vms.power_on)
    assert fresh(vm).power_state == VmPower.ON


def test_a_snapshot_with_memory_does_not_start_a_vm_on_a_host_in_maintenance(lab):
    vm = lab.vms[0]
    point = take(lab, vm, "running", memory=True)
    powered(lab, vm, vms.power_off)
    Host.objects.filter(pk=fresh(vm).host_id).update(in_maintenance=True)
    with pytest.raises(faults.InvalidHostState):
        snapshots.revert(None, fresh(vm), point)


def test_a_lost_fleet_is_rebuilt_with_its_snapshot_tree(lab):
    """Two branches, one of them with memory; the machine stands on the older one."""
    vm = lab.vms[0]
    root = take(lab, vm, "root", memory=True)
    pumping.advance(lab.vcenter, 600)
    left = take(lab, vm, "left")
    pumping.succeeded(lab.vcenter, snapshots.revert(None, fresh(vm), root))
    right = take(lab, vm, "right")
    pumping.succeeded(lab.vcenter, snapshots.revert(None, fresh(vm), left))
    known = fleet_state(lab).snapshots[str(vm.uuid)].to_plain()
    recorded = {s.moref: s.size_bytes for s in fresh(vm).snapshots.all()}
    fleet.store_of(lab.vcenter).drop()
    pumping.beat(lab.vcenter)
    rebuilt = fleet_state(lab).snapshots[str(vm.uuid)]
    assert isinstance(rebuilt, SnapshotTree)
    assert rebuilt.current == known["current"] == left.moref
    assert {n.id: n.parent for n in rebuilt.nodes.values()} == {
        root.moref: "", left.moref: root.moref, right.moref: root.moref
    }  # fmt: skip
    assert recorded[root.moref] > 0
    assert {n.id: round(n.bytes + n.image_bytes) for n in rebuilt.nodes.values()} == recorded
    pumping.succeeded(lab.vcenter, snapshots.revert(None, fresh(vm), fresh(vm).snapshots.get(name="root")))
    assert fresh(vm).power_state == VmPower.ON


def test_an_overcommitted_host_still_lets_its_machines_be_written_about(lab):
    vm = lab.vms[0]
    other = fresh(lab.vms[1])
    VirtualMachine.objects.filter(pk=other.pk).update(
        power_state=VmPower.ON, host=fresh(vm).host, memory_reservation_mib=10**7
    )
    pumping.succeeded(lab.vcenter, vms.reconfigure(None, fresh(vm), {"notes": "still mine"}))
    with pytest.raises(faults.InsufficientMemoryResourcesFault):
        vms.reconfigure(None, fresh(vm), {"memory_reservation_mib": 512})
