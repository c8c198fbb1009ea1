"""Every address of the inventory. Each module here has its own `urlpatterns`; the pages of objects come last."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, register_converter

from inventory.urls.converters import MorefConverter

register_converter(MorefConverter, "moref")

app_name = "inventory"

MODULES = (
    "accounts",
    "administration",
    "live",
    "performance",
    "grids",
    "actions",
    "dialogs",
    "alarms",
    "schedules",
    "find",
    "exchange",
    "shell",
    "objects",
)


def _patterns() -> list[URLPattern | URLResolver]:
    names = [f"{__name__}.{module}" for module in MODULES]
    return [pattern for name in names if find_spec(name) for pattern in import_module(name).urlpatterns]


urlpatterns = _patterns()
