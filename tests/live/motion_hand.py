"""Run inside a lab by `manage.py shell`: moves machines step by step of the lab clock, as lines on its input tell.

Every line of input is one JSON list `[verb, argument]`; every answer one line `HAND` + JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import F
from redis import RedisError

from domain.counters import REALTIME_S
from domain.faults import MethodFault
from domain.states import TaskState
from hypervisors.port import Injection, JobState
from hypervisors.simulated import migration
from hypervisors.simulated.driver import LeaseLost
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tuning import DEFAULT_TUNING
from inventory import fleet, pump
from inventory.models import Cluster, Host, Task, VCenter, VirtualMachine
from inventory.services import clock
from inventory.tasks import begin as delivered
from scheduler.services.injection import inject
from scheduler.services.migration import Target, relocate

BEYOND_S = 0.001  # past the end of a phase, and far shorter than any phase
RUNNING_SPEED = 30
FAR = 600
DOWN_S = 10 * 3600.0  # a dead host stays so until it is repaired, however long anybody takes to look
PATIENCE_S = 300.0  # for the lab's own processes, which may be starting again on a busy machine
LIVE = (TaskState.QUEUED, TaskState.RUNNING)


def vcenter() -> VCenter:
    return VCenter.objects.get()


def hosts() -> list[Host]:
    return list(Host.objects.filter(cluster__standalone=False, connection_state="connected").order_by("id"))


def catch_up() -> None:
    """Let the fleet come to where the stopped clock stands: what is left of its way would carry a move along."""
    clock.step(None, vcenter(), REALTIME_S)  # a sample is due, so a beat is not left out as idle
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_there():
        assert time.monotonic() < deadline_s, "the fleet does not come to where the clock stands"
        beat()


def beat() -> None:
    """A beat of this process. One that fails, or finds another one at it, is made up for by the next, as a worker's."""
    try:
        done = pump.pump(vcenter().pk)
    except (LeaseLost, MethodFault, DatabaseError, RedisError) as error:
        sys.stderr.write(f"a beat failed: {error!r}\n")
        done = False
    if not done:
        time.sleep(0.05)


def is_there() -> bool:
    """Whether the fleet has advanced to the stopped clock and no command waits for it."""
    driver = fleet.driver_for(vcenter())
    return driver.now_s >= vcenter().lab_seconds() - BEYOND_S / 2 and not driver.has_pending


def ahead_s() -> float:
    """Lab time until something happens in the fleet by itself: a phase or a copy ends, a timer, the next sample."""
    blob = fleet.store_of(vcenter()).load()
    assert blob is not None
    state = FleetState.from_bytes(blob)
    copied_s, _op_id = migration.next_end(Fleet(state, {}, DEFAULT_TUNING))
    return max(0.0, min(state.timers.next_s(), copied_s, state.tick_s) - vcenter().lab_seconds())


def go_on_to(task: Task, phase: str) -> None:
    """Turn the stopped clock from one happening of the fleet to the next until `task` is in that phase, or over.

    Where the fleet stands still, its own word counts; the row follows when a beat, maybe another process's, has ended.
    """
    deadline_s = time.monotonic() + PATIENCE_S
    while task.state in LIVE:
        assert time.monotonic() < deadline_s, f"never came to {phase}: {task.state} {task.phase}"
        job = fleet.driver_for(task.vcenter).job(str(task.pk)) if is_there() else None
        if job is not None and job.phase == phase == task.phase:
            return
        if job is not None and job.state == JobState.RUNNING and job.phase != phase:
            clock.step(None, vcenter(), ahead_s() + BEYOND_S)
        beat()
        task.refresh_from_db()


def move(phase: str) -> dict[str, Any]:
    """Start a move and stop the clock in that phase of it."""
    clock.pause(None, vcenter())
    catch_up()
    there = hosts()
    rows = VirtualMachine.objects.filter(power_state="poweredOn", host__in=there, connection_state="connected")
    vm = rows.select_related("host__cluster", "pool__cluster", "vcenter").order_by("memory_mib", F("change_version"))[0]
    target = next(host for host in there if host.pk != vm.host_id)
    source = vm.host
    task = relocate(None, vm, Target(host=target))
    go_on_to(task, phase)
    return {"task": task.pk, "phase": task.phase, "state": task.state, "vm": vm.moref,
            "source": source.moref, "target": target.moref}  # fmt: skip


def crash(moref: str) -> bool:
    inject(None, Host.objects.get(moref=moref), Injection.HOST_CRASH, duration_s=DOWN_S)
    return True


def unplug(moref: str) -> bool:
    inject(None, Host.objects.get(moref=moref), Injection.NIC_DOWN, nic=1)
    return True


def repair(moref: str) -> bool:
    host = Host.objects.get(moref=moref)
    inject(None, host, Injection.HOST_RECOVER)
    inject(None, host, Injection.NIC_UP, nic=1)
    clock.set_speed(None, vcenter(), FAR)
    return True


def deliver_again(task: int) -> bool:
    """As a broker does that never heard of the first delivery."""
    for _again in range(3):
        Task.objects.filter(pk=task).update(lease_until=None)
        delivered.delay(task)
    return True


def run(_argument: Any) -> bool:
    clock.set_speed(None, vcenter(), RUNNING_SPEED)
    return True


VERBS = {"move": move, "crash": crash, "unplug": unplug, "repair": repair, "deliver_again": deliver_again, "run": run}


def serve() -> None:
    Cluster.objects.update(drs_enabled=False)  # nobody else moves anything meanwhile
    for line in sys.stdin:
        verb, argument = json.loads(line)
        connection.close()  # the database may have been restarted since the last word
        answer = VERBS[verb](argument)
        sys.stdout.write("HAND" + json.dumps(answer) + "\n")
        sys.stdout.flush()
