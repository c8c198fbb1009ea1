"""Which host a VM starts on. The scheduler registers a better answer for clusters with DRS (`PLACERS`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import faults
from inventory import admission
from inventory.models import Cluster, Host, VirtualMachine

# Called with a VM in a cluster; the first that returns a host decides. May raise NoCompatibleHost.
PLACERS: list[Callable[[VirtualMachine], Host | None]] = []
# Called with the person, the VM and the host that was asked for (if any) before a start that is no restart; may raise.
GUARDS: list[Callable[[Any, VirtualMachine, Host | None], None]] = []


def guard(user: Any, vm: VirtualMachine, host: Host | None) -> None:
    """Ask everybody who may forbid the start of `vm`."""
    for forbid in GUARDS:
        forbid(user, vm, host)


def host_for_power_on(vm: VirtualMachine) -> Host:
    """The host to start `vm` on. Raises NoCompatibleHost with the reason per host."""
    for placer in PLACERS:
        chosen = placer(vm)
        if chosen is not None:
            return chosen
    if not vm.host.usable:
        raise faults.InvalidHostState(host=vm.host.name, state=state_words(vm.host))
    return vm.host


def best_host(vm: VirtualMachine, cluster: Cluster) -> Host:
    """The usable host with the most unreserved memory that can run `vm` (best fit by room; ties by name)."""
    hosts = list(Host.objects.filter(cluster=cluster).order_by("name"))
    usable = [h for h in hosts if h.usable and reachable(vm, h)]
    free = admission.room(usable, without=vm)
    fitting = [h for h in usable if not admission.host_faults(vm, h, free[h.pk])]
    if not fitting:
        raise faults.NoCompatibleHost(name=vm.name, reason=_why_none(vm, hosts))
    return max(fitting, key=lambda h: free[h.pk].memory_mib)


def reachable(vm: VirtualMachine, host: Host) -> bool:
    """True where the host mounts every datastore and has every network of the VM."""
    stores = set(vm.disks.values_list("datastore_id", flat=True)) if vm.pk else set()
    nets = set(vm.nics.filter(network__isnull=False).values_list("network_id", flat=True)) if vm.pk else set()
    mounted = set(host.mounts.filter(accessible=True).values_list("datastore_id", flat=True))
    present = set(host.host_networks.values_list("network_id", flat=True))
    return stores <= mounted and nets <= present


def _why_none(vm: VirtualMachine, hosts: list[Host]) -> str:
    free = admission.room(hosts, without=vm)
    reasons = []
    for host in hosts[:8]:
        if not host.usable:
            reasons.append(faults.InvalidHostState(host=host.name, state=state_words(host)).sentence)
        else:
            found = admission.host_faults(vm, host, free[host.pk])
            reasons.append(found[0].sentence if found else f"{host.name}: a datastore or network is missing")
    return " ".join(reasons) or "the cluster has no hosts"


def state_words(host: Host) -> str:
    """The state that keeps a host from taking VMs, in a word."""
    if host.in_maintenance or host.entering_maintenance:
        return "in maintenance mode"
    if host.standby_mode != "none":
        return "in standby mode"
    return host.power_state if host.connection_state == "connected" else host.connection_state
