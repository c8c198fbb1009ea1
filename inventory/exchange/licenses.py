"""Licenses of a document: the list of the vCenter, and which host has which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from inventory.exchange.fields import FIELDS
from inventory.models import Host, License

if TYPE_CHECKING:
    from inventory.exchange.build import Builder

Entry = Mapping[str, Any]


class Licenses:
    """Those of one document by name, and the cores that are left of each."""

    def __init__(self) -> None:
        self.known: dict[str, License] = {}
        self.left: dict[str, int] = {}

    def read(self, builder: Builder) -> None:
        for entry, where in builder.entries(builder.document, "licenses", ""):
            builder.known(entry, where, "name", *FIELDS[License])
            row = builder.row(License, entry, where, vcenter=builder.vcenter, name=builder.name(entry, where))
            if row.name in self.known:
                builder.say(f"{where}name", _("this name is there already"))
            if isinstance(row.cores, int) and row.cores < 1:
                builder.say(f"{where}cores", _("one core or more is needed"))
            if builder.problems:
                return
            row.save()
            self.known[row.name], self.left[row.name] = row, row.cores

    def of(self, builder: Builder, host: Host, entry: Entry, where: str) -> License | None:
        """The license that a host's entry names, whose cores it takes; what is wrong with it is a problem."""
        name = entry.get("license")
        if name is None:
            return None
        found = self.known.get(str(name))
        if found is None:
            builder.say(f"{where}license", _("there is no license %(name)s") % {"name": name})
        elif not builder.problems:
            self.left[found.name] -= host.license_cores
            if self.left[found.name] < 0:
                builder.say(f"{where}license", _("the cores of %(name)s do not suffice") % {"name": name})
        return found
