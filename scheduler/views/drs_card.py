"""The vSphere DRS card on a cluster's Summary: score, histogram, what waits, what is wrong, what DPM saves."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache

from domain.faults import MethodFault
from inventory.pages import register_card
from scheduler.engine.lint import Finding
from scheduler.models import ClusterSchedule, DrsFault, Recommendation
from scheduler.services import drs
from scheduler.views.drs_base import CLUSTER, decisions
from scheduler.views.drs_monitor import bucket_of

BUCKET_TONES = ("error", "error", "warn", "warn", "ok")
LINT_KEPT_S = 60
JOULES_PER_KWH = 3.6e6
ARC = 157.08  # the length of half a circle of radius 50


def card(page: Any) -> dict[str, Any]:
    cluster = page.obj
    last = decisions(cluster).first()
    schedule = ClusterSchedule.objects.filter(cluster=cluster).first()
    return {
        "cluster": cluster,
        "last": last,
        "gauge": gauge(last.score) if last else None,
        "buckets": histogram(last.buckets) if last else [],
        "waiting": Recommendation.objects.filter(cluster=cluster, state=Recommendation.PENDING).count(),
        "faults": DrsFault.objects.filter(cluster=cluster, decision=last).count() if last else 0,
        "findings": last.findings if last else 0,
        "saved_kwh": (schedule.twin_energy_j - schedule.energy_j) / JOULES_PER_KWH if schedule else 0.0,
        "asleep": cluster.hosts.exclude(standby_mode="none").count() if cluster.dpm_enabled else 0,
    }


def gauge(score: float) -> dict[str, Any]:
    """A half circle: `dash` of it is drawn in the colour of the bucket that the score falls into."""
    return {"score": score, "dash": round(ARC * score / 100, 2), "arc": ARC, "tone": BUCKET_TONES[bucket_of(score)]}


def histogram(counts: list[int]) -> list[dict[str, Any]]:
    """Five bars: the share of the VMs in each range of scores, and its height in a drawing of 60."""
    total = sum(counts) or 1
    return [
        {
            "index": i, "label": f"{20 * i}–{20 * i + 20}", "count": n, "pct": 100 * n / total, "x": 4 + 40 * i,
            "height": round(60 * n / total, 1), "y": round(60 - 60 * n / total, 1), "tone": BUCKET_TONES[i],
        }
        for i, n in enumerate(counts[:5])
    ]  # fmt: skip


def findings_of(user: Any, cluster: Any, last: Any) -> tuple[list[Finding], str]:
    """What is or will be wrong, and why that cannot be said ("" where it can); kept until the next cycle."""
    key = f"drs-lint:{cluster.pk}:{cluster.change_version}:{last.pk if last else 0}"
    found = cache.get(key)
    if found is None:
        try:
            found = (drs.lint(user, cluster), "")
        except MethodFault as fault:
            found = ([], fault.sentence)
        cache.set(key, found, LINT_KEPT_S)
    return found


register_card("drs", "scheduler/drs/card.html", CLUSTER, card)
