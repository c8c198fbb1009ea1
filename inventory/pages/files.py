"""The Files tab of a datastore: one folder per virtual machine, as a datastore browser shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inventory import selectors
from inventory.models import VirtualDisk

MOST = 1000
FOLDERS_MOST = 300


@dataclass
class Folder:
    """The files of one VM on the datastore: (name, bytes used, bytes provisioned)."""

    vm: Any
    files: list[tuple[str, int, int]]

    @property
    def bytes(self) -> int:
        return sum(used for _name, used, _provisioned in self.files)


def files_context(page: Any) -> dict[str, Any]:
    visible = selectors.vms_visible(page.user, page.vc)
    disks = VirtualDisk.objects.filter(datastore=page.obj, vm__in=visible).select_related("vm__vcenter")
    query = page.request.GET.get("q", "").strip()
    if query:
        disks = disks.filter(vm__name__icontains=query)
    folders: dict[int, Folder] = {}
    for disk in disks.order_by("vm__name", "key")[:MOST]:
        folder = folders.setdefault(disk.vm_id, Folder(disk.vm, []))
        number = len(folder.files)
        name = f"{disk.vm.name}{f'_{number}' if number else ''}.vmdk"
        folder.files.append((name, disk.used_bytes, disk.capacity_bytes))
    return {"folders": list(folders.values())[:FOLDERS_MOST], "query": query, "cut": len(folders) > FOLDERS_MOST}
