"""What running jobs claim is counted once for many starts, and is always what counting afresh would give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from domain.resources import Allocation
from hypervisors.port import JobState, Op
from hypervisors.simulated import jobs
from hypervisors.simulated.fleet import Claims, Fleet
from hypervisors.simulated.storage import used_bytes
from tests.drivers.rig import Rig, lab, vm_id
from tests.drivers.test_interleavings import HOSTS, STORES, VMS, perform, scripts


def afresh(fleet: Fleet) -> Claims:
    claims = Claims(used_bytes(fleet.state))
    for job in fleet.state.jobs.values():
        claims.add(job)
    return claims


def plain(claims: Claims) -> tuple[Any, ...]:
    vms = {host: sorted(slots) for host, slots in claims.vms.items()}
    return vms, {store: pytest.approx(size) for store, size in claims.bytes.items()}, list(claims.used_bytes)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(scripts)
def test_what_is_kept_is_what_counting_gives(monkeypatch: pytest.MonkeyPatch, script: list) -> None:  # type: ignore[type-arg]
    original = jobs.start

    def start(fleet: Fleet, job: Any) -> None:
        fleet.claims(0)  # as a start before it would have counted
        original(fleet, job)
        if fleet._claims is not None:
            assert plain(fleet._claims) == plain(afresh(fleet))

    rig = Rig(lab(hosts=HOSTS, vms=VMS, stores=STORES, host={"boot_median_s": 60.0, "memory_mib": 32_768}))
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "start", start)
        for step, wait_s in script:
            perform(rig, step)
            rig.run(wait_s)
        ops = [rig.do(Op.POWER_ON, vm_id(n)) for n in range(VMS)]
        rig.run(0.0)
    assert len(ops) == VMS


def test_many_starts_in_one_poll_are_counted_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 VMs start at once: the jobs are gone through a handful of times, not once per start."""
    counts, original = [], Claims.__init__

    def init(self: Claims, used: Any) -> None:
        counts.append(1)
        original(self, used)

    rig = Rig(lab(hosts=30, vms=300, off=300, host={"memory_mib": 262_144}))
    ops = [rig.do(Op.POWER_ON, vm_id(n)) for n in range(300)]
    monkeypatch.setattr(Claims, "__init__", init)
    rig.run(0.5)
    assert {rig.jobs[op].state for op in ops} == {JobState.RUNNING}
    assert sum(counts) <= 5
    rig.run(120)
    assert {rig.jobs[op].state for op in ops} == {JobState.DONE}


def test_the_last_place_is_given_once() -> None:
    """Starts of one poll see what those before them have claimed."""
    rig = Rig(
        lab(hosts=1, vms=6, off=6, host={"memory_mib": 16_384}, vm=lambda n: {"memory": Allocation(reservation=4096)})
    )
    ops = [rig.do(Op.POWER_ON, vm_id(n)) for n in range(6)]
    rig.run(60)
    states = [rig.jobs[op].state for op in ops]
    fitting = states.count(JobState.DONE)
    assert 0 < fitting < 6
    assert states == [JobState.DONE] * fitting + [JobState.FAILED] * (6 - fitting)
    assert rig.fleet.reserved(0)[1] <= rig.fleet.capacity(0)[1]
