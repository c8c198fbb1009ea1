"""Water-filling: shares, floors and ceilings, in one tree and in forests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.waterfill import PoolForest, divvy_forest, host_forest, leaf_bounds, waterfill

SEEDS = st.integers(0, 2**32 - 1)


def _children(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    count, parents = int(rng.integers(1, 30)), int(rng.integers(1, 5))
    lo = rng.random(count) * rng.choice([0.0, 1.0, 1000.0])
    up = lo + rng.random(count) * rng.choice([0.0, 1.0, 10_000.0])
    shares = rng.choice([0.0, 1.0, 500.0, 1000.0, 8000.0], count)
    return rng.integers(0, parents, count), np.array(parents), rng.random(parents) * 20_000.0, lo, up, shares


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_children_get_exactly_what_their_parent_has(seed: int) -> None:
    seg, parents, cap, lo, up, shares = _children(np.random.default_rng(seed))
    given_out = waterfill(seg, int(parents), cap, lo, up, shares)
    total = np.bincount(seg, given_out, int(parents))
    np.testing.assert_allclose(total, np.minimum(cap, np.bincount(seg, up, int(parents))), rtol=1e-9, atol=1e-6)
    fits = (np.bincount(seg, lo, int(parents)) <= cap)[seg]
    assert (given_out <= up + 1e-9).all()
    assert (given_out[fits] >= lo[fits] - 1e-9).all()


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_order_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seg, parents, cap, lo, up, shares = _children(rng)
    order = rng.permutation(len(seg))
    plain = waterfill(seg, int(parents), cap, lo, up, shares)
    mixed = waterfill(seg[order], int(parents), cap, lo[order], up[order], shares[order])
    np.testing.assert_allclose(mixed, plain[order], rtol=1e-7, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_more_shares_never_mean_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seg, parents, cap, lo, up, shares = _children(rng)
    lucky = int(rng.integers(len(seg)))
    richer = shares.copy()
    richer[lucky] = richer[lucky] * 2 + 100
    before = waterfill(seg, int(parents), cap, lo, up, shares)[lucky]
    assert waterfill(seg, int(parents), cap, lo, up, richer)[lucky] >= before - 1e-6


def test_equal_siblings_get_equal() -> None:
    got = waterfill(np.zeros(4, dtype=int), 1, np.array([100.0]), np.zeros(4), np.full(4, 80.0), np.full(4, 7.0))
    np.testing.assert_allclose(got, 25.0)


def test_floors_that_do_not_fit_are_scaled() -> None:
    got = waterfill(
        np.zeros(2, dtype=int), 1, np.array([30.0]), np.array([20.0, 40.0]), np.array([50.0, 50.0]), np.ones(2)
    )
    np.testing.assert_allclose(got, [10.0, 20.0])


def test_a_sibling_without_shares_is_served_last() -> None:
    seg, lo, up = np.zeros(2, dtype=int), np.zeros(2), np.full(2, 60.0)
    np.testing.assert_allclose(
        waterfill(seg, 1, np.array([60.0]), lo, up, np.array([0.0, 5.0])), [0.0, 60.0], atol=1e-3
    )
    np.testing.assert_allclose(
        waterfill(seg, 1, np.array([90.0]), lo, up, np.array([0.0, 5.0])), [30.0, 60.0], atol=1e-3
    )


def test_a_pool_counts_as_one_sibling_beside_vms() -> None:
    """The classic trap: a VM at the root with 4000 shares weighs as much as a whole normal pool."""
    pools = PoolForest(np.array([-1, 0]), np.zeros(2), np.full(2, -1.0), np.array([4000.0, 4000.0]))
    leaf_pool = np.array([0, 1, 1, 1, 1])
    got, pool = divvy_forest(
        pools, np.array([1000.0, 0.0]), leaf_pool, np.zeros(5), np.full(5, 1000.0), np.full(5, 4000.0)
    )
    np.testing.assert_allclose(got, [500.0, 125.0, 125.0, 125.0, 125.0])
    np.testing.assert_allclose(pool, [1000.0, 500.0])


def test_a_pool_limit_and_reservation_hold() -> None:
    pools = PoolForest(
        np.array([-1, 0, 0]), np.array([0.0, 300.0, 0.0]), np.array([-1.0, -1.0, 100.0]), np.array([1.0, 1.0, 9.0])
    )
    got, pool = divvy_forest(
        pools, np.array([350.0, 0, 0]), np.array([1, 2]), np.zeros(2), np.full(2, 500.0), np.ones(2)
    )
    np.testing.assert_allclose(pool[1:], [300.0, 50.0])
    np.testing.assert_allclose(got, [300.0, 50.0])


def test_unlimited_is_minus_one_and_touched_reservation_is_kept() -> None:
    lo, up = leaf_bounds(
        np.array([10.0, 10.0]), np.array([30.0, 30.0]), np.array([-1.0, 5.0]), held=np.array([25.0, 25.0])
    )
    np.testing.assert_allclose(lo, [25.0, 5.0])
    np.testing.assert_allclose(up, [25.0, 5.0])


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_hosts_deliver_all_they_have_and_never_more_than_demand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vms, hosts, pools = int(rng.integers(1, 60)), int(rng.integers(1, 6)), int(rng.integers(1, 6))
    parent = np.array([-1] + [int(rng.integers(0, i)) for i in range(1, pools)])
    forest = PoolForest(
        parent, rng.choice([0.0, 500.0], pools), np.full(pools, -1.0), rng.choice([1000.0, 4000.0], pools)
    )
    demand = rng.random(vms) * rng.choice([0.0, 1000.0], vms)
    vm_pool, vm_host = rng.integers(0, pools, vms), rng.integers(0, hosts, vms)
    capacity = rng.random(hosts) * 4000.0
    lo, up = leaf_bounds(demand, np.zeros(vms), np.full(vms, -1.0))
    got = host_forest(forest, vm_pool, vm_host, demand).divvy(capacity, lo, up, np.full(vms, 1000.0))
    assert (got <= demand + 1e-6).all()
    used = np.bincount(vm_host, got, hosts)
    np.testing.assert_allclose(used, np.minimum(capacity, np.bincount(vm_host, demand, hosts)), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("count", [0])
def test_nothing_to_divide(count: int) -> None:
    assert (
        len(waterfill(np.zeros(count, dtype=int), 1, np.array([5.0]), np.zeros(count), np.zeros(count), np.ones(count)))
        == 0
    )
