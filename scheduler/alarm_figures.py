"""Figures of clusters that alarms may watch: the DRS score, and how many rules are not kept."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from django.db.models import OuterRef, Subquery
from numpy.typing import NDArray

from domain.alarms import DRS_SCORE, RULE_VIOLATIONS
from domain.states import VmPower
from inventory.alarming import figures
from inventory.metrics import Latest
from inventory.models import Cluster, VCenter, VirtualMachine
from inventory.prepared import Prepared
from scheduler.models import Decision, DrsRule

FULL_PCT = 100  # figures are in 1/100 %
_newest = Decision.objects.filter(cluster=OuterRef("pk")).order_by("-id").values("score")[:1]
_scores = Prepared(
    lambda pk: (
        Cluster.objects.filter(vcenter=pk, drs_enabled=True)
        .order_by()
        .annotate(newest_score=Subquery(_newest))
        .values_list("slot", "newest_score")
    )
)
_enabled_rules = Prepared(
    lambda pk: (
        DrsRule.objects.filter(cluster__vcenter=pk, enabled=True)
        .exclude(kind="dependency")
        .order_by()
        .values_list("pk")
    )
)


def drs_score(vcenter: VCenter, latest: Latest) -> NDArray[Any]:
    """The score that the last DRS cycle of each cluster found; NaN where DRS is off."""
    found = np.full(latest.cluster.shape[1], np.nan)
    for slot, score in _scores.rows(vcenter.pk):
        if slot < len(found) and score is not None:
            found[slot] = score * FULL_PCT
    return found


def rule_violations(vcenter: VCenter, latest: Latest) -> NDArray[Any]:
    """Enabled rules of each cluster that the running VMs do not keep."""
    found = np.full(latest.cluster.shape[1], np.nan)
    enabled = _enabled_rules.column(vcenter.pk)
    if not enabled:
        return found
    rules = list(DrsRule.objects.filter(pk__in=enabled).select_related("cluster", "vm_group", "host_group"))
    vms = {moref for rule in rules for moref in _vms_of(rule)}
    running = VirtualMachine.objects.filter(vcenter=vcenter, moref__in=vms, power_state=VmPower.ON)
    host_of = dict(running.values_list("moref", "host__moref")) if vms else {}
    for rule in rules:
        if rule.cluster.slot < len(found):
            found[rule.cluster.slot] = np.nan_to_num(found[rule.cluster.slot]) + (not kept(rule, host_of))
    return found


def _vms_of(rule: DrsRule) -> Collection[str]:
    return rule.vm_group.members if rule.kind == "vm_host" and rule.vm_group else rule.members


def kept(rule: DrsRule, host_of: dict[str, str]) -> bool:
    """True where the running VMs of a rule are where it wants them; `host_of` names each one's host."""
    hosts = [host_of[moref] for moref in _vms_of(rule) if moref in host_of]
    if rule.kind == "affinity":
        return len(set(hosts)) <= 1
    if rule.kind == "anti_affinity":
        return len(set(hosts)) == len(hosts)
    wanted = set(rule.host_group.members) if rule.host_group else set()
    return all((host in wanted) == rule.affine for host in hosts)


def register() -> None:
    figures.register("cluster", DRS_SCORE, drs_score)
    figures.register("cluster", RULE_VIOLATIONS, rule_violations)
