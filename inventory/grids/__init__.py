"""Lists of objects with server-side sort, filter and paging, one definition per kind.

`build(GRIDS[tab], user, vcenter, obj, GridState.read(request.GET), metrics.latest(vcenter))` is what a page shows with
`{% include "inventory/grids/grid.html" %}` under the name `grid`.
"""

from inventory.grids.grid import Grid
from inventory.grids.kinds import GRIDS
from inventory.grids.page import GridPage, build
from inventory.grids.state import GridState

__all__ = ["GRIDS", "Grid", "GridPage", "GridState", "build"]
