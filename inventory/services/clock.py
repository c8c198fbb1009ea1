"""The lab clock: pause, resume, speed, single step, and running until something is so (`inventory.until`)."""

from __future__ import annotations

from typing import Any

import structlog
from django.utils.timezone import now

from domain import faults
from inventory import ids, until
from inventory.journal import changing
from inventory.models import Task, VCenter
from inventory.pump import Beat
from inventory.services.base import check, instant
from inventory.services.folders import root_folder

log = structlog.get_logger(__name__)
SPEEDS = (1, 2, 5, 10, 30, 60, 120, 300, 600)
STEP_S = 60.0


def set_speed(user: Any, vcenter: VCenter, speed: float) -> Task:
    """Let lab time run `speed` times as fast as wall time; 0 pauses. What was reached stays reached."""
    check(user, "Lab.Clock", vcenter)
    if not 0 <= speed <= SPEEDS[-1]:
        raise faults.InvalidArgument(property="speed", reason=f"it has to be between 0 and {SPEEDS[-1]}")
    return _anchor(user, vcenter, speed, 0.0, f"×{speed:g}" if speed else "paused")


def pause(user: Any, vcenter: VCenter) -> Task:
    """Stop lab time; the speed is kept for `resume`."""
    check(user, "Lab.Clock", vcenter)
    return _anchor(user, vcenter, 0.0, 0.0, "paused", resume_speed=_own_speed(vcenter) or 1.0)


def resume(user: Any, vcenter: VCenter) -> Task:
    return set_speed(user, vcenter, float(vcenter.options.get("resume_speed", 1.0)))


def step(user: Any, vcenter: VCenter, seconds: float = STEP_S) -> Task:
    """Jump ahead by so many lab seconds, at most a day, and stay at the present speed."""
    check(user, "Lab.Clock", vcenter)
    if not 0 < seconds <= 86_400:
        raise faults.InvalidArgument(property="seconds", reason="between 1 second and a day")
    return _anchor(user, vcenter, _own_speed(vcenter), seconds, f"+{seconds:g} s")


def run_until(user: Any, vcenter: VCenter, kind: str, value: str = "", speed: float | None = None) -> Task:
    """Let lab time run fast until a condition of `inventory.until` is met, then pause. At most a lab day.

    Raises:
        InvalidArgument: there is no such condition, `value` does not suit it, or the speed is out of range.
        InvalidState: it is met already.
    """
    check(user, "Lab.Clock", vcenter)
    condition = until.CONDITIONS.get(kind)
    if condition is None:
        raise faults.InvalidArgument(property="until", reason=f"one of {', '.join(until.CONDITIONS)}")
    speed = condition.speed if speed is None else speed
    if not 0 < speed <= SPEEDS[-1]:
        raise faults.InvalidArgument(property="speed", reason=f"it has to be between 1 and {SPEEDS[-1]}")
    run = until.begun(condition, vcenter, value)
    run["speed_before"] = _own_speed(vcenter)
    return _anchor(user, vcenter, speed, 0.0, f"×{speed:g} until: {condition.words(run)}", run_until=run)


def end_run(user: Any, vcenter: VCenter) -> Task:
    """Call off a run and go on at the speed from before."""
    check(user, "Lab.Clock", vcenter)
    run = until.running(vcenter)
    if run is None:
        raise faults.InvalidState(name=vcenter.name, reason="its clock is not running until something")
    return _anchor(user, vcenter, float(run["speed_before"]), 0.0, "run called off")


def on_beat(beat: Beat) -> None:
    """For `pump.LISTENERS`: stop the clock where the condition of a run is met, or its time is over."""
    run = until.running(beat.vcenter)
    if run is None:
        return
    condition = until.CONDITIONS.get(run["kind"])
    words = condition.words(run) if condition else str(run["kind"])
    try:
        if condition is None or condition.met(beat.vcenter, run, beat.now_s):
            stop_at_condition(beat.vcenter, run, f"reached: {words}")
        elif beat.now_s >= run["until_s"]:
            stop_at_condition(beat.vcenter, run, f"not reached in time: {words}")
    except faults.LabRewound:
        log.info("clock.run_abandoned", vcenter=str(beat.vcenter.uuid))


def stop_at_condition(vcenter: VCenter, run: dict[str, Any], why: str) -> Task | None:
    """Pause the clock since `run` has ended; None where somebody else has turned the clock meanwhile."""
    with changing(vcenter) as change:
        ids.lock(vcenter)
        if until.running(VCenter.objects.get(pk=vcenter.pk)) != run:
            return None
        speed = float(run["speed_before"]) or float(vcenter.options.get("resume_speed", 1.0))
        return _turn(change, vcenter, 0.0, 0.0, why, {"resume_speed": speed})


def _own_speed(vcenter: VCenter) -> float:
    """The speed that the clock has by itself, not for the time of a run."""
    run = until.running(vcenter)
    return vcenter.clock_speed if run is None else float(run["speed_before"])


def _anchor(user: Any, vcenter: VCenter, speed: float, ahead_s: float, why: str, **options: Any) -> Task:
    """Move the clock's anchor to now; the row is locked, so two changes follow each other."""
    with changing(vcenter, user) as change:
        ids.lock(vcenter)
        return _turn(change, vcenter, speed, ahead_s, why, options)


def _turn(change: Any, vcenter: VCenter, speed: float, ahead_s: float, why: str, options: dict[str, Any]) -> Task:
    """Whoever turns the clock ends a run; `options` may begin another."""
    current = VCenter.objects.get(pk=vcenter.pk)
    moment = now()
    current.clock_lab_s = current.lab_seconds(moment) + ahead_s
    kept = {name: value for name, value in current.options.items() if name != until.OPTION}
    current.clock_wall, current.clock_speed, current.options = moment, speed, kept | options
    current.save(update_fields=["clock_lab_s", "clock_wall", "clock_speed", "options"])
    for field in ("clock_lab_s", "clock_wall", "clock_speed", "options"):
        setattr(vcenter, field, getattr(current, field))
    change.lab_s = current.clock_lab_s
    root = root_folder(vcenter)
    change.event("ClockChangedEvent", root, reason=why)
    change.fact("clock.changed")
    return instant(change, "Lab.setClock", root, result={"clock": why})
