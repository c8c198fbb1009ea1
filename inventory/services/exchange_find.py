"""Objects of one vCenter by the paths of names that inventory files have. What is not there raises NotFound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain import faults
from domain.morefs import FolderKind
from inventory.models import Cluster, Datacenter, Folder, ResourcePool, VCenter, VirtualMachine

Path = tuple[str, ...]


class Finder:
    """Paths begin with the folders of a datacenter and its name."""

    def __init__(self, vcenter: VCenter) -> None:
        self.vcenter = vcenter

    def site(self, path: Path) -> tuple[Datacenter, Path]:
        """The datacenter that a path begins with, and the rest."""
        for length in range(1, len(path) + 1):
            rows = Datacenter.objects.filter(vcenter=self.vcenter, name=path[length - 1]).select_related("folder")
            for one in rows:
                if self.names(one.folder) == path[: length - 1]:
                    return one, path[length:]
        raise faults.NotFound(what=" / ".join(path))

    @staticmethod
    def names(folder: Folder | None) -> Path:
        names: list[str] = []
        while folder is not None and not folder.fixed:
            names.append(folder.name)
            folder = folder.parent
        return tuple(reversed(names))

    def folder(self, path: Path) -> Folder:
        datacenter, (kind, *rest) = self.site(path)
        return self.below(datacenter, FolderKind(kind), rest)

    def below(self, datacenter: Datacenter, kind: FolderKind, names: Sequence[str]) -> Folder:
        at = Folder.objects.get(datacenter=datacenter, folder_kind=kind, fixed=True)
        for name in names:
            at = _one(Folder.objects.filter(parent=at), name)
        return at

    def cluster(self, path: Path) -> Cluster:
        return self.split(path)[0]

    def split(self, path: Path) -> tuple[Cluster, Path]:
        """The cluster in a path, and what stands behind it."""
        datacenter, rest = self.site(path)
        for length in range(1, len(rest) + 1):
            for one in Cluster.objects.filter(datacenter=datacenter, name=rest[length - 1]).select_related("folder"):
                if self.names(one.folder) == rest[: length - 1]:
                    return one, rest[length:]
        raise faults.NotFound(what=" / ".join(path))

    def pool(self, path: Path) -> ResourcePool:
        return self.inside(*self.split(path))

    def inside(self, cluster: Cluster, names: Path) -> ResourcePool:
        at = ResourcePool.objects.get(cluster=cluster, parent=None)
        for name in names:
            at = _one(ResourcePool.objects.filter(parent=at), name)
        return at

    def host(self, path: Path) -> Any:
        cluster, (name, *_rest) = self.split(path)
        return _one(cluster.hosts.select_related("vcenter", "cluster"), name)

    def shared(self, model: Any, path: Path) -> Any:
        """A network or datastore; their names are unique in a datacenter."""
        datacenter, (name, *_rest) = self.site(path)
        return _one(model.objects.filter(datacenter=datacenter).select_related("vcenter", "folder"), name)

    def machine(self, path: Path) -> VirtualMachine:
        datacenter, rest = self.site(path)
        folder = self.below(datacenter, FolderKind.VM, rest[:-1])
        vm: VirtualMachine = _one(VirtualMachine.objects.filter(folder=folder).select_related("vcenter"), rest[-1])
        return vm


def _one(rows: Any, name: str) -> Any:
    found = rows.filter(name=name).first()
    if found is None:
        raise faults.NotFound(what=name)
    return found
