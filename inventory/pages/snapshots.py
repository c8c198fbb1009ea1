"""The Snapshots tab of a virtual machine: the tree, and where the machine stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from inventory import actions
from inventory.pages.configure import flat

BUTTONS = ("take-snapshot", "revert-snapshot", "delete-snapshots", "consolidate")
REVERT, REMOVE = "VirtualMachine.State.RevertToSnapshot", "VirtualMachine.State.RemoveSnapshot"


@dataclass
class Node:
    """A snapshot and what was taken after it; `here` where the machine goes on from it."""

    snapshot: Any
    here: bool = False
    children: list[Node] = field(default_factory=list)


def snapshot_context(page: Any) -> dict[str, Any]:
    vm = page.obj
    rows = vm.snapshots.order_by("created_lab_s", "id")
    nodes = {one.pk: Node(one, here=one.pk == vm.current_snapshot_id) for one in rows}
    roots: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(node.snapshot.parent_id)
        (parent.children if parent else roots).append(node)
    items = {item.key: item for item in flat(actions.for_object(page.user, vm).items)}
    return {
        "roots": roots,
        "count": len(nodes),
        "bytes": sum(node.snapshot.size_bytes for node in nodes.values()),
        "buttons": [items[key] for key in BUTTONS if key in items],
        "may_revert": REVERT in page.privileges,
        "may_remove": REMOVE in page.privileges,
    }
