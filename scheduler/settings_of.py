"""A cluster's stored settings as the engine's options."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from domain.snapshot import DpmBehavior
from inventory.models import Cluster
from scheduler.engine.options import DpmOptions, DrsOptions, HaOptions, with_advanced
from scheduler.selectors.cluster import AUTOMATION

# What `Cluster.drs_options` may hold beside the advanced grid ("advanced": {name: text}).
OWN = ("engine", "memory_metric", "even_distribution", "max_vcpus_per_core", "max_vcpus_per_cluster_pct")
DPM_OWN = ("trigger", "min_hosts_on", "spare_hosts", "predictive")


def options_of(cluster: Cluster, **changed: Any) -> DrsOptions:
    """Raises InvalidArgument where a stored option is absurd. `changed` replaces options, for a dry run."""
    stored = dict(cluster.drs_options or {})
    options = DrsOptions(
        enabled=cluster.drs_enabled,
        automation=AUTOMATION[cluster.drs_automation],  # type: ignore[index]
        threshold=cluster.drs_threshold,
        dpm=_dpm(cluster, stored),
        ha=_ha(cluster),
        **{k: stored[k] for k in OWN if k in stored},
    )
    options = with_advanced(options, {str(k): str(v) for k, v in (stored.get("advanced") or {}).items()})
    return replace(options, **changed) if changed else options


def _dpm(cluster: Cluster, stored: dict[str, Any]) -> DpmOptions:
    return DpmOptions(
        enabled=cluster.dpm_enabled and cluster.drs_enabled,
        behavior=DpmBehavior.AUTOMATED if cluster.dpm_automation == "automated" else DpmBehavior.MANUAL,
        threshold=cluster.dpm_threshold,
        **{k: stored[k] for k in DPM_OWN if k in stored},
    )


def _ha(cluster: Cluster) -> HaOptions:
    known = {f.name for f in fields(HaOptions)} - {"enabled"}
    stored = cluster.ha_options or {}
    return HaOptions(enabled=cluster.ha_enabled, **{k: v for k, v in stored.items() if k in known})
