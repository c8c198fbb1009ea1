"""Recording and the newest figures: pools and clusters add up, Redis may be gone, a slot may change hands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counters import CLUSTER_ROWS, HOST_ROWS, POOL_ROWS, REALTIME, ROWS, VM_ROWS
from hypervisors.port import Sample
from inventory import metrics, redis
from inventory.metrics.derived import NOBODY, Membership, cluster_figures, pool_figures
from inventory.metrics.latest import Latest, decode, encode
from tests import builders

pytestmark = pytest.mark.django_db
MHZ = 6


def sample(time_s: float, vms: int = 3, hosts: int = 3, datastores: int = 2) -> Sample:
    """Slot s of each kind has s + 1 in every row."""
    return Sample(
        time_s=time_s,
        vm=np.tile(np.arange(1, vms + 1, dtype=np.float32), (len(VM_ROWS), 1)),
        host=np.tile(np.arange(1, hosts + 1, dtype=np.float32), (len(HOST_ROWS), 1)),
        datastore=np.tile(np.arange(1, datastores + 1, dtype=np.float32), (len(ROWS["datastore"]), 1)),
    )


@st.composite
def trees(draw: st.DrawFn) -> Membership:
    """Any forest of pools with any VMs in them; pools in no order."""
    pools = draw(st.integers(1, 12))
    parents = [draw(st.integers(NOBODY, i - 1)) for i in range(pools)]
    shuffled = draw(st.permutations(range(pools)))
    parent = np.full(pools, NOBODY, np.int32)
    for i, p in enumerate(parents):
        parent[shuffled[i]] = NOBODY if p == NOBODY else shuffled[p]
    vm_pool = np.array(draw(st.lists(st.integers(NOBODY, pools - 1), max_size=20)), np.int32)
    nothing = np.empty(0, np.float32)
    cluster = np.zeros(pools, np.int32)
    return Membership(vm_pool, parent, cluster, np.empty(0, np.int32), nothing, nothing, nothing, nothing)


@given(trees(), st.integers(0, 25))
def test_a_pool_has_the_sum_of_the_vms_below_it(members: Membership, vms: int) -> None:
    figures = pool_figures(sample(20.0, vms=vms).vm, members)
    for pool in range(len(members.pool_parent)):
        below = []
        for vm, at in enumerate(members.vm_pool[:vms]):
            while at not in (NOBODY, pool):
                at = members.pool_parent[at]
            below += [vm + 1] if at == pool else []
        assert (figures[:, pool] == sum(below)).all()


def test_a_cluster_has_the_sum_of_its_hosts() -> None:
    host = sample(20.0, hosts=4).host
    host[:, 1] = np.nan  # off: has hardware, has no sample
    four = np.full(4, 100.0, np.float32)
    members = Membership(
        vm_pool=np.empty(0, np.int32),
        pool_parent=np.array([NOBODY, NOBODY], np.int32),
        pool_cluster=np.array([0, 2], np.int32),
        host_cluster=np.array([0, 0, 2, NOBODY], np.int32),
        host_cpu_mhz=four,
        host_memory_mib=four,
        host_effective_mhz=np.array([97, 0, 97, 97], np.float32),
        host_effective_mib=four,
    )
    figures = dict(zip(CLUSTER_ROWS, cluster_figures(host, members), strict=True))
    assert figures[MHZ][[0, 2]].tolist() == [1.0, 3.0]
    assert figures[278][[0, 2]].tolist() == [200.0, 100.0]
    assert figures[276][[0, 2]].tolist() == [97.0, 97.0]
    assert figures[2][[0, 2]].tolist() == [100.0, 300.0]  # 1 % and 3 % of the hosts that report
    assert np.isnan(figures[MHZ][1])


def test_what_is_recorded_is_the_latest_and_the_history() -> None:
    lab = builders.small_lab(hosts=2, vms=3)
    metrics.record(lab.vcenter, sample(20.0), metrics.membership(lab.vcenter))
    metrics.record_all(lab.vcenter, [sample(40.0), sample(60.0)], metrics.membership(lab.vcenter))
    latest = metrics.latest(lab.vcenter)
    assert latest
    assert latest.time_s == 60.0
    assert latest.value("vm", lab.vm.slot, MHZ) == lab.vm.slot + 1
    assert latest.value("vm", 10_000, MHZ) is None
    everybody = sum(vm.slot + 1 for vm in lab.vms)
    root = builders.root_pool(lab.cluster)
    assert latest.value("pool", root.slot, MHZ) == everybody
    assert latest.value("pool", lab.pool.slot, MHZ) == lab.vm.slot + 1
    assert latest.value("cluster", lab.cluster.slot, MHZ) == sum(host.slot + 1 for host in lab.hosts)
    series = metrics.series(lab.vcenter, "pool", root.slot, [MHZ], REALTIME)
    assert series.times_s.tolist() == [20.0, 40.0, 60.0]
    assert set(series.values[MHZ]) == {everybody}


def test_the_membership_follows_the_inventory() -> None:
    lab = builders.small_lab()
    members = metrics.membership(lab.vcenter)
    assert members.vm_pool[lab.vm.slot] == lab.pool.slot
    assert lab.template
    assert members.vm_pool[lab.template.slot : lab.template.slot + 1].tolist() in ([], [NOBODY])
    assert members.host_cluster[lab.standalone.slot] == lab.standalone.cluster.slot
    assert members.pool_parent[lab.pool.slot] == builders.root_pool(lab.cluster).slot


def test_a_new_owner_of_a_slot_starts_without_figures() -> None:
    lab = builders.small_lab()
    members = metrics.membership(lab.vcenter)
    metrics.record(lab.vcenter, sample(20.0), members)
    metrics.clear(lab.vcenter, "vm", 1)
    latest = metrics.latest(lab.vcenter)
    assert latest
    assert latest.value("vm", 1, MHZ) is None
    assert latest.value("vm", 0, MHZ) == 1.0
    metrics.record(lab.vcenter, sample(40.0), members)
    again = metrics.latest(lab.vcenter)
    assert again
    assert again.value("vm", 1, MHZ) == 2.0


def test_two_vcenters_do_not_mix_and_one_can_be_dropped() -> None:
    one, two = builders.small_lab(), builders.small_lab()
    for lab in (one, two):
        metrics.record(lab.vcenter, sample(20.0), metrics.membership(lab.vcenter))
    metrics.drop(one.vcenter)
    assert metrics.latest(one.vcenter) is None
    assert metrics.series(one.vcenter, "vm", 0, [MHZ]).times_s.size == 0
    assert metrics.latest(two.vcenter)
    assert metrics.series(two.vcenter, "vm", 0, [MHZ]).times_s.size == 1


def test_without_redis_there_is_history_but_nothing_live(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = builders.small_lab()
    metrics.record(lab.vcenter, sample(20.0), metrics.membership(lab.vcenter))
    monkeypatch.setattr("django.conf.settings.REDIS_URL", "unix:///nowhere/at/all.sock")
    monkeypatch.setattr(redis, "breaker", redis.Breaker())
    assert metrics.latest(lab.vcenter) is None
    assert metrics.series(lab.vcenter, "vm", 0, [MHZ]).values[MHZ].tolist() == [1.0]


def test_the_breaker_asks_again_only_after_a_rest() -> None:
    now = [0.0]
    asked = []

    def fail() -> None:
        asked.append(now[0])
        raise ConnectionRefusedError

    breaker = redis.Breaker(rest_s=1.0, clock=lambda: now[0])
    for now[0] in (0.0, 0.4, 0.9, 1.1, 1.2):
        with pytest.raises(redis.Offline):
            breaker.call(fail)
    assert asked == [0.0, 1.1]
    now[0] = 3.0
    assert breaker.call(lambda: "answer") == "answer"


def test_the_greatest_consumers_come_first_and_only_visible_ones() -> None:
    figures = {kind: np.full((len(keys), 6), np.nan, np.float32) for kind, keys in ROWS.items()}
    figures["vm"][VM_ROWS.index(MHZ)] = [5, np.nan, 9, 1, 7, 9]
    latest = Latest(time_s=20.0, **figures)
    assert latest.top("vm", MHZ, 3) == [(2, 9.0), (5, 9.0), (4, 7.0)]
    assert latest.top("vm", MHZ, 3, among=np.array([0, 1, 3])) == [(0, 5.0), (3, 1.0)]


@given(st.binary(max_size=200))
def test_a_foreign_blob_is_no_figures(blob: bytes) -> None:
    assert decode(blob) is None


def test_a_cut_blob_is_no_figures() -> None:
    blob = encode(Latest(time_s=1.0, **{kind: np.ones((len(keys), 2), np.float32) for kind, keys in ROWS.items()}))
    assert decode(blob) is not None
    assert all(decode(blob[:end]) is None for end in range(0, len(blob), 7))
    assert len(POOL_ROWS) == decode(blob).pool.shape[0]  # type: ignore[union-attr]
