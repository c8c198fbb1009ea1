"""Cluster snapshots in the text format of Ganeti's htools, as a balancing problem.

``.data``: groups, nodes, instances, cluster tags, policies, separated by empty lines, fields by ``|``.  ``.util``: one
line per instance with CPU, memory, disk and network load.  Only what shared storage needs is supported; anything else
is an error that names the line.  Format: htools(1) and hbal(1) of Ganeti 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

import numpy as np

from scheduler.engine.problem import BalanceProblem, Bools, Floats, Ints

_NODE_FIELDS, _INSTANCE_FIELDS = 9, 9
_DEFAULT_VCPU_RATIO = 4.0  # Ganeti's own default; snapshots usually carry theirs in the policy section
_EXCLUSION_PREFIX = "htools:iextags:"
_UTIL_FIELDS = 5
_LARGEST = 1e12


class HtoolsError(ValueError):
    """A snapshot that cannot be used; the text names the file part and the line."""


@dataclass(frozen=True, slots=True)
class HtoolsCluster:
    """A parsed snapshot.  problem: score = Σ of four standard deviations, as hbal counts it for shared storage."""

    nodes: tuple[str, ...]
    instances: tuple[str, ...]
    problem: BalanceProblem


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    memory: float
    system_memory: float
    free_memory: float
    cpus: float
    speed: float
    offline: bool


@dataclass(frozen=True, slots=True)
class _Instance:
    name: str
    memory: float
    vcpus: float
    node: str
    tags: tuple[str, ...]
    line: int


_Line = tuple[int, str]


def parse_snapshot(data: str, util: str | None = None) -> HtoolsCluster:
    """Read a ``.data`` text and its optional ``.util`` text (without it every instance counts as load 1, as in hbal).

    Raises HtoolsError for anything that is not a consistent snapshot.
    """
    groups, node_lines, instance_lines, tags, policy = _sections(data)
    if len(groups) != 1:
        raise HtoolsError(f"data: {len(groups)} node groups; balance one group at a time")
    nodes = _unique([_node(line) for line in node_lines], "node")
    instances = _unique([_instance(line) for line in instance_lines], "instance")
    load = _utilisation(util, {instance.name: i for i, instance in enumerate(instances)})
    usable = [node for node in nodes if not node.offline]
    if len(usable) < 1:
        raise HtoolsError("data: no node is online")
    home = _homes(instances, usable, nodes)
    problem = _problem(usable, instances, home, load, _exclusion_tags(tags), _vcpu_ratio(policy))
    return HtoolsCluster(tuple(n.name for n in usable), tuple(i.name for i in instances), problem)


def _sections(data: str) -> list[list[_Line]]:
    """The five blocks of lines with their line numbers; the last two may be missing."""
    blocks: list[list[_Line]] = [[]]
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            blocks[-1].append((number, line.rstrip("\r")))
        elif len(blocks) < 5:
            blocks.append([])
    if len(blocks) < 3 or not blocks[0]:
        raise HtoolsError("data: expected groups, nodes and instances, separated by empty lines")
    if not blocks[1]:
        raise HtoolsError("data: there are no nodes")
    return blocks + [[] for _ in range(5 - len(blocks))]


def _node(line: _Line) -> _Node:
    number, text = line
    fields = text.split("|")
    if len(fields) < _NODE_FIELDS:
        raise HtoolsError(f"data line {number}: a node has at least {_NODE_FIELDS} fields, found {len(fields)}")
    memory, system, free = (_number(fields[i], number, "data") for i in (1, 2, 3))
    cpus = _number(fields[6], number, "data")
    speed = _number(fields[14], number, "data") if len(fields) > 14 else 1.0
    if memory <= 0 or cpus <= 0 or speed <= 0:
        raise HtoolsError(f"data line {number}: node {fields[0]} has no memory or no processors")
    if fields[7] not in {"Y", "N", "M"}:
        raise HtoolsError(f"data line {number}: node state “{fields[7]}” is not Y, N or M")
    return _Node(_name(fields[0], number), memory, system, free, cpus, speed, fields[7] == "Y")


def _instance(line: _Line) -> _Instance:
    number, text = line
    fields = text.split("|")
    if len(fields) < _INSTANCE_FIELDS:
        raise HtoolsError(f"data line {number}: an instance has {_INSTANCE_FIELDS} fields or more, found {len(fields)}")
    if fields[7]:
        raise HtoolsError(f"data line {number}: {fields[0]} has a secondary node; only shared storage is supported")
    memory, vcpus = _number(fields[1], number, "data"), _number(fields[3], number, "data")
    tags = tuple(tag for tag in fields[9].split(",") if tag) if len(fields) > 9 else ()
    return _Instance(_name(fields[0], number), memory, vcpus, fields[6], tags, number)


def _name(text: str, number: int) -> str:
    if not text.strip():
        raise HtoolsError(f"data line {number}: the name is empty")
    return text


def _number(text: str, number: int, part: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise HtoolsError(f"{part} line {number}: “{text}” is not a number") from None
    if not isfinite(value) or value < 0 or value > _LARGEST:
        raise HtoolsError(f"{part} line {number}: {text} is not a sensible amount")
    return value


_Row = TypeVar("_Row", _Node, _Instance)


def _unique(rows: list[_Row], what: str) -> list[_Row]:
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            raise HtoolsError(f"data: {what} {row.name} appears twice")
        seen.add(row.name)
    return rows


def _utilisation(util: str | None, instances: Mapping[str, int]) -> Floats:
    """(U, 2) CPU and memory load."""
    load = np.ones((len(instances), 2))
    if util is None:
        return load
    seen: set[str] = set()
    for number, line in enumerate(util.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != _UTIL_FIELDS:
            raise HtoolsError(f"util line {number}: expected a name and four numbers, found {len(fields)} fields")
        if fields[0] not in instances:
            raise HtoolsError(f"util line {number}: there is no instance {fields[0]}")
        if fields[0] in seen:
            raise HtoolsError(f"util line {number}: instance {fields[0]} appears twice")
        seen.add(fields[0])
        values = [_number(text, number, "util") for text in fields[1:]]
        load[instances[fields[0]]] = values[:2]
    return load


def _homes(instances: list[_Instance], usable: list[_Node], nodes: list[_Node]) -> Ints:
    at = {node.name: i for i, node in enumerate(usable)}
    known = {node.name for node in nodes}
    for instance in instances:
        if instance.node not in known:
            raise HtoolsError(f"data line {instance.line}: {instance.name} is on the unknown node “{instance.node}”")
        if instance.node not in at:
            raise HtoolsError(
                f"data line {instance.line}: {instance.name} is on {instance.node}, which is offline; evacuate it first"
            )
    return np.array([at[instance.node] for instance in instances], dtype=np.int64)


def _exclusion_tags(tags: list[_Line]) -> tuple[str, ...]:
    words = [word for _, line in tags for word in line.split(",")]
    return tuple(word[len(_EXCLUSION_PREFIX) :] + ":" for word in words if word.startswith(_EXCLUSION_PREFIX))


def _vcpu_ratio(policy: list[_Line]) -> float:
    """The policy's vCPU ratio, the last but one field of its line."""
    for number, line in policy:
        fields = line.split("|")
        if len(fields) >= 6:
            return _number(fields[-2], number, "data")
    return _DEFAULT_VCPU_RATIO


def _problem(
    nodes: list[_Node], instances: list[_Instance], home: Ints, load: Floats, prefixes: tuple[str, ...], ratio: float
) -> BalanceProblem:
    memory = np.array([instance.memory for instance in instances])
    vcpus = np.array([instance.vcpus for instance in instances])
    cpus = np.array([node.cpus for node in nodes])
    total = np.array([node.memory for node in nodes])
    speed = np.array([node.speed for node in nodes])
    used = np.bincount(home, memory, len(nodes))
    system = np.array([node.system_memory for node in nodes])
    unexplained = np.maximum(total - system - used - np.array([node.free_memory for node in nodes]), 0.0)
    free_memory = total - system - used - unexplained - 1.0  # hbal leaves at least one MiB
    free_vcpus = cpus * ratio - np.bincount(home, vcpus, len(nodes))
    ones = np.ones(len(nodes))
    scale = np.stack([1 / (cpus * speed), 1 / total, ones, ones], axis=1)
    base = np.zeros((len(nodes), 4))
    base[:, 1] = system + unexplained
    apart = _exclusion_groups(instances, prefixes)
    return BalanceProblem(
        load=np.column_stack([vcpus, memory, load]).reshape(len(instances), 4),
        base=base,
        inverse_capacity=scale,
        weight=np.ones(4),
        home=home,
        cost=np.ones(len(instances), dtype=np.int64),
        need=np.column_stack([memory, vcpus]).reshape(len(instances), 2),
        free=np.column_stack([free_memory, free_vcpus]),
        allowed=np.ones((len(instances), len(nodes)), dtype=bool),
        apart=apart,
        occupied=np.zeros((len(nodes), apart.shape[1]), dtype=np.int64),
    )


def _exclusion_groups(instances: list[_Instance], prefixes: tuple[str, ...]) -> Bools:
    """(U, G) instances that share an exclusion tag and must not meet."""
    groups: dict[str, list[int]] = {}
    for row, instance in enumerate(instances):
        for tag in instance.tags:
            if tag.startswith(prefixes):
                groups.setdefault(tag, []).append(row)
    shared = [rows for rows in groups.values() if len(rows) > 1]
    apart = np.zeros((len(instances), len(shared)), dtype=bool)
    for group, rows in enumerate(shared):
        apart[rows, group] = True
    return apart
