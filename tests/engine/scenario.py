"""Whole clusters in a few lines of text.

    option threshold 3                 an option of DrsOptions; dpm.x and ha.x reach the nested ones
    host a cpu=20000 mem=65536 standby a host; words without "=" are flags of HostTable
    pool web parent=root cpu_shares=8000
    vm w1 on=a cpu=3000 mem=4096 pool=web active=1024 …   cpu = demand MHz, mem = size MiB; on=- means no host
    rule apart   name  w1 w2           also: together
    rule must-run name w1 w2 -> a b    also: must-not-run, should-run, should-not-run

Columns of the tables go by their own names; the short ones below are aliases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from domain.resources import overhead_mib
from domain.snapshot import Automation, ClusterSnapshot, DpmBehavior, HostTable, PoolTable, Rule, RuleKind, VmTable
from scheduler.engine.options import DrsOptions

SCENARIOS = Path(__file__).parent.parent / "scenarios"
_HOST = {"cpu": "cpu_capacity_mhz", "mem": "mem_capacity_mib", "net": "nic_mibps", "dpm": "dpm_behavior"}
_VM = {"cpu": "cpu_demand_mhz", "mem": "mem_mib", "active": "active_mib", "net": "net_mibps", "r_cpu":
       "cpu_reservation_mhz", "r_mem": "mem_reservation_mib", "drs": "automation"}  # fmt: skip
_WORDS: dict[str, Any] = {
    "disabled": 0, "manual": 1, "partial": int(Automation.PARTIALLY_AUTOMATED), "full": int(Automation.FULLY_AUTOMATED),
    "auto": int(DpmBehavior.AUTOMATED), "true": True, "false": False,
}  # fmt: skip
POWER_W = (58.4, 98, 109, 118, 128, 140, 153, 170, 189, 205, 222)  # IBM x3550 M3, SPECpower_ssj2008


@dataclass(frozen=True)
class Scenario:
    """A cluster and the options it is planned with."""

    snapshot: ClusterSnapshot
    options: DrsOptions

    def vm(self, name: str) -> int:
        return self.snapshot.vms.name.index(name)

    def host(self, name: str) -> int:
        return self.snapshot.hosts.name.index(name)


def read(name: str) -> Scenario:
    return parse((SCENARIOS / f"{name}.cluster").read_text())


def parse(text: str) -> Scenario:
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    by_kind: dict[str, list[list[str]]] = {"option": [], "host": [], "pool": [], "vm": [], "rule": []}
    for words in filter(None, lines):
        by_kind[words[0]].append(words[1:])
    hosts = [_row(words, _HOST) for words in by_kind["host"]]
    pools = [{"name": "root"}, *[_row(words, {}) for words in by_kind["pool"]]]
    vms = [_vm_row(words) for words in by_kind["vm"]]
    at = {row["name"]: index for index, row in enumerate(hosts)}
    pool_at = {row["name"]: index for index, row in enumerate(pools)}
    for row in vms:
        row["host_ix"] = at.get(row.pop("on"), -1)
        row["pool_ix"] = pool_at[row.pop("pool", "root")]
    for row in pools[1:]:
        row["parent"] = pool_at[row.pop("parent", "root")]
    host_rows = [{"power_w": POWER_W, "features": 2**64 - 1, **row} for row in hosts]
    snapshot = ClusterSnapshot(
        "scenario", _table(HostTable, "host", host_rows), _table(VmTable, "vm", vms), _table(PoolTable, "pool", pools)
    )
    rules = tuple(_rule(index, words, snapshot) for index, words in enumerate(by_kind["rule"]))
    return Scenario(replace(snapshot, rules=rules), _options(by_kind["option"]))


def _row(words: list[str], aliases: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": words[0]}
    for word in words[1:]:
        key, _, value = word.partition("=")
        row[aliases.get(key, key)] = True if not value else _value(value)
    return row


def _value(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    try:
        return float(text)
    except ValueError:
        return text


def _vm_row(words: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"cpu_demand_mhz": 0.0, "mem_mib": 1024.0, "vcpus": 2, "on": "-", **_row(words, _VM)}
    row["vcpus"] = int(row["vcpus"])
    row.setdefault("cpu_max_mhz", max(row["vcpus"] * 2000.0, row["cpu_demand_mhz"]))
    row.setdefault("active_mib", row["mem_mib"] * 0.25)
    row.setdefault("consumed_mib", row["mem_mib"] * 0.75)
    row.setdefault("overhead_mib", overhead_mib(row["vcpus"], int(row["mem_mib"])))
    row.setdefault("cpu_shares", 1000.0 * row["vcpus"])
    row.setdefault("mem_shares", 10.0 * row["mem_mib"])
    return row


def _table(kind: Any, prefix: str, rows: list[dict[str, Any]]) -> Any:
    names = [row.pop("name") for row in rows]
    plain = kind.build([f"{prefix}-{i + 1}" for i in range(len(rows))], names)
    columns = {key: getattr(plain, key).tolist() for key in {k for row in rows for k in row}}
    for index, row in enumerate(rows):
        for key, value in row.items():
            columns[key][index] = list(value) if isinstance(value, tuple) else value
    return kind.build(plain.moref, plain.name, **columns)


def _rule(index: int, words: list[str], snapshot: ClusterSnapshot) -> Rule:
    kind, name, *members = words
    left = members[: members.index("->")] if "->" in members else members
    right = members[len(left) + 1 :]
    vms = tuple(snapshot.vms.name.index(m) for m in left)
    hosts = tuple(snapshot.hosts.name.index(m) for m in right)
    shape = {"apart": RuleKind.ANTI_AFFINITY, "together": RuleKind.AFFINITY}.get(kind, RuleKind.VM_HOST)
    return Rule(index + 1, name, shape, vms, hosts, affine="not" not in kind, mandatory="must" in kind, order=index)


def _options(lines: list[list[str]]) -> DrsOptions:
    options = DrsOptions()
    for key, text in lines:
        value = _value(text)
        if "." in key:
            owner, inner = key.split(".")
            nested = getattr(options, owner)
            options = replace(options, **{owner: replace(nested, **{inner: _as(getattr(nested, inner), value)})})
        else:
            options = replace(options, **{key: _as(getattr(options, key), value)})
    return options


def _as(present: Any, value: Any) -> Any:
    return value if isinstance(value, (str, bool)) or present is None else type(present)(value)
