"""What a cluster draws, and what it would have drawn with every host on: the honest saving of DPM.

The twin does the same work with no host in standby. Watts by load are close to linear between two points of a server's
curve, so work that DPM moved to other hosts costs the same there as it would have at home; what differs is the idle
power of the hosts that sleep. So: twin = drawn + sum over sleeping hosts of (idle watts - standby watts).
"""

from __future__ import annotations

from collections import defaultdict
from math import isnan
from typing import Any

from django.db.models import F, QuerySet

from domain.counters import row
from domain.hardware import SERVER_MODELS, STANDBY_W
from domain.states import StandbyMode
from inventory import metrics
from inventory.models import Host, VCenter
from inventory.prepared import Prepared, PreparedUpdate
from scheduler.models import ClusterSchedule

LONGEST_GAP_S = 600.0
_hosts = Prepared(
    lambda pk: (
        Host.objects.filter(vcenter=pk, cluster__standalone=False)
        .order_by()
        .values_list(
            "cluster_id", "slot", "standby_mode", "model", "cluster__schedule__pk", "cluster__schedule__metered_lab_s"
        )
    )
)


def _reading(
    cluster: int, lab_s: float, drawn_j: float, twin_j: float, off_s: float
) -> tuple[QuerySet[ClusterSchedule], dict[str, Any]]:
    return ClusterSchedule.objects.filter(cluster=cluster), {
        "metered_lab_s": lab_s,
        "energy_j": F("energy_j") + drawn_j,
        "twin_energy_j": F("twin_energy_j") + twin_j,
        "host_off_s": F("host_off_s") + off_s,
    }


_metered = PreparedUpdate(_reading)


def meter(vcenter: VCenter, lab_s: float) -> None:
    """Add the time since the last reading at the present power. Called with every sample."""
    latest = metrics.latest(vcenter)
    if latest is None:
        return
    watts = latest.host[row("host", 157)]
    hosts: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
    since: dict[int, float | None] = {}
    for cluster_id, slot, mode, model, schedule, metered_s in _hosts.rows(vcenter.pk):
        hosts[cluster_id].append((slot, mode, model))
        since[cluster_id] = metered_s
        if schedule is None:
            ClusterSchedule.objects.get_or_create(cluster_id=cluster_id)
    for cluster_id, members in hosts.items():
        _add(cluster_id, members, watts, since[cluster_id], lab_s)


def _add(cluster_id: int, hosts: list[tuple[int, str, str]], watts: Any, since: float | None, lab_s: float) -> None:
    passed_s = min(max(0.0, lab_s - since), LONGEST_GAP_S) if since is not None else 0.0
    drawn_w = sum(float(watts[slot]) for slot, _mode, _model in hosts if slot < len(watts) and not isnan(watts[slot]))
    asleep = [model for _slot, mode, model in hosts if mode == StandbyMode.IN]
    saved_w = sum(SERVER_MODELS[model].watts[0] - STANDBY_W for model in asleep if model in SERVER_MODELS)
    _metered.run(cluster_id, lab_s, drawn_w * passed_s, (drawn_w + saved_w) * passed_s, len(asleep) * passed_s)
