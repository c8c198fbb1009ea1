"""VM/Host groups and rules in an inventory as text, and a running cluster brought to what such a text says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import faults
from inventory.exchange import describe
from inventory.models import Cluster, Host
from inventory.services import exchange_steps
from inventory.services.exchange_steps import Kind, Step
from scheduler.models import DrsGroup, DrsRule
from scheduler.services import rules

GROUP_KEYS = {"name", "kind", "members"}
LINKS = ("vm_group", "host_group", "other_vm_group")
RULE_KEYS = {"name", "kind", "enabled", "affine", "mandatory", "members", *LINKS}


def register() -> None:
    describe.EXTRAS["drs_groups"] = describe.Extra("drs_groups", _groups, _build_groups)
    describe.EXTRAS["drs_rules"] = describe.Extra("drs_rules", _rules, _build_rules)
    exchange_steps.add("group", Kind(None, frozenset({"members"}), _save_group, _save_group, _delete_group))
    exchange_steps.add("rule", Kind(None, frozenset(RULE_KEYS), _save_rule, _save_rule, _delete_rule))


def _named(morefs: list[str], names: Mapping[str, Any]) -> list[Any]:
    """Members by name; who has gone since is left out."""
    return sorted(names[one] for one in morefs if one in names)


def _groups(cluster: Cluster, names: dict[str, Any]) -> list[dict[str, Any]]:
    rows = cluster.drs_groups.order_by("name")
    return [{"name": g.name, "kind": g.kind, "members": _named(g.members, names)} for g in rows]


def _rules(cluster: Cluster, names: dict[str, Any]) -> list[dict[str, Any]]:
    rows = cluster.drs_rules.select_related(*LINKS).order_by("id")  # the older of two rules wins
    return [_rule(one, names) for one in rows]


def _rule(one: DrsRule, names: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": one.name, "kind": one.kind}
    if not one.enabled:
        entry["enabled"] = False
    if one.members:
        entry["members"] = _named(one.members, names)
    for link in LINKS:
        if (group := getattr(one, link)) is not None:
            entry[link] = group.name
    if one.kind == "vm_host":
        entry |= {"affine": one.affine, "mandatory": one.mandatory}
    return entry


def _build_groups(cluster: Cluster, value: Any, builder: Any, where: str) -> None:
    for one, place in builder.entries({"drs_groups": value}, "drs_groups", where.removesuffix("drs_groups")):
        builder.known(one, place, *GROUP_KEYS)
        name = builder.name(one, place)
        if one.get("kind") not in ("vm", "host") or cluster.drs_groups.filter(name=name).exists():
            builder.say(f"{place}kind", "vm or host is needed, and a name that is not there yet")
            continue
        found = _members(cluster, one.get("members") or [], builder, place, one["kind"])
        DrsGroup.objects.create(cluster=cluster, name=name, kind=one["kind"], members=found)


def _members(cluster: Cluster, listed: Any, builder: Any, place: str, kind: str) -> list[str]:
    found = []
    for member in listed if isinstance(listed, list) else []:
        if kind == "host":
            row = builder.hosts.get(str(member))
        else:
            path = tuple(map(str, member)) if isinstance(member, list) else (str(member),)
            row = builder.machines.get((cluster.datacenter_id, path))
        if row is None:
            builder.say(f"{place}members", f"there is no {member}")
        else:
            found.append(row.moref)
    return found


def _build_rules(cluster: Cluster, value: Any, builder: Any, where: str) -> None:
    groups = {group.name: group for group in cluster.drs_groups.all()}
    for one, place in builder.entries({"drs_rules": value}, "drs_rules", where.removesuffix("drs_rules")):
        builder.known(one, place, *RULE_KEYS)
        name = builder.name(one, place)
        links = {link: groups.get(str(one[link])) for link in LINKS if link in one}
        if str(one.get("kind")) not in dict(DrsRule.KINDS) or None in links.values():
            builder.say(f"{place}kind", f"one of {', '.join(dict(DrsRule.KINDS))} is needed, with groups that exist")
        elif cluster.drs_rules.filter(name=name).exists():
            builder.say(f"{place}name", "this name is there already")
        else:
            flags = {flag: bool(one[flag]) for flag in ("enabled", "affine", "mandatory") if flag in one}
            members = _members(cluster, one.get("members") or [], builder, place, "vm")
            DrsRule.objects.create(
                cluster=cluster, name=name, kind=one["kind"], members=members, **flags, **links
            )  # fmt: skip


# --- a cluster that runs ---------------------------------------------------------------------------------------------
def _cluster_of(step: Step) -> Cluster:
    return step.find.cluster(step.path)


def _morefs(step: Step, kind: str) -> list[str]:
    """The members that the file names, as references."""
    datacenter, _rest = step.find.site(step.path)
    above = (*step.find.names(datacenter.folder), datacenter.name)
    listed = step.fields.get("members") or []
    if not isinstance(listed, list):
        raise faults.InvalidArgument(property="members", reason="a list is needed")
    if kind == "host":
        return [_host(_cluster_of(step), str(name)).moref for name in listed]
    paths = [tuple(map(str, one)) if isinstance(one, list) else (str(one),) for one in listed]
    return [step.find.machine((*above, *path)).moref for path in paths]


def _host(cluster: Cluster, name: str) -> Host:
    host = cluster.hosts.filter(name=name).first()
    if host is None:
        raise faults.NotFound(what=name)
    return host


def _save_group(step: Step) -> None:
    cluster, kind = _cluster_of(step), str(step.fields.get("kind"))
    known = DrsGroup.objects.filter(cluster=cluster, name=step.path[-1]).first()
    rules.save_group(step.user, cluster, step.path[-1], kind, _morefs(step, kind), known)


def _delete_group(step: Step) -> None:
    rules.delete_group(step.user, _known(DrsGroup, step))


def _save_rule(step: Step) -> None:
    cluster, fields = _cluster_of(step), step.fields
    groups = {group.name: group for group in DrsGroup.objects.filter(cluster=cluster)}
    links = {link: groups.get(str(fields[link])) for link in LINKS if link in fields}
    flags = {flag: bool(fields[flag]) for flag in ("enabled", "affine", "mandatory") if flag in fields}
    values = {"name": step.path[-1], "kind": fields.get("kind"), "members": _morefs(step, "vm"), **flags, **links}
    known = DrsRule.objects.filter(cluster=cluster, name=step.path[-1]).first()
    rules.save_rule(step.user, cluster, values, known)


def _delete_rule(step: Step) -> None:
    rules.delete_rule(step.user, _known(DrsRule, step))


def _known(model: Any, step: Step) -> Any:
    found = model.objects.filter(cluster=_cluster_of(step), name=step.path[-1]).select_related("cluster__vcenter")
    row = found.first()
    if row is None:
        raise faults.NotFound(what=step.path[-1])
    return row
