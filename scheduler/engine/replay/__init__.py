"""Replay of recorded days through consolidation policies, ours and the literature's, beside a bound.

``replay(traces, testbed, policy, semantics)`` is the entry; ``ReplayResult.to_dict()`` has the row and the curves.
"""

from scheduler.engine.replay.bounds import bound_kwh, bound_w, bound_whole_kwh
from scheduler.engine.replay.placement import PlacementError
from scheduler.engine.replay.result import ReplayResult, Series
from scheduler.engine.replay.run import (
    POLICIES,
    SEMANTICS,
    ReplayError,
    Setting,
    own_setting,
    replay,
    run_policy,
    setting,
)

__all__ = [
    "POLICIES",
    "SEMANTICS",
    "PlacementError",
    "ReplayError",
    "ReplayResult",
    "Series",
    "Setting",
    "bound_kwh",
    "bound_w",
    "bound_whole_kwh",
    "own_setting",
    "replay",
    "run_policy",
    "setting",
]
