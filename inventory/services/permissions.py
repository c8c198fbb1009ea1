"""Roles, and who has them where.

Nobody can give away, or take away, more than he has himself: whoever changes a permission needs every privilege of its
role on that object, besides the right to change permissions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, Group

from domain import faults
from domain.privileges import ALL, complete, known
from domain.text import _
from inventory import audit, rights
from inventory.inverses import note
from inventory.journal import changing
from inventory.models import Permission, Role, Task, VCenter
from inventory.services.base import check, instant, unique, valid_name

MODIFY_PERMISSIONS, MODIFY_ROLES = "Authorization.ModifyPermissions", "Authorization.ModifyRoles"
Principal = AbstractUser | Group


# --- permissions -----------------------------------------------------------------------------------------------------
def grant(user: Any, obj: rights.Entity, principal: Principal, role: Role, propagate: bool = True) -> Permission:
    """Give `principal` a role on `obj`; a permission that it already has there is changed to this."""
    return give(user, obj, principal, role, propagate)[0]


def give(
    user: Any, obj: rights.Entity, principal: Principal, role: Role, propagate: bool = True
) -> tuple[Permission, Task]:
    """`grant`, with the task that can be undone."""
    check(user, MODIFY_PERMISSIONS, obj)
    vcenter = rights.vcenter_of(obj)
    if role.vcenter_id not in (None, vcenter.pk):
        raise faults.NotFound(what=role.name)
    _check_has_all(user, obj, role)
    with changing(vcenter, user) as change:
        change.fact("permissions.changed")
        where = {"vcenter": vcenter, "entity": obj.moref, **_principal(principal)}
        before = Permission.objects.select_for_update().filter(**where).select_related("role").first()
        if before is not None:
            _check_has_all(user, obj, before.role)
        values = {"role": role, "propagate": propagate}
        known = {name_of(principal): _held(before)}
        permission, created = Permission.objects.update_or_create(**where, defaults=values)
        name = "PermissionAddedEvent" if created else "PermissionUpdatedEvent"
        change.event(name, obj, role=role.name, new=str(principal))
        change.changed(obj)
        told = {"principal": str(principal), "role": role.name, "propagate": propagate}
        undo = note("permissions", known, {name_of(principal): _held(permission)})
        task = instant(change, "AuthorizationManager.setEntityPermissions", obj, result=told, args=undo)
    return permission, task


def revoke(user: Any, obj: rights.Entity, permission: Permission) -> None:
    """Take a permission on `obj` away."""
    take(user, obj, permission)


def take(user: Any, obj: rights.Entity, permission: Permission) -> Task:
    """`revoke`, with the task that can be undone."""
    check(user, MODIFY_PERMISSIONS, obj)
    vcenter = rights.vcenter_of(obj)
    if (permission.vcenter_id, permission.entity) != (vcenter.pk, obj.moref):
        raise faults.NotFound(what=_("The permission"))
    _check_has_all(user, obj, permission.role)
    with changing(vcenter, user) as change:
        change.fact("permissions.changed")
        principal: Any = permission.group or permission.user
        undo = note("permissions", {name_of(principal): _held(permission)}, {name_of(principal): None})
        permission.delete()
        change.event("PermissionRemovedEvent", obj, old=str(principal))
        change.changed(obj)
        told = {"principal": str(principal), "role": permission.role.name}
        return instant(change, "AuthorizationManager.removeEntityPermission", obj, result=told, args=undo)


def name_of(principal: Principal) -> str:
    """How a task notes whose permission it changed: "user 7", "group 3"."""
    return f"{'group' if isinstance(principal, Group) else 'user'} {principal.pk}"


def principal_of(name: str) -> Any:
    """The account or group that was noted; None where it is gone."""
    kind, _blank, pk = name.partition(" ")
    model: Any = Group if kind == "group" else get_user_model()
    return model.objects.filter(pk=pk).first()


def of(obj: rights.Entity, names: Iterable[str]) -> dict[str, Permission]:
    """The permissions on `obj` itself of those who were noted."""
    wanted = set(names)
    rows = Permission.objects.filter(vcenter=rights.vcenter_of(obj), entity=obj.moref)
    named = ((name_of(row.group or row.user), row) for row in rows.select_related("role", "user", "group"))  # type: ignore[arg-type]
    return {name: row for name, row in named if name in wanted}


def held(obj: rights.Entity, names: Iterable[str]) -> dict[str, Any]:
    """What they have there, as a task notes it."""
    known = of(obj, names)
    return {name: _held(known.get(name)) for name in names}


def _held(permission: Permission | None) -> dict[str, Any] | None:
    return None if permission is None else {"role": permission.role.pk, "propagate": permission.propagate}


def _principal(principal: Principal) -> dict[str, Any]:
    return {"group": principal} if isinstance(principal, Group) else {"user": principal}


def _check_has_all(user: Any, obj: rights.Entity, role: Role) -> None:
    missing = known(role.privileges) - (ALL if user is None else rights.privileges(user, obj))
    if missing:
        raise faults.NoPermission(privilege=min(missing), object=obj.name)


# --- roles -----------------------------------------------------------------------------------------------------------
def create_role(user: Any, vcenter: VCenter, name: str, privileges: Iterable[str] = (), description: str = "") -> Role:
    """A role of the vCenter's own; seeing comes with any other privilege."""
    check(user, MODIFY_ROLES, vcenter)
    name = _free_name(vcenter, name)
    with changing(vcenter, user) as change:
        change.fact("permissions.changed")
        role = Role.objects.create(
            vcenter=vcenter, name=name, privileges=_checked(privileges), description=description[:255]
        )
        audit.append(user, "AuthorizationManager.addRole", vcenter, {"role": name, "privileges": role.privileges})
    return role


def edit_role(user: Any, role: Role, *, name: str, privileges: Iterable[str], description: str = "") -> Role:
    """Change a role of a vCenter's own; whoever has it has the new privileges at once."""
    vcenter = _own(role)
    check(user, MODIFY_ROLES, vcenter)
    name = _free_name(vcenter, name, role)
    with changing(vcenter, user) as change:
        change.fact("permissions.changed")
        before = {"name": role.name, "privileges": role.privileges}
        role.name, role.privileges, role.description = name, _checked(privileges, role), description[:255]
        role.save()
        after = {"name": role.name, "privileges": role.privileges}
        audit.append(user, "AuthorizationManager.updateRole", vcenter, {"before": before, "after": after})
    return role


def delete_role(user: Any, role: Role) -> None:
    """Remove a role that nobody has."""
    vcenter = _own(role)
    check(user, MODIFY_ROLES, vcenter)
    with changing(vcenter, user) as change:
        change.fact("permissions.changed")
        used = role.permissions.count()
        if used:
            raise faults.ResourceInUse(name=role.name, users=used)
        name = role.name
        role.delete()
        audit.append(user, "AuthorizationManager.removeRole", vcenter, {"role": name})


def _own(role: Role) -> VCenter:
    """The vCenter that a role belongs to; the roles of the system and of the whole site stay as they are."""
    if role.system or role.vcenter is None:
        raise faults.NotSupported(reason="a system role is not changed; make a role of your own from it")
    return role.vcenter


def _free_name(vcenter: VCenter, name: str, own: Role | None = None) -> str:
    name = valid_name(name)
    unique(Role.objects.filter(vcenter=None) | Role.objects.filter(vcenter=vcenter), name, own)
    return name


def _checked(privileges: Iterable[str], role: Role | None = None) -> list[str]:
    """Refuses what there is not, unless the role was stored with it: that goes by itself."""
    wanted = frozenset(privileges)
    unknown = wanted - ALL - frozenset(role.privileges if role is not None else ())
    if unknown:
        raise faults.InvalidArgument(property="privileges", reason=f"there is no privilege {min(unknown)}")
    return sorted(complete(wanted))
