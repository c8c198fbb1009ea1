"""Which datastores HA beats on: those that hosts share, the most shared first, and never more than it wants."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scheduler.engine.heartbeats import PER_HOST, chosen

clusters = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7).flatmap(
    lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape[1]))
)


@given(clusters, st.integers(1, 5))
def test_each_host_gets_as_many_as_it_shares_up_to_what_is_wanted(cluster, wanted):
    reached, vmfs = cluster
    picked = chosen(reached, vmfs, wanted)
    shared = reached & (reached.sum(axis=0) > 1)
    assert not (picked & ~shared).any()
    assert (picked.sum(axis=1) == np.minimum(shared.sum(axis=1), wanted)).all()


@given(clusters)
def test_nobody_passes_over_a_datastore_that_more_hosts_reach(cluster):
    reached, vmfs = cluster
    picked, hosts = chosen(reached, vmfs), reached.sum(axis=0)
    for row, taken in zip(reached, picked, strict=True):
        left = row & ~taken & (hosts > 1)
        if taken.any() and left.any():
            assert hosts[taken].min() >= hosts[left].max()


def test_vmfs_comes_before_nfs_where_both_are_as_widely_shared():
    reached = np.ones((2, 3), np.bool_)
    assert chosen(reached, np.array([False, True, True]))[0].tolist() == [False, True, True]
    assert PER_HOST == 2


def test_a_cluster_without_datastores_has_none():
    assert chosen(np.zeros((3, 0), np.bool_), np.zeros(0, np.bool_)).shape == (3, 0)
