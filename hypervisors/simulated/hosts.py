"""Host machines: heartbeats, power phases, crashes, hangs; and the operations that switch them.

A host reports every 10 s; 60 s after its last report it is not responding. A machine in standby is silent on purpose
and keeps its connection state. VMs run in phase ON only (a hung host's VMs go on running).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from domain import faults
from domain.states import HostConnection, HostPower, StandbyMode
from hypervisors.port import Happening, Op
from hypervisors.simulated import describe, guests, jobs, migration, power
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.jobs import OPERATIONS, Operation
from hypervisors.simulated.records import JobRecord
from hypervisors.simulated.tables import Cut, Phase

_QUIET = (Phase.ENTERING, Phase.STANDBY, Phase.EXITING)
_SEEN_AS = {
    Phase.ON: (HostPower.ON, StandbyMode.NONE),
    Phase.OFF: (HostPower.OFF, StandbyMode.NONE),
    Phase.STANDBY: (HostPower.STANDBY, StandbyMode.IN),
    Phase.ENTERING: (HostPower.ON, StandbyMode.ENTERING),
    Phase.EXITING: (HostPower.STANDBY, StandbyMode.EXITING),
}
BMC_TRIES_S = 10.0


# --- heartbeats ---
def reachable(fleet: Fleet, host: int) -> bool:
    """The host's reports arrive."""
    hosts = fleet.state.hosts
    return bool(hosts.phase[host] == Phase.ON and not hosts.hung[host] and cut_of(fleet, host) == Cut.NONE)


def cut_of(fleet: Fleet, host: int) -> Cut:
    """Whether packets get through; a host without its last uplink is as isolated as one behind a dead switch."""
    hosts = fleet.state.hosts
    if hosts.nic_count[host] and not hosts.nics_up[host]:
        return Cut.ISOLATED
    return Cut(int(hosts.isolated[host]))


def watch(fleet: Fleet, host: int) -> None:
    """Reports begin or stop to arrive: look when that will be noticed."""
    durations, uuid = fleet.tuning.durations, fleet.state.host_ids.uuids[host]
    beat = durations.heartbeat
    if reachable(fleet, host):
        due = math.ceil(fleet.now_s / beat) * beat
    else:
        due = math.floor(fleet.now_s / beat) * beat + durations.not_responding
    fleet.state.timers.set("beat", uuid, max(fleet.now_s, due))


def check_heartbeat(fleet: Fleet, uuid: str) -> None:
    hosts, host = fleet.state.hosts, fleet.state.host_ids.find(uuid)
    if host < 0 or (not reachable(fleet, host) and hosts.phase[host] in _QUIET):
        return
    now = reachable(fleet, host)
    if now != bool(hosts.responding[host]):
        hosts.responding[host] = now
        tell_connection(fleet, host)
    if hosts.phase[host] == Phase.ON:
        _finish_job(fleet, host)  # a boot is over when the host has reported, or was given up


def tell_connection(fleet: Fleet, host: int) -> None:
    hosts = fleet.state.hosts
    if hosts.managed[host]:
        state = HostConnection.CONNECTED if hosts.responding[host] else HostConnection.NOT_RESPONDING
        alive = bool(hosts.phase[host] == Phase.ON)
        fleet.emit(Happening.HOST_CONNECTION, fleet.state.host_ids.uuids[host], connection=state.value, alive=alive)


def set_managed(fleet: Fleet, host: int, connected: bool) -> None:
    """A user connects or disconnects the host; its VMs go on."""
    hosts = fleet.state.hosts
    hosts.managed[host] = connected
    if connected and not hosts.responding[host]:
        tell_connection(fleet, host)


# --- phases ---
def enter_phase(fleet: Fleet, host: int, phase: Phase, seconds: float = 0.0) -> None:
    """A new power phase, ending by itself after `seconds` (0: it lasts), with its event where it can be seen."""
    state, uuid = fleet.state, fleet.state.host_ids.uuids[host]
    power.change_phase(state, host, phase, fleet.now_s)
    if seconds:
        state.timers.set("host", uuid, fleet.now_s + seconds)
    else:
        state.timers.cancel("host", uuid)
    seen = _SEEN_AS.get(phase)
    if seen:
        fleet.emit(Happening.HOST_POWER, uuid, power=seen[0].value, standby=seen[1].value)
    fleet.hosts_changed()
    watch(fleet, host)


def boot(fleet: Fleet, host: int, phase: Phase = Phase.BOOTING) -> float:
    """Begin to boot; returns how long it takes."""
    hosts = fleet.state.hosts
    hosts.boots[host] += 1
    hosts.hung[host] = 0
    seconds = power.boot_time_s(hosts, host)
    enter_phase(fleet, host, phase, seconds)
    return seconds


def phase_ended(fleet: Fleet, uuid: str) -> None:
    host = fleet.state.host_ids.find(uuid)
    if host >= 0:
        _NEXT[Phase(int(fleet.state.hosts.phase[host]))](fleet, host)


def _up(fleet: Fleet, host: int) -> None:
    fleet.state.hosts.boot_s[host] = fleet.now_s
    enter_phase(fleet, host, Phase.ON)
    job = _job_on(fleet, host)
    if job is not None:
        jobs.show(fleet, job, "connecting", fleet.tuning.durations.heartbeat)


def _down(fleet: Fleet, host: int) -> None:
    hosts = fleet.state.hosts
    if hosts.reboots[host]:
        hosts.reboots[host] = 0
        seconds, job = boot(fleet, host), _job_on(fleet, host)
        if job is not None:
            jobs.show(fleet, job, "booting", seconds)
    else:
        enter_phase(fleet, host, Phase.OFF)
        _finish_job(fleet, host)


def _asleep(fleet: Fleet, host: int) -> None:
    enter_phase(fleet, host, Phase.STANDBY)
    _finish_job(fleet, host)


def _awake(fleet: Fleet, host: int) -> None:
    """A wake-up ends: the host is up, or it never came."""
    hosts = fleet.state.hosts
    if not hosts.fail_wake[host]:
        _up(fleet, host)
        return
    hosts.fail_wake[host] = 0
    timeout = int(fleet.tuning.durations.exit_standby_timeout)
    _wake_failed(fleet, host, faults.Timedout(timeout_s=timeout))


def _wake_failed(fleet: Fleet, host: int, fault: faults.MethodFault) -> None:
    enter_phase(fleet, host, Phase.STANDBY)
    fleet.emit(Happening.HOST_STANDBY_FAILED, fleet.state.host_ids.uuids[host], fault=fault.to_dict())
    job = _job_on(fleet, host)
    if job is not None:
        jobs.fail(fleet, job, fault)


def _reboot_after_crash(fleet: Fleet, host: int) -> None:
    boot(fleet, host)


_NEXT: dict[Phase, Callable[[Fleet, int], None]] = {
    Phase.BOOTING: _up,
    Phase.SHUTTING: _down,
    Phase.ENTERING: _asleep,
    Phase.EXITING: _awake,
    Phase.CRASHED: _reboot_after_crash,
}


def _job_on(fleet: Fleet, host: int) -> JobRecord | None:
    op_id = fleet.busy().get(fleet.state.host_ids.uuids[host])
    return fleet.state.jobs.get(op_id) if op_id else None


def _finish_job(fleet: Fleet, host: int) -> None:
    job = _job_on(fleet, host)
    if job is not None:
        jobs.done(fleet, job)


# --- failures ---
def crash(fleet: Fleet, host: int, cause: str, down_s: float) -> None:
    """The machine stops: its VMs are off, its jobs and moves end. It reboots after `down_s`; 0: not by itself."""
    hosts = fleet.state.hosts
    if hosts.phase[host] in (Phase.OFF, Phase.STANDBY, Phase.CRASHED):
        return
    hosts.hung[host] = hosts.reboots[host] = 0
    power.change_phase(fleet.state, host, Phase.CRASHED, fleet.now_s)
    fleet.hosts_changed()
    fleet.emit(Happening.HOST_CRASHED, fleet.state.host_ids.uuids[host], cause=cause)
    migration.host_lost(fleet, host)
    jobs.host_lost(fleet, host)
    for vm in fleet.vms_on(host):
        guests.stop(fleet, vm, "host")
    enter_phase(fleet, host, Phase.CRASHED, down_s)


def remove(fleet: Fleet, host: int) -> None:
    """The host leaves the fleet with what is registered on it; what was going on there ends."""
    migration.host_lost(fleet, host)
    jobs.host_lost(fleet, host)
    gone = {fleet.state.host_ids.uuids[host], *fleet.uuids(fleet.vms_on(host, None))}
    for job in [j for j in fleet.state.jobs.values() if j.active and j.target in gone]:
        jobs.fail(fleet, job, faults.NotFound(what=job.target))
    describe.drop_host(fleet, host)


def isolate(fleet: Fleet, host: int, cut: Cut) -> None:
    """No packet gets through, although the machine and its links are fine: only its datastores see it alive."""
    before = cut_of(fleet, host)
    fleet.state.hosts.isolated[host] = cut
    links_changed(fleet, host, before)


def links_changed(fleet: Fleet, host: int, before: Cut) -> None:
    """The host's way to the network has changed; whether that cut it off, or ended it, is told."""
    now = cut_of(fleet, host)
    if now != before:
        uuid, isolated = fleet.state.host_ids.uuids[host], now != Cut.NONE
        fleet.emit(Happening.HOST_ISOLATED, uuid, isolated=isolated, partition=now == Cut.PARTITION)
    migration.links_changed(fleet)
    watch(fleet, host)


def hang(fleet: Fleet, host: int) -> None:
    """The management agent stops answering; VMs go on, moves and jobs that need the agent end."""
    if fleet.state.hosts.phase[host] != Phase.ON:
        return
    fleet.state.hosts.hung[host] = 1
    migration.host_lost(fleet, host, alive=True)
    jobs.host_lost(fleet, host)
    watch(fleet, host)


def recover(fleet: Fleet, host: int) -> None:
    """The end of a hang or an isolation; a crashed machine is switched on again."""
    hosts = fleet.state.hosts
    hosts.hung[host] = 0
    isolate(fleet, host, Cut.NONE)
    if hosts.phase[host] == Phase.CRASHED:
        boot(fleet, host)


# --- operations ---
def _name(fleet: Fleet, host: int) -> str:
    return fleet.host_name(host)


def _need_phase(fleet: Fleet, host: int, *allowed: Phase) -> None:
    phase = Phase(int(fleet.state.hosts.phase[host]))
    if phase not in allowed:
        raise faults.InvalidState(name=_name(fleet, host), reason=phase.name.lower())


def _need_empty(fleet: Fleet, host: int) -> None:
    running = len(fleet.vms_on(host)) + len(fleet.claims(host))
    if running:
        raise faults.InvalidState(name=_name(fleet, host), reason=f"{running} virtual machines are running on it")


def _begin_stop(fleet: Fleet, job: JobRecord) -> None:
    """Shut down or reboot. Without `force` no VM may be running; with it they are lost."""
    host = fleet.host(job.target)
    fleet.need_host(host)
    if not job.args.get("force"):
        _need_empty(fleet, host)
    migration.host_lost(fleet, host)
    jobs.host_lost(fleet, host)
    for vm in fleet.vms_on(host):
        guests.stop(fleet, vm, "host")
    job.hosts, job.cancelable = (host,), False
    fleet.state.hosts.reboots[host] = job.kind == Op.HOST_REBOOT
    seconds = jobs.lasting(fleet, job, fleet.tuning.durations.host_shutdown)
    enter_phase(fleet, host, Phase.SHUTTING, seconds)
    jobs.show(fleet, job, "shutting down", seconds, 20.0 if job.kind == Op.HOST_REBOOT else 100.0)


def _begin_power_on(fleet: Fleet, job: JobRecord) -> None:
    host = fleet.host(job.target)
    _need_phase(fleet, host, Phase.OFF, Phase.CRASHED)
    _need_bmc(fleet, host)
    job.hosts, job.cancelable = (host,), False
    jobs.show(fleet, job, "booting", boot(fleet, host))


def _need_bmc(fleet: Fleet, host: int) -> None:
    if fleet.state.hosts.bmc_dead[host]:
        raise faults.HostPowerOpFailed(host=_name(fleet, host), reason="its management controller does not answer")


def _begin_standby(fleet: Fleet, job: JobRecord) -> None:
    host = fleet.host(job.target)
    fleet.need_host(host)
    _need_empty(fleet, host)
    _need_bmc(fleet, host)
    job.hosts, job.cancelable = (host,), False
    seconds = jobs.lasting(fleet, job, fleet.tuning.durations.host_shutdown)
    enter_phase(fleet, host, Phase.ENTERING, seconds)
    jobs.show(fleet, job, "entering standby", seconds)


def _begin_wake(fleet: Fleet, job: JobRecord) -> None:
    host, state = fleet.host(job.target), fleet.state
    _need_phase(fleet, host, Phase.STANDBY)
    job.hosts, job.cancelable = (host,), False
    if state.hosts.bmc_dead[host]:
        jobs.enter(fleet, job, "waking", BMC_TRIES_S)
        return
    unlucky = fleet.between((0.0, 1.0), job.op_id, 1) < state.rates.exit_standby_failure
    state.hosts.fail_wake[host] |= unlucky
    seconds = boot(fleet, host, Phase.EXITING)
    if state.hosts.fail_wake[host]:
        seconds = fleet.tuning.durations.exit_standby_timeout
        state.timers.set("host", job.target, fleet.now_s + seconds)
    jobs.show(fleet, job, "exiting standby", seconds)


def _no_bmc(fleet: Fleet, job: JobRecord) -> None:
    host = fleet.host(job.target)
    fault = faults.HostPowerOpFailed(host=_name(fleet, host), reason="its management controller does not answer")
    _wake_failed(fleet, host, fault)


def _never(fleet: Fleet, job: JobRecord) -> None:
    """These jobs end with the host's phase (see `phase_ended`), not by a timer of their own."""


OPERATIONS.update({
    Op.HOST_SHUTDOWN: Operation(_begin_stop, _never),
    Op.HOST_REBOOT: Operation(_begin_stop, _never),
    Op.HOST_POWER_ON: Operation(_begin_power_on, _never),
    Op.ENTER_STANDBY: Operation(_begin_standby, _never),
    Op.EXIT_STANDBY: Operation(_begin_wake, _no_bmc),
})  # fmt: skip
