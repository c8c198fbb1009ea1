"""Resource allocation: what a pool guarantees, what is reserved in it, and what each child may get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.resources import PoolTree
from inventory import selectors
from inventory.admission import Guarantees
from inventory.models import Cluster, Host, ResourcePool

ROWS = 500


@dataclass(frozen=True)
class Row:
    """A pool or a VM directly in the pool that is shown. CPU in MHz, memory in MiB; `share_pct` of its siblings'."""

    obj: Any
    reservation: int
    limit: int
    level: str
    shares: int
    share_pct: float
    expandable: bool | None
    used: float


@dataclass(frozen=True)
class Allocation:
    """One resource of one pool: `capacity` is what it guarantees, `reserved` what is taken, `available` what is left.

    Memory includes the overhead of each running VM, as admission control counts it.
    """

    capacity: float
    reserved: float
    available: float
    rows: list[Row]
    cut: bool


def allocation_of(obj: Any, resource: str, user: Any, vcenter: Any) -> Allocation:
    """The allocation of "cpu" or "memory" in a cluster, a host's compute resource or a pool."""
    top = _pool_of(obj)
    guarantees = Guarantees.of(top.cluster)
    tree = guarantees.cpu if resource == "cpu" else guarantees.memory
    below = [*selectors.pools_visible(user, vcenter).filter(parent=top).select_related("vcenter").order_by("name")]
    vms = selectors.vms_visible(user, vcenter).filter(pool=top).select_related("vcenter").order_by("name")[: ROWS + 1]
    members = [*below, *vms]
    shown = members[:ROWS]
    total = sum(getattr(one, f"{resource}_shares") for one in shown) or 1
    rows = [_row(one, resource, total, tree) for one in shown]
    key = str(top.pk)
    return Allocation(tree.nodes[key].reservation, tree.used(key), tree.available(key), rows, len(members) > ROWS)


def _pool_of(obj: Any) -> ResourcePool:
    if isinstance(obj, ResourcePool):
        return obj
    cluster: Cluster = obj.cluster if isinstance(obj, Host) else obj
    return ResourcePool.objects.get(cluster=cluster, parent__isnull=True)


def _unit(resource: str) -> str:
    return "mhz" if resource == "cpu" else "mib"


def _row(obj: Any, resource: str, total: int, tree: PoolTree) -> Row:
    unit = _unit(resource)
    is_pool = isinstance(obj, ResourcePool)
    shares = getattr(obj, f"{resource}_shares")
    return Row(
        obj=obj,
        reservation=getattr(obj, f"{resource}_reservation_{unit}"),
        limit=getattr(obj, f"{resource}_limit_{unit}"),
        level=getattr(obj, f"{resource}_shares_level"),
        shares=shares,
        share_pct=100 * shares / total,
        expandable=getattr(obj, f"{resource}_expandable") if is_pool else None,
        used=tree.used(str(obj.pk)) if is_pool else 0.0,
    )
