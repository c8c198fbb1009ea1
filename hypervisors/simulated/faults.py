"""Things that go wrong: injected by a teacher or a test, or by chance at the lab's rates."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from domain.faults import MethodFault
from domain.states import ToolsStatus
from hypervisors.port import Happening, Injection
from hypervisors.simulated import hosts, migration, noise
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.noise import Stream
from hypervisors.simulated.tables import Cut, Hog, Phase, Power, Tools, rows_where
from hypervisors.simulated.tuning import TICK_S

Args = dict[str, Any]
Bounds = tuple[float, float]


def inject(fleet: Fleet, target: str, args: Args) -> None:
    """Cause one fault. `duration_s` says when it ends by itself; 0 never, absent: drawn from the tuning's range."""
    INJECTIONS[Injection(args["fault"])](fleet, target, args)


def _lasts(fleet: Fleet, target: str, args: Args, bounds: Bounds) -> float:
    given = args.get("duration_s")
    return float(given) if given is not None else fleet.between(bounds, target, int(fleet.now_s))


def _mend_later(fleet: Fleet, what: Injection, target: str, seconds: float) -> None:
    if seconds > 0:
        fleet.state.timers.set("mend", f"{what}:{target}", fleet.now_s + seconds)


def mend(fleet: Fleet, name: str) -> None:
    """The end of a fault that passes by itself."""
    what, _, target = name.partition(":")
    fault, _, nic = what.partition("/")
    with contextlib.suppress(MethodFault):  # what was broken may be gone by now
        MENDING[Injection(fault)](fleet, target, {"nic": nic or 0})


# --- hosts ---
def _crash(fleet: Fleet, target: str, args: Args) -> None:
    down_s = _lasts(fleet, target, args, fleet.tuning.durations.host_crash_reboot)
    hosts.crash(fleet, fleet.host(target), str(args["fault"]), down_s)


def _os_crash(fleet: Fleet, target: str, args: Args) -> None:
    if fleet.state.hosts.hosted[fleet.host(target)]:
        _crash(fleet, target, args)


def _hang(fleet: Fleet, target: str, args: Args) -> None:
    hosts.hang(fleet, fleet.host(target))
    _mend_later(fleet, Injection.HOST_HANG, target, _lasts(fleet, target, args, fleet.tuning.durations.host_hang))


def _recover(fleet: Fleet, target: str, args: Args) -> None:
    hosts.recover(fleet, fleet.host(target))


def _cut_off(cut: Cut) -> Callable[[Fleet, str, Args], None]:
    def start(fleet: Fleet, target: str, args: Args) -> None:
        hosts.isolate(fleet, fleet.host(target), cut)
        _mend_later(fleet, Injection(args["fault"]), target, float(args.get("duration_s") or 0.0))

    return start


def _set_nic(fleet: Fleet, target: str, nic: int, up: bool) -> None:
    host, table = fleet.host(target), fleet.state.hosts
    if nic >= table.nic_count[host] or table.nic_up(host, nic) == up:
        return
    before = hosts.cut_of(fleet, host)
    table.nics_up[host] ^= 1 << nic
    fleet.emit(Happening.HOST_NIC, target, nic=nic, up=up)
    hosts.links_changed(fleet, host, before)


def _nic_down(fleet: Fleet, target: str, args: Args) -> None:
    nic = int(args.get("nic", 0))
    _set_nic(fleet, target, nic, False)
    seconds = float(args.get("duration_s") or 0.0)
    if seconds > 0:
        fleet.state.timers.set("mend", f"{Injection.NIC_DOWN}/{nic}:{target}", fleet.now_s + seconds)


def _nic_up(fleet: Fleet, target: str, args: Args) -> None:
    _set_nic(fleet, target, int(args.get("nic", 0)), True)


def _flag_host(column: str, value: int) -> Callable[[Fleet, str, Args], None]:
    def change(fleet: Fleet, target: str, args: Args) -> None:
        getattr(fleet.state.hosts, column)[fleet.host(target)] = value

    return change


# --- datastores ---
def _set_store(fleet: Fleet, target: str, accessible: bool, slow: bool) -> None:
    stores, store = fleet.state.datastores, fleet.state.datastore_ids.find(target)
    if store < 0 or (bool(stores.accessible[store]), bool(stores.slow[store])) == (accessible, slow):
        return
    stores.accessible[store], stores.slow[store] = accessible, slow
    fleet.emit(Happening.DATASTORE_STATE, target, accessible=accessible, slow=slow)
    migration.links_changed(fleet)


def _store_slow(fleet: Fleet, target: str, args: Args) -> None:
    _set_store(fleet, target, True, True)
    seconds = _lasts(fleet, target, args, fleet.tuning.durations.datastore_trouble)
    _mend_later(fleet, Injection.DATASTORE_SLOW, target, seconds)


def _store_lost(fleet: Fleet, target: str, args: Args) -> None:
    _set_store(fleet, target, False, False)
    seconds = _lasts(fleet, target, args, fleet.tuning.durations.datastore_trouble)
    _mend_later(fleet, Injection.DATASTORE_LOST, target, seconds)


def _store_ok(fleet: Fleet, target: str, args: Args) -> None:
    _set_store(fleet, target, True, False)


# --- guests ---
def _guest_crash(fleet: Fleet, target: str, args: Args) -> None:
    """The guest OS halts: the VM stays powered on and does nothing until it is reset."""
    slot, vms = fleet.vm(target), fleet.state.vms
    if vms.power[slot] != Power.ON or vms.hog[slot] & Hog.HALTED:
        return
    vms.hog[slot] = Hog.HALTED
    fleet.state.timers.cancel("tools", target)
    fleet.emit(Happening.VM_GUEST_CRASHED, target)
    if vms.tools[slot] == Tools.RUNNING:
        vms.tools[slot] = Tools.NOT_RUNNING
        fleet.emit(Happening.VM_TOOLS, target, tools=ToolsStatus.NOT_RUNNING.value, ip="")


def _hog(bit: Hog) -> Callable[[Fleet, str, Args], None]:
    def start(fleet: Fleet, target: str, args: Args) -> None:
        fleet.state.vms.hog[fleet.vm(target)] |= bit
        _mend_later(fleet, Injection(args["fault"]), target, float(args.get("duration_s") or 0.0))

    return start


def _unhog(bit: Hog) -> Callable[[Fleet, str, Args], None]:
    def stop(fleet: Fleet, target: str, args: Args) -> None:
        slot = fleet.state.vm_ids.find(target)
        if slot >= 0:
            fleet.state.vms.hog[slot] &= ~bit

    return stop


def _fail_next_move(fleet: Fleet, target: str, args: Args) -> None:
    fleet.state.fail_next_move.append(target)


INJECTIONS: dict[Injection, Callable[[Fleet, str, Args], None]] = {
    Injection.HOST_CRASH: _crash,
    Injection.HOST_OS_CRASH: _os_crash,
    Injection.HOST_HANG: _hang,
    Injection.HOST_RECOVER: _recover,
    Injection.NIC_DOWN: _nic_down,
    Injection.NIC_UP: _nic_up,
    Injection.ISOLATE: _cut_off(Cut.ISOLATED),
    Injection.PARTITION: _cut_off(Cut.PARTITION),
    Injection.DATASTORE_SLOW: _store_slow,
    Injection.DATASTORE_LOST: _store_lost,
    Injection.DATASTORE_OK: _store_ok,
    Injection.GUEST_CRASH: _guest_crash,
    Injection.MEMORY_HOG: _hog(Hog.MEMORY),
    Injection.CPU_HOG: _hog(Hog.CPU),
    Injection.RUNAWAY_SNAPSHOT: _hog(Hog.SNAPSHOT),
    Injection.FAIL_NEXT_WAKE: _flag_host("fail_wake", 1),
    Injection.BMC_DEAD: _flag_host("bmc_dead", 1),
    Injection.BMC_OK: _flag_host("bmc_dead", 0),
    Injection.FAIL_NEXT_MIGRATION: _fail_next_move,
}
MENDING: dict[Injection, Callable[[Fleet, str, Args], None]] = {
    Injection.HOST_HANG: _recover,
    Injection.ISOLATE: _recover,
    Injection.PARTITION: _recover,
    Injection.NIC_DOWN: _nic_up,
    Injection.DATASTORE_SLOW: _store_ok,
    Injection.DATASTORE_LOST: _store_ok,
    Injection.MEMORY_HOG: _unhog(Hog.MEMORY),
    Injection.CPU_HOG: _unhog(Hog.CPU),
    Injection.RUNAWAY_SNAPSHOT: _unhog(Hog.SNAPSHOT),
}


# --- chance ---
def roll(fleet: Fleet, tick: int) -> None:
    """One tick of chance: each entity draws against its rate per hour; its draws depend on nobody else."""
    state, rates = fleet.state, fleet.state.rates
    running = (state.hosts.exists == 1) & (state.hosts.phase == Phase.ON)
    for number, (fault, rate) in enumerate((
        (Injection.HOST_CRASH, rates.host_crash), (Injection.HOST_HANG, rates.host_hang),
        (Injection.NIC_DOWN, rates.nic_flap),
    )):  # fmt: skip
        for host in _drawn(state.hosts.key, running, Stream.FAULT + number, tick, rate):
            _strike(fleet, fault, state.host_ids.uuids[host], tick)
    on = (state.vms.exists == 1) & (state.vms.power == Power.ON)
    for vm in _drawn(state.vms.key, on, Stream.FAULT + 3, tick, rates.guest_crash):
        inject(fleet, state.vm_ids.uuids[vm], {"fault": Injection.GUEST_CRASH})
    _roll_datastores(fleet, tick)


def _drawn(
    keys: noise.U64, among: np.ndarray[Any, np.dtype[np.bool_]], stream: int, tick: int, rate: float
) -> list[int]:
    if rate <= 0:
        return []
    chance = -np.expm1(-rate * TICK_S / 3600.0)
    return rows_where(among & (noise.uniforms(keys, stream, tick) < chance))


def _strike(fleet: Fleet, fault: Injection, uuid: str, tick: int) -> None:
    args: Args = {"fault": fault}
    if fault == Injection.NIC_DOWN:
        count = max(1, int(fleet.state.hosts.nic_count[fleet.host(uuid)]))
        args["nic"] = int(fleet.between((0, count - 1e-9), uuid, tick))
        args["duration_s"] = fleet.between(fleet.tuning.durations.nic_flap, uuid, tick)
    inject(fleet, uuid, args)


def _roll_datastores(fleet: Fleet, tick: int) -> None:
    rates, state = fleet.state.rates, fleet.state
    if rates.datastore_slow <= 0 and rates.datastore_lost <= 0:
        return
    uuids = [u for u in state.datastore_ids.uuids if u]
    keys = np.array([noise.key_of(state.seed, u) for u in uuids], dtype=np.uint64)
    everyone = np.ones(len(uuids), dtype=np.bool_)
    for number, (fault, rate) in enumerate((
        (Injection.DATASTORE_SLOW, rates.datastore_slow), (Injection.DATASTORE_LOST, rates.datastore_lost),
    )):  # fmt: skip
        for index in _drawn(keys, everyone, Stream.FAULT + 4 + number, tick, rate):
            inject(fleet, uuids[index], {"fault": fault})
