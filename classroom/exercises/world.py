"""A lab as checks see it: rows of the database and the newest figures, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from classroom.exercises import world_rows as rows
from inventory import metrics
from inventory.models import Cluster, Datastore, Host, Network, VCenter

Getter = Callable[[], Any]


class LazyRow(Mapping[str, Any]):
    """A row whose properties are worked out when a check asks for them, once."""

    def __init__(self, name: str, getters: Mapping[str, Getter]) -> None:
        self._values: dict[str, Any] = {"name": name}
        self._getters = getters

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            self._values[key] = self._getters[key]()
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["name", *self._getters])

    def __len__(self) -> int:
        return 1 + len(self._getters)


class LabWorld:
    """The state of one vCenter now. `started_s`: lab time at which the exercise began; what was before is no event
    of it. `baseline`: meters of energy at that time. One object serves one look: nothing in it is read twice."""

    def __init__(
        self, vcenter: VCenter, started_s: float = 0.0, baseline: Mapping[str, Sequence[float]] | None = None
    ) -> None:
        self.vcenter, self.started_s, self.baseline = vcenter, started_s, dict(baseline or {})
        self.lab_s = vcenter.lab_seconds()
        self._rows: dict[str, list[LazyRow]] = {}

    def rows(self, kind: str) -> Sequence[LazyRow]:
        if kind not in self._rows:
            self._rows[kind] = [LazyRow(name, getters) for name, getters in rows.READERS[kind](self)]
        return self._rows[kind]

    def alias(self, name: str) -> str:
        """The object behind `$host1`, `$cluster` …; a name that matches nothing where the lab has none."""
        return self.aliases.get(name, f"${name}")

    @cached_property
    def aliases(self) -> dict[str, str]:
        """`cluster`: the first cluster; `host1` …: its hosts; `hosted`: the first host with a hosted hypervisor;
        `datastore1` … and `network1` …: what the first host reaches and VMs may use."""
        return aliases_of(self.vcenter)

    @cached_property
    def figures(self) -> metrics.Latest | None:
        return metrics.latest(self.vcenter)

    def figure(self, kind: str, slot: int, key: int, scale: float = 1.0) -> float | None:
        """A counter's newest value divided by `scale`, None where nothing was measured."""
        value = self.figures.value(kind, slot, key) if self.figures else None
        return None if value is None else value / scale


def first_cluster(vcenter: VCenter) -> Cluster | None:
    return Cluster.objects.filter(vcenter=vcenter, standalone=False).order_by("slot").first()


def aliases_of(vcenter: VCenter) -> dict[str, str]:
    """Names of the objects that lessons speak of without knowing a lab's names."""
    known: dict[str, str] = {}
    cluster = first_cluster(vcenter)
    if cluster is not None:
        known["cluster"] = cluster.name
        hosts = list(Host.objects.filter(cluster=cluster).order_by("slot"))
        known |= {f"host{i}": host.name for i, host in enumerate(hosts, start=1)}
        stores = Datastore.objects.filter(vcenter=vcenter, mounts__host__in=hosts[:1], local=False).order_by("slot")
        known |= {f"datastore{i}": name for i, name in enumerate(stores.values_list("name", flat=True), start=1)}
        nets = Network.objects.filter(vcenter=vcenter, host_networks__host__in=hosts[:1]).order_by("id")
        known |= {f"network{i}": name for i, name in enumerate(nets.values_list("name", flat=True), start=1)}
    hosted = Host.objects.filter(vcenter=vcenter, host_kind="hosted").order_by("slot").first()
    if hosted is not None:
        known["hosted"] = hosted.name
    return known


def meters(vcenter: VCenter) -> dict[str, list[float]]:
    """Energy so far by cluster, to be kept as the baseline of an attempt: drawn, and without DPM (J)."""
    return {name: [drawn, twin] for name, drawn, twin in rows.energy(vcenter)}
