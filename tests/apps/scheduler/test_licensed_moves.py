"""Licenses and IP families where moves are asked for: wizard, drop, maintenance, DRS, and the hypervisor itself."""

from __future__ import annotations

import pytest

from domain import faults
from domain.licensing import Edition
from inventory.models import Host, License, VirtualMachine
from inventory.services import hosts, licenses
from scheduler import foresight
from scheduler.selectors.cluster import frame_of, snapshot_of
from scheduler.services import cycles, maintenance
from scheduler.services.migration import Target, relocate
from tests import pumping
from tests.apps.scheduler.motion_rig import Stage, running_stage
from tests.apps.scheduler.test_scheduler import big_running_lab
from tests.dialogs import Walk

pytestmark = pytest.mark.django_db(transaction=True)
UNLICENSED, SIX = 2, 1


@pytest.fixture
def stage() -> Stage:
    """A host without a license for vMotion, and one that speaks IPv6."""
    made = running_stage()
    small = License.objects.create(vcenter=made.vc, name="SMALL", edition=Edition.ESSENTIALS, cores=64)
    licenses.assign(None, made.host(UNLICENSED), small)
    hosts.set_vmotion(None, made.host(SIX), vmotion_ip_family="ipv6")
    return made


def test_the_wizard_says_why_and_what_to_do(stage: Stage) -> None:
    client, vm = stage.client("student"), stage.vm(0)
    walk = Walk(client, stage.dialog(vm.moref, "migrate")).send(type__type="compute")
    assert "does not include vMotion. Assign it one that does" in walk.page
    assert "speak different IP families" in walk.page
    for index in (UNLICENSED, SIX):
        again = Walk(client, stage.dialog(vm.moref, "migrate")).send(type__type="compute")
        assert again.send(compute__host=stage.host(index).moref).answer.status_code == 422
        dropped = Walk(client, stage.dialog(vm.moref, "migrate") + f"?host={stage.host(index).moref}")
        assert "Select a compute resource" in dropped.page


@pytest.mark.parametrize(("index", "fault"), [(UNLICENSED, "VMotionNotLicensed"), (SIX, "VMotionInterfaceIssue")])
def test_the_service_refuses_and_so_does_the_hypervisor_where_it_was_too_late(
    stage: Stage, index: int, fault: str
) -> None:
    with pytest.raises(faults.MethodFault) as refused:
        relocate(None, stage.vm(0), Target(host=stage.host(index)))
    assert refused.value.name == fault
    held = License.objects.get()
    licenses.assign(None, stage.host(index), None)
    hosts.set_vmotion(None, stage.host(index), vmotion_ip_family="ipv4")
    task = relocate(None, stage.vm(0), Target(host=stage.host(index)))
    if index == UNLICENSED:
        licenses.assign(None, stage.host(index), held)
    else:
        hosts.set_vmotion(None, stage.host(index), vmotion_ip_family="ipv6")
    assert pumping.finished(stage.vc, task).fault["fault"] == fault


def test_maintenance_names_what_cannot_leave(stage: Stage) -> None:
    for index, said in ((UNLICENSED, "does not include vMotion"), (SIX, "different IP families")):
        plan = maintenance.preview(stage.host(index))
        here = VirtualMachine.objects.filter(host=stage.host(index), power_state="poweredOn").count()
        assert (plan.moves, len(plan.stuck)) == ([], here)
        assert here
        assert all(said in fault.sentence for _vm, fault in plan.stuck)


def test_a_machine_that_no_host_takes_hears_each_reason_once(stage: Stage) -> None:
    vms = list(VirtualMachine.objects.filter(host=stage.host(UNLICENSED)).select_related("host__cluster", "vcenter"))
    running = [vm for vm in vms if vm.power_state == "poweredOn"]
    stuck = foresight.to_best_hosts(running).stuck
    assert len(stuck) == len(running) > 0
    for _vm, fault in stuck:
        assert fault.name == "VMotionNotLicensed"
        assert fault.fields["atSourceHost"] is True


def test_planning_reads_the_same_from_both_kinds_of_rows(stage: Stage) -> None:
    cluster = stage.lab.cluster
    for snapshot in (frame_of(cluster).snapshot, snapshot_of(cluster, 0.0)):
        assert snapshot.hosts.vmotion_licensed.tolist() == [True, True, False]
        assert snapshot.hosts.vmotion_ipv6.tolist() == [False, True, False]


def test_drs_leaves_a_host_alone_that_its_machines_cannot_leave() -> None:
    lab = big_running_lab(drs_enabled=True, drs_automation="fullyAutomated")
    hot = VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False).values_list("host", flat=True)[0]
    small = License.objects.create(vcenter=lab.vcenter, name="SMALL", edition=Edition.ESSENTIALS, cores=64)
    licenses.assign(None, Host.objects.select_related("cluster", "vcenter").get(pk=hot), small)
    assert cycles.run(lab.cluster.pk).moves == 0
    licenses.edit(None, small, edition=Edition.ESSENTIALS_PLUS)
    decision = cycles.run(lab.cluster.pk)
    assert decision.moves > 0
    pumping.advance(lab.vcenter, 300)
    assert VirtualMachine.objects.filter(host__cluster=lab.cluster).values("host").distinct().count() > 1
