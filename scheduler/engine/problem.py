"""Balancing as a mathematical problem: units with loads on hosts with capacities, and what must not happen.

The objective is ``Σ_k weight_k · sd_h(load_hk / capacity_hk)`` with the population standard deviation over hosts: DRS's
classic imbalance (CPU and memory) and htools' cluster score are both of this form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BalanceProblem:
    """U movable units (VMs, or groups kept together) on H hosts, K load metrics, R hard resources, G exclusion groups.

    load: (U, K).  base: (H, K) load that cannot move.  inverse_capacity: (H, K); a load is a share after
    multiplication.  weight: (K,).  home: (U,) present host.  cost: (U,) moves that one relocation counts.
    need: (U, R), free: (H, R) what is left at home positions; never exceeded by an arrival.
    allowed: (U, H) where a unit may go (its home counts as allowed).  apart: (U, G) members of a group never share a
    host unless they do so already.  occupied: (H, G) members of the groups that cannot move.
    """

    load: Floats
    base: Floats
    inverse_capacity: Floats
    weight: Floats
    home: Ints
    cost: Ints
    need: Floats
    free: Floats
    allowed: Bools
    apart: Bools
    occupied: Ints

    @property
    def units(self) -> int:
        return len(self.home)

    @property
    def hosts(self) -> int:
        return len(self.free)

    def shares(self, host: Ints) -> Floats:
        """(H, K) load share of every host under an assignment."""
        total = self.base.copy()
        np.add.at(total, host, self.load)
        shares: Floats = total * self.inverse_capacity
        return shares

    def objective(self, host: Ints) -> float:
        """The imbalance of an assignment; 0 = every host carries the same share."""
        return float(self.shares(host).std(axis=0) @ self.weight)

    def moves(self, host: Ints) -> int:
        """How many moves lead from the home positions to an assignment."""
        return int(self.cost[host != self.home].sum())


def simple_problem(
    load: Floats, inverse_capacity: Floats, home: Ints, need: Floats, free: Floats, weight: Floats | None = None
) -> BalanceProblem:
    """A problem without rules: every unit may go wherever it fits."""
    units, hosts = len(home), len(free)
    return BalanceProblem(
        load=load,
        base=np.zeros((hosts, load.shape[1])),
        inverse_capacity=inverse_capacity,
        weight=np.ones(load.shape[1]) if weight is None else weight,
        home=home,
        cost=np.ones(units, dtype=np.int64),
        need=need,
        free=free,
        allowed=np.ones((units, hosts), dtype=bool),
        apart=np.zeros((units, 0), dtype=bool),
        occupied=np.zeros((hosts, 0), dtype=np.int64),
    )
