"""Moves to another cluster: what belongs to the old one stays behind, and the owner is whoever runs the machine."""

from __future__ import annotations

import pytest

from domain.states import TaskState
from hypervisors.port import Injection
from inventory.models import Cluster, Host, VirtualMachine
from scheduler.models import DrsGroup, DrsRule, Migration
from scheduler.services.migration import Target, relocate
from tests import builders, pumping
from tests.apps.scheduler.motion_rig import Stage, running_stage

pytestmark = pytest.mark.django_db(transaction=True)


def abroad(stage: Stage, **settings: object) -> Host:
    """A host of a second cluster with the same storage and network."""
    other = builders.make_cluster(stage.lab.datacenter, "Other", hosts=2)
    builders.offer(stage.lab.datastore, stage.lab.network, Host.objects.filter(cluster=other))
    Cluster.objects.filter(pk=other.pk).update(**settings)
    pumping.meet(stage.vc)
    return Host.objects.select_related("cluster__vcenter", "vcenter").filter(cluster=other).earliest("id")


def test_rules_groups_and_overrides_of_the_old_cluster_are_left_behind():
    stage = running_stage(people=False, ha_enabled=True)
    target = abroad(stage)
    vm, mate = stage.vm(0), stage.vm(1)
    pair = [vm.moref, mate.moref]
    DrsRule.objects.create(cluster=stage.lab.cluster, name="apart", kind="anti_affinity", members=pair)
    DrsGroup.objects.create(cluster=stage.lab.cluster, name="web", kind="vm", members=pair)
    VirtualMachine.objects.filter(pk=vm.pk).update(drs_override="manual", ha_restart_priority="high")
    assert stage.vm(0).ha_protected
    pumping.succeeded(stage.vc, relocate(None, stage.vm(0), Target(host=target)))
    vm = stage.vm(0)
    assert (vm.host_id, vm.pool.cluster_id) == (target.pk, target.cluster_id)
    assert (vm.drs_override, vm.ha_restart_priority, vm.ha_protected) == ("", "", False)
    assert DrsRule.objects.get(name="apart").members == DrsGroup.objects.get(name="web").members == [mate.moref]


def test_a_destination_that_dies_as_the_owner_leaves_no_half_move():
    """After the hand-over the machine belongs to the other cluster, although the task ends in an error."""
    stage = running_stage(people=False)
    target = abroad(stage, ha_enabled=True)
    task = relocate(None, stage.vm(0), Target(host=target))
    stage.into_copy(task)
    for _ in range(400):
        pumping.advance(stage.vc, 0.05, 0.05)
        task.refresh_from_db()
        if task.phase == "committing":
            break
    assert task.phase == "committing"
    stage.break_(target, Injection.HOST_CRASH, duration_s=3600)
    done = pumping.finished(stage.vc, task)
    assert done.state == TaskState.ERROR
    vm = stage.vm(0)
    assert (vm.host_id, vm.pool.cluster_id) == (target.pk, target.cluster_id)
    assert Migration.objects.get(task=task).ok
    pumping.advance(stage.vc, 120, 2.0)
    vm = stage.vm(0)
    assert (vm.power_state, vm.host.cluster_id, vm.host_id != target.pk) == ("poweredOn", target.cluster_id, True)
