"""From a planned assignment to a sequence of moves that is safe at every step.

A live migration occupies both hosts, so an arrival has to fit before anything it does not wait for has left.  A move
that needs another one to have finished names it as a prerequisite.  Moves that block each other are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.snapshot import Floats, Ints
from scheduler.engine.state import Plan


@dataclass(frozen=True, slots=True)
class Step:
    """One move with the VM rows whose moves must have finished before it starts."""

    vm: int
    prerequisites: tuple[int, ...]


class _Sequence:
    """Room and rules while the steps are laid out one after the other."""

    def __init__(self, plan: Plan, rows: Ints) -> None:
        self.plan = plan
        self.at = plan.host_ix.copy()
        self.at[rows] = plan.start[rows]
        self.room: Floats = plan.room.copy()
        for vm in rows:
            self.room[plan.host_ix[vm]] += plan.needs[vm]
            self.room[plan.start[vm]] -= plan.needs[vm]
        self.booked: Floats = self.room.copy()  # what is left when no departure is counted
        self.left: dict[int, list[int]] = {}

    def ready(self, vm: int) -> bool:
        """Whether a VM's target has room now and holds no partner of a separation rule."""
        target = self.plan.host_ix[vm]
        if (self.plan.needs[vm] > self.room[target] + 1e-6).any():
            return False
        rows = np.array([vm])
        return not self.plan.rules.meets(rows, self.at, self.plan.on, len(self.room))[0, target]

    def take(self, vm: int) -> Step:
        """Lay out a move and find what it has to wait for."""
        source, target = int(self.plan.start[vm]), int(self.plan.host_ix[vm])
        waits = self._partners_that_left(vm, target)
        need = self.plan.needs[vm]
        for other in self.left.get(target, []):
            if (need <= self.booked[target] + 1e-6).all():
                break
            if other not in waits:
                waits.append(other)
            self.booked[target] += self.plan.needs[other]
        self.left[target] = [vm_ for vm_ in self.left.get(target, []) if vm_ not in waits]
        self.booked[target] -= need
        self.room[target] -= need
        self.room[source] += need
        self.left.setdefault(source, []).append(vm)
        self.at[vm] = target
        return Step(vm, tuple(waits))

    def _partners_that_left(self, vm: int, target: int) -> list[int]:
        waits = []
        for _, members in self.plan.rules.groups_apart.get(vm, ()):
            waits += [int(m) for m in members if m != vm and self.plan.start[m] == target and self.at[m] != target]
        return waits


def order_moves(plan: Plan, rows: Ints) -> tuple[list[Step], list[int]]:
    """Lay out the moves of ``rows`` (in order of importance).  Returns the steps and the rows that had to be dropped.

    Dropped VMs are put back to their start in ``plan``.
    """
    sequence = _Sequence(plan, rows)
    pending = [int(vm) for vm in rows]
    steps: list[Step] = []
    while pending:
        waiting = []
        for vm in pending:
            if sequence.ready(vm):
                steps.append(sequence.take(vm))
            else:
                waiting.append(vm)
        if len(waiting) == len(pending):
            break
        pending = waiting
    for vm in pending:
        plan.move(vm, int(plan.start[vm]))
    return steps, pending
