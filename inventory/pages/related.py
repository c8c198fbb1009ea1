"""The tabs that list related objects: the grids, drawn inside an object's page."""

from __future__ import annotations

from typing import Any

from inventory.grids.kinds import GRIDS
from inventory.grids.page import build
from inventory.grids.state import GridState


def related_context(page: Any) -> dict[str, Any]:
    """The grid of the tab, in the state that the address names."""
    grid = GRIDS[page.tab.slug]
    state = GridState.read(page.request.GET)
    return {"grid": build(grid, page.user, page.vc, page.obj, state, page.latest)}
