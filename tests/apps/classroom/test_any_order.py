"""Whatever is done to a lab in whatever order, it is consistent afterwards; and the same again gives the same bytes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classroom.checkpoints import capture, services
from classroom.models import Checkpoint
from classroom.services import labs
from domain import faults
from domain.states import VmPower
from hypervisors.port import Command, Op
from inventory import fleet, metrics
from inventory.management.commands.verify_fleet import Command as VerifyFleet
from inventory.models import Event, Host, Task, VCenter, VirtualMachine
from inventory.services import clock, snapshots, vms
from tests import builders, pumping
from tests.apps.classroom.people import Class, make_class
from tests.cast import make_user

pytestmark = pytest.mark.django_db(transaction=True)
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def a_class() -> Class:
    return make_class(0)


# --- consistent ------------------------------------------------------------------------------------------------------
def one(lab: Any, power: VmPower) -> Any:
    found = VirtualMachine.objects.filter(vcenter=lab.vcenter, power_state=power, template=False).first()
    if found is None:
        raise faults.InvalidState(name=lab.vcenter.name, reason="there is none")
    return found


def _back(lab: Any, number: int) -> None:
    there = list(Checkpoint.objects.filter(vcenter=lab.vcenter).order_by("pk"))
    services.rewind(there[number % len(there)], None)


STEPS: dict[str, Any] = {
    "on": lambda lab, _n: vms.power_on(None, one(lab, VmPower.OFF)),
    "off": lambda lab, _n: vms.power_off(None, one(lab, VmPower.ON)),
    "suspend": lambda lab, _n: vms.suspend(None, one(lab, VmPower.ON)),
    "snapshot": lambda lab, n: snapshots.take(None, one(lab, VmPower.OFF), f"s{n}"),
    "delete": lambda lab, _n: vms.delete_from_disk(None, one(lab, VmPower.OFF)),
    "pause": lambda lab, _n: clock.pause(None, lab.vcenter),
    "resume": lambda lab, _n: clock.resume(None, lab.vcenter),
    "fast": lambda lab, _n: clock.set_speed(None, lab.vcenter, 600.0),
    "step": lambda lab, _n: clock.step(None, lab.vcenter, 90.0),
    "until": lambda lab, _n: clock.run_until(None, lab.vcenter, "tasks"),
    "take": lambda lab, n: services.take(lab.vcenter, None, str(n)),
    "back": _back,
    "reset": lambda lab, _n: labs.reset(lab),
    "wait": lambda lab, _n: None,
}


@settings(max_examples=6, suppress_health_check=SLOW)
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=3, max_size=10))
def test_any_order_of_clock_checkpoint_rewind_reset_and_commands_leaves_a_consistent_lab(
    a_class: Class, steps: list[str]
) -> None:
    lab = labs.make(a_class.teacher, a_class.course, a_class.template, make_user(f"s-{uuid4().hex[:12]}"))
    pumping.beat(lab.vcenter)
    services.take(lab.vcenter, None, "0")
    for number, name in enumerate(steps, 1):
        lab.refresh_from_db()
        with suppress(faults.MethodFault):  # nothing is there that this could be done to
            STEPS[name](lab, number)
        lab.vcenter.refresh_from_db()
        pumping.advance(lab.vcenter, 10, 5)
    lab.vcenter.refresh_from_db()
    pumping.hold_clock(lab.vcenter)
    pumping.advance(lab.vcenter, 400)
    check(lab.vcenter)


def test_numbers_go_on_behind_a_checkpoint_from_before_a_reset() -> None:
    """A reset begins numbering anew; what comes after going back must not be called as what is there already."""
    lab = make_class(1, with_labs=True).labs[0]
    pumping.beat(lab.vcenter)
    for _ in range(2):
        pumping.succeeded(lab.vcenter, vms.power_on(None, one(lab, VmPower.OFF)))
        pumping.succeeded(lab.vcenter, vms.power_off(None, one(lab, VmPower.ON)))
    late = services.take(lab.vcenter, None, "late")
    lab.refresh_from_db()
    labs.reset(lab)
    services.rewind(late, None)
    lab.refresh_from_db()
    pumping.succeeded(lab.vcenter, vms.power_on(None, one(lab, VmPower.OFF)))
    check(lab.vcenter)


def check(vcenter: VCenter) -> None:
    """Rows, fleet, figures, events and tasks tell one story."""
    vcenter.refresh_from_db()
    assert VerifyFleet()._differences(vcenter) == []
    assert not Task.objects.filter(vcenter=vcenter, state__in=capture.LIVE).exists()
    keys = list(Event.objects.filter(vcenter=vcenter).order_by("key").values_list("key", flat=True))
    assert keys == sorted(set(keys))
    assert not keys or keys[-1] < vcenter.next_event_key
    latest = metrics.latest(vcenter)
    assert latest is not None
    assert latest.time_s <= vcenter.lab_seconds()
    assert vcenter.lab_seconds() - latest.time_s < 21
    mark = fleet.store_of(vcenter).marked()
    assert mark is not None
    assert (mark.version, mark.seq, mark.now_s) == (vcenter.config_version, vcenter.fleet_seq, vcenter.lab_seconds())
    assert Host.objects.filter(vcenter=vcenter).count() == 2
    for path in Checkpoint.objects.filter(vcenter=vcenter):
        assert path.file.is_file()


# --- the same bytes --------------------------------------------------------------------------------------------------
POWER = (Op.POWER_ON, Op.POWER_OFF, Op.RESET, Op.SUSPEND, Op.SHUTDOWN_GUEST)
ACTS = st.lists(st.tuples(st.sampled_from(POWER), st.integers(0, 2), st.sampled_from([1, 7, 20, 130])), max_size=6)


def play(lab: Any, acts: list[tuple[Op, int, int]], name: str) -> tuple[bytes, dict[str, bytes]]:
    """Send the commands with time between; what fleet and figures are then, byte by byte."""
    for number, (op, at, then_s) in enumerate(acts):
        fleet.send(lab.vcenter, [Command(op, str(lab.vms[at].uuid), {}, f"{name}-{number}")])
        pumping.advance(lab.vcenter, then_s)
    pumping.advance(lab.vcenter, 60)
    files = {path.name: path.read_bytes() for path in sorted(metrics.folder(lab.vcenter).glob("*"))}
    state = fleet.store_of(lab.vcenter).load()
    assert state
    assert files
    return state, files


@settings(max_examples=4, suppress_health_check=SLOW)
@given(before=ACTS, after=ACTS, elsewhere=ACTS)
def test_going_back_and_playing_the_same_gives_the_same_bytes(before: Any, after: Any, elsewhere: Any) -> None:
    lab = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(lab.vcenter)
    pumping.advance(lab.vcenter, 20)
    play(lab, before, "before")
    start = services.take(lab.vcenter, None, "Start")
    first = play(lab, after, "after")
    services.rewind(start, None)
    lab.vcenter.refresh_from_db()
    play(lab, [*elsewhere, (Op.POWER_OFF, 0, 20)], "elsewhere")  # another future first, which leaves no trace
    services.rewind(Checkpoint.objects.get(pk=start.pk), None)
    lab.vcenter.refresh_from_db()
    assert play(lab, after, "after") == first
