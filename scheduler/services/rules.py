"""VM/Host groups, rules and overrides, with their conflicts shown before they are saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Q

from domain import faults
from domain.states import DrsBehavior
from inventory import inverses
from inventory.hardware import OVERRIDES
from inventory.journal import changing
from inventory.models import Cluster, Host, Task, VirtualMachine
from inventory.services.base import check, expect_version, instant, unique, valid_name
from inventory.services.undo import INVERSES, Inverse
from inventory.services.vm_checks import ha_overrides
from scheduler import settings_of
from scheduler.engine.rules import Conflict, RuleBook
from scheduler.models import ClusterSchedule, DrsGroup, DrsRule
from scheduler.selectors.cluster import frame_of
from scheduler.selectors.cluster_rules import rule_row

PRIVILEGE = "Host.Inventory.EditCluster"
MOST_NAMES = 400  # characters of an event's reason
KINDS = {key for key, _label in DrsRule.KINDS}


def save_group(
    user: Any, cluster: Cluster, name: str, kind: str, members: Sequence[str], group: DrsGroup | None = None
) -> DrsGroup:
    """Create a group, or change `group`. Members are references of VMs or hosts of the cluster."""
    check(user, PRIVILEGE, cluster)
    name = valid_name(name)
    unique(DrsGroup.objects.filter(cluster=cluster), name, own=group)
    if kind not in ("vm", "host"):
        raise faults.InvalidArgument(property="type", reason="a VM group or a host group")
    members = _of_cluster(cluster, kind, members)
    with changing(cluster.vcenter, user) as change:
        group = group or DrsGroup(cluster=cluster, kind=kind)
        group.name, group.members = name, members
        group.save()
        _noted(change, cluster, f"group {name}")
    return group


def _of_cluster(cluster: Cluster, kind: str, members: Sequence[str]) -> list[str]:
    """The members, each once; raises where one is no VM or host of the cluster."""
    wanted = list(dict.fromkeys(members))
    rows = (
        VirtualMachine.objects.filter(host__cluster=cluster) if kind == "vm" else Host.objects.filter(cluster=cluster)
    )
    known = set(rows.filter(moref__in=wanted).values_list("moref", flat=True))
    foreign = [m for m in wanted if m not in known]
    if foreign:
        raise faults.InvalidArgument(property="members", reason=f"{foreign[0]} is not in the cluster")
    return wanted


def delete_group(user: Any, group: DrsGroup) -> None:
    check(user, PRIVILEGE, group.cluster)
    named = Q(vm_group=group) | Q(host_group=group) | Q(other_vm_group=group)
    users = DrsRule.objects.filter(named, cluster=group.cluster)
    if users:
        raise faults.ResourceInUse(name=group.name, users=", ".join(r.name for r in users))
    with changing(group.cluster.vcenter, user) as change:
        _noted(change, group.cluster, f"group {group.name} removed")
        group.delete()


def _noted(change: Any, cluster: Cluster, what: str, undo: Mapping[str, Any] | None = None) -> Task:
    change.event("ClusterReconfiguredEvent", cluster, reason=what)
    change.changed(cluster)
    ClusterSchedule.objects.filter(cluster=cluster).update(requested="rules changed")
    return instant(change, "ClusterComputeResource.reconfigureEx", cluster, result={"changed": what}, args=undo)


def draft(cluster: Cluster, values: Mapping[str, Any], rule: DrsRule | None = None) -> DrsRule:
    """An unsaved rule from a form's values; raises for what cannot be a rule at all."""
    kind = str(values.get("kind", ""))
    if kind not in KINDS:
        raise faults.InvalidArgument(property="type", reason="choose one of the four rule types")
    made = rule or DrsRule(cluster=cluster)
    made.name, made.kind = valid_name(values.get("name", "")), kind
    made.enabled = bool(values.get("enabled", True))
    made.members, made.vm_group, made.host_group, made.other_vm_group = [], None, None, None
    if kind in ("affinity", "anti_affinity"):
        made.members = _of_cluster(cluster, "vm", values.get("members") or ())
        if len(made.members) < 2:
            raise faults.InvalidArgument(property="members", reason="choose at least two virtual machines")
    else:
        made.vm_group = _group(cluster, values.get("vm_group"), "vm")
        if kind == "vm_host":
            made.host_group = _group(cluster, values.get("host_group"), "host")
            made.affine, made.mandatory = bool(values.get("affine", True)), bool(values.get("mandatory", False))
        else:
            made.other_vm_group = _group(cluster, values.get("other_vm_group"), "vm")
    return made


def _group(cluster: Cluster, which: Any, kind: str) -> DrsGroup:
    found = which if isinstance(which, DrsGroup) else DrsGroup.objects.filter(cluster=cluster, pk=which or 0).first()
    if found is None or found.kind != kind or found.cluster_id != cluster.pk:
        raise faults.InvalidArgument(property=f"{kind} group", reason="choose a group of this cluster")
    return found


def conflicts(cluster: Cluster, rule: DrsRule) -> list[Conflict]:
    """What stands against `rule` beside the cluster's other rules: to be shown before it is saved."""
    if rule.kind == "dependency":
        return []
    return _brought_by(cluster, [rule], own=rule.pk or 0)


def group_conflicts(cluster: Cluster, group: DrsGroup, members: Sequence[str]) -> list[Conflict]:
    """The conflicts that other members of a group would bring to the rules that name it."""
    changed = list(DrsRule.objects.filter(Q(vm_group=group) | Q(host_group=group), cluster=cluster, kind="vm_host")
                   .select_related("vm_group", "host_group"))  # fmt: skip
    for rule in changed:
        for named in (rule.vm_group, rule.host_group):
            if named is not None and named.pk == group.pk:
                named.members = list(members)
    return _brought_by(cluster, changed) if changed else []


def _brought_by(cluster: Cluster, changed: Sequence[DrsRule], own: int | None = None) -> list[Conflict]:
    """Conflicts with these rules as they would be: those that there are not now, and those of the rule `own`.

    The older rule wins, so a change of it shows as a conflict of a newer one."""
    snapshot = frame_of(cluster).snapshot
    vm_row = {m: i for i, m in enumerate(snapshot.vms.moref)}
    host_row = {m: i for i, m in enumerate(snapshot.hosts.moref)}
    present = {conflict.rule.key for conflict in RuleBook(snapshot).conflicts} - {own}
    keys = {rule.pk or 0 for rule in changed}
    others = [rule for rule in snapshot.rules if rule.key not in keys]
    would_be = replace(snapshot, rules=(*others, *(rule_row(rule, vm_row, host_row) for rule in changed)))
    return [conflict for conflict in RuleBook(would_be).conflicts if conflict.rule.key not in present]


def save_rule(
    user: Any,
    cluster: Cluster,
    values: Mapping[str, Any],
    rule: DrsRule | None = None,
    expected_version: int | None = None,
) -> DrsRule:
    """Create or change a rule. A rule in conflict is saved too, but is not enforced while the older one stands."""
    check(user, PRIVILEGE, cluster)
    if rule is not None:
        expect_version(DrsRule.objects.get(pk=rule.pk), expected_version)
    made = draft(cluster, values, rule)
    unique(DrsRule.objects.filter(cluster=cluster), made.name, own=rule)
    with changing(cluster.vcenter, user) as change:
        if rule is None:
            made.created_by = change.user_name
        else:
            made.change_version += 1
        made.save()
        _noted(change, cluster, f"rule {made.name}")
    return made


def delete_rule(user: Any, rule: DrsRule) -> None:
    check(user, PRIVILEGE, rule.cluster)
    with changing(rule.cluster.vcenter, user) as change:
        _noted(change, rule.cluster, f"rule {rule.name} removed")
        rule.delete()


# --- overrides -------------------------------------------------------------------------------------------------------
Own = Mapping[str, Any]  # fields of `hardware.OVERRIDES`


def set_override(user: Any, vms: Sequence[VirtualMachine], **values: Any) -> Task | None:
    """What single VMs of one cluster have of their own of DRS and HA: `hardware.AS_THE_CLUSTER` = as it. None without
    VMs."""
    levels = {"", *(b.value for b in DrsBehavior)}
    priorities = {"", "disabled", "lowest", "low", "medium", "high", "highest"}
    if values.get("drs_override", "") not in levels:
        raise faults.InvalidArgument(property="DRS automation level", reason=", ".join(sorted(levels - {""})))
    if values.get("ha_restart_priority", "") not in priorities:
        raise faults.InvalidArgument(property="restart priority", reason=", ".join(sorted(priorities - {""})))
    ha_overrides(values)
    wanted = {name: values[name] for name in OVERRIDES if name in values}
    return _override(user, vms[0].host.cluster, [(vm, wanted) for vm in vms]) if vms else None


def _override(user: Any, cluster: Cluster, wanted: Sequence[tuple[VirtualMachine, Own]]) -> Task:
    """Give each VM its own values, as one task that can be taken back."""
    check(user, PRIVILEGE, cluster)
    if any(vm.host.cluster_id != cluster.pk for vm, _own in wanted):
        raise faults.InvalidArgument(property="virtual machines", reason="they are of several clusters")
    before = {vm.moref: inverses.values(vm, OVERRIDES) for vm, _own in wanted}
    with changing(cluster.vcenter, user) as change:
        for vm, own in wanted:
            for name, value in own.items():
                setattr(vm, name, value)
            vm.save(update_fields=list(OVERRIDES))
        after = {vm.moref: inverses.values(vm, OVERRIDES) for vm, _own in wanted}
        names = ", ".join(vm.name for vm, _own in wanted)[:MOST_NAMES]
        return _noted(change, cluster, f"override of {names}", inverses.note("override", before, after))


def _overrides(cluster: Cluster, morefs: Iterable[str]) -> dict[str, Own | None]:
    """What these VMs have of their own now; None where one has left the cluster."""
    rows = VirtualMachine.objects.filter(moref__in=list(morefs), host__cluster=cluster)
    found = {vm.moref: inverses.values(vm, OVERRIDES) for vm in rows}
    return {moref: found.get(moref) for moref in morefs}


def _take_back(user: Any, cluster: Cluster, before: Mapping[str, Own]) -> Task:
    rows = VirtualMachine.objects.filter(moref__in=before, host__cluster=cluster)
    return _override(user, cluster, [(vm, before[vm.moref]) for vm in rows.select_related("host").order_by("name")])


INVERSES["override"] = Inverse(_overrides, _take_back)


def options_hold(cluster: Cluster) -> None:
    """Raise InvalidArgument where the cluster's stored options are absurd."""
    settings_of.options_of(cluster)
