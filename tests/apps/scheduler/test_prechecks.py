"""Every check of a move finds its typed fault, on each candidate host, all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from domain import faults
from domain.licensing import Edition
from domain.limits import DEFAULT_LIMITS
from domain.states import VmPower
from inventory.models import Cluster, Host, License, Snapshot, Task, VirtualDisk, VirtualMachine
from scheduler.models import DrsGroup, DrsRule
from scheduler.prechecks import verdicts
from scheduler.selectors.cluster import frame_of
from scheduler.selectors.failover import agents, what_ifs
from tests import builders
from tests.apps.scheduler.motion_rig import Stage

pytestmark = pytest.mark.django_db
SOURCE, TARGET = 0, 2


@pytest.fixture
def stage() -> Stage:
    """Rows alone: no check asks the fleet."""
    lab = builders.small_lab(hosts=3, vms=6)
    VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False).update(power_state=VmPower.ON)
    return Stage(lab)


def on_vm(**values: Any) -> Callable[[Stage], object]:
    return lambda stage: VirtualMachine.objects.filter(pk=stage.vm(0).pk).update(**values)


def on_host(index: int, **values: Any) -> Callable[[Stage], object]:
    return lambda stage: Host.objects.filter(pk=stage.host(index).pk).update(**values)


def busy(stage: Stage) -> None:
    vm = stage.vm(0)
    Task.objects.create(
        vcenter=stage.vc, entity=vm.moref, entity_name=vm.name, operation="vm.reset", exclusive=True,
        description_id="VirtualMachine.reset",
    )  # fmt: skip


def licensed(index: int, edition: Edition) -> Callable[[Stage], object]:
    def prepare(stage: Stage) -> None:
        given = License.objects.create(vcenter=stage.vc, name="XXXXX", edition=edition, cores=64)
        Host.objects.filter(pk=stage.host(index).pk).update(license=given)

    return prepare


def must_elsewhere(stage: Stage) -> None:
    groups = [
        DrsGroup.objects.create(cluster=stage.lab.cluster, name=kind, kind=kind, members=members)
        for kind, members in (("vm", [stage.vm(0).moref]), ("host", [stage.host(1).moref]))
    ]
    DrsRule.objects.create(
        cluster=stage.lab.cluster, name="licensed", kind="vm_host", mandatory=True,
        vm_group=groups[0], host_group=groups[1],
    )  # fmt: skip


def nonpersistent(stage: Stage) -> None:
    VirtualDisk.objects.filter(vm=stage.vm(0)).update(independent=True)
    Snapshot.objects.create(vm=stage.vm(0), moref="snapshot-1", name="before")


def failover_host(stage: Stage) -> None:
    options = {"admission": "failover_hosts", "failover_hosts": [stage.host(TARGET).moref]}
    Cluster.objects.filter(pk=stage.lab.cluster.pk).update(ha_options=options)


def crowded(stage: Stage) -> None:
    """The destination runs as many virtual CPUs as a host may."""
    VirtualMachine.objects.filter(pk=stage.vm(2).pk).update(
        host=stage.host(TARGET), vcpus=DEFAULT_LIMITS.vcpus_per_host, power_state=VmPower.ON
    )


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (busy, {"TaskInProgress": {}}),
        (on_vm(connection_state="disconnected"), {"InvalidHostConnectionState": {}}),
        (on_vm(cd_connected=True, cd_path="[client] a.iso"), {"RemoteDeviceNotSupported": {}}),
        (on_vm(cd_connected=True, cd_path="[host] a.iso"), {"CannotAccessLocalSource": {}}),
        (on_vm(passthrough="usb"), {"DisallowedMigrationDeviceAttached": {"device": "a USB device of its host"}}),
        (on_vm(passthrough="pci"), {"DisallowedMigrationDeviceAttached": {"device": "a PCI passthrough device"}}),
        (on_vm(passthrough="pci", power_state=VmPower.OFF), {}),
        (on_vm(bus_sharing="physicalSharing"), {"DisallowedMigrationDeviceAttached": {}}),
        (on_vm(bus_sharing="virtualSharing"), {}),
        (on_vm(cpu_affinity="0-3"), {"AffinityConfigured": {}}),
        (
            on_vm(cpu_affinity="0-3", bus_sharing="physicalSharing"),
            {"AffinityConfigured": {}, "DisallowedMigrationDeviceAttached": {}},
        ),
        (nonpersistent, {"IndependentDiskVMotionNotSupported": {}}),
        (on_host(TARGET, connection_state="notResponding"), {"HostNotConnected": {}}),
        (on_host(TARGET, in_maintenance=True), {"InvalidHostState": {}}),
        (on_host(TARGET, standby_mode="in", power_state="standBy"), {"InvalidHostState": {}}),
        (failover_host, {"DisallowedOperationOnFailoverHost": {}}),
        (on_host(TARGET, vmotion_enabled=False), {"VMotionNotConfigured": {"atSourceHost": False}}),
        (on_host(TARGET, nics_down=[1]), {"VMotionLinkDown": {"atSourceHost": False}}),
        (on_host(TARGET, nic_mbps=[1000, 100]), {"VMotionLinkCapacityLow": {"atSourceHost": False}}),
        (on_host(SOURCE, vmotion_enabled=False), {"VMotionNotConfigured": {"atSourceHost": True}}),
        (on_host(SOURCE, nics_down=[1]), {"VMotionLinkDown": {"atSourceHost": True}}),
        (on_host(SOURCE, nic_mbps=[1000, 100]), {"VMotionLinkCapacityLow": {"atSourceHost": True}}),
        (on_host(TARGET, nics_down=[1], threads=0), {"VMotionLinkDown": {}, "NotEnoughLogicalCpus": {}}),
        (licensed(TARGET, Edition.ESSENTIALS), {"VMotionNotLicensed": {"atSourceHost": False}}),
        (licensed(SOURCE, Edition.ESSENTIALS), {"VMotionNotLicensed": {"atSourceHost": True}}),
        (licensed(TARGET, Edition.STANDARD), {}),
        (on_host(TARGET, vmotion_ip_family="ipv6"), {"VMotionInterfaceIssue": {"family": "IPv6"}}),
        (on_host(SOURCE, vmotion_ip_family="ipv6"), {"VMotionInterfaceIssue": {"source_family": "IPv6"}}),
        (on_vm(features_mask=1 << 40), {"FeatureRequirementsNotMet": {}}),
        (on_vm(features_mask=1 << 40, power_state=VmPower.SUSPENDED), {"FeatureRequirementsNotMet": {}}),
        (on_vm(features_mask=1 << 40, power_state=VmPower.OFF), {}),
        (on_host(TARGET, hypervisor_version="7.0.3"), {"VirtualHardwareVersionNotSupported": {}}),
        (on_host(TARGET, hypervisor_version="7.0.3", host_kind="hosted"), {}),
        (on_vm(vcpus=33), {"NotEnoughLogicalCpus": {}}),
        (must_elsewhere, {"VmHostAffinityRuleViolation": {"rule": "licensed"}}),
        (on_vm(cpu_reservation_mhz=10**6), {"InsufficientHostCpuCapacityFault": {}}),
        (on_vm(memory_reservation_mib=10**6), {"InsufficientHostMemoryCapacityFault": {}}),
        (crowded, {"InsufficientHostCapacityFault": {}}),
    ],
)
def test_each_check_has_its_fault(stage, prepare, expected):
    prepare(stage)
    found = verdicts([stage.vm(0)], [stage.host(TARGET)])[0].errors
    assert {f.name for f in found} == set(expected)
    for fault in found:
        assert expected[fault.name].items() <= fault.fields.items()
        assert "?" not in fault.sentence


def test_both_ends_are_told_when_both_lack_vmotion(stage):
    Host.objects.filter(cluster=stage.lab.cluster).update(nics_down=[1])
    found = verdicts([stage.vm(0)], [stage.host(TARGET)])[0].errors
    assert {(f.name, f.fields["host"]) for f in found} == {
        ("VMotionLinkDown", stage.host(SOURCE).name), ("VMotionLinkDown", stage.host(TARGET).name),
    }  # fmt: skip


def test_a_machine_that_does_not_run_needs_neither_license_nor_family(stage):
    licensed(TARGET, Edition.ESSENTIALS)(stage)
    on_host(SOURCE, vmotion_ip_family="ipv6")(stage)
    for state in (VmPower.OFF, VmPower.SUSPENDED):
        on_vm(power_state=state)(stage)
        assert verdicts([stage.vm(0)], [stage.host(TARGET)])[0].ok


def test_more_hosts_and_machines_cost_no_more_queries(stage):
    vms, hosts = [stage.vm(i) for i in range(4)], [stage.host(i) for i in range(3)]
    counts = []
    for some_vms, some_hosts in ((vms[:1], hosts[1:2]), (vms, hosts)):
        with CaptureQueriesContext(connection) as asked:
            verdicts(some_vms, some_hosts)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_another_cluster_keeps_its_failover_capacity(stage):
    other = builders.make_cluster(stage.lab.datacenter, "Other", hosts=2)
    builders.offer(stage.lab.datastore, stage.lab.network, Host.objects.filter(cluster=other))
    target = Host.objects.select_related("cluster__vcenter").filter(cluster=other).first()
    names = {f.name for f in verdicts([stage.vm(0)], [target])[0].errors}
    assert "InsufficientFailoverResourcesFault" not in names
    Cluster.objects.filter(pk=other.pk).update(ha_enabled=True, ha_options={"failures": 2})
    target = Host.objects.select_related("cluster__vcenter").get(pk=target.pk)
    assert "InsufficientFailoverResourcesFault" in {f.name for f in verdicts([stage.vm(0)], [target])[0].errors}
    VirtualMachine.objects.filter(pk=stage.vm(0).pk).update(power_state=VmPower.OFF)
    names = {f.name for f in verdicts([stage.vm(0)], [target])[0].errors}
    assert "InsufficientFailoverResourcesFault" not in names


def test_what_runs_is_protected_from_the_moment_that_ha_is_on(stage):
    """Also where it was started before: the page, the what-if and HA itself say the same."""
    cluster = stage.lab.cluster
    assert not frame_of(cluster).snapshot.vms.protected.any()
    assert not stage.vm(0).ha_protected
    cluster.ha_enabled = True
    cluster.save()
    case = what_ifs(cluster, only=stage.host(0).moref)[0]
    assert case.lost
    assert not case.unprotected
    assert (
        sum(one.protected for one in agents(cluster))
        == VirtualMachine.objects.filter(host__cluster=cluster, power_state=VmPower.ON, template=False).count()
    )
    assert stage.vm(0).ha_protected
    Host.objects.filter(pk=stage.host(0).pk).update(host_kind="hosted")
    assert what_ifs(cluster, only=stage.host(0).moref)[0].unprotected
    assert not stage.vm(0).ha_protected


def test_a_newer_machine_does_not_start_on_an_older_hypervisor(stage):
    from inventory import admission

    vm, host = stage.vm(0), stage.host(TARGET)
    host.hypervisor_version = "7.0.3"
    found = admission.host_faults(vm, host, admission.room([host])[host.pk])
    assert found == [faults.VirtualHardwareVersionNotSupported(name=vm.name, host=host.name)]


def test_licenses_of_many_hosts_cost_one_query_more_and_none_for_planning(stage):
    def asked() -> tuple[int, int]:
        vms, hosts = [stage.vm(0)], [stage.host(i) for i in range(3)]
        with CaptureQueriesContext(connection) as queries:
            verdicts(vms, hosts)
            compared = len(queries)
            frame_of(stage.lab.cluster)
        return compared, len(queries) - compared

    before = asked()
    for host in Host.objects.filter(cluster=stage.lab.cluster):
        made = License.objects.create(vcenter=stage.vc, name=host.name, cores=64)
        Host.objects.filter(pk=host.pk).update(license=made)
    assert asked() == (before[0] + 1, before[1])
