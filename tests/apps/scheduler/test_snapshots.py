"""A snapshot made without models says the same as the one that comes with its rows, whatever has changed before."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from django.utils.timezone import now

from domain.states import HostConnection, TaskState, VmConnection, VmPower
from inventory.models import DatastoreMount, Host, Task, VirtualMachine
from scheduler.models import ClusterSchedule, Decision, DrsFault, DrsGroup, DrsRule, Migration, Recommendation
from scheduler.selectors.cluster import frame_of, snapshot_of
from scheduler.services import cycles
from tests import builders, pumping

pytestmark = pytest.mark.django_db(transaction=True)


def same(one, other) -> None:
    assert (one.name, one.rules) == (other.name, other.rules)
    for name in ("hosts", "vms", "pools"):
        mine, theirs = getattr(one, name), getattr(other, name)
        for field in fields(mine):
            a, b = getattr(mine, field.name), getattr(theirs, field.name)
            if isinstance(a, np.ndarray):
                # Both have the same lab time, hosts' uptimes included.
                np.testing.assert_array_equal(a, b, err_msg=f"{name}.{field.name}")
            elif field.name == "immovable":
                assert {row: fault.to_dict() for row, fault in a.items()} == {r: f.to_dict() for r, f in b.items()}
            else:
                assert a == b, f"{name}.{field.name}"


def agree(lab) -> None:
    frame = frame_of(lab.cluster)
    same(snapshot_of(lab.cluster, frame.now_s), frame.snapshot)


def test_every_change_of_rows_is_in_the_next_snapshot():
    lab = builders.small_lab(hosts=3, vms=6)
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    pumping.advance(lab.vcenter, 60)
    agree(lab)
    vm, host = lab.vms[0], lab.hosts[0]

    VirtualMachine.objects.filter(pk=vm.pk).update(power_state=VmPower.ON, vcpus=3, drs_override="manual")
    Host.objects.filter(pk=host.pk).update(entering_maintenance=True, nics_down=[1])
    agree(lab)
    found = snapshot_of(lab.cluster, lab.vcenter.lab_seconds())
    assert found.vms.vcpus[found.vms.moref.index(vm.moref)] == 3
    assert found.hosts.entering_maintenance[found.hosts.moref.index(host.moref)]

    Host.objects.filter(pk=host.pk).update(connection_state=HostConnection.NOT_RESPONDING)
    VirtualMachine.objects.filter(host=host).update(connection_state=VmConnection.DISCONNECTED)
    DatastoreMount.objects.filter(host=host).update(accessible=False)
    agree(lab)
    assert snapshot_of(lab.cluster, lab.vcenter.lab_seconds()).vms.immovable

    DrsRule.objects.create(
        cluster=lab.cluster, name="apart", kind="anti_affinity", members=[v.moref for v in lab.vms[:3]]
    )
    group = DrsGroup.objects.create(cluster=lab.cluster, name="vms", kind="vm", members=[lab.vms[4].moref])
    hosts = DrsGroup.objects.create(cluster=lab.cluster, name="hosts", kind="host", members=[lab.hosts[1].moref])
    DrsRule.objects.create(cluster=lab.cluster, name="tied", kind="vm_host", vm_group=group, host_group=hosts)
    agree(lab)
    assert len(snapshot_of(lab.cluster, lab.vcenter.lab_seconds()).rules) == 2

    Task.objects.create(
        vcenter=lab.vcenter, entity=lab.vms[2].moref, entity_name="x", operation="vm.power_on",
        description_id="VirtualMachine.powerOn", state=TaskState.RUNNING, exclusive=True,
    )  # fmt: skip
    moved = {"vcenter": lab.vcenter, "kind": "vmotion", "started_lab_s": 1.0, "ended_lab_s": lab.vcenter.lab_seconds()}
    for number, ok in enumerate((True, False)):
        Migration.objects.create(
            vm=lab.vms[number].moref, vm_name="x", source=lab.hosts[0].moref, source_name="a",
            destination=lab.hosts[1].moref, destination_name="b", ok=ok, **moved,
        )  # fmt: skip
    agree(lab)
    found = snapshot_of(lab.cluster, lab.vcenter.lab_seconds())
    assert len(found.vms.failed_moves) == 1
    assert (found.vms.moved_s > 0).sum() == 1

    VirtualMachine.objects.filter(pk=lab.vms[5].pk).update(template=True)
    agree(lab)
    assert lab.vms[5].moref not in snapshot_of(lab.cluster, lab.vcenter.lab_seconds()).vms.moref


def lab_after_a_cycle():
    lab = builders.small_lab(hosts=2, vms=2)
    lab.cluster.drs_enabled = True
    lab.cluster.save()
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    pumping.advance(lab.vcenter, 60)
    assert cycles.run(lab.cluster.pk) is not None
    return lab


def test_the_record_is_shortened_when_an_hour_begins():
    lab = lab_after_a_cycle()
    old = DrsFault.objects.create(cluster=lab.cluster, lab_s=-2 * cycles.FAULTS_KEPT_S, vm="vm-1", vm_name="x",
                                  problem="x", fault={})  # fmt: skip
    gone = Recommendation.objects.create(
        cluster=lab.cluster, key="m1", kind="migrate", priority=1, reason="x", state=Recommendation.GONE,
        created_lab_s=-2 * cycles.FAULTS_KEPT_S,
    )  # fmt: skip
    assert cycles.run(lab.cluster.pk) is not None
    assert DrsFault.objects.filter(pk=old.pk).exists()  # the same hour
    ClusterSchedule.objects.filter(cluster=lab.cluster).update(last_cycle_lab_s=-1.0)
    assert cycles.run(lab.cluster.pk) is not None
    assert not DrsFault.objects.filter(pk=old.pk).exists()
    assert not Recommendation.objects.filter(pk=gone.pk).exists()
    assert Decision.objects.filter(cluster=lab.cluster).count() == 3


def test_a_cycle_that_runs_elsewhere_keeps_its_lease():
    lab = lab_after_a_cycle()
    lease = now() + cycles.LEASE
    ClusterSchedule.objects.filter(cluster=lab.cluster).update(running_until=lease)
    assert cycles.run(lab.cluster.pk) is None
    assert ClusterSchedule.objects.get(cluster=lab.cluster).running_until == lease
