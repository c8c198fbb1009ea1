"""The rules of a cluster over the rows of its machines and hosts, as the engine reads them."""

from __future__ import annotations

from domain.snapshot import Rule, RuleKind
from inventory.models import Cluster
from scheduler.models import DrsRule
from scheduler.selectors import cluster_rows
from scheduler.selectors.cluster_rows import RuleRow


def rules_of(cluster: Cluster, vms: list[str], hosts: list[str]) -> tuple[Rule, ...]:
    """The cluster's rules over rows; members that have gone are left out, rules of one VM say nothing."""
    vm_row = {m: i for i, m in enumerate(vms)}
    host_row = {m: i for i, m in enumerate(hosts)}
    return tuple(_rule(row, vm_row, host_row) for row in cluster_rows.rules(cluster.pk))


def rule_row(rule: DrsRule, vm_row: dict[str, int], host_row: dict[str, int]) -> Rule:
    """A rule that may not be stored yet, over rows."""
    groups = [group.members if group else None for group in (rule.vm_group, rule.host_group)]
    row = RuleRow(
        rule.pk or 0, rule.name, rule.kind, rule.enabled, rule.affine, rule.mandatory, rule.members, *groups
    )  # fmt: skip
    return _rule(row, vm_row, host_row)


def _rule(row: RuleRow, vm_row: dict[str, int], host_row: dict[str, int]) -> Rule:
    grouped = row.kind == "vm_host"
    members = row.vm_group if grouped and row.vm_group is not None else row.members
    hosts = row.host_group or [] if grouped else []
    return Rule(
        key=row.pk,
        name=row.name,
        kind=RuleKind(row.kind),
        vms=tuple(sorted(vm_row[m] for m in members if m in vm_row)),
        hosts=tuple(sorted(host_row[m] for m in hosts if m in host_row)),
        affine=row.affine,
        mandatory=row.mandatory,
        enabled=row.enabled,
        order=row.pk or 2**31,
    )
