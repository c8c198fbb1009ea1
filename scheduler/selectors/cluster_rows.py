"""The rows that a snapshot is made of, by queries that are built once per process: a cycle asks them every minute."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import QuerySet

from domain.states import TaskState
from inventory.models import (
    Datastore,
    DatastoreMount,
    Host,
    HostNetwork,
    Network,
    ResourcePool,
    Task,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)
from inventory.prepared import Prepared, PreparedModels
from scheduler.models import DrsRule, Migration
from scheduler.selectors.pinned import TORN

Pair = tuple[int, int]
_LIVE = (TaskState.QUEUED, TaskState.RUNNING)
MOVES = ("vm.relocate", "vm.drs_migrate")  # operations whose `args` name the `host` that a VM goes to
WAKE = "host.exit_standby"


class VmRow(NamedTuple):
    """The columns of a VM that planning looks at."""

    pk: int
    moref: str
    name: str
    host_id: int
    pool_id: int | None
    slot: int
    power_state: str
    connection_state: str
    vcpus: int
    memory_mib: int
    cpu_reservation_mhz: int
    cpu_limit_mhz: int
    cpu_shares: int
    memory_reservation_mib: int
    memory_limit_mib: int
    memory_shares: int
    features_mask: int
    drs_override: str
    hardware_version: int
    cd_connected: bool
    cd_path: str
    passthrough: str
    bus_sharing: str
    cpu_affinity: str
    torn: bool
    ha_restart_priority: str


class RuleRow(NamedTuple):
    """A rule of placement with the members of its groups; a group that it does not have is None."""

    pk: int
    name: str
    kind: str
    enabled: bool
    affine: bool
    mandatory: bool
    members: list[str]
    vm_group: list[str] | None
    host_group: list[str] | None


class Busy(NamedTuple):
    """A live task that holds its object for itself."""

    entity: str
    description: str
    operation: str
    args: dict[str, Any]


class Links(NamedTuple):
    """(host, datastore) and (host, network) that hosts offer, (VM, datastore) and (VM, network) that VMs need."""

    mounts: list[Pair]
    present: list[Pair]
    disks: list[Pair]
    nics: list[Pair]


def _vm_query(cluster: int) -> QuerySet[VirtualMachine, Any]:
    rows = VirtualMachine.objects.filter(host__cluster=cluster, template=False, provisioning=False).order_by("id")
    return rows.annotate(torn=TORN).values_list(*VmRow._fields)


def _mount_query(cluster: int) -> QuerySet[DatastoreMount, Any]:
    usable = DatastoreMount.objects.filter(host__cluster=cluster, accessible=True, datastore__accessible=True)
    return usable.order_by().values_list("host_id", "datastore_id")


def _disk_query(cluster: int) -> QuerySet[VirtualDisk, Any]:
    return VirtualDisk.objects.filter(vm__host__cluster=cluster).order_by().values_list("vm_id", "datastore_id")


def _nic_query(cluster: int) -> QuerySet[VirtualNic, Any]:
    linked = VirtualNic.objects.filter(vm__host__cluster=cluster, network__isnull=False)
    return linked.order_by().values_list("vm_id", "network_id")


def _move_query(vcenter: int, since_s: float) -> QuerySet[Migration, Any]:
    recent = Migration.objects.filter(vcenter=vcenter, ended_lab_s__gt=since_s).order_by("id")
    return recent.values_list("vm", "source", "destination", "ended_lab_s", "ok")


def _busy_query(vcenter: int) -> QuerySet[Task, Any]:
    live = Task.objects.filter(vcenter=vcenter, exclusive=True, state__in=_LIVE).order_by()
    return live.values_list("entity", "description_id", "operation", "args")


def _rule_query(cluster: int) -> QuerySet[DrsRule, Any]:
    placing = DrsRule.objects.filter(cluster=cluster).exclude(kind="dependency").order_by("id")
    return placing.values_list(*RuleRow._fields[:7], "vm_group__members", "host_group__members")


hosts = PreparedModels(lambda cluster: Host.objects.filter(cluster=cluster).select_related("license").order_by("id"))
pools = PreparedModels(lambda cluster: ResourcePool.objects.filter(cluster=cluster).order_by("id"))
recent_moves = Prepared(_move_query)
_busy = Prepared(_busy_query)
datastores = Prepared(lambda vcenter: Datastore.objects.filter(vcenter=vcenter).order_by("id").values_list("id"))
networks = Prepared(lambda vcenter: Network.objects.filter(vcenter=vcenter).order_by("id").values_list("id"))
_rules = Prepared(_rule_query)
_vms = Prepared(_vm_query)
_mounts = Prepared(_mount_query)
_present = Prepared(
    lambda cluster: HostNetwork.objects.filter(host__cluster=cluster).order_by().values_list("host_id", "network_id")
)
_disks = Prepared(_disk_query)
_nics = Prepared(_nic_query)


def vms(cluster: int) -> list[VmRow]:
    """Templates, VMs in the recycle bin and VMs that are being made are left out; powered-off VMs are in."""
    return [VmRow._make(row) for row in _vms.rows(cluster)]


def busy(vcenter: int) -> list[Busy]:
    """Live tasks that hold their object."""
    return [Busy._make(row) for row in _busy.rows(vcenter)]


def rules(cluster: int) -> list[RuleRow]:
    """Oldest first; rules of start order say nothing about places."""
    return [RuleRow._make(row) for row in _rules.rows(cluster)]


def links(cluster: int) -> Links:
    return Links(_mounts.rows(cluster), _present.rows(cluster), _disks.rows(cluster), _nics.rows(cluster))


def links_between(hosts: list[Host], vms: list[VirtualMachine]) -> Links:
    """For hosts and VMs of any clusters."""
    mounts = DatastoreMount.objects.filter(host__in=hosts, accessible=True, datastore__accessible=True)
    present = HostNetwork.objects.filter(host__in=hosts)
    disks = VirtualDisk.objects.filter(vm__in=vms)
    nics = VirtualNic.objects.filter(vm__in=vms, network__isnull=False)
    return Links(
        list(mounts.values_list("host_id", "datastore_id")),
        list(present.values_list("host_id", "network_id")),
        list(disks.values_list("vm_id", "datastore_id")),
        list(nics.values_list("vm_id", "network_id")),
    )
