"""Every address of a lab that a person can open: pages, sections, grids, menus, dialogs of one object of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from inventory.actions import Action, registry
from inventory.grids import GRIDS
from inventory.models import ResourcePool
from inventory.pages import sections_for, tabs_for
from inventory.pages.registry import related
from inventory.searchable import SEARCHABLE
from inventory.selectors.tree import VIEWS
from tests.builders import SmallLab, make_vapp, make_vm

ELSEWHERE = {
    "home": "/", "recycle bin": "/recycle/", "tasks": "/tasks/", "recent tasks": "/tasks/recent/", "events": "/events/",
    "recent alarms": "/alarms/recent/", "audit": "/audit/", "roles": "/roles/", "sessions": "/sessions/",
    "preferences": "/preferences/", "search": "/search/?q=vm", "search one kind": "/search/?q=vm&kind=VirtualMachine",
    "suggestions": "/search/suggest/?q=vm", "tree": "/tree/", "login": "/login/", "advanced search": "/find/",
    "classroom": "/classroom/",
}  # fmt: skip


def pages_of(lab: SmallLab) -> Iterator[tuple[str, str]]:
    """(name, address) of every page, fragment, menu and dialog that the lab's objects have."""
    yield from ELSEWHERE.items()
    vcenter = f"/vc/{lab.vcenter.uuid}/"
    for console in ("tasks", "events"):
        yield f"{console} of a vCenter", f"{vcenter}{console}/"
    for tab in SEARCHABLE:
        where = urlencode({"where": '[["name", "contains", "e"], ["tag", "isnt", "x"], ["attribute", "lacks", "a=b"]]'})
        yield f"advanced search {tab}", f"{vcenter}find/{tab}/?{where}"
        yield f"advanced search {tab} form", f"{vcenter}find/{tab}/form/?p=status&o=is&v=red&go=add"
    for view in VIEWS:
        yield f"tree {view}", f"/tree/?view={view}"
        yield f"tree {view} children", f"{vcenter}tree/?{urlencode({'view': view, 'node': lab.datacenter.moref})}"
    for kind, obj in objects_of(lab).items():
        yield from _pages_of_object(kind, obj, f"{vcenter}{obj.moref}/")


def objects_of(lab: SmallLab) -> dict[str, Any]:
    """One object of each kind that has pages of its own."""
    return {
        "vcenter": lab.vcenter, "datacenter": lab.datacenter, "cluster": lab.cluster, "host": lab.host,
        "standalone host": lab.standalone, "pool": lab.pool, "vm": lab.vm, "vm that is off": lab.vms[1],
        "template": lab.template, "datastore": lab.datastore, "network": lab.network, "folder": lab.vm_folder,
        "vapp": vapp_of(lab),
    }  # fmt: skip


def vapp_of(lab: SmallLab) -> ResourcePool:
    """The lab's vApp with two VMs that are off; made when first asked for."""
    rows = ResourcePool.objects.select_related("cluster", "folder", "parent", "vcenter")
    if not rows.filter(cluster=lab.cluster, is_vapp=True).exists():
        vapp = make_vapp(lab.cluster, "shop")
        for name in ("shop-db", "shop-web"):
            make_vm(lab.host, name, pool=vapp, datastore=lab.datastore)
    return rows.get(cluster=lab.cluster, name="shop")


def _pages_of_object(kind: str, obj: Any, address: str) -> Iterator[tuple[str, str]]:
    for tab in tabs_for(obj):  # the address of a tab shows its first section
        yield f"{kind}: {tab}", f"{address}{tab}/"
        for section in sections_for(obj, tab)[1:]:
            yield f"{kind}: {tab}/{section.slug}", f"{address}{tab}/{section.slug}/"
    for tab in GRIDS.keys() & set(related(obj)):
        yield f"{kind}: grid {tab}", f"{address}grid/{tab}/"
    yield f"{kind}: menu", f"{address}menu/"
    yield f"{kind}: palette", f"{address}palette/"
    for action in dialogs_of(obj):
        yield f"{kind}: dialog {action.key}", address + dialog_address(action)


def dialogs_of(obj: Any) -> Iterator[Action]:
    """The entries of an object's menu that open a dialog, greyed ones too."""
    for action in registry.flat(registry.entries(obj)):
        if action.offered(obj) and (action.dialog or action.confirm):
            yield action


def dialog_address(action: Action) -> str:
    """Where the action's dialog is, below its object."""
    return f"dialog/{action.dialog or action.key}/?{action.query}"
