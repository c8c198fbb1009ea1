"""Clusters: create, reconfigure, destroy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import faults
from domain.hardware import CPU_GENERATIONS
from domain.morefs import FolderKind
from domain.specs import to_plain
from domain.states import DrsBehavior, VmPower
from hypervisors.port import Config
from inventory import specs
from inventory.inverses import note, one
from inventory.journal import Change, changing
from inventory.models import Cluster, Folder, Host, ResourcePool, Task, VirtualMachine
from inventory.services import leaving
from inventory.services.base import check, expect_version, instant, number, unique, valid_name
from inventory.services.containers import new_compute

CREATE = "Host.Inventory.CreateCluster"
LEVELS = {DrsBehavior.MANUAL.value, DrsBehavior.PARTIAL.value, DrsBehavior.FULL.value}
FIELDS = {
    "drs_enabled", "drs_automation", "drs_threshold", "drs_vm_overrides", "drs_options", "scalable_shares",
    "dpm_enabled", "dpm_automation", "dpm_threshold", "ha_enabled", "ha_options", "evc_mode",
}  # fmt: skip


def create(user: Any, folder: Folder, name: str, **settings: Any) -> Task:
    """A cluster in a host folder; `settings` as in `reconfigure`."""
    check(user, CREATE, folder)
    if folder.folder_kind != FolderKind.HOST:
        raise faults.InvalidFolder(target=name)
    name = valid_name(name)
    unique(Cluster.objects.filter(folder=folder), name)
    validate(settings)
    with changing(folder.vcenter, user) as change:
        cluster = new_compute(change, folder, name, standalone=False, **settings)
        change.event("ClusterCreatedEvent", cluster, folder)
        change.fact("tree.changed", folder.moref)
        return instant(change, "Folder.createClusterEx", cluster)


def validate(settings: Mapping[str, Any]) -> None:
    unknown = set(settings) - FIELDS
    if unknown:
        raise faults.InvalidArgument(property=min(unknown), reason="there is no such setting")
    number(settings, "drs_threshold", 1, 5)
    number(settings, "dpm_threshold", 1, 5)
    if settings.get("drs_automation", "manual") not in LEVELS:
        raise faults.InvalidArgument(property="drs_automation", reason=", ".join(sorted(LEVELS)))
    if settings.get("dpm_automation", "manual") not in ("manual", "automated"):
        raise faults.InvalidArgument(property="dpm_automation", reason="manual or automated")
    if settings.get("evc_mode") and settings["evc_mode"] not in CPU_GENERATIONS:
        raise faults.InvalidArgument(property="evc_mode", reason="there is no such CPU generation")


def reconfigure(user: Any, cluster: Cluster, changes: Mapping[str, Any], expected_version: int | None = None) -> Task:
    """Change DRS, DPM, HA and EVC settings."""
    check(user, "Host.Inventory.EditCluster", cluster)
    validate(changes)
    expect_version(Cluster.objects.get(pk=cluster.pk), expected_version)
    if changes.get("evc_mode", cluster.evc_mode) != cluster.evc_mode:
        check_evc(cluster, str(changes["evc_mode"]))
    with changing(cluster.vcenter, user) as change:
        before = {name: getattr(cluster, name) for name in changes}
        for name, value in changes.items():
            setattr(cluster, name, value)
        cluster.change_version += 1
        cluster.save()
        _tell(change, cluster, before)
        summary = ", ".join(f"{k}: {before[k]} → {v}" for k, v in changes.items() if before[k] != v)
        change.event("ClusterReconfiguredEvent", cluster, reason=summary[:500])
        change.changed(cluster)
        undo = note("cluster", before, changes)
        result = {"changed": summary[:500]}
        return instant(change, "ClusterComputeResource.reconfigureEx", cluster, result=result, args=undo)


def _tell(change: Change, cluster: Cluster, before: Mapping[str, Any]) -> None:
    """Events of what was switched on or off, and the fleet's new EVC masks."""
    for field, on, off in (
        ("drs_enabled", "DrsEnabledEvent", "DrsDisabledEvent"),
        ("ha_enabled", "DasEnabledEvent", "DasDisabledEvent"),
    ):
        if field in before and before[field] != getattr(cluster, field):
            change.event(on if getattr(cluster, field) else off, cluster, new=cluster.drs_automation)
    if "evc_mode" in before and before["evc_mode"] != cluster.evc_mode:
        for host in cluster.hosts.select_related("cluster"):
            change.configure(Config.HOST, host.uuid, spec=to_plain(specs.host_spec(host)))


def check_evc(cluster: Cluster, mode: str) -> None:
    """Every host must reach the mode, and no running VM may have started with more."""
    if not mode:
        return
    generation = CPU_GENERATIONS[mode]
    for host in cluster.hosts.all():
        own = CPU_GENERATIONS.get(host.cpu_generation)
        if own is None or generation.features & ~own.features:
            raise faults.EVCAdmissionFailed(host=host.name, cluster=cluster.name, mode=generation.label)
    running = VirtualMachine.objects.filter(host__cluster=cluster, power_state=VmPower.ON)
    for name, mask in running.values_list("name", "features_mask"):
        if mask & ~generation.features:
            raise faults.EVCAdmissionFailedVmActive(name=name, mode=generation.label)


def rename(user: Any, cluster: Cluster, name: str) -> Task:
    check(user, "Host.Inventory.RenameCluster", cluster)
    name = valid_name(name)
    unique(Cluster.objects.filter(folder=cluster.folder), name, own=cluster)
    with changing(cluster.vcenter, user) as change:
        old, cluster.name = cluster.name, name
        cluster.save(update_fields=["name"])
        change.event("ObjectRenamedEvent", cluster, old=old, new=name)
        change.changed(cluster)
        change.fact("tree.changed", cluster.folder.moref)
        told = {"old": old, "new": name}
        return instant(change, "ClusterComputeResource.rename", cluster, result=told, args=one("name", old, name))


def destroy(user: Any, cluster: Cluster) -> Task:
    """Remove a cluster with its hosts, which have to be in maintenance mode or disconnected, and their VMs.

    Raises:
        InvalidState: hosts are neither; it names them.
        InvalidPowerState, TaskInProgress, VAppTaskInProgress, ResourceInUse: see `leaving.may_leave`.
    """
    check(user, "Host.Inventory.DeleteCluster", cluster)
    hosts = list(Host.objects.filter(cluster=cluster).select_related("cluster").order_by("name"))
    check(user, "Host.Inventory.RemoveHostFromCluster", *hosts)
    working = [host.name for host in hosts if not leaving.removable(host)]
    if working:
        names = ", ".join(working[: leaving.NAMED]) + (", …" if len(working) > leaving.NAMED else "")
        reason = f"put these hosts into maintenance mode or disconnect them first: {names}"
        raise faults.InvalidState(name=cluster.name, reason=reason)
    departure = leaving.may_leave(user, hosts) if hosts else None
    with changing(cluster.vcenter, user) as change:
        folder = cluster.folder
        change.event("ClusterDestroyedEvent", cluster)
        task = instant(change, "ClusterComputeResource.destroy", cluster)
        if departure is not None:
            leaving.leave(change, hosts, departure)
        drop_pools(change, cluster)
        cluster.delete()
        change.fact("tree.changed", folder.moref)
        return task


def drop_pools(change: Change, cluster: Cluster) -> None:
    for pool in ResourcePool.objects.filter(cluster=cluster).order_by("-id"):
        change.configure(Config.REMOVE_POOL, pool.uuid)
        pool.delete()
