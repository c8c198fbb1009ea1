"""The Files tab of a datastore: what the model knows of its files, a folder per virtual machine, and images of drives.

Disks lie where they are; swap file, memory image and snapshots lie beside the first disk, as the hypervisor puts them.
Sizes are those that the datastore's used space is made of, as far as they were reported: a growing file is told anew
when it has grown by a hundredth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import BigIntegerField, Case, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domain.states import DiskProvisioning, VmPower
from inventory import rights, selectors, words
from inventory.models import Datastore, Snapshot, VirtualDisk, VirtualMachine

BROWSE = "Datastore.Browse"
FOLDERS_MOST = 300
IMAGES_MOST = 100
MIB = 1024**2
ON_DISK = Case(When(provisioning=DiskProvisioning.THIN, then=F("used_bytes")), default=F("capacity_bytes"))
Text = str | Promise


@dataclass(frozen=True)
class File:
    """`used` and `provisioned` in bytes; None where the model knows no size."""

    name: str
    kind: Text
    icon: str
    used: int | None
    provisioned: int | None = None


@dataclass(frozen=True)
class Folder:
    """The files of one VM on the datastore; `note` says why the VM is not in the inventory."""

    vm: VirtualMachine
    files: list[File]
    note: Text = ""

    @property
    def bytes(self) -> int:
        return sum(file.used or 0 for file in self.files)


@dataclass(frozen=True)
class Image:
    """A file that CD/DVD drives use."""

    path: str
    vms: list[VirtualMachine]


def files_context(page: Any) -> dict[str, Any]:
    """The files, or (`refused`) why this person may not browse them. What a class takes away does not count here."""
    store, query = page.obj, page.request.GET.get("q", "").strip()[:80]
    if BROWSE not in rights.given(page.user, store):
        return {"refused": words.fault_sentence(rights.refusal(page.user, BROWSE, store).to_dict())}
    here = _machines(page, store)
    if query:
        here = here.filter(name__icontains=query)
    found = list(here.order_by("name", "id")[: FOLDERS_MOST + 1])
    return {
        "folders": _folders(store, found[:FOLDERS_MOST]),
        "images": _images(page, store, query),
        "query": query,
        "cut": len(found) > FOLDERS_MOST,
        "known_bytes": known_bytes(store),
        "hidden": not selectors.reads_everything(page.user, page.vc),
    }


def _machines(page: Any, store: Datastore) -> QuerySet[VirtualMachine]:
    """VMs with files here that the person may see, also those in the recycle bin."""
    seen = selectors.vms_visible(page.user, page.vc).order_by().values("pk")
    binned = selectors.deleted_vms_visible(page.user, page.vc).order_by().values("pk")
    on_it = VirtualDisk.objects.filter(datastore=store).values("vm")
    rows = VirtualMachine.everything.filter(Q(pk__in=seen) | Q(pk__in=binned), pk__in=on_it, provisioning=False)
    return rows.annotate(home=_home()).select_related("vcenter")


def _home() -> Subquery:
    """The datastore of a VM's first disk, where its other files are."""
    return Subquery(VirtualDisk.objects.filter(vm=OuterRef("pk")).order_by("key").values("datastore")[:1])


def _folders(store: Datastore, vms: list[VirtualMachine]) -> list[Folder]:
    disks, snapshots = defaultdict(list), defaultdict(list)
    for disk in VirtualDisk.objects.filter(vm__in=vms, datastore=store).order_by("key"):
        disks[disk.vm_id].append(disk)
    for snapshot in Snapshot.objects.filter(vm__in=vms, ready=True).order_by("id"):
        snapshots[snapshot.vm_id].append(snapshot)
    return [Folder(vm, list(_files(vm, store, disks[vm.pk], snapshots[vm.pk])), _note(vm)) for vm in vms]


def _note(vm: VirtualMachine) -> Text:
    if vm.deleted_at is None:
        return ""
    return _("in the recycle bin") if vm.purge_at else _("removed from the inventory")


def _files(vm: VirtualMachine, store: Datastore, disks: list[VirtualDisk], snapshots: list[Snapshot]) -> Iterable[File]:
    at_home = vm.home == store.pk  # type: ignore[attr-defined]  # annotated
    if at_home:
        ending = "vmtx" if vm.template else "vmx"
        yield File(f"{vm.name}.{ending}", _("Configuration"), "file", None)
    for number, disk in enumerate(disks):
        used = disk.used_bytes if disk.provisioning == DiskProvisioning.THIN else disk.capacity_bytes
        name = f"{vm.name}{f'_{number}' if number else ''}.vmdk"
        yield File(name, _("Virtual disk"), "hard-disk", used, disk.capacity_bytes)
    if at_home:
        yield from _snapshot_files(vm, snapshots)
        yield from _memory_files(vm)


def _snapshot_files(vm: VirtualMachine, snapshots: list[Snapshot]) -> Iterable[File]:
    for number, snapshot in enumerate(snapshots, 1):
        yield File(f"{vm.name}-{number:06}.vmdk", _("Snapshot delta"), "hard-disk", snapshot.delta_bytes)
        if snapshot.with_memory:
            yield File(f"{vm.name}-Snapshot{number}.vmem", _("Snapshot memory"), "memory", snapshot.memory_bytes)


def _memory_files(vm: VirtualMachine) -> Iterable[File]:
    stem = f"{vm.name}-{vm.uuid.hex[:8]}"
    if vm.power_state == VmPower.ON:
        size = max(0, vm.memory_mib - vm.memory_reservation_mib) * MIB
        yield File(f"{stem}.vswp", _("Swap file"), "memory", size, size)
    elif vm.power_state == VmPower.SUSPENDED:
        yield File(f"{stem}.vmss", _("Suspended memory"), "memory", vm.memory_mib * MIB)


def known_bytes(store: Datastore) -> int:
    """What all files on the datastore take, also those that the person does not see."""
    disks = VirtualDisk.objects.filter(datastore=store, vm__provisioning=False)
    on_it = VirtualDisk.objects.filter(datastore=store).values("vm")
    rows = VirtualMachine.everything.filter(pk__in=on_it, provisioning=False)
    at_home = rows.annotate(home=_home()).filter(home=store.pk).order_by()
    memory = Case(
        When(power_state=VmPower.ON, then=F("memory_mib") - F("memory_reservation_mib")),
        When(power_state=VmPower.SUSPENDED, then=F("memory_mib")),
        default=Value(0),
        output_field=BigIntegerField(),
    )
    deltas = Snapshot.objects.filter(vm__in=at_home.values("pk"), ready=True)
    taken = (
        disks.order_by().aggregate(n=Sum(ON_DISK))["n"],
        (at_home.aggregate(n=Sum(memory))["n"] or 0) * MIB,
        deltas.order_by().aggregate(n=Sum("size_bytes"))["n"],
    )
    return sum(part or 0 for part in taken)


def _images(page: Any, store: Datastore, query: str) -> list[Image]:
    drives = selectors.vms_visible(page.user, page.vc).filter(cd_datastore=store).exclude(cd_path="")
    if query:
        drives = drives.filter(cd_path__icontains=query)
    users = defaultdict(list)
    for vm in drives.select_related("vcenter").order_by("cd_path", "name")[:FOLDERS_MOST]:
        users[vm.cd_path].append(vm)
    return [Image(path, vms) for path, vms in list(users.items())[:IMAGES_MOST]]
