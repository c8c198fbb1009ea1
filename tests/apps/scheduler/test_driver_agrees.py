"""The planner's checks and the hypervisor's own say the same of every pair of vMotion ends, from the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from domain.faults import MethodFault
from domain.licensing import Edition
from domain.states import VmPower
from hypervisors.port import JobState, Op
from hypervisors.simulated.moves import Move
from hypervisors.simulated.precheck import check
from inventory import specs
from inventory.models import Host, License, VCenter, VirtualMachine
from scheduler.prechecks import verdicts
from tests import builders
from tests.apps.scheduler.motion_rig import Stage
from tests.drivers.rig import Rig

pytestmark = pytest.mark.django_db
ENDS: Mapping[str, Mapping[str, Any]] = {
    "as usual": {},
    "not enabled": {"vmotion_enabled": False},
    "slow": {"nic_mbps": [1000, 100]},
    "IPv6": {"vmotion_ip_family": "ipv6"},
    "without vMotion": {"edition": Edition.ESSENTIALS},
    "with vMotion": {"edition": Edition.ESSENTIALS_PLUS},
    "IPv6, without vMotion": {"vmotion_ip_family": "ipv6", "edition": Edition.ESSENTIALS},
}


@pytest.fixture
def stage() -> Stage:
    lab = builders.small_lab(hosts=2, vms=2)
    VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False).update(power_state=VmPower.ON)
    VirtualMachine.objects.filter(pk=lab.vms[0].pk).update(host=lab.hosts[0])
    for edition in Edition:
        License.objects.create(vcenter=lab.vcenter, name=str(edition), edition=edition, cores=1000)
    return Stage(lab)


def make(stage: Stage, index: int, edition: str = "", **values: Any) -> None:
    given = License.objects.filter(vcenter=stage.vc, edition=edition).first()
    usual = {"vmotion_enabled": True, "nic_mbps": [10_000, 10_000], "vmotion_ip_family": "ipv4"}
    Host.objects.filter(pk=stage.host(index).pk).update(license=given, **usual | values)


def refused_by_hypervisor(stage: Stage, rig: Rig) -> MethodFault | None:
    state = rig.state
    vm, there = state.vm_ids.find(str(stage.vm(0).uuid)), state.host_ids.find(str(stage.host(1).uuid))
    move = Move("op", vm, int(state.vms.host[vm]), there, disks={}, live=True, bitmap_resume=False)
    try:
        check(rig.fleet, move)
    except MethodFault as fault:
        return fault
    return None


@pytest.mark.parametrize("source", ENDS)
def test_they_agree(stage: Stage, source: str) -> None:
    for destination in ENDS:
        make(stage, 0, **ENDS[source])
        make(stage, 1, **ENDS[destination])
        planned = verdicts([stage.vm(0)], [stage.host(1)])[0].errors
        refused = refused_by_hypervisor(stage, Rig(specs.inventory_of(VCenter.objects.get(pk=stage.vc.pk))))
        assert (refused is None) is (planned == []), destination
        assert refused is None or refused in planned, "in the same words, of the same end"


def test_a_move_under_way_ends_although_its_license_went(stage: Stage) -> None:
    """What has begun goes on, as in vSphere: the checks are made before."""
    rig = Rig(specs.inventory_of(VCenter.objects.get(pk=stage.vc.pk)))
    rig.run(60)
    op = rig.do(Op.MIGRATE, str(stage.vm(0).uuid), host=str(stage.host(1).uuid))
    rig.run_until_phase(op, "pre-copy")
    make(stage, 0, Edition.ESSENTIALS)
    rig.driver.rebuild(specs.inventory_of(VCenter.objects.get(pk=stage.vc.pk)))
    assert rig.run_until(op).state == JobState.DONE
    back = rig.do(Op.MIGRATE, str(stage.vm(0).uuid), host=str(stage.host(0).uuid))
    rig.run_until(back)
    assert rig.fault(back) == "VMotionNotLicensed"
