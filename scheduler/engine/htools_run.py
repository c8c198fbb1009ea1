"""Balance an htools snapshot: the plan in a safe order, beside what a plan of that many moves could reach at best."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.engine.htools import HtoolsCluster
from scheduler.engine.planner import greedy_moves, plan_balance, safe_sequence

SHAKES_PER_HOST, SHAKES_LESS = 8, 32  # measured: small clusters settle sooner


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """steps: (instance, source node, target node) in an order that never overfills a node.  score_*, bound: as hbal."""

    steps: tuple[tuple[str, str, str], ...]
    moves: int
    score_before: float
    score_after: float
    bound: float


def balance_snapshot(cluster: HtoolsCluster, max_moves: int | None = None) -> SnapshotPlan:
    """The lowest score reachable with ``max_moves`` (by default as many as hbal's greedy search would make)."""
    problem = cluster.problem
    budget = greedy_moves(problem) if max_moves is None else max_moves
    found = plan_balance(problem, budget, shakes=max(SHAKES_PER_HOST * problem.hosts - SHAKES_LESS, problem.hosts))
    order, host = safe_sequence(problem, found.host)
    steps = tuple((cluster.instances[u], cluster.nodes[a], cluster.nodes[b]) for u, a, b in order)
    return SnapshotPlan(steps, problem.moves(host), found.before, problem.objective(host), found.bound)
