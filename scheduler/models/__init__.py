"""Who runs where, which hosts are on, and why."""

from scheduler.models.decisions import Decision, DrsFault, Migration, Recommendation
from scheduler.models.failover import HaIsolation, HaReset, HaRestart
from scheduler.models.replays import Replay
from scheduler.models.rules import ClusterSchedule, DrsGroup, DrsRule
from scheduler.models.secrets import BmcSecret

__all__ = [
    "BmcSecret",
    "ClusterSchedule",
    "Decision",
    "DrsFault",
    "DrsGroup",
    "DrsRule",
    "HaIsolation",
    "HaReset",
    "HaRestart",
    "Migration",
    "Recommendation",
    "Replay",
]
