"""Hosts: add, connect, disconnect, remove, reboot, shut down, power settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError

from domain import faults
from domain.hardware import CPU_GENERATIONS, SERVER_MODELS, ServerModel
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.morefs import FolderKind, Kind
from domain.specs import to_plain
from domain.states import HostConnection, HostKind, HostPower, IpFamily, StandbyMode, VmConnection, VmPower
from hypervisors.port import Config
from inventory import host_sequences, ids, quotas, slots, specs
from inventory.inverses import note, values
from inventory.journal import Change, changing
from inventory.models import (
    Cluster,
    Datastore,
    DatastoreMount,
    Folder,
    Host,
    HostNetwork,
    Network,
    Task,
    VirtualMachine,
)
from inventory.services import leaving
from inventory.services.base import check, instant, submit, valid_name
from inventory.services.clusters import drop_pools
from inventory.services.containers import new_compute

ADD_ALONE = "Host.Inventory.AddStandaloneHost"
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,78}[A-Za-z0-9])?")
VMOTION = {"vmotion_enabled", "vmotion_ip_family"}
DPM_BEHAVIORS = {"default", "disabled", "manual", "automated"}


def add(
    user: Any,
    *,
    name: str,
    cluster: Cluster | None = None,
    folder: Folder | None = None,
    model: str = "lab-1u",
    kind: str = HostKind.BARE_METAL,
    datastores: Iterable[Datastore] | None = None,
    networks: Iterable[Network] | None = None,
) -> Task:
    """Add a host to a cluster, or on its own to a host folder. Shared datastores and networks of the datacenter are
    given to it unless others are named."""
    check(user, "Host.Inventory.AddHostToCluster", cluster) if cluster else check(user, ADD_ALONE, folder)
    server = _server(name, model)
    _may_join(cluster, folder, name, server)
    with changing((cluster or folder).vcenter, user) as change:  # type: ignore[union-attr]
        home = cluster or new_compute(change, folder, name, standalone=True)  # type: ignore[arg-type]
        host = new_host(change, home, name, server, HostKind(kind))
        attach(host, datastores, networks)
        change.configure(Config.HOST, host.uuid, spec=to_plain(specs.host_spec(host)))
        change.event("HostAddedEvent", host, home)
        change.fact("tree.changed", (cluster or folder).moref)  # type: ignore[union-attr]
        change.changed(home)
        return instant(change, "ClusterComputeResource.addHost", host)


def _server(name: str, model: str) -> ServerModel:
    if not _HOST_NAME.fullmatch(valid_name(name)):
        raise faults.InvalidArgument(property="name", reason="give a host name or an IP address")
    if model not in SERVER_MODELS:
        raise faults.HostNotReachable(host=name)
    return SERVER_MODELS[model]


def _may_join(cluster: Cluster | None, folder: Folder | None, name: str, server: ServerModel) -> None:
    vcenter = (cluster or folder).vcenter  # type: ignore[union-attr]
    if folder is not None and folder.folder_kind != FolderKind.HOST:
        raise faults.InvalidFolder(target=name)
    if Host.objects.filter(vcenter=vcenter, name=name).exists():
        raise faults.DuplicateName(name=name)
    quota = quotas.of(vcenter)
    if Host.objects.filter(vcenter=vcenter).count() >= quota.hosts:
        raise faults.LimitExceeded(property="hosts", limit=quota.hosts)
    if cluster is None:
        return
    if cluster.hosts.count() >= LIMITS.hosts_per_cluster:
        raise faults.TooManyHosts(cluster=cluster.name, limit=LIMITS.hosts_per_cluster)
    _reaches_evc(cluster, name, server.generation)


def _reaches_evc(cluster: Cluster, name: str, generation: str) -> None:
    if not cluster.evc_mode:
        return
    mode, own = CPU_GENERATIONS[cluster.evc_mode], CPU_GENERATIONS[generation]
    if mode.features & ~own.features:
        raise faults.EVCAdmissionFailed(host=name, cluster=cluster.name, mode=mode.label)


def new_host(change: Change, cluster: Cluster, name: str, server: ServerModel, kind: HostKind) -> Host:
    try:
        return Host.objects.create(
            vcenter=change.vcenter,
            moref=ids.new_moref(change.vcenter, Kind.HOST),
            name=name,
            cluster=cluster,
            slot=slots.take(change.vcenter, Host),
            host_kind=kind,
            boot_lab_s=change.lab_s,
            **hardware_of(server),
        )
    except IntegrityError:
        raise faults.DuplicateName(name=name) from None


def hardware_of(server: ServerModel) -> dict[str, Any]:
    """The fields of a host that its model decides."""
    return {
        "model": server.key,
        "vendor": server.vendor,
        "cpu_model": server.cpu_model,
        "cpu_generation": server.generation,
        "sockets": server.sockets,
        "cores": server.cores,
        "threads": server.threads,
        "core_mhz": server.core_mhz,
        "memory_mib": server.memory_mib,
        "nic_mbps": list(server.nic_mbps),
    }


def attach(host: Host, datastores: Iterable[Datastore] | None, networks: Iterable[Network] | None) -> None:
    """Mount datastores and give networks; by default all shared ones of the host's datacenter."""
    place = {"vcenter": host.vcenter, "datacenter": host.cluster.datacenter}
    stores = Datastore.objects.filter(**place, local=False) if datastores is None else datastores
    nets = Network.objects.filter(**place) if networks is None else networks
    DatastoreMount.objects.bulk_create([DatastoreMount(host=host, datastore=d) for d in stores])
    HostNetwork.objects.bulk_create([HostNetwork(host=host, network=n) for n in nets])


def disconnect(user: Any, host: Host) -> Task:
    """Stop managing a host; its VMs keep running."""
    check(user, "Host.Config.Connection", host)
    if host.connection_state == HostConnection.DISCONNECTED:
        raise faults.InvalidState(name=host.name, reason="it is disconnected already")
    if host.standby_mode != StandbyMode.NONE:
        raise faults.InvalidState(name=host.name, reason="wake it from standby first")
    with changing(host.vcenter, user) as change:
        _set_connection(change, host, HostConnection.DISCONNECTED, VmConnection.DISCONNECTED)
        change.event("HostDisconnectedEvent", host, host.cluster)
        return instant(change, "HostSystem.disconnect", host)


def connect(user: Any, host: Host) -> Task:
    """Manage a disconnected host again."""
    check(user, "Host.Config.Connection", host)
    if host.connection_state == HostConnection.CONNECTED:
        raise faults.AlreadyConnected(host=host.name)
    with changing(host.vcenter, user) as change:
        _set_connection(change, host, HostConnection.CONNECTED, VmConnection.CONNECTED)
        change.event("HostConnectedEvent", host, host.cluster)
        return instant(change, "HostSystem.reconnect", host)


def _set_connection(change: Change, host: Host, state: HostConnection, vm_state: VmConnection) -> None:
    host.connection_state = state
    host.save(update_fields=["connection_state"])
    VirtualMachine.everything.filter(host=host).update(connection_state=vm_state)
    change.configure(Config.HOST_CONNECTION, host.uuid, connected=state == HostConnection.CONNECTED)
    change.changed(host, host.cluster)
    change.fact("tree.changed", host.cluster.moref)


def remove(user: Any, host: Host) -> Task:
    """Remove a host that is in maintenance mode or disconnected; its powered-off VMs leave the inventory with it.

    Raises:
        InvalidState, InvalidPowerState, TaskInProgress, VAppTaskInProgress, ResourceInUse: see `leaving.may_leave`.
    """
    check(user, "Host.Inventory.RemoveHostFromCluster", host)
    departure = leaving.may_leave(user, [host])
    with changing(host.vcenter, user) as change:
        cluster = host.cluster
        task = instant(change, "HostSystem.destroy", host)
        leaving.leave(change, [host], departure)
        change.fact("tree.changed", cluster.folder.moref if cluster.standalone else cluster.moref)
        if cluster.standalone:
            drop_pools(change, cluster)
            cluster.delete()
        return task


def _power(user: Any, host: Host, key: str, reason: str, force: bool) -> Task:
    check(user, "Host.Config.Maintenance", host)
    if host.connection_state != HostConnection.CONNECTED or host.power_state != HostPower.ON:
        raise faults.InvalidHostConnectionState(host=host.name, state=host.connection_state)
    running = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).count()
    if not host.in_maintenance and not force:
        raise faults.InvalidState(
            name=host.name, reason=f"it is not in maintenance mode; {running} VMs run on it. Or use force."
        )
    args = {"reason": reason[:255], "force": force}
    if host_sequences.stops_first(host):
        return host_sequences.begin_stop(user, host, key, args)
    with changing(host.vcenter, user) as change:
        return submit(change, key, host, args)


def reboot(user: Any, host: Host, reason: str, force: bool = False) -> Task:
    """Restart a host; without force it has to be in maintenance mode. Where VM Startup/Shutdown is on, its machines are
    stopped first: the task returned is that of stopping them then, and the restart follows it."""
    return _power(user, host, "host.reboot", reason, force)


def shut_down(user: Any, host: Host, reason: str, force: bool = False) -> Task:
    return _power(user, host, "host.shutdown", reason, force)


def power_on(user: Any, host: Host) -> Task:
    check(user, "Host.Config.Maintenance", host)
    if host.power_state == HostPower.ON:
        raise faults.InvalidState(name=host.name, reason="it is powered on")
    with changing(host.vcenter, user) as change:
        return submit(change, "host.power_on", host)


def set_vmotion(user: Any, host: Host, **fields: Any) -> Task:
    """The VMkernel adapter of vMotion: `vmotion_enabled`, `vmotion_ip_family` ("ipv4", "ipv6").

    Raises:
        NoPermission.
        InvalidArgument: there is no such setting, or no such family.
    """
    check(user, "Host.Config.Network", host)
    if unknown := fields.keys() - VMOTION:
        raise faults.InvalidArgument(property=min(unknown), reason="there is no such setting")
    if fields.get("vmotion_ip_family", IpFamily.IPV4) not in set(IpFamily):
        raise faults.InvalidArgument(property="vmotion_ip_family", reason=", ".join(IpFamily))
    with changing(host.vcenter, user) as change:
        before = values(host, fields)
        for name, value in fields.items():
            setattr(host, name, value)
        host.save(update_fields=[*fields])
        change.configure(Config.HOST, host.uuid, spec=to_plain(specs.host_spec(host)))
        change.event("HostReconfiguredEvent", host, host.cluster, reason=", ".join(sorted(fields)))
        change.changed(host)
        return instant(change, "HostNetworkSystem.updateVirtualNic", host, args=note("vmotion", before, fields))


def set_power_management(user: Any, host: Host, **fields: Any) -> Task:
    """DPM behaviour and the means to wake the host: dpm_behavior, bmc_address, bmc_user, bmc_mac, wake_on_lan."""
    check(user, "Host.Config.Power", host)
    allowed = {"dpm_behavior", "bmc_address", "bmc_user", "bmc_mac", "wake_on_lan"}
    if fields.keys() - allowed:
        raise faults.InvalidArgument(property=min(fields.keys() - allowed), reason="there is no such setting")
    if fields.get("dpm_behavior", "default") not in DPM_BEHAVIORS:
        raise faults.InvalidArgument(property="dpm_behavior", reason=", ".join(sorted(DPM_BEHAVIORS)))
    if fields.get("bmc_mac") and not re.fullmatch(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", str(fields["bmc_mac"])):
        raise faults.InvalidArgument(property="bmc_mac", reason="write it as 00:11:22:33:44:55")
    with changing(host.vcenter, user) as change:
        for name, value in fields.items():
            setattr(host, name, value)
        host.change_version += 1
        host.save()
        change.event("HostReconfiguredEvent", host, host.cluster, reason=", ".join(sorted(fields)))
        change.changed(host)
        return instant(change, "HostSystem.updateIpmi", host)
