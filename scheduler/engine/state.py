"""The plan under construction: where every VM would be, what every host would carry.

All checks of room and rules look at this state, never at the snapshot, so that no two decisions of one plan collide.
"""

from __future__ import annotations

import numpy as np

from domain.faults import DrsDisabledOnVm, MethodFault
from domain.snapshot import Automation, Bools, ClusterSnapshot, Floats, Ints
from scheduler.engine.compat import Against, Codes, fault_of, prechecks
from scheduler.engine.entitlement import Demand, cluster_entitlement, demand_of, held_mib, usable_capacity
from scheduler.engine.options import DrsOptions
from scheduler.engine.rules import RuleBook

_TOLERANCE = 1e-6
_ROOM = (Against.CPU_ROOM, Against.MEM_ROOM, Against.VCPU_ROOM, Against.VM_COUNT)


class Plan:
    """A working copy of an assignment with its bookkeeping.

    host_ix: (V,) planned host.  accepting: (H,) hosts open to VMs in this plan.  needs, room: (V, 4) and (H, 4) hard
    resources: reserved CPU, reserved memory with overhead, vCPUs, count.  load: (H, 6) planned CPU demand, memory
    demand, network use, entitlement weight, CPU demand at the 95th and at the 5th percentile; burden: the same per VM.
    """

    def __init__(self, snapshot: ClusterSnapshot, options: DrsOptions, now_s: float = 0.0) -> None:
        self.snapshot, self.options, self.now_s = snapshot, options, now_s
        self.rules = RuleBook(snapshot)
        self.host_ix: Ints = np.array(snapshot.vms.host_ix)
        self.start = self.host_ix.copy()
        self.on: Bools = snapshot.placed.copy()
        self.accepting: Bools = snapshot.hosts.accepting.copy()
        self.demand: Demand = demand_of(snapshot, options)
        self.entitlement = cluster_entitlement(snapshot, options)
        self.weight: Floats = self.entitlement.weight(*usable_capacity(snapshot))
        self.needs, capacity = _hard_resources(snapshot, options)
        low, high = _cpu_range(snapshot, self.demand.cpu_up)
        self.burden: Floats = np.stack(
            [
                self.demand.cpu_up, self.demand.mem_up, snapshot.vms.net_mibps * self.on, self.weight, high, low,
                held_mib(snapshot),
            ],
            axis=1,
        )  # fmt: skip
        self.room: Floats = capacity - self._per_host(self.needs)
        self.load: Floats = self._per_host(self.burden)
        self.codes: Codes = prechecks(snapshot, must_ok=self.rules.must_ok)
        self._note_cool_downs()

    def _per_host(self, amount: Floats) -> Floats:
        """(H, k) sums over the VMs that run."""
        total = np.zeros((len(self.snapshot.hosts), amount.shape[1]))
        np.add.at(total, self.host_ix[self.on], amount[self.on])
        return total

    def _note_cool_downs(self) -> None:
        for vm, host, until_s in self.snapshot.vms.failed_moves:
            if until_s > self.now_s:
                self.codes[vm, host] |= np.uint32(Against.COOL_DOWN)

    def copy(self) -> Plan:
        """An independent plan for a what-if."""
        twin = object.__new__(Plan)
        twin.__dict__.update(self.__dict__)
        for key in ("host_ix", "start", "on", "accepting", "room", "load", "codes"):
            setattr(twin, key, getattr(self, key).copy())
        return twin

    def adopt(self, other: Plan) -> None:
        """Take over what a what-if found good."""
        self.__dict__.update(other.__dict__)

    def restart_from_here(self) -> Plan:
        """A copy whose moves count from the present assignment."""
        twin = self.copy()
        twin.start = twin.host_ix.copy()
        return twin

    def expect(self, vms: Ints) -> None:
        """Reckon with VMs that are off as if they were about to start.

        A fresh VM is expected to ask for half of what it may: ``max(r, 0.5·vCPU·f)`` CPU, ``max(r, 0.5·size)`` memory;
        measured demand takes over within minutes.
        """
        table = self.snapshot.vms
        cpu = np.maximum(table.cpu_reservation_mhz, 0.5 * table.cpu_max_mhz)[vms]
        cpu = np.minimum(cpu, np.where(table.cpu_limit_mhz < 0, np.inf, table.cpu_limit_mhz)[vms])
        mem = np.maximum(table.mem_reservation_mib, 0.5 * table.mem_mib)[vms] + table.overhead_mib[vms]
        reserved = self.needs[vms]
        values = {"cpu_mhz": cpu, "cpu_up": cpu, "cpu_lo": np.minimum(reserved[:, 0], cpu), "mem_mib": mem,
                  "mem_up": mem, "mem_lo": np.minimum(reserved[:, 1], mem), "idle_mib": np.zeros(len(vms))}  # fmt: skip
        changed = {key: getattr(self.demand, key).copy() for key in values}
        for key, value in values.items():
            changed[key][vms] = value
        self.demand = Demand(**changed)
        cpu_capacity, mem_capacity = usable_capacity(self.snapshot)
        self.weight = self.weight.copy()
        self.weight[vms] = cpu / max(cpu_capacity, 1.0) + mem / max(mem_capacity, 1.0)
        self.burden[vms] = np.stack([cpu, mem, table.net_mibps[vms], self.weight[vms], cpu, cpu, mem], axis=1)
        self.codes[vms] = prechecks(self.snapshot, vms, must_ok=self.rules.must_ok, live=False)

    # --- moving -----------------------------------------------------------------------------------------------------
    def move(self, vm: int, host: int) -> None:
        """Put a running VM on a host of the plan (or start one there that is off)."""
        source = int(self.host_ix[vm])
        if self.on[vm] and source >= 0:
            self.room[source] += self.needs[vm]
            self.load[source] -= self.burden[vm]
        self.on[vm] = True
        self.host_ix[vm] = host
        self.room[host] -= self.needs[vm]
        self.load[host] += self.burden[vm]

    @property
    def moved(self) -> Ints:
        """Rows of the VMs that the plan moves."""
        return np.flatnonzero((self.host_ix != self.start) & (self.start >= 0))

    def members(self, host: int) -> Ints:
        """Rows of the VMs that would run on a host."""
        return np.flatnonzero(self.on & (self.host_ix == host))

    def movable(self) -> Bools:
        """(V,) running VMs that DRS may move: not disabled, no obstacle of their own, source host alive."""
        vms, hosts = self.snapshot.vms, self.snapshot.hosts
        able = self.on & (vms.automation != Automation.DISABLED) & (self.start >= 0)
        able[list(vms.immovable)] = False
        source = np.maximum(self.start, 0)
        alive: Bools = able & hosts.running[source] & hosts.vmotion_ready[source]
        return alive

    def held(self) -> Bools:
        """(V,) VMs that were moved so recently that balancing leaves them alone."""
        recent: Bools = self.now_s - self.snapshot.vms.moved_s < self.options.hold_s
        return recent

    # --- asking -----------------------------------------------------------------------------------------------------
    def against(self, vms: Ints) -> Codes:
        """(n, H) all reasons against each VM on each host on the planned state; the VM's own host reads as free."""
        codes = self.codes[vms].copy()
        closed = ~self.accepting & self.snapshot.hosts.accepting
        opened = self.accepting & ~self.snapshot.hosts.accepting
        codes[:, opened] &= ~np.uint32(Against.HOST_STATE | Against.HOST_CONNECTION | Against.FAILOVER_HOST)
        codes[:, closed] |= np.uint32(Against.HOST_STATE)
        away = self.on[vms][:, None] & (self.host_ix[vms][:, None] == np.arange(codes.shape[1])[None, :])
        for index, code in enumerate(_ROOM):
            short = self.needs[vms, index][:, None] > self.room[None, :, index] + _TOLERANCE
            codes |= np.where(short & ~away, np.uint32(code), np.uint32(0))
        meets = self.rules.meets(vms, self.host_ix, self.on, codes.shape[1])
        codes |= np.where(meets, np.uint32(Against.ANTI_AFFINITY), np.uint32(0))
        return codes

    def open_hosts(self, vms: Ints) -> Bools:
        """(n, H) hosts each VM could go to now; the host it runs on is excluded."""
        free: Bools = self.against(vms) == 0
        present = self.host_ix[vms]
        rows = np.flatnonzero((present >= 0) & self.on[vms])
        free[rows, present[rows]] = False
        return free

    def fault(self, vm: int, host: int) -> MethodFault | None:
        """Why a VM cannot go to a host in this plan; None if it can."""
        code = int(self.against(np.array([vm]))[0, host])
        if not code:
            return None
        rule = self.rules.must_name(vm, host) if code & Against.MUST_RULE else ""
        return fault_of(self.snapshot, vm, host, code, rule or self.rules.apart_name(vm, host, self.host_ix))

    def faults(self, vm: int) -> dict[str, MethodFault]:
        """Per host the reason against a VM, hosts that would do left out."""
        morefs = self.snapshot.hosts.moref
        found = {morefs[host]: self.fault(vm, host) for host in range(len(morefs)) if host != self.host_ix[vm]}
        return {host: fault for host, fault in found.items() if fault is not None}

    def obstacle(self, vm: int) -> MethodFault | None:
        """Why a VM cannot be moved at all."""
        vms = self.snapshot.vms
        if vm in vms.immovable:
            fault = vms.immovable[vm]
            return fault if isinstance(fault, MethodFault) else MethodFault(reason=str(fault))
        if vms.automation[vm] == Automation.DISABLED:
            return DrsDisabledOnVm(name=vms.name[vm])
        return None

    def ratios(self, host: int) -> tuple[float, float, float]:
        """(CPU, memory, network) planned demand over capacity of one host."""
        hosts = self.snapshot.hosts
        cpu, mem, net = self.load[host, :3]
        return (
            float(cpu / max(hosts.cpu_capacity_mhz[host], 1e-9)),
            float(mem / max(hosts.mem_capacity_mib[host], 1e-9)),
            float(net / max(hosts.nic_mibps[host], 1e-9)),
        )


def _cpu_range(snapshot: ClusterSnapshot, now: Floats) -> tuple[Floats, Floats]:
    """(V,) CPU demand at the 5th and 95th percentile of the last hour; the present demand where no history is known."""
    vms = snapshot.vms
    known = (vms.cpu_p95_mhz > 0) & (now > 0)
    high: Floats = np.where(known, np.maximum(vms.cpu_p95_mhz, now), now)
    low: Floats = np.where(known, np.minimum(vms.cpu_p05_mhz, now), now)
    return low, high


def _hard_resources(snapshot: ClusterSnapshot, options: DrsOptions) -> tuple[Floats, Floats]:
    """(V, 4) needs and (H, 4) capacity: reserved CPU, reserved memory, vCPUs, number of VMs."""
    vms, hosts = snapshot.vms, snapshot.hosts
    ones = np.ones(len(vms))
    needs = np.stack([vms.cpu_reservation_mhz, vms.mem_reservation_mib + vms.overhead_mib, vms.vcpus, ones], axis=1)
    vcpus = hosts.cores * options.max_vcpus_per_core if options.max_vcpus_per_core else np.full(len(hosts), 4096.0)
    capacity = np.stack([hosts.cpu_capacity_mhz, hosts.mem_capacity_mib, vcpus, hosts.max_vms], axis=1)
    return needs.astype(np.float64), capacity.astype(np.float64)
