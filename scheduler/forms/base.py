"""What the dialogs of a cluster have in common: the object is a cluster, and its fields are laid out in tabs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404
from django.utils.functional import Promise

from inventory.forms.base import VersionedForm
from inventory.forms.dialog import Dialog
from inventory.models import Cluster
from scheduler.services.settings import PRIVILEGE

Text = str | Promise


@dataclass
class ClusterDialog(Dialog):
    """A dialog that only clusters have."""

    privilege = PRIVILEGE

    def __post_init__(self) -> None:
        if not isinstance(self.obj, Cluster) or self.obj.standalone:
            raise Http404("cluster")


@dataclass(frozen=True)
class Tab:
    """One tab of a dialog: its bound fields in their order."""

    slug: str
    label: Text
    fields: list[Any]

    @property
    def id(self) -> str:
        return f"tab-{self.slug}"

    @property
    def faulty(self) -> bool:
        return any(field.errors for field in self.fields)


class TabbedForm(VersionedForm):
    """`TABS` lays the fields out; `DRAWN` names the template of fields that are no plain control."""

    TABS: Sequence[tuple[str, Text, tuple[str, ...]]] = ()
    DRAWN: dict[str, str] = {}

    tab = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, template in self.DRAWN.items():
            self.fields[name].drawn = template  # type: ignore[attr-defined]

    @property
    def tabs(self) -> list[Tab]:
        return [Tab(slug, label, [self[name] for name in names]) for slug, label, names in self.TABS]

    @property
    def active_tab(self) -> str:
        """The tab with the first error, else the one that was open."""
        tabs = self.tabs
        known = [tab.id for tab in tabs]
        chosen = self["tab"].value() if self["tab"].value() in known else known[0]
        checked = bool(getattr(self, "_errors", None))  # a form that is only drawn again is not
        return next((tab.id for tab in tabs if checked and tab.faulty), chosen)
