"""The health of vSphere HA: heartbeat datastores, what is wrong with hosts and cluster, datastores that are lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, Q, QuerySet

from domain.states import DatastoreKind, HostConnection, HostPower, StandbyMode
from inventory import selectors
from inventory.models import Cluster, Datastore, DatastoreMount, Event, Host, VirtualMachine
from inventory.rights import User
from scheduler.engine.heartbeats import PER_HOST, chosen
from scheduler.selectors import failover
from scheduler.selectors.cluster import frame_of

MOST_MACHINES = 500  # that are listed by name; all of them are counted
LOST_EVENT = "esx.problem.storage.connectivity.lost"


# --- heartbeat datastores --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class HostBeats:
    """A host with its heartbeat datastores: those that the person sees, and how many there are."""

    host: Host
    agent: str
    stores: list[Datastore]
    count: int

    @property
    def enough(self) -> bool:
        return self.count >= PER_HOST

    @property
    def unseen(self) -> int:
        return self.count - len(self.stores)


@dataclass(frozen=True, slots=True)
class StoreBeats:
    """A datastore that serves as one. mounted: hosts of the cluster that reach it; used: those that it serves."""

    store: Datastore
    mounted: int
    used: int


@dataclass(frozen=True, slots=True)
class Heartbeats:
    hosts: list[HostBeats]
    stores: list[StoreBeats]


def heartbeats(user: User, cluster: Cluster) -> Heartbeats:
    """Who beats where; names only of hosts and datastores that `user` may see."""
    agents = failover.agent_states(cluster)
    hosts = [host for host, _state in agents if not host.hosted]
    by_host, reach = _choice(cluster, hosts)
    seen = _seen_hosts(user, cluster)
    used = Counter(pk for pks in by_host.values() for pk in pks)
    visible = selectors.datastores_visible(user, cluster.vcenter).filter(pk__in=used)
    stores = {store.pk: store for store in visible.select_related("vcenter").order_by("name")}
    rows = [
        HostBeats(host, state, [s for pk, s in stores.items() if pk in by_host[host.pk]], len(by_host[host.pk]))
        for host, state in agents if host.pk in seen and not host.hosted
    ]  # fmt: skip
    return Heartbeats(rows, [StoreBeats(store, reach[pk], used[pk]) for pk, store in stores.items()])


def _seen_hosts(user: User, cluster: Cluster) -> set[int]:
    return set(selectors.hosts_visible(user, cluster.vcenter).filter(cluster=cluster).values_list("pk", flat=True))


def _choice(cluster: Cluster, hosts: Sequence[Host]) -> tuple[dict[int, set[int]], Counter[int]]:
    """Keys of each host's heartbeat datastores, and how many hosts reach each datastore."""
    usable = DatastoreMount.objects.filter(host__cluster=cluster, accessible=True, datastore__accessible=True)
    found = usable.order_by("datastore_id").values_list("host_id", "datastore_id", "datastore__store_kind")
    row = {host.pk: i for i, host in enumerate(hosts)}
    pairs = [(row[host], store, kind) for host, store, kind in found if host in row]
    kinds = {store: kind for _host, store, kind in pairs}
    column = {store: i for i, store in enumerate(kinds)}
    reached = np.zeros((len(hosts), len(kinds)), np.bool_)
    for host, store, _kind in pairs:
        reached[host, column[store]] = True
    picked = chosen(reached, np.array([kind == DatastoreKind.VMFS for kind in kinds.values()], np.bool_))
    keys = np.array(list(kinds), np.int64)
    by_host = {host.pk: set(keys[picked[i]].tolist()) for host, i in zip(hosts, row.values(), strict=True)}
    return by_host, Counter(store for _host, store, _kind in pairs)


# --- configuration issues --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Issue:
    """Something that keeps HA from protecting. `code` names the sentences of `scheduler.views.ha_health`, which
    `fields` fill; `host` is None where it is the cluster's."""

    code: str
    host: Host | None = None
    fields: Any = None


def issues(user: User, cluster: Cluster) -> list[Issue]:
    """The cluster's own issues, then those of the hosts that `user` may see."""
    agents = failover.agent_states(cluster)
    by_host, _reach = _choice(cluster, [host for host, _state in agents if not host.hosted])
    seen = _seen_hosts(user, cluster)
    of_hosts = [
        issue for host, state in agents if host.pk in seen
        for issue in _of_host(host, state, len(by_host.get(host.pk, ())))
    ]  # fmt: skip
    return [*_of_cluster(cluster, [host for host, _state in agents]), *of_hosts]


def _of_cluster(cluster: Cluster, hosts: Sequence[Host]) -> Iterator[Issue]:
    able = [host for host in hosts if host.usable and not host.hosted]
    if len(able) < 2:
        yield Issue("few-hosts", fields={"n": len(able)})
    elif not failover.capacity(frame_of(cluster)).ok:
        yield Issue("admission")
    spare = set((cluster.ha_options or {}).get("failover_hosts") or ())
    for host in hosts:
        if host.moref in spare and not host.usable:
            yield Issue("spare-host", fields={"host": host.name})


def _of_host(host: Host, agent: str, beats: int) -> Iterator[Issue]:
    if host.hosted:
        yield Issue("hosted", host)
        return
    if agent == "standby" or host.standby_mode != StandbyMode.NONE or host.in_maintenance:
        return  # nothing runs there that could be lost
    if host.ha_state:
        yield Issue(host.ha_state, host)
    elif host.connection_state == HostConnection.DISCONNECTED:
        yield Issue("disconnected", host)
    elif host.connection_state != HostConnection.CONNECTED or host.power_state == HostPower.UNKNOWN:
        yield Issue("unreachable", host)
    if beats < PER_HOST:
        yield Issue("no-heartbeat" if not beats else "few-heartbeats", host, {"n": beats, "wanted": PER_HOST})
    yield from _of_adapters(host)


def _of_adapters(host: Host) -> Iterator[Issue]:
    """Links of the management network (the first adapter, and whichever else is there to take over) and of vMotion."""
    down = [number for number in host.nics_down or () if number < len(host.nic_mbps or ())]
    if down and len(down) == len(host.nic_mbps):
        yield Issue("all-nics-down", host)
    elif down:
        yield Issue("nic-down", host, {"nics": ", ".join(f"vmnic{number}" for number in sorted(down))})
    elif len(host.nic_mbps or ()) == 1:
        yield Issue("no-redundancy", host)
    if host.vmotion_nic in down and len(down) < len(host.nic_mbps):
        yield Issue("vmotion-down", host, {"nic": f"vmnic{host.vmotion_nic}"})


# --- datastores under APD or PDL -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LostStore:
    """A datastore that hosts of the cluster have lost. hosts, machines: as far as the person sees them, the machines
    at most MOST_MACHINES over all datastores; since_s: lab seconds, None where nobody recorded it."""

    store: Datastore
    hosts: list[Host]
    mounted: int
    machines: list[VirtualMachine]
    count: int
    since_s: float | None

    @property
    def everywhere(self) -> bool:
        return not self.store.accessible

    @property
    def unlisted(self) -> int:
        return self.count - len(self.machines)


def lost_stores(user: User, cluster: Cluster) -> list[LostStore]:
    """Datastores that a host of the cluster mounts and does not reach."""
    vcenter = cluster.vcenter
    mounts = DatastoreMount.objects.filter(host__cluster=cluster)
    lost = list(mounts.filter(Q(accessible=False) | Q(datastore__accessible=False)).order_by("id"))
    if not lost:
        return []
    pks = {mount.datastore_id for mount in lost}
    stores = selectors.datastores_visible(user, vcenter).filter(pk__in=pks).select_related("vcenter")
    mounted = mounts.filter(datastore__in=pks).order_by().values_list("datastore").annotate(n=Count("pk"))
    hosts = _by_key(selectors.hosts_visible(user, vcenter).filter(cluster=cluster).select_related("vcenter"))
    victims = _Victims(user, cluster, lost)
    since, total = _since(cluster, stores), dict(mounted)
    return [
        LostStore(
            store, [hosts[m.host_id] for m in lost if m.datastore_id == store.pk and m.host_id in hosts],
            total[store.pk], victims.listed(store.pk), victims.counts.get(store.pk, 0), since.get(store.moref),
        )
        for store in stores.order_by("name")
    ]  # fmt: skip


def _by_key(rows: Iterable[Host]) -> dict[int, Host]:
    return {one.pk: one for one in sorted(rows, key=lambda host: host.name)}


class _Victims:
    """Machines with a disk on a datastore that their host does not reach."""

    def __init__(self, user: User, cluster: Cluster, lost: Sequence[DatastoreMount]) -> None:
        pairs = [(mount.host_id, mount.datastore_id) for mount in lost]
        gone = {store for _host, store in pairs}
        disks = self._disks(user, cluster, gone)
        self._hit = sorted({(v, s) for v, host, s in disks if (host, s) in set(pairs)})
        self.counts = Counter(store for _vm, store in self._hit)
        first = [vm for vm, _store in self._hit][:MOST_MACHINES]
        rows = VirtualMachine.objects.filter(pk__in=first).select_related("vcenter").order_by("name")
        self._rows = {vm.pk: vm for vm in rows}

    @staticmethod
    def _disks(user: User, cluster: Cluster, stores: set[int]) -> QuerySet[VirtualMachine, Any]:
        rows = selectors.vms_visible(user, cluster.vcenter).filter(host__cluster=cluster, disks__datastore__in=stores)
        return rows.order_by().values_list("pk", "host_id", "disks__datastore_id")

    def listed(self, store: int) -> list[VirtualMachine]:
        on_it = {vm for vm, where in self._hit if where == store}
        return [vm for pk, vm in self._rows.items() if pk in on_it]


def _since(cluster: Cluster, stores: Iterable[Datastore]) -> dict[str, float]:
    """When each was lost: its last event of that kind."""
    morefs = [store.moref for store in stores]
    told = Event.objects.filter(vcenter=cluster.vcenter_id, type=LOST_EVENT, entity__in=morefs)
    return dict(told.order_by("key").values_list("entity", "lab_s"))
