"""Links of the admin site: to a row, to the rows that belong to one, to the page in the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from inventory.selectors import find


def row_link(row: Model | None) -> SafeString | str:
    """A link to the row's page in the admin site."""
    if row is None:
        return ""
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(row.pk,))
    return format_html('<a href="{}">{}</a>', url, row)


def linked(path: str, label: Any = None) -> Callable[[Any], SafeString | str]:
    """A column: the related row at `path` ("host__cluster") as a link. Select it, or it costs a query a row."""
    steps = path.split("__")

    @admin.display(description=label or steps[-1].replace("_", " "), ordering=path)
    def column(row: Any) -> SafeString | str:
        for step in steps:
            row = getattr(row, step) if row is not None else None
        return row_link(row)

    return column


def rows_link(model: type[Model], label: Any, **conditions: Any) -> SafeString:
    """A link to the list of a model's rows that meet the conditions."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', url, urlencode(conditions), label)


def joined(links: list[SafeString]) -> SafeString:
    return format_html_join(" · ", "{}", ((link,) for link in links))


@admin.display(description=_("in the client"))
def client_link(row: Any) -> SafeString | str:
    """A link to the object's page in the client."""
    if getattr(row, "deleted_at", None) is not None:
        return ""
    vcenter = row.vcenter
    return format_html('<a href="{}">{}</a>', reverse("inventory:object", args=(vcenter.uuid, row.moref)), row.moref)


@admin.display(description=_("object"), ordering="entity_name")
def entity_link(row: Any) -> SafeString | str:
    """A link to the object that a task, an event, a permission points at by reference; one query a row."""
    found = find(row.vcenter, row.entity) if row.vcenter_id and row.entity else None
    return row_link(found) if found is not None else f"{getattr(row, 'entity_name', '')} {row.entity}".strip()
