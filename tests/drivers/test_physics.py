"""The invariants of the physical model, on random labs."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.resources import Allocation, host_cpu_for_vms_mhz, host_memory_for_vms_mib, overhead_mib
from domain.specs import WorkloadSpec
from domain.waterfill import host_forest, leaf_bounds
from hypervisors.port import Happening, JobState, Op, Sample
from hypervisors.simulated import layout, memory, physics
from hypervisors.simulated.tables import HostTable
from tests.drivers.rig import ARCHETYPES, HOSTED, Rig, host_id, lab, rows, store_id, vm_id

EPS = 1e-3


@st.composite
def crowded(draw: st.DrawFn) -> Rig:
    """Small hosts with too many VMs, reservations, limits, shares and pools."""
    vms = draw(st.integers(6, 16))
    cpu = [draw(st.tuples(st.integers(0, 300), st.sampled_from([-1, 800, 3000]), st.integers(100, 4000)))
           for _ in range(vms)]  # fmt: skip
    mem = [draw(st.tuples(st.integers(0, 400), st.integers(100, 90_000))) for _ in range(vms)]
    kinds = [draw(st.sampled_from(ARCHETYPES)) for _ in range(vms)]
    pool = [draw(st.sampled_from(["root", "pool-a", "pool-b"])) for _ in range(vms)]

    def spec(n: int) -> dict[str, Any]:
        return {
            "cpu": Allocation(cpu[n][0], cpu[n][1], cpu[n][2]), "memory": Allocation(mem[n][0], -1, mem[n][1]),
            "pool": pool[n], "workload": WorkloadSpec(kinds[n], scale=3.0), "memory_mib": 2048, "vcpus": 2,
        }  # fmt: skip

    small = {"cores": 4, "threads": 8, "core_mhz": 2000, "memory_mib": draw(st.sampled_from([6144, 10_240, 65_536]))}
    return Rig(lab(hosts=2, vms=vms, off=0, host=small, vm=spec, seed=draw(st.integers(0, 99))))


def check_cpu(rig: Rig, sample: Sample) -> None:
    vm, host, state = rows(sample, "vm"), rows(sample, "host"), rig.state
    on = ~np.isnan(vm[6])
    used, demand = vm[6][on], vm[398][on]
    limit = np.minimum(state.vms.cpu_limit_mhz, state.vms.vcpus * 2000.0)[: len(on)][on]
    reserved = state.vms.cpu_reservation_mhz[: len(on)][on]
    where = state.vms.host[: len(on)][on]
    capacity = host_cpu_for_vms_mhz(4, 2000)
    for number in range(2):
        mine = where == number
        want = np.minimum(demand, limit)[mine]
        assert used[mine].sum() <= capacity + 0.1
        assert host[6][number] <= 8000 + 0.1
        if state.pool_ids.find("pool-b") not in state.vms.pool[: len(on)][on]:  # no pool has a limit here
            assert used[mine].sum() == pytest.approx(min(capacity, want.sum()), rel=1e-4)
    assert (used <= demand + 0.1).all()
    assert (used <= limit + 0.1).all()
    assert (used >= np.minimum(reserved, np.minimum(demand, limit)) - 0.5).all()


def check_time(sample: Sample, rig: Rig) -> None:
    """RUN + RDY + CSTP + WAIT = 100 % of every vCPU, WAIT being what is left: never negative."""
    vm = rows(sample, "vm")
    run_ms = 20_000 * vm[6] / 2000
    wait = 2 * 20_000 - run_ms - vm[12] - vm[399]
    assert (wait[~np.isnan(wait)] >= -1.0).all()
    assert np.nanmin(vm[12]) >= 0


def check_memory(rig: Rig, sample: Sample) -> None:
    vm, host, state = rows(sample, "vm"), rows(sample, "host"), rig.state
    on = ~np.isnan(vm[98])
    overhead = overhead_mib(2, 2048)
    installed = float(state.hosts.memory_mib[0])
    for number in range(2):
        mine = (state.vms.host[: len(on)] == number) & on
        consumed = float(np.float64(vm[98][mine]).sum()) / 1024 + overhead * mine.sum()
        kept = installed - host_memory_for_vms_mib(installed)
        assert host[98][number] / 1024 == pytest.approx(consumed + kept, rel=1e-4)
        assert consumed <= host_memory_for_vms_mib(installed) + 0.5
        squeezed = vm[70][mine].sum() > 0
        assert not squeezed or rig.squeezed[number]  # type: ignore[attr-defined]
    configured = 2048 * 1024.0
    assert (vm[90][on] <= 0.65 * configured + 1).all()
    assert (vm[105][on] <= 0.10 * configured + 1).all()
    assert (vm[33][on] <= vm[29][on] + 1).all()
    touched_reserved = np.minimum(state.vms.mem_reservation_mib[: len(on)][on] * 1024, vm[29][on] * 0.97)
    assert (vm[98][on] >= touched_reserved - 1024).all()


@settings(max_examples=10, deadline=None)
@given(crowded())
def test_cpu_and_memory_obey_their_laws_on_every_tick(rig: Rig) -> None:
    rig.squeezed = [False, False]  # type: ignore[attr-defined]
    for _ in range(30):
        rig.run(20)
        sample = rig.samples[-1]
        for number in range(2):
            rig.squeezed[number] |= bool(rows(sample, "host")[68][number] >= 2)  # type: ignore[attr-defined]
        check_cpu(rig, sample)
        check_time(sample, rig)
        check_memory(rig, sample)


def test_the_quick_way_and_the_pool_trees_agree_where_nothing_is_short() -> None:
    rig = Rig(lab(hosts=3, vms=18, off=0))
    rig.run(100)
    fleet = rig.fleet
    where = fleet.layout()
    demand = physics.guest_demand(rig.state, where, rig.tuning.physics)
    quick = physics.deliver(where, demand, where.cpu_mhz)
    lo, up = leaf_bounds(demand, where.cpu_reservation, where.cpu_limit)
    forest = host_forest(where.cpu_pools, where.tree_pool, where.host, demand)
    exact = forest.divvy(where.cpu_mhz, lo, up, where.cpu_shares)
    assert quick == pytest.approx(exact)


def test_a_pool_limit_holds_although_the_hosts_have_room() -> None:
    rig = Rig(lab(hosts=2, vms=8, off=0, vm=lambda n: {"pool": "pool-b", "vcpus": 8, "workload": WorkloadSpec("db")}))
    for n in range(8):
        rig.inject("cpu_hog", vm_id(n))
    rig.run(60)
    used = rows(rig.samples[-1], "vm")[6][:8].sum()
    assert used == pytest.approx(20_000, rel=1e-3)


def test_shares_decide_and_raising_them_never_hurts() -> None:
    def delivered(shares: int) -> float:
        def spec(n: int) -> dict[str, Any]:
            return {"vcpus": 2, "pool": "root", "cpu": Allocation(shares=shares if n == 0 else 1000)}

        rig = Rig(lab(hosts=1, vms=6, off=0, host={"cores": 2, "core_mhz": 2000}, vm=spec))
        for n in range(6):
            rig.inject("cpu_hog", vm_id(n))
        rig.run(40)
        return rig.figure("vm", 6, 0)

    figures = [delivered(shares) for shares in (250, 1000, 4000)]
    assert figures == sorted(figures)
    assert figures[1] == pytest.approx(host_cpu_for_vms_mhz(2, 2000) / 6, rel=1e-3)
    assert figures[2] == pytest.approx(host_cpu_for_vms_mhz(2, 2000) * 4 / 9, rel=1e-3)


def test_a_hosted_hypervisor_pays_for_the_os_below_it() -> None:
    bare, hosted = Rig(lab()), Rig(lab(host={"kind": HOSTED}))
    for rig in (bare, hosted):
        rig.run(60)
    assert hosted.figure("host", 395, 0) < bare.figure("host", 395, 0)
    assert hosted.figure("host", 6, 0) > bare.figure("host", 6, 0)
    assert hosted.figure("host", 98, 0) > bare.figure("host", 98, 0) + 4000 * 1024


def test_a_full_host_balloons_first_then_swaps_and_the_guest_feels_it() -> None:
    rig = Rig(lab(hosts=1, vms=8, off=0, host={"memory_mib": 24_576}, vm=lambda n: {"workload": WorkloadSpec("db")}))
    rig.run(600)
    for n in range(8):
        rig.inject("memory_hog", vm_id(n))
    first_balloon = first_swap = None
    for _ in range(60):
        rig.run(20)
        sample = rows(rig.samples[-1], "vm")
        at = rig.samples[-1].time_s
        first_balloon = first_balloon or (at if np.nansum(sample[90]) > 0 else None)
        first_swap = first_swap or (at if np.nansum(sample[70]) > 0 else None)
    assert first_balloon is not None
    assert first_swap is None or first_swap >= first_balloon
    assert rig.figure("vm", 422, 0) > 0


def test_memory_comes_back_when_the_pressure_goes() -> None:
    rig = Rig(lab(hosts=1, vms=8, off=0, host={"memory_mib": 24_576}))
    rig.run(3600)
    held = rows(rig.samples[-1], "host")[90][0] + rows(rig.samples[-1], "host")[49][0]
    assert held > 0
    for n in range(4):
        rig.do(Op.POWER_OFF, vm_id(n))
    rig.run(3600)
    after = rows(rig.samples[-1], "host")
    assert after[90][0] + after[49][0] + after[105][0] < 0.05 * held


def test_minimum_free_memory() -> None:
    found = layout.min_free_mib(np.array([28 * 1024.0, 128 * 1024.0]))
    assert found[0] == pytest.approx(900, abs=2)
    assert found[1] == pytest.approx(1923, rel=0.01)


def test_capacity_is_the_rule_of_the_domain() -> None:
    hosts = HostTable(3)
    hosts.cores[:], hosts.core_mhz[:] = 8, 2000
    hosts.memory_mib[:], hosts.hosted[:] = (65_536, 65_536, 2048), (0, 1, 1)
    cpu, mem = layout.host_capacity(hosts)
    assert cpu == pytest.approx([host_cpu_for_vms_mhz(8, 2000, hosted) for hosted in (False, True, True)])
    assert mem == pytest.approx([host_memory_for_vms_mib(65_536), host_memory_for_vms_mib(65_536, True), 0.0])
    assert memory.LEAVE > 1


def test_a_limit_shows_as_ready_and_as_limited() -> None:
    rig = Rig(lab(vm=lambda n: {"cpu": Allocation(limit=500)}))
    rig.inject("cpu_hog", vm_id(0))
    rig.run(40)
    assert rig.figure("vm", 6, 0) == pytest.approx(500)
    assert rig.figure("vm", 400, 0) > 0
    assert rig.figure("vm", 12, 0) >= rig.figure("vm", 400, 0)


def test_energy_is_the_integral_of_power_and_counts_every_phase() -> None:
    rig = Rig(lab(hosts=2, vms=2, off=2))
    rig.run(100)
    idle = rig.figure("host", 157, 1)
    assert rig.figure("host", 159, 1) == pytest.approx(20 * idle, rel=1e-5)
    op = rig.do(Op.ENTER_STANDBY, host_id(1))
    assert rig.run_until(op).state == JobState.DONE
    rig.run(60)
    assert rig.figure("host", 157, 1) == pytest.approx(8.0)
    asleep_s = next(e.time_s for e in rig.events if e.kind == Happening.HOST_POWER and e.data["standby"] == "in")
    joules = sum(rows(s, "host")[159][1] for s in rig.samples)
    boundary = next(s.time_s for s in rig.samples if s.time_s >= asleep_s)
    awake = sum(rows(s, "host")[159][1] for s in rig.samples if s.time_s < boundary)
    mixed = next(rows(s, "host")[159][1] for s in rig.samples if s.time_s == boundary)
    after = [s for s in rig.samples if s.time_s > boundary]
    assert joules == pytest.approx(awake + mixed + len(after) * 160, rel=1e-4)
    assert mixed > 8 * 20
    assert all(rows(s, "host")[159][n] >= 0 for s in rig.samples for n in (0, 1))


def test_batch_work_that_was_not_done_waits() -> None:
    rig = Rig(lab(hosts=1, vms=4, off=0, host={"cores": 1, "core_mhz": 1000},
                  vm=lambda n: {"workload": WorkloadSpec("batch"), "vcpus": 2}))  # fmt: skip
    for n in range(4):
        rig.inject("cpu_hog", vm_id(n))
    rig.run(200)
    assert (rig.state.vms.backlog_mhz_s[:4] > 0).all()


def test_a_slow_datastore_is_slow_and_a_lost_one_starves_its_guests() -> None:
    rig = Rig(lab(vm=lambda n: {"workload": WorkloadSpec("db")}))
    rig.run(200)
    usual = rig.figure("vm", 133, 0)
    rig.inject("datastore_slow", store_id(0), duration_s=100)
    rig.run(40)
    assert rig.figure("vm", 133, 0) > 10 * usual
    rig.run(100)
    assert rig.figure("vm", 133, 0) < 2 * usual
    busy = rig.figure("vm", 6, 0)
    rig.inject("datastore_lost", store_id(0), duration_s=0)
    rig.run(40)
    assert rig.figure("vm", 6, 0) < 0.2 * busy
    assert rig.figure("vm", 125, 0) == 0
    refused = rig.do(Op.POWER_ON, vm_id(8))
    rig.run(1)
    assert rig.fault(refused) == "FileFault"
    assert [e.data for e in rig.kinds(Happening.DATASTORE_STATE)][-1] == {"accessible": False, "slow": False}
