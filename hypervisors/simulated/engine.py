"""The pure core: `advance(state, until_s, commands) -> (state, samples, events)`.

Between two events nothing changes, so that cutting an advance in pieces gives the same bytes. Events are the 20 s tick,
timers (phases of jobs, boots, heartbeats, ends of faults) and rounds of copies; at equal times timers come first, then
copies, then the tick. The same seed and the same commands at the same lab times give the same state, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.counters import DATASTORE_ROWS, HOST_ROWS, VM_ROWS
from domain.traces import TraceSet
from hypervisors.port import Command, FleetEvent, Sample
from hypervisors.simulated import commands as command_kinds
from hypervisors.simulated import (
    faults,
    guests,
    hosts,
    jobs,
    memory,
    migration,
    physics,
    queue,
    samples,
    snapshot_jobs,
    storage,
    vm_jobs,
    workload,
)
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tuning import DEFAULT_TUNING, MAX_SAMPLE_BYTES, MAX_TICKS_PER_ADVANCE, TICK_S, Tuning

OPERATION_MODULES = (vm_jobs, snapshot_jobs, migration, hosts)  # importing them registers their operations

TIMERS: dict[str, Callable[[Fleet, str], None]] = {
    "job": jobs.on_timer,
    "tools": guests.tools_up,
    "host": hosts.phase_ended,
    "beat": hosts.check_heartbeat,
    "mend": faults.mend,
    "stall": migration.stalled,
}


@dataclass(frozen=True, slots=True)
class Advance:
    """The state at `state.now_s`, the samples of the ticks passed and the events that happened meanwhile.

    carried_out: how many of the commands, from the first; the others were given later than `state.now_s`.
    """

    state: FleetState
    samples: tuple[Sample, ...]
    events: tuple[FleetEvent, ...]
    carried_out: int


def advance(
    state: FleetState, until_s: float, commands: Sequence[Command] = (), traces: Mapping[str, TraceSet] | None = None,
    tuning: Tuning = DEFAULT_TUNING,
) -> Advance:  # fmt: skip
    """Let lab time pass until `until_s`, and carry out each of `commands` in its order when its time has come (`at_s`);
    `state` itself is not changed.

    At most `MAX_TICKS_PER_ADVANCE` ticks (fewer where samples are large) pass in one call: the result's `now_s` may lie
    before `until_s`; call again. Time never goes back: an `until_s` in the past only carries out the commands, all of
    them, for a clock that stands still may stand before the moment at which somebody who read it earlier gave one.
    """
    fleet = Fleet(state.copy(), traces or {}, tuning)
    taken: list[Sample] = []
    stands = until_s <= fleet.now_s
    carried_out = 0
    for command in commands:
        if command.at_s > fleet.now_s and not stands:
            _pass_time(fleet, min(command.at_s, until_s), taken)
            if command.at_s > fleet.now_s:
                break
        command_kinds.apply(fleet, command)
        _settle(fleet)
        carried_out += 1
    _pass_time(fleet, until_s, taken)
    return Advance(fleet.state, tuple(taken), tuple(fleet.events), carried_out)


def _pass_time(fleet: Fleet, until_s: float, taken: list[Sample]) -> None:
    """Up to `until_s`, or as far as one call goes; samples come to `taken`, which holds those of the whole call."""
    state = fleet.state
    limit = _tick_limit(state)
    while True:
        timer_s, (copy_s, copy), tick_s = state.timers.next_s(), migration.next_end(fleet), state.tick_s
        moment = min(timer_s, copy_s, tick_s)
        if moment > until_s or len(taken) >= limit:
            break
        fleet.now_s = max(fleet.now_s, moment)
        fleet.claims_changed()
        if timer_s <= moment:
            kind, name = state.timers.pop()
            TIMERS[kind](fleet, name)
        elif copy_s <= moment:
            migration.stream_ended(fleet, copy)
        else:
            taken.append(tick(fleet))
        fleet.claims_changed()
        _settle(fleet)
    reached = until_s if len(taken) < limit or moment > until_s else fleet.now_s
    state.now_s = fleet.now_s = max(state.now_s, fleet.now_s, reached)


def _settle(fleet: Fleet) -> None:
    """What an event leaves to do at the same moment: start what fits now, share the bandwidth anew."""
    while fleet.queue_changed or fleet.links_changed:
        if fleet.queue_changed:
            queue.dispatch(fleet)
        if fleet.links_changed:
            migration.share_bandwidth(fleet)


def _tick_limit(state: FleetState) -> int:
    sizes = ((VM_ROWS, state.vms.size), (HOST_ROWS, state.hosts.size), (DATASTORE_ROWS, state.datastores.size))
    each = 4 * sum(len(rows) * size for rows, size in sizes)
    return max(1, min(MAX_TICKS_PER_ADVANCE, MAX_SAMPLE_BYTES // max(1, each)))


def tick(fleet: Fleet) -> Sample:
    """One 20 s tick: the physics of the interval that ends now."""
    state, constants = fleet.state, fleet.tuning.physics
    now_s, number = state.tick_s, state.tick
    workload.step(state.vms, number, now_s, fleet.traces, state.trace_sets)
    layout = fleet.layout()
    load = migration.load_on_hosts(fleet)
    cpu = physics.run_cpu(state, layout, load, constants)
    migration.note_idle(fleet, layout, cpu, load)
    mem = memory.run_memory(state, layout, load, now_s, constants)
    io = storage.run_io(state, layout, cpu, mem.progress, constants)
    physics.keep_backlog(state, layout, cpu, mem.progress, constants)
    used = storage.used_bytes(state)
    storage.grow_files(state, layout, used, constants)
    state.tick = number + 1
    sample = samples.take(state, layout, cpu, mem, io, used, now_s, constants)
    guests.report_growth(fleet, number)
    guests.report_tools(fleet)
    faults.roll(fleet, number)
    return sample


def first_tick(now_s: float) -> int:
    """Number of the first tick after a moment."""
    return int(np.floor(now_s / TICK_S + 1e-9)) + 1
