"""Can this VM run on that host?  Every check of a migration at once, for V VMs x H hosts.

A cell of the result is a bit set of the reasons against; 0 means compatible.  What does not depend on the plan (host
state, CPU features, datastores, networks, must rules …) is here; room on the host is checked on the planned state.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from domain import faults
from domain.faults import MethodFault
from domain.snapshot import Bools, ClusterSnapshot, HostTable, Ints, VMotionTrouble
from domain.vmotion import families_differ

Codes = NDArray[np.uint32]


class Against(IntFlag):
    """Reasons why a VM cannot go to a host."""

    NONE = 0
    HOST_CONNECTION = 1
    HOST_STATE = 2
    FAILOVER_HOST = 4
    VMOTION = 8
    CPU_FEATURES = 16
    HARDWARE_VERSION = 32
    LOGICAL_CPUS = 64
    DATASTORE = 128
    NETWORK = 256
    MUST_RULE = 512
    CPU_ROOM = 1024
    MEM_ROOM = 2048
    VCPU_ROOM = 4096
    VM_COUNT = 8192
    ANTI_AFFINITY = 16384
    COOL_DOWN = 32768


HARDWARE = Against.CPU_FEATURES | Against.HARDWARE_VERSION | Against.LOGICAL_CPUS | Against.DATASTORE | Against.NETWORK


def prechecks(
    snapshot: ClusterSnapshot, vms: Ints | None = None, *, must_ok: Bools | None = None, live: bool = True
) -> Codes:
    """(n, H) reasons against each VM on each host, 0 = compatible.

    vms: rows to look at, all if omitted.  must_ok: (V, H) from the rule book.  live: a powered-on move, which needs
    vMotion on both ends; a cold start does not.
    """
    rows = np.arange(len(snapshot.vms)) if vms is None else vms
    codes = np.zeros((len(rows), len(snapshot.hosts)), dtype=np.uint32)
    codes |= _host_codes(snapshot, live)[None, :]
    if live:
        _add(codes, Against.VMOTION, _source_without_vmotion(snapshot, rows)[:, None])
        _add(codes, Against.VMOTION, _in_other_family(snapshot, rows))
    _add(codes, Against.CPU_FEATURES, _lacks_features(snapshot, rows))
    _add(codes, Against.HARDWARE_VERSION, _over(snapshot.vms.hardware_version[rows], snapshot.hosts.hardware_version))
    _add(codes, Against.LOGICAL_CPUS, _over(snapshot.vms.vcpus[rows], snapshot.hosts.logical_cpus))
    _add(codes, Against.DATASTORE, _misses(snapshot.vms.datastores[rows], snapshot.hosts.datastores))
    _add(codes, Against.NETWORK, _misses(snapshot.vms.networks[rows], snapshot.hosts.networks))
    if must_ok is not None:
        _add(codes, Against.MUST_RULE, ~must_ok[rows])
    return codes


def _add(codes: Codes, code: Against, where: Bools | bool) -> None:
    if np.any(where):
        codes |= np.where(where, np.uint32(code), np.uint32(0))


def _host_codes(snapshot: ClusterSnapshot, live: bool) -> Codes:
    hosts = snapshot.hosts
    leaving = hosts.maintenance | hosts.entering_maintenance | hosts.entering_standby
    asleep = hosts.standby | hosts.exiting_standby | ~hosts.powered_on
    codes = np.where(~hosts.connected, np.uint32(Against.HOST_CONNECTION), np.uint32(0))
    codes |= np.where(leaving | asleep, np.uint32(Against.HOST_STATE), np.uint32(0))
    codes |= np.where(hosts.failover, np.uint32(Against.FAILOVER_HOST), np.uint32(0))
    if live:
        codes |= np.where(~hosts.vmotion_ready, np.uint32(Against.VMOTION), np.uint32(0))
    return codes.astype(np.uint32)


def _source_without_vmotion(snapshot: ClusterSnapshot, rows: Ints) -> Bools:
    source = snapshot.vms.host_ix[rows]
    bad: Bools = (source >= 0) & ~snapshot.hosts.vmotion_ready[np.maximum(source, 0)]
    return bad


def _in_other_family(snapshot: ClusterSnapshot, rows: Ints) -> Bools | bool:
    """(n, H) whether the adapters of a VM's host and of another speak different IP families; VMs of one host share a
    row. A VM that is on no host of the table comes from anywhere."""
    hosts = snapshot.hosts
    if hosts.vmotion_ipv6.all() or not hosts.vmotion_ipv6.any():
        return False
    everyone, source = np.arange(len(hosts)), snapshot.vms.host_ix[rows]
    found: Bools = hosts.apart(everyone[:, None], everyone[None, :])[np.maximum(source, 0)]
    found[source < 0] = False
    return found


def _lacks_features(snapshot: ClusterSnapshot, rows: Ints) -> Bools:
    """Feature bits a VM was started with that a host does not offer; VMs with equal needs are compared once."""
    needs, which = np.unique(snapshot.vms.features[rows], return_inverse=True)
    missing: NDArray[np.uint64] = needs[:, None] & ~snapshot.hosts.features[None, :]
    return missing[which].astype(bool)


def _over(wanted: Ints, offered: Ints) -> Bools:
    values, which = np.unique(wanted, return_inverse=True)
    return np.greater(values[:, None], offered[None, :])[which]


def _misses(needs: Bools, offers: Bools) -> Bools:
    """(n, H) whether a host lacks something needed, counted by one matrix product."""
    width = min(needs.shape[1], offers.shape[1])
    lacking: NDArray[np.float32] = needs[:, :width].astype(np.float32) @ (~offers[:, :width]).astype(np.float32).T
    lacking[needs[:, width:].any(axis=1)] += 1
    return lacking.astype(bool)


def fault_of(snapshot: ClusterSnapshot, vm: int, host: int, code: int, rule: str = "") -> MethodFault:
    """The typed fault of the first (weightiest) reason in a bit set."""
    vm_name, host_name = snapshot.vms.name[vm], snapshot.hosts.name[host]
    if code & Against.HOST_CONNECTION:
        return faults.HostNotConnected(host=host_name)
    if code & Against.HOST_STATE:
        return faults.InvalidHostState(host=host_name, state=_state(snapshot, host))
    if code & Against.FAILOVER_HOST:
        return faults.DisallowedOperationOnFailoverHost(host=host_name)
    if code & Against.MUST_RULE:
        return faults.VmHostAffinityRuleViolation(name=vm_name, host=host_name, rule=rule)
    if code & Against.ANTI_AFFINITY:
        return faults.RuleViolation(name=vm_name, host=host_name, rule=rule)
    if code & (HARDWARE | Against.VMOTION):
        return _hardware_fault(snapshot, vm, host, code)
    if code & Against.COOL_DOWN:
        return faults.MigrationFault(name=vm_name, host=host_name, reason="the last attempt failed a short while ago")
    return _room_fault(snapshot, vm, host, code)


def _hardware_fault(snapshot: ClusterSnapshot, vm: int, host: int, code: int) -> MethodFault:
    vms, hosts = snapshot.vms, snapshot.hosts
    names = {"name": vms.name[vm], "host": hosts.name[host]}
    if code & Against.VMOTION:
        return vmotion_faults(hosts, host, int(vms.host_ix[vm]))[0]
    if code & Against.CPU_FEATURES:
        return faults.FeatureRequirementsNotMet(**names)
    if code & Against.HARDWARE_VERSION:
        return faults.VirtualHardwareVersionNotSupported(**names)
    if code & Against.LOGICAL_CPUS:
        return faults.NotEnoughLogicalCpus(**names, vcpus=int(vms.vcpus[vm]), logical=int(hosts.logical_cpus[host]))
    if code & Against.DATASTORE:
        return faults.CannotAccessVmDisk(**names, datastore=_first_missing(vms.datastores[vm], hosts.datastores[host]))
    return faults.CannotAccessNetwork(**names, network=_first_missing(vms.networks[vm], hosts.networks[host]))


_VMOTION: dict[VMotionTrouble, type[MethodFault]] = {
    VMotionTrouble.NOT_CONFIGURED: faults.VMotionNotConfigured,
    VMotionTrouble.LINK_DOWN: faults.VMotionLinkDown,
    VMotionTrouble.TOO_SLOW: faults.VMotionLinkCapacityLow,
}


def vmotion_faults(hosts: HostTable, destination: int, source: int) -> list[MethodFault]:
    """What vMotion at both ends says against a move: network, license, and whether the ends speak to each other.

    A source of -1 is no host of the table. Never empty where `prechecks` has set the bit, and the other way round.
    """
    found = list[MethodFault]()
    ends = (destination, source) if source >= 0 else (destination,)
    for host in ends:
        where = {"host": hosts.name[host], "atSourceHost": host != destination}
        trouble = VMotionTrouble(int(hosts.vmotion_trouble[host]))
        if trouble != VMotionTrouble.NONE:
            found.append(_VMOTION[trouble](**where))
        if not hosts.vmotion_licensed[host]:
            found.append(faults.VMotionNotLicensed(**where))
    if source >= 0 and hosts.apart(destination, source):
        found.append(families_differ(hosts.name[source], hosts.name[destination], bool(hosts.vmotion_ipv6[source])))
    return found


def _first_missing(needs: Bools, offers: Bools) -> int:
    """Column number of the first thing needed and not offered; the application knows its name."""
    width = min(len(needs), len(offers))
    missing = needs.copy()
    missing[:width] &= ~offers[:width]
    return int(missing.argmax())


def _room_fault(snapshot: ClusterSnapshot, vm: int, host: int, code: int) -> MethodFault:
    vms, hosts = snapshot.vms, snapshot.hosts
    here = snapshot.placed & (vms.host_ix == host)
    if code & Against.CPU_ROOM:
        free = float(hosts.cpu_capacity_mhz[host] - vms.cpu_reservation_mhz[here].sum())
        return faults.InsufficientHostCpuCapacityFault(
            host=hosts.name[host], unreserved=round(free), requested=round(float(vms.cpu_reservation_mhz[vm]))
        )
    if code & Against.MEM_ROOM:
        reserved = (vms.mem_reservation_mib + vms.overhead_mib)[here].sum()
        needed = float(vms.mem_reservation_mib[vm] + vms.overhead_mib[vm])
        return faults.InsufficientHostMemoryCapacityFault(
            host=hosts.name[host],
            unreserved=round(float(hosts.mem_capacity_mib[host] - reserved)),
            requested=round(needed),
        )
    what = "too many virtual machines" if code & Against.VM_COUNT else "too many virtual CPUs per core"
    return faults.InsufficientHostCapacityFault(host=hosts.name[host], reason=what)


def _state(snapshot: ClusterSnapshot, host: int) -> str:
    hosts = snapshot.hosts
    if hosts.maintenance[host] or hosts.entering_maintenance[host]:
        return "in or entering maintenance mode"
    if hosts.standby[host] or hosts.entering_standby[host] or hosts.exiting_standby[host]:
        return "in or changing standby mode"
    return "powered off"
