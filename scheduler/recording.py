"""Snapshots and plans as compressed JSON: what a decision record keeps, and how a cycle is replayed from it."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from domain import faults
from domain.snapshot import Automation, ClusterSnapshot, DpmBehavior, HostTable, PoolTable, Rule, RuleKind, VmTable
from scheduler.engine.options import DpmOptions, DrsOptions, HaOptions

TABLES: dict[str, Any] = {"hosts": HostTable, "vms": VmTable, "pools": PoolTable}
_DIGITS = 3  # MHz, MiB and seconds need no more


def pack(data: Any) -> bytes:
    return zlib.compress(json.dumps(data, separators=(",", ":"), default=str).encode(), 6)


def unpack(blob: bytes) -> Any:
    """Raises zlib.error or ValueError for a blob that `pack` did not write."""
    return json.loads(zlib.decompress(bytes(blob)))


def inputs_of(blob: bytes) -> tuple[ClusterSnapshot, DrsOptions]:
    """What a cycle saw and the options that it was planned with."""
    inputs = unpack(blob)
    return snapshot_from_plain(inputs["snapshot"]), options_from_plain(inputs["options"])


def options_from_plain(plain: dict[str, Any]) -> DrsOptions:
    """Options from their `asdict`; what this version does not know is left out."""
    dpm, ha = _known(DpmOptions, plain.get("dpm", {})), _known(HaOptions, plain.get("ha", {}))
    if "behavior" in dpm:
        dpm["behavior"] = DpmBehavior(dpm["behavior"])
    own = _known(DrsOptions, plain) | {"dpm": DpmOptions(**dpm), "ha": HaOptions(**ha)}
    if "automation" in own:
        own["automation"] = Automation(own["automation"])
    return DrsOptions(**own)


def _known(cls: Any, plain: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(cls)}
    return {name: value for name, value in plain.items() if name in names}


def snapshot_to_plain(snapshot: ClusterSnapshot) -> dict[str, Any]:
    plain: dict[str, Any] = {name: _table(getattr(snapshot, name)) for name in TABLES}
    plain["vms"]["immovable"] = {str(row): _fault(fault) for row, fault in snapshot.vms.immovable.items()}
    plain["vms"]["failed_moves"] = [list(f) for f in snapshot.vms.failed_moves]
    return {"name": snapshot.name, **plain, "rules": [asdict(rule) for rule in snapshot.rules]}


def _table(table: Any) -> dict[str, Any]:
    columns = {f.name: getattr(table, f.name) for f in fields(table) if "dtype" in f.metadata}
    plain = {name: _column(values) for name, values in columns.items()}
    return {"moref": list(table.moref), "name": list(table.name), **plain}


def _column(values: Any) -> Any:
    if values.dtype == np.uint64:
        return [str(v) for v in values]  # JSON numbers have 53 bits
    if values.dtype == np.bool_:
        return values.astype(int).tolist()
    return np.round(values, _DIGITS).tolist()


def _fault(fault: Exception) -> dict[str, Any]:
    return fault.to_dict() if isinstance(fault, faults.MethodFault) else {"fault": "SystemError", "fields": {}}


def snapshot_from_plain(plain: dict[str, Any]) -> ClusterSnapshot:
    tables = {name: _read_table(cls, plain[name]) for name, cls in TABLES.items()}
    rules = tuple(
        Rule(**{**r, "kind": RuleKind(r["kind"]), "vms": tuple(r["vms"]), "hosts": tuple(r["hosts"])})
        for r in plain["rules"]
    )
    return ClusterSnapshot(name=plain["name"], rules=rules, **tables)


def _read_table(cls: Any, plain: dict[str, Any]) -> Any:
    columns = {k: v for k, v in plain.items() if k not in ("moref", "name", "immovable", "failed_moves")}
    for f in fields(cls):
        if f.name in columns and f.metadata.get("dtype") is np.uint64:
            columns[f.name] = np.array([int(v) for v in columns[f.name]], np.uint64)
    extra: dict[str, Any] = {}
    if cls is VmTable:
        extra["immovable"] = {int(k): faults.from_dict(v) for k, v in plain["immovable"].items()}
        extra["failed_moves"] = tuple((int(v), int(h), float(t)) for v, h, t in plain["failed_moves"])
    return cls.build(plain["moref"], plain["name"], **columns, **extra)
