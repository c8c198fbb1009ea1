"""The pages of objects: which tabs and sections each kind of object has, and what each of them shows.

Other apps add sections of their own with `register` when Django starts.
"""

from inventory.pages import (  # noqa: F401  they declare their sections
    alarms,
    autostart,
    configure,
    consumers,
    hardware_health,
    licensing,
    monitor,
    performance,
    permissions,
    quickstart,
    schedules,
    storage_allocation,
    summary,
    utilization,
    vapps,
    why,
)
from inventory.pages.page import ObjectPage
from inventory.pages.registry import (
    GROUPS,
    Section,
    register,
    register_card,
    related,
    section,
    sections_for,
    tabs_for,
)

__all__ = [
    "GROUPS",
    "ObjectPage",
    "Section",
    "register",
    "register_card",
    "related",
    "section",
    "sections_for",
    "tabs_for",
]
