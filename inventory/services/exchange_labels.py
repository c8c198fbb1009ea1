"""Tags, custom attributes and permissions of an object as an inventory file has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Q

from domain import faults
from domain.text import _
from inventory import rights
from inventory.models import CustomAttribute, CustomValue, Permission, Role, Tag, TagAssignment
from inventory.services import permissions, tags

LABELS = ("tags", "attributes", "permissions")


def set_labels(user: Any, obj: Any, wanted: Mapping[str, Any]) -> None:
    """Bring those of the three that `wanted` names to what it says. Raises InvalidArgument, NotFound, NoPermission."""
    for name, act in (("tags", _tags), ("attributes", _attributes), ("permissions", _permissions)):
        if name in wanted:
            act(user, obj, wanted[name])


def _tags(user: Any, obj: Any, wanted: Any) -> None:
    vcenter = rights.vcenter_of(obj)
    named = {_pair(one) for one in _list(wanted, "tags")}
    known = Tag.objects.filter(category__vcenter=vcenter).select_related("category")
    there = {(tag.category.name, tag.name): tag for tag in known}
    held = TagAssignment.objects.filter(vcenter=vcenter, entity=obj.moref).values_list(
        "tag__category__name", "tag__name"
    )
    gone, new = sorted(set(held) - named), sorted(named - set(held))
    for pair in new:
        if pair not in there:
            raise faults.NotFound(what=" / ".join(pair))
    for pair in gone:
        tags.unassign(user, obj, there[pair])
    for pair in new:
        tags.assign(user, obj, there[pair])


def _attributes(user: Any, obj: Any, wanted: Any) -> None:
    if not isinstance(wanted, Mapping):
        raise faults.InvalidArgument(property="attributes", reason="names with their values are needed")
    known = CustomAttribute.objects.filter(vcenter=rights.vcenter_of(obj))
    there = {attribute.name: attribute for attribute in known}
    values = CustomValue.objects.filter(attribute__in=known, entity=obj.moref)
    held = dict(values.values_list("attribute__name", "value"))
    asked = {str(name): str(value) for name, value in wanted.items()}
    for name in sorted(held.keys() | asked.keys()):
        if name not in there:
            raise faults.NotFound(what=name)
        if asked.get(name, "") != held.get(name, ""):
            tags.set_value(user, obj, there[name], asked.get(name, ""))


def _permissions(user: Any, obj: Any, wanted: Any) -> None:
    asked = {permissions.name_of(who): (who, role, spread) for who, role, spread in map(_grant, _listed(wanted, obj))}
    rows = Permission.objects.filter(vcenter=rights.vcenter_of(obj), entity=obj.moref).select_related("role")
    held = {permissions.name_of(row.group or row.user): row for row in rows.select_related("user", "group")}  # type: ignore[arg-type]
    for gone in sorted(held.keys() - asked.keys()):
        permissions.revoke(user, obj, held[gone])
    for name, (who, role, spread) in sorted(asked.items()):
        now = held.get(name)
        if now is None or (now.role_id, now.propagate) != (role.pk, spread):
            permissions.grant(user, obj, who, role, spread)


def _listed(wanted: Any, obj: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    entries = _list(wanted, "permissions")
    if not all(isinstance(one, Mapping) for one in entries):
        raise faults.InvalidArgument(property="permissions", reason="a user or a group with a role is needed")
    return [(rights.vcenter_of(obj), one) for one in entries]


def _grant(of: tuple[Any, Mapping[str, Any]]) -> tuple[Any, Role, bool]:
    vcenter, one = of
    user, group = str(one.get("user") or ""), str(one.get("group") or "")
    who: Any = get_user_model().objects.filter(username=user).first() if user else None
    who = who or (Group.objects.filter(name=group).first() if group else None)
    if who is None:
        raise faults.NotFound(what=user or group or _("The account"))
    roles = Role.objects.filter(Q(vcenter=None) | Q(vcenter=vcenter), name=str(one.get("role")))
    role = roles.order_by("vcenter").first()
    if role is None:
        raise faults.NotFound(what=str(one.get("role")))
    return who, role, bool(one.get("propagate", True))


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise faults.InvalidArgument(property=name, reason="a list is needed")
    return value


def _pair(one: Any) -> tuple[str, str]:
    if not isinstance(one, list) or len(one) != 2:
        raise faults.InvalidArgument(property="tags", reason="a tag is a list of its category and its name")
    return str(one[0]), str(one[1])
