"""The containers of one vCenter and who is inside whom: what rights are inherited along.

Loaded in five queries, whatever the number of virtual machines: rights cost O(containers), not O(VMs).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.db.models import Model

from inventory.models import Cluster, Datacenter, Folder, Host, ResourcePool, VCenter, VirtualMachine

CONTAINERS: tuple[type[Model], ...] = (Folder, Datacenter, Cluster, Host, ResourcePool)


class Containers:
    """`parents` and `names` by reference; `morefs[model]` maps primary keys to references.

    Three rules make the tree: a fixed folder lies in its datacenter; a host lies in its cluster; the root pool lies in
    its cluster, or, where the compute resource is one standalone host, in that host: it is what people see.
    """

    def __init__(self, vcenter: VCenter, *, all_hosts: bool = True) -> None:
        """Without `all_hosts` only those hosts are there that other containers can lie in: the standalone ones."""
        self.root = vcenter.moref
        self._hosts: dict[str, Any] = {} if all_hosts else {"cluster__standalone": True}
        self.names: dict[str, str] = {}
        self.parents: dict[str, str | None] = {}
        self.morefs: dict[type[Model], dict[int, str]] = {model: {} for model in CONTAINERS}
        self._standalone_host: dict[int, str] = {}
        self._load(vcenter)

    def _load(self, vcenter: VCenter) -> None:
        folders = self._rows(Folder, vcenter, "parent_id", "datacenter_id")
        datacenters = self._rows(Datacenter, vcenter, "folder_id")
        clusters = self._rows(Cluster, vcenter, "folder_id", "standalone")
        hosts = self._rows(Host, vcenter, "cluster_id", **self._hosts)
        pools = self._rows(ResourcePool, vcenter, "parent_id", "cluster_id")
        for moref, parent, datacenter in folders:
            self.parents[moref] = self._moref(Folder, parent) or self._moref(Datacenter, datacenter)
        for moref, folder, *_standalone in (*datacenters, *clusters):
            self.parents[moref] = self._moref(Folder, folder)
        alone = {moref for moref, _folder, standalone in clusters if standalone}
        for moref, cluster in hosts:
            self.parents[moref] = above = self._moref(Cluster, cluster)
            if above in alone:
                self._standalone_host[cluster] = moref
        for moref, parent, cluster in pools:
            self.parents[moref] = self._moref(ResourcePool, parent) or self.host_of_pools(cluster)

    def _rows(self, model: type[Model], vcenter: VCenter, *columns: str, **only: Any) -> list[tuple]:
        rows = model._default_manager.filter(vcenter=vcenter, **only).values_list("pk", "moref", "name", *columns)
        result = []
        for pk, moref, name, *rest in rows.order_by():
            self.morefs[model][pk] = moref
            self.names[moref] = name
            result.append((moref, *rest))
        return result

    def _moref(self, model: type[Model], pk: int | None) -> str | None:
        return None if pk is None else self.morefs[model].get(pk)

    def __contains__(self, moref: str) -> bool:
        return moref in self.parents

    def host_of_pools(self, cluster_pk: int) -> str:
        """What the root pool lies in: the cluster, or the standalone host that stands for it."""
        return self._standalone_host.get(cluster_pk) or self.morefs[Cluster][cluster_pk]

    @cached_property
    def _root_pools(self) -> dict[str, str]:
        """What a root pool lies in -> that pool."""
        pools = set(self.morefs[ResourcePool].values())
        return {above: pool for pool in pools if (above := self.parents[pool]) is not None and above not in pools}

    def root_pool(self, compute: str) -> str:
        """The root pool that a cluster, or a host in one or alone, stands for. Raises KeyError where it has none."""
        own = self._root_pools.get(compute)
        return self._root_pools[self.parents[compute] or ""] if own is None else own

    def chain(self, moref: str | None) -> Iterator[str]:
        """A container and what it lies in, nearest first, up to the root."""
        while moref is not None:
            yield moref
            moref = self.parents[moref]

    def anchors(self, leaf: Any) -> list[str]:
        """The containers that a VM (two), datastore or network (one) inherits from."""
        folder = self.morefs[Folder][leaf.folder_id]
        if not isinstance(leaf, VirtualMachine):
            return [folder]
        if leaf.pool_id is not None:
            return [folder, self.morefs[ResourcePool][leaf.pool_id]]
        return [folder, self.host_of_pools(leaf.host.cluster_id)]
