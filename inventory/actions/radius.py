"""The blast radius of an action: sentences that say what will change, counted from the inventory as it is now."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from domain.states import VmPower
from inventory import format as units
from inventory import vapps
from inventory.grids.scopes import vms_of
from inventory.models import Cluster, Folder, Host, ResourcePool, Snapshot, VirtualDisk, VirtualMachine
from inventory.services import leaving

NAMES_SHOWN = 5


def _named(rows: Any, counted: Any) -> list[str]:
    """`3 virtual machines: a, b, c`, with at most NAMES_SHOWN names; `counted` is a lazy ngettext over `count`."""
    count = rows.count()
    if not count:
        return []
    names = list(rows.order_by("name").values_list("name", flat=True)[:NAMES_SHOWN])
    more = ", …" if count > len(names) else ""
    return [f"{counted % {'count': count}}: {', '.join(names)}{more}"]


def _vms(rows: Any) -> list[str]:
    return _named(rows, ngettext_lazy("%(count)s virtual machine", "%(count)s virtual machines", "count"))


def vm_power_off(vm: VirtualMachine) -> list[str]:
    lines = [_("The guest operating system is not shut down; unsaved data may be lost.")]
    if vm.power_state == VmPower.SUSPENDED:
        lines = [_("The suspended state (%(size)s of memory) is discarded.") % {"size": units.mib(vm.memory_mib)}]
    return lines


def vm_reset(vm: VirtualMachine) -> list[str]:
    return [_("The guest operating system restarts without being shut down; unsaved data may be lost.")]


def vm_delete(vm: VirtualMachine) -> list[str]:
    disks = VirtualDisk.objects.filter(vm=vm).aggregate(used=Sum("used_bytes"), n=Count("pk"))
    sentence = ngettext(
        "%(n)s hard disk with %(size)s of data waits in the recycle bin, then it is deleted for good.",
        "%(n)s hard disks with %(size)s of data wait in the recycle bin, then they are deleted for good.",
        disks["n"],
    )
    lines = [sentence % {"n": disks["n"], "size": units.size(disks["used"] or 0)}]
    count = Snapshot.objects.filter(vm=vm).count()
    if count:
        lines.append(ngettext("%(n)s snapshot goes with it.", "%(n)s snapshots go with it.", count) % {"n": count})
    return lines


def vm_unregister(vm: VirtualMachine) -> list[str]:
    return [_("Its files stay on the datastore. Its tasks and events stay in the logs.")]


def vm_revert(vm: VirtualMachine) -> list[str]:
    snapshot = vm.current_snapshot
    lines = [_("What happened since “%(name)s” is lost.") % {"name": snapshot.name if snapshot else ""}]
    if snapshot and not snapshot.with_memory and vm.powered_on:
        lines.append(_("The snapshot has no memory: the virtual machine will be powered off."))
    return lines


def vm_snapshots(vm: VirtualMachine) -> list[str]:
    return _named(Snapshot.objects.filter(vm=vm), ngettext_lazy("%(count)s snapshot", "%(count)s snapshots", "count"))


def vm_template(vm: VirtualMachine) -> list[str]:
    return [_("A template leaves its resource pool and cannot be powered on until it is converted back.")]


def host_disconnect(host: Host) -> list[str]:
    running = VirtualMachine.objects.filter(host=host)
    return [_("Its virtual machines go on running, but cannot be managed until it is connected again."), *_vms(running)]


def _with_hosts(hosts: list[Host]) -> list[str]:
    """The machines that leave the inventory with hosts, and whether anything brings them back."""
    lines = _vms(VirtualMachine.objects.filter(host__in=hosts))
    if not lines:
        return []
    departure = leaving.departure_of(hosts)
    lost = departure.lost
    if any(vm.deleted_at is None for vm, _home in departure.kept):
        lines.append(_("Their files stay on the datastores; the recycle bin registers them again."))
    if lost:
        names = ", ".join(vm.name for vm in lost[:NAMES_SHOWN]) + (", …" if len(lost) > NAMES_SHOWN else "")
        sentence = ngettext(
            "No other host reaches the files of %(count)s of them, so it does not come back: %(names)s",
            "No other host reaches the files of %(count)s of them, so they do not come back: %(names)s",
            len(lost),
        )
        lines.append(sentence % {"count": len(lost), "names": names})
    return lines


def host_remove(host: Host) -> list[str]:
    machines = _with_hosts([host])
    return [_("These are removed from the inventory with it:"), *machines] if machines else []


def cluster_delete(cluster: Cluster) -> list[str]:
    hosts = Host.objects.filter(cluster=cluster)
    return [
        *_named(hosts, ngettext_lazy("%(count)s host", "%(count)s hosts", "count")),
        *_with_hosts(list(hosts)),
        *_named(
            ResourcePool.objects.filter(cluster=cluster, parent__isnull=False),
            ngettext_lazy("%(count)s resource pool", "%(count)s resource pools", "count"),
        ),
    ]  # fmt: skip


def pool_delete(pool: ResourcePool) -> list[str]:
    children = ResourcePool.objects.filter(parent=pool)
    lines = [
        *_named(children, ngettext_lazy("%(count)s resource pool", "%(count)s resource pools", "count")),
        *_vms(VirtualMachine.objects.filter(pool=pool)),
    ]
    above = pool.parent.name if pool.parent else ""
    return [_("What is in it moves up to “%(parent)s”:") % {"parent": above}, *lines] if lines else []


def vapp_power_off(vapp: ResourcePool) -> list[str]:
    machines = vapps.content_of(vapp).machines
    running = VirtualMachine.objects.filter(pk__in=[vm.pk for vm in machines if vm.power_state != VmPower.OFF])
    return [_("The guest operating systems are not shut down; unsaved data may be lost."), *_vms(running)]


def vapp_delete(vapp: ResourcePool) -> list[str]:
    content = vapps.content_of(vapp)
    below = ResourcePool.objects.filter(pk__in=content.below(vapp.pk)).exclude(pk=vapp.pk)
    machines = _vms(VirtualMachine.objects.filter(pk__in=[vm.pk for vm in content.machines]))
    return [
        *machines,
        *_named(below, ngettext_lazy("%(count)s resource pool", "%(count)s resource pools", "count")),
        *([_("The virtual machines stay in the recycle bin for a day.")] if machines else []),
    ]


def folder_delete(folder: Folder) -> list[str]:
    below = _named(
        Folder.objects.filter(parent=folder), ngettext_lazy("%(count)s folder", "%(count)s folders", "count")
    )
    return [*below, *_vms(VirtualMachine.objects.filter(vms_of(folder)))]


def datacenter_delete(datacenter: Any) -> list[str]:
    hosts = Host.objects.filter(cluster__datacenter=datacenter)
    clusters = Cluster.objects.filter(datacenter=datacenter, standalone=False)
    return [
        *_named(clusters, ngettext_lazy("%(count)s cluster", "%(count)s clusters", "count")),
        *_named(hosts, ngettext_lazy("%(count)s host", "%(count)s hosts", "count")),
        *_vms(VirtualMachine.objects.filter(folder__datacenter=datacenter)),
    ]
