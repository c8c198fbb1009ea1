"""A new vCenter from a document: everything or nothing, with every problem named by its place in the document.

Rows are checked one by one and written in bulk, in one transaction; a preview does the same and takes it back.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from domain import morefs
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.morefs import FolderKind
from inventory.exchange import alarms
from inventory.exchange.fields import FIELDS, full, of_its_type
from inventory.exchange.licenses import Licenses
from inventory.exchange.safe import FORMAT
from inventory.exchange.site import Site
from inventory.models import (
    AlarmDefinition,
    CustomAttribute,
    CustomValue,
    Datacenter,
    Folder,
    Host,
    Permission,
    Role,
    Tag,
    TagAssignment,
    TagCategory,
    VCenter,
    VirtualMachine,
)

PROBLEMS_SHOWN = 200
OTHERS_MAX = 5_000
Entry = Mapping[str, Any]
LABELS = ("tags", "attributes", "permissions", "alarms")


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: a place in the document (and its line in the file), or sheet and line."""

    where: str
    text: str
    line: int | None = None


class Refused(Exception):
    """The document cannot be taken as it is; `problems` says why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = list(problems)


@dataclass
class Outcome:
    """What was made, or would be."""

    vcenter: VCenter | None
    counts: Counter[str]
    problems: list[Problem] = field(default_factory=list)


class _TakeBack(Exception):
    pass


def build(document: Entry, **fields: Any) -> Outcome:
    """Make the vCenter (`fields`: owner, …; they win over the document). Raises Refused; then nothing was made."""
    with transaction.atomic():
        builder = Builder(document, fields)
        vcenter = builder.run()
        if builder.problems:
            raise Refused(builder.problems)
    return Outcome(vcenter, builder.counts)


def preview(document: Entry, **fields: Any) -> Outcome:
    """What `build` would do, problems included; the database is as it was."""
    builder = Builder(document, fields)
    try:
        with transaction.atomic():
            builder.run()
            raise _TakeBack
    except _TakeBack:
        return Outcome(None, builder.counts, builder.problems)


class Builder:
    """Works through one document. Names of what was made are kept for what refers to them."""

    def __init__(self, document: Entry, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.problems: list[Problem] = []
        self.document = self._without_nul(document, "")
        self.counts: Counter[str] = Counter()
        self.hosts: dict[str, Host] = {}
        self.machines: dict[tuple[int, tuple[str, ...]], VirtualMachine] = {}
        self.licenses = Licenses()
        self.tags: dict[tuple[str, str], Tag] = {}
        self.attributes: dict[str, CustomAttribute] = {}
        self.alarms: set[str] = set()
        self.labels: list[Any] = []
        self.slots: Counter[type] = Counter()
        self.numbers = 2

    # --- helpers ---
    def _without_nul(self, value: Any, where: str) -> Any:
        """A copy whose texts any database can hold: a NUL character is a problem, wherever it stands."""
        if isinstance(value, Mapping):
            return {key: self._without_nul(one, f"{where}{key}.") for key, one in value.items() if "\0" not in str(key)}
        if isinstance(value, list):
            return [self._without_nul(one, f"{where.rstrip('.')}[{n}].") for n, one in enumerate(value, 1)]
        if isinstance(value, str) and "\0" in value:
            self.say(where.rstrip("."), _("it has control characters"))
            return value.replace("\0", "")
        return value

    def say(self, where: str, text: str) -> None:
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(Problem(where, text))

    def entries(self, parent: Entry, key: str, where: str, most: int = OTHERS_MAX) -> Iterator[tuple[Entry, str]]:
        """The entries of a list, each with its place; what is no list of mappings is a problem."""
        value = parent.get(key) or []
        if not isinstance(value, list):
            self.say(f"{where}{key}", _("a list is needed"))
            return
        if len(value) > most:
            self.say(
                f"{where}{key}",
                _("%(count)s are too many; %(most)s at most") % {"count": len(value), "most": most},
            )
            return
        for index, one in enumerate(value):
            place = f"{where}{key}[{index + 1}]"
            if isinstance(one, Mapping):
                yield one, f"{place}."
            else:
                self.say(place, _("a mapping is needed"))

    def known(self, entry: Entry, where: str, *keys: str) -> None:
        for key in entry.keys() - {*keys, *LABELS}:
            self.say(f"{where}{key}", _("is not known here"))

    def name(self, entry: Entry, where: str) -> str:
        name = entry.get("name")
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= LIMITS.name_length:
            self.say(
                f"{where}name",
                _("a name of 1 to %(limit)s characters is needed") % {"limit": LIMITS.name_length},
            )
            return f"?{uuid.uuid4()}"
        if any(ord(c) < 32 for c in name):
            self.say(f"{where}name", _("it has control characters"))
        return name.strip()

    def path(self, entry: Entry, key: str, where: str) -> tuple[str, ...]:
        value = entry.get(key) or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.say(f"{where}{key}", _("a list of names is needed"))
            return ()
        return tuple(value)

    def moref(self, prefix: str) -> str:
        self.numbers += 1
        return morefs.compose(prefix, self.numbers - 1)

    def slot(self, model: type) -> int:
        self.slots[model] += 1
        return self.slots[model] - 1

    def row(self, model: type[Any], entry: Entry, where: str, **links: Any) -> Any:
        """An unsaved row with the fields of its entry, each checked against its column."""
        values = {**full(model, entry), **links}
        row = model(**values)
        checked = set(FIELDS[model])
        try:
            row.clean_fields(exclude=[f.name for f in model._meta.concrete_fields if f.name not in checked])
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                self.say(f"{where}{name}", " ".join(messages))
        except (TypeError, ValueError, OverflowError):
            self.say(where.rstrip("."), _("a value has the wrong type"))
        for name in checked:
            if not of_its_type(model, name, values[name]):
                self.say(f"{where}{name}", _("a value has the wrong type"))
        return row

    def unique(self, seen: set[Any], key: Any, where: str) -> None:
        if key in seen:
            self.say(f"{where}name", _("this name is there already"))
        seen.add(key)

    # --- the whole ---
    def run(self) -> VCenter | None:
        if self.document.get("format") != FORMAT:
            self.say("format", _("%(format)s is needed") % {"format": FORMAT})
            return None
        head = ("format", "name", "timezone", "seed", "trace_sets", "licenses", "tag_categories", "attributes_defined",
                "folders", "datacenters")  # fmt: skip
        self.known(self.document, "", *head)
        self.vcenter = self._vcenter()
        if self.problems:
            return None
        self._vocabulary()
        self.licenses.read(self)
        self.root = Folder.objects.create(
            vcenter=self.vcenter, moref=morefs.ROOT_FOLDER, name="Datacenters", folder_kind=FolderKind.DATACENTER,
            fixed=True,
        )  # fmt: skip
        self.label(morefs.ROOT_FOLDER, self.document, "")
        top = self.folders(self.document, "folders", "", self.root, None)
        seen: set[Any] = set()
        for entry, where in self.entries(self.document, "datacenters", "", 200):
            folder = self.folder(top, entry, where)
            name = self.name(entry, where)
            self.unique(seen, (folder.pk, name), where)
            if not self.problems:
                Site(self, folder, name, entry, where).run()
        if self.problems:
            return None
        models: tuple[Any, ...] = (TagAssignment, CustomValue, Permission, AlarmDefinition)
        for model in models:
            model.objects.bulk_create([row for row in self.labels if isinstance(row, model)], batch_size=500)
        self.vcenter.next_id = self.numbers
        self.vcenter.save(update_fields=["next_id"])
        return self.vcenter

    def _vcenter(self) -> VCenter:
        zone, seed = self.document.get("timezone", "UTC"), self.document.get("seed", 1)
        if not isinstance(zone, str) or zone not in available_timezones():
            self.say("timezone", _("is no time zone, such as Asia/Seoul"))
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**62:
            self.say("seed", _("a whole number is needed"))
        sets = self.document.get("trace_sets", [])
        if not isinstance(sets, list) or not all(isinstance(s, str) and "/" not in s for s in sets):
            self.say("trace_sets", _("a list of names is needed"))
        name = self.name(self.document, "") if "name" not in self.fields else ""
        values = {"name": name, "timezone": zone, "seed": seed, "trace_sets": sets, **self.fields}
        return VCenter.objects.create(**values) if not self.problems else VCenter(**self.fields)

    def _vocabulary(self) -> None:
        for entry, where in self.entries(self.document, "tag_categories", ""):
            self.known(entry, where, "name", "tags", *FIELDS[TagCategory])
            category = self.row(TagCategory, entry, where, vcenter=self.vcenter, name=self.name(entry, where))
            if self.problems or TagCategory.objects.filter(vcenter=self.vcenter, name=category.name).exists():
                self.say(f"{where}name", _("this name is there already"))
                return
            category.save()
            for one, place in self.entries(entry, "tags", where):
                name = self.name(one, place)
                if (category.name, name) in self.tags:
                    self.say(f"{place}name", _("this name is there already"))
                    return
                described = str(one.get("description") or "")[:255]
                self.tags[category.name, name] = Tag.objects.create(category=category, name=name, description=described)
        for entry, where in self.entries(self.document, "attributes_defined", ""):
            self.known(entry, where, "name", "kind")
            row = self.row(CustomAttribute, entry, where, vcenter=self.vcenter, name=self.name(entry, where))
            if row.name in self.attributes or self.problems:
                self.say(f"{where}name", _("this name is there already"))
                return
            row.save()
            self.attributes[row.name] = row

    # --- folders ---
    def folders(
        self, entry: Entry, key: str, where: str, root: Folder, datacenter: Datacenter | None
    ) -> dict[tuple[str, ...], Folder]:
        """The folders of one kind by their path; the empty path is the fixed one."""
        found: dict[tuple[str, ...], Folder] = {(): root}
        kind = FolderKind(root.folder_kind)
        listed = sorted(self.entries(entry, key, where), key=lambda pair: len(self.path(pair[0], "path", pair[1])))
        for one, place in listed:
            self.known(one, place, "path")
            path = self.path(one, "path", place)
            if not path or path in found or path[:-1] not in found or len(path) > LIMITS.folder_depth:
                self.say(f"{place}path", _("it is empty, there twice, too deep, or the folder above it is missing"))
                continue
            self.name({"name": path[-1]}, place)
            if self.problems:
                continue
            moref = self.moref(morefs.FOLDER_PREFIX[kind])
            found[path] = Folder.objects.create(
                vcenter=self.vcenter, moref=moref, name=path[-1], folder_kind=kind, parent=found[path[:-1]],
                datacenter=datacenter,
            )  # fmt: skip
            self.label(moref, one, place)
            self.counts["folders"] += 1
        return found

    def folder(self, folders: Mapping[tuple[str, ...], Folder], entry: Entry, where: str) -> Folder:
        path = self.path(entry, "folder", where)
        if path not in folders:
            self.say(f"{where}folder", _("there is no folder %(path)s") % {"path": " / ".join(path)})
            return folders[()]
        return folders[path]

    # --- tags, attributes, permissions ---
    def label(self, moref: str, entry: Entry, where: str) -> None:
        tags = entry.get("tags") or []
        for one in tags if isinstance(tags, list) else []:
            named = tuple(map(str, one)) if isinstance(one, list) else ()
            tag = self.tags.get((named[0], named[1])) if len(named) == 2 else None
            if tag is None:
                self.say(f"{where}tags", _("there is no tag %(one)s; it is a list of category and tag") % {"one": one})
            else:
                self.labels.append(TagAssignment(tag=tag, vcenter=self.vcenter, entity=moref))
        values = entry.get("attributes") or {}
        for name, value in values.items() if isinstance(values, Mapping) else []:
            if name not in self.attributes:
                self.say(f"{where}attributes", _("there is no attribute %(name)s") % {"name": name})
            else:
                self.labels.append(
                    CustomValue(attribute=self.attributes[name], vcenter=self.vcenter, entity=moref,
                                value=str(value)[:255])
                )  # fmt: skip
        for one, place in self.entries(entry, "permissions", where):
            self.permission(moref, one, place)
        alarms.build(self, moref, entry, where)

    def permission(self, moref: str, one: Entry, where: str) -> None:
        user = get_user_model().objects.filter(username=one.get("user")).first() if one.get("user") else None
        group = Group.objects.filter(name=one.get("group")).first() if one.get("group") else None
        role = Role.objects.filter(name=str(one.get("role")), vcenter=None).first()
        if (user is None) is (group is None):
            self.say(where.rstrip("."), _("one user or one group of this site is needed"))
        elif role is None:
            self.say(
                f"{where}role",
                _("there is no role %(role)s that holds everywhere") % {"role": one.get("role")},
            )
        else:
            self.labels.append(
                Permission(vcenter=self.vcenter, entity=moref, user=user, group=group, role=role,
                           propagate=bool(one.get("propagate", True)))
            )  # fmt: skip
