"""The instances of an object: its processors, adapters and datastores as targets of a chart, and their figures.

What they are called is vSphere's ("0", "vmnic0", "4000", a datastore's uuid), how work lies on them is the rule of
`domain.instances`. The figures follow from the object's stored ones, so that a chart of all instances reads no more
than one of the object.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from domain import instances as rule
from domain.counters import Interval
from inventory import charts, selectors
from inventory.charts import Text
from inventory.metrics import Series, computed
from inventory.models import Datastore, Event, Host, VCenter, VirtualMachine
from inventory.retell import retell

Figures = NDArray[Any]
PROCESSOR_SOURCES = (2, 6, 12, 398, 399, 400, 125, 133)
CHANGES_MAX = 200  # of links, in a period
RELOCATED = ("VmRelocatedEvent", "VmMigratedEvent", "DrsVmMigratedEvent")
LINK_DOWN = ("esx.problem.net.connectivity.lost", "esx.problem.net.redundancy.lost")
LINK_UP = "esx.clear.net.connectivity.restored"


@dataclass(frozen=True)
class Instance:
    """A part of an object that has figures of its own, of the counters `keys`."""

    name: str
    label: Text
    keys: tuple[int, ...]


def of(user: Any, vcenter: VCenter, obj: Any, keys: Collection[int] | None = None) -> list[Instance]:
    """The instances that an object has now; those of these counters, where they are given.

    Datastores that the person may not see are left out. Two queries for a machine, none for a host.
    """
    families = {
        name: counters
        for name, counters in rule.FAMILIES.get(charts.kind_of(obj) or "", {}).items()
        if keys is None or not set(keys).isdisjoint(counters)
    }
    return [Instance(name, label, counters) for family, counters in families.items()
            for name, label in _NAMED[family](user, vcenter, obj)]  # fmt: skip


def _processors(_user: Any, _vcenter: VCenter, obj: Any) -> list[tuple[str, Text]]:
    count, _memory = computed.size_of(obj)
    words = _("vCPU %(number)s") if isinstance(obj, VirtualMachine) else _("CPU %(number)s")
    return [(str(number), words % {"number": number}) for number in range(count)]


def _adapters(_user: Any, _vcenter: VCenter, obj: Any) -> list[tuple[str, Text]]:
    if isinstance(obj, Host):
        return [(f"vmnic{number}", f"vmnic{number}") for number in range(len(obj.nic_mbps or ()))]
    return [(str(key), retell(label)) for key, label in obj.nics.order_by("key").values_list("key", "label")]


def _datastores(user: Any, vcenter: VCenter, obj: Any) -> list[tuple[str, Text]]:
    rows = selectors.objects_visible(user, vcenter, Datastore).filter(pk__in=obj.disks.values("datastore"))
    return [(str(uuid), name) for uuid, name in rows.order_by("name").values_list("uuid", "name")]


_NAMED: dict[str, Callable[[Any, VCenter, Any], list[tuple[str, Text]]]] = {
    "processor": _processors, "adapter": _adapters, "datastore": _datastores,
}  # fmt: skip


# --- figures ---------------------------------------------------------------------------------------------------------
def series(
    vcenter: VCenter, obj: Any, wanted: Iterable[tuple[int, str]], interval: Interval, since_s: float | None = None
) -> tuple[NDArray[np.float64], dict[tuple[int, str], Figures]]:
    """Lab times, and the figures of each (counter, instance name) that this kind of object has; NaN where the instance
    was not there, or what it did is not known. O(points · processors).
    """
    kind, wanted = charts.kind_of(obj) or "vm", list(wanted)
    families = {
        family: [pair for pair in wanted if pair[0] in counters]
        for family, counters in rule.FAMILIES.get(kind, {}).items()
    }
    keys = [key for family in ("adapter", "datastore") for key, _name in families.get(family, ())]
    sources = computed.sources(kind, keys)
    if families.get("processor"):
        sources += PROCESSOR_SOURCES if kind == "vm" else (2,)
    times_s, known = charts.known(vcenter, obj, sources, interval, since_s, sized=kind == "vm")
    whole = Series(interval, times_s, computed.values(kind, list(dict.fromkeys(keys)), known))
    found: dict[tuple[int, str], Figures] = {}
    for family, pairs in families.items():
        if pairs:
            found |= _FIGURES[family](obj, pairs, known, whole)
    return times_s, found


Pairs = Sequence[tuple[int, str]]


def _of_processors(obj: Any, pairs: Pairs, known: computed.Known, _whole: Series) -> dict[tuple[int, str], Figures]:
    stored = {key: np.asarray(figures, np.float64) for key, figures in known.stored.items()}
    if isinstance(obj, Host):
        made = rule.physical_processors(str(obj.uuid), obj.cores, stored[2], known.interval_s)
    else:
        work = rule.Work(
            known.interval_s, used_mhz=stored[6], demand_mhz=stored[398], ready_ms=stored[12], costop_ms=stored[399],
            limited_ms=stored[400], blocked_ms=computed.blocked_ms(known, stored[125], stored[133]),
        )  # fmt: skip
        keys = {key for key, _name in pairs}
        made = rule.virtual_processors(str(obj.uuid), charts.size_then(obj, stored), work, keys)
    nothing = np.full(len(stored[2]), np.nan)
    return {(key, name): made[key][int(name)] if int(name) < len(made[key]) else nothing for key, name in pairs}


def _of_adapters(obj: Any, pairs: Pairs, _known: computed.Known, whole: Series) -> dict[tuple[int, str], Figures]:
    parts = _uplinks(obj, whole) if isinstance(obj, Host) else _plugged(obj)
    return {(key, name): whole.values[key] * parts[name] for key, name in pairs if name in parts}


def _uplinks(host: Host, whole: Series) -> dict[str, Figures]:
    begin_s = float(whole.times_s[0]) - whole.interval.sampling_s if whole.times_s.size else 0.0
    changes = _link_changes(host, begin_s)
    count = len(host.nic_mbps or ())
    parts = rule.uplink_parts(count, host.nics_down, changes, whole.times_s, whole.interval.sampling_s)
    return {f"vmnic{number}": part for number, part in enumerate(parts)}


def _link_changes(host: Host, from_s: float) -> list[rule.LinkChange]:
    rows = Event.objects.filter(vcenter=host.vcenter_id, entity=host.moref, type__in=(*LINK_DOWN, LINK_UP))
    found = rows.filter(lab_s__gte=from_s).order_by("-key").values_list("lab_s", "type", "fields")
    numbered = [(at_s, str(fields.get("name", ""))[len("vmnic") :], kind) for at_s, kind, fields in found[:CHANGES_MAX]]
    return [rule.LinkChange(at_s, int(nic), kind == LINK_UP) for at_s, nic, kind in numbered if nic.isdecimal()]


def _plugged(vm: VirtualMachine) -> dict[str, Figures]:
    nics = list(vm.nics.order_by("key").values_list("key", "connected", "network"))
    if not nics:
        return {}
    parts = rule.adapter_parts(str(vm.uuid), [connected and network is not None for _key, connected, network in nics])
    return {str(key): part for (key, _connected, _network), part in zip(nics, parts, strict=True)}


def _of_datastores(vm: Any, pairs: Pairs, known: computed.Known, whole: Series) -> dict[tuple[int, str], Figures]:
    """A machine works on the datastore of its first disk. Where that was before its disks moved is not known."""
    home = vm.disks.order_by("key").values_list("datastore__uuid", flat=True).first()
    before = whole.times_s - known.interval_s < _relocated_s(vm)
    return {(key, name): np.where(before, np.nan, whole.values[key] * (name == str(home))) for key, name in pairs}


def _relocated_s(vm: VirtualMachine) -> float:
    """Lab time at which the machine's disks came to where they are."""
    rows = Event.objects.filter(vcenter=vm.vcenter_id, entity=vm.moref, type__in=RELOCATED).order_by("-key")
    moves = rows.values_list("lab_s", "fields")[:CHANGES_MAX]
    return next((at_s for at_s, fields in moves if fields.get("datastore")), 0.0)


_FIGURES: dict[str, Callable[..., dict[tuple[int, str], Figures]]] = {
    "processor": _of_processors, "adapter": _of_adapters, "datastore": _of_datastores,
}  # fmt: skip
