"""Making vApps, filling and ordering them, and reading what became of them."""

from __future__ import annotations

from dataclasses import replace

from inventory.models import ResourcePool, Task, VirtualMachine
from inventory.services import vapps
from inventory.vapps import Content
from tests import builders, pumping


def fresh(vapp: ResourcePool) -> ResourcePool:
    rows = ResourcePool.objects.select_related("vcenter", "cluster__datacenter", "parent", "folder")
    return rows.get(pk=vapp.pk)


def made_vapp(lab, name="shop", parent=None, **options) -> ResourcePool:
    task = vapps.create(None, parent or builders.root_pool(lab.cluster), name, **options)
    return fresh(ResourcePool.objects.get(moref=task.entity))


def fill(lab, vapp, *names, **fields) -> dict[str, VirtualMachine]:
    """Powered-off VMs in the vApp, known to the fleet."""
    made = {name: builders.make_vm(lab.host, name, pool=vapp, datastore=lab.datastore, **fields) for name in names}
    pumping.meet(lab.vcenter)
    return made


def order(vapp, **groups) -> None:
    """`order(vapp, db=1, web=2)` with no delays."""
    known = Content(vapp)
    wanted = [
        replace(one, group=groups[known.members[one.moref].name], start_delay_s=0, stop_delay_s=0)
        for one in known.entities
    ]
    vapps.configure(None, vapp, entities=wanted)
    vapp.refresh_from_db()


def arrange(vapp, name, **values) -> None:
    known = Content(vapp)
    one = next(one for one in known.entities if known.members[one.moref].name == name)
    vapps.configure(None, vapp, entities=[replace(one, **values)])
    vapp.refresh_from_db()


def children_of(task) -> list[Task]:
    return list(Task.objects.filter(parent=task).order_by("id"))


def powers(vapp) -> dict[str, str]:
    return {vm.name: str(vm.power_state) for vm in Content(vapp).machines}
