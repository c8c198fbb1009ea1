"""Who may do what: effective privileges of a person on an object.

The rules are vSphere's (`domain.grants`): the nearest permission wins, a person's own beats those of groups on the same
object, several groups add up. A virtual machine inherits along two chains, its folders and its pools (or the cluster of
its host while it is a template), and has what either gives: a No access on one chain does not take away what the other
gives. The host a clustered VM happens to run on is no part of the chain, or rights would change with every vMotion.
Owner of the vCenter and superusers have every privilege. What lies above may curb anybody's rights in a vCenter that
somebody owns (`CURBS`).

What was worked out is kept on the user object, which lives as long as one request, and is thrown away as soon as this
process changes a permission, a role or a container. Whoever keeps a user object longer (a socket) calls `forget`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, AnonymousUser, Group
from django.db.models import Model, Q
from django.db.models.signals import m2m_changed, post_delete, post_save

from domain.faults import NoPermission
from domain.grants import Grant, strongest, union
from domain.privileges import ALL, READ, SYSTEM, known
from inventory.containers import CONTAINERS, Containers
from inventory.models import ManagedObject, Permission, Role, Snapshot, VCenter

User = AbstractUser | AnonymousUser
Entity = ManagedObject | VCenter | Snapshot
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Curb:
    """The privileges that are left to a person in one vCenter, and the refusal that says how to get the others."""

    left: frozenset[str]
    refusal: type[NoPermission] = NoPermission


# What curbs a person, by the primary key of the vCenter; asked once per request, for vCenters that have an owner.
CURBS: list[Callable[[User], Mapping[int, Curb]]] = []

_KEPT, _GRANTS, _CURBED = "_vsphere_rights", "_vsphere_grants", "_vsphere_curbs"
_changes = count(1)
_generation = 0


# --- questions -------------------------------------------------------------------------------------------------------
def privileges(user: User, obj: Entity) -> frozenset[str]:
    """All privileges that `user` has on `obj`."""
    return of(user, obj).on(obj)


def given(user: User, obj: Entity) -> frozenset[str]:
    """What ownership and roles give `user` on `obj`, whatever curbs it: for what reads and leaves all as it is."""
    return of(user, obj).given(obj)


def has(user: User, privilege: str, obj: Entity) -> bool:
    """True where `user` has the privilege on `obj`."""
    return privilege in privileges(user, obj)


def require(user: User, privilege: str, obj: Entity) -> None:
    """Raise `NoPermission` unless `user` has the privilege on `obj`."""
    if not has(user, privilege, obj):
        raise refusal(user, privilege, obj)


def only_looks(user: User, obj: Entity) -> bool:
    """True where the person may change nothing at all in the vCenter of `obj`."""
    here = of(user, obj)
    if here.curb is not None and here.curb.left <= SYSTEM:
        return True
    return here.uniform is not None and here.uniform <= SYSTEM


def curbed(user: User, privilege: str, obj: Entity) -> bool:
    """True where something takes the privilege from the person, whatever roles or ownership give."""
    return of(user, obj).curbs(privilege)


def refusal(user: User, privilege: str, obj: Entity) -> NoPermission:
    """Why `user` may not, for whoever has found that the privilege is missing."""
    return of(user, obj).refusal(privilege, obj.name)


def of(user: User, obj: Entity) -> Rights:
    """The rights of `user` in the vCenter of `obj`, worked out once per request."""
    target = obj.vm if isinstance(obj, Snapshot) else obj
    vcenter_pk = target.pk if isinstance(target, VCenter) else target.vcenter_id
    kept: dict[int, Rights] = getattr(user, _KEPT, {})
    rights = kept.get(vcenter_pk)
    if rights is None or rights.generation != _generation:
        rights = Rights(user, vcenter_of(target))
        setattr(user, _KEPT, {**kept, vcenter_pk: rights})
    return rights


def vcenter_of(obj: Entity) -> VCenter:
    """The vCenter an object belongs to; a vCenter belongs to itself."""
    target = obj.vm if isinstance(obj, Snapshot) else obj
    return target if isinstance(target, VCenter) else target.vcenter


def forget(user: User) -> None:
    """Drop what was worked out for this user object."""
    setattr(user, _KEPT, {})
    setattr(user, _GRANTS, None)
    setattr(user, _CURBED, None)


def granted_to(user: User) -> Q:
    """Of permissions: those that concern `user`, personally or through a group."""
    return Q(user_id=user.pk) | Q(group__in=Group.objects.filter(user=user.pk))


def _grants_of(user: User) -> dict[int, list[Permission]]:
    """All permissions of a person by vCenter, in one query: whoever teaches a class is in forty vCenters."""
    generation, kept = getattr(user, _GRANTS, None) or (-1, {})
    if generation == _generation:
        return kept
    found: dict[int, list[Permission]] = {}
    for one in Permission.objects.filter(granted_to(user)).select_related("role", "group"):
        found.setdefault(one.vcenter_id, []).append(one)
    setattr(user, _GRANTS, (_generation, found))
    return found


def _curb(user: User, vcenter: VCenter) -> Curb | None:
    """What curbs a person in a vCenter; of several the one that leaves least."""
    if vcenter.owner_id is None or not user.is_active:
        return None
    generation, kept = getattr(user, _CURBED, None) or (-1, [])
    if generation != _generation:
        kept = [curbs_of(user) for curbs_of in CURBS]
        setattr(user, _CURBED, (_generation, kept))
    here = [curbs[vcenter.pk] for curbs in kept if vcenter.pk in curbs]
    return min(here, key=lambda curb: len(curb.left), default=None)


class Rights:
    """The rights of one person in one vCenter."""

    def __init__(self, user: User, vcenter: VCenter) -> None:
        self.vcenter = vcenter
        self.generation = _generation
        self.superuser = user.is_active and user.is_superuser
        self.owner = user.is_active and user.pk is not None and vcenter.owner_id == user.pk
        self.everything = self.superuser or self.owner
        self.grants: dict[str, list[Grant]] = {}
        self._at: dict[str, frozenset[str]] = {}
        self._below: dict[str, frozenset[str]] = {}
        if user.is_active and not self.everything:
            self._load(user)
        self.curb = _curb(user, vcenter) if self.everything or self.grants else None

    def _load(self, user: User) -> None:
        for permission in _grants_of(user).get(self.vcenter.pk, ()):
            grant = Grant(
                entity=permission.entity,
                principal=permission.group.name if permission.group else user.get_username(),
                personal=permission.group is None,
                role=permission.role.name,
                privileges=known(permission.role.privileges),
                propagate=permission.propagate,
            )
            self.grants.setdefault(permission.entity, []).append(grant)

    @cached_property
    def uniform(self) -> frozenset[str] | None:
        """The privileges on everything where they are the same everywhere (nearly always), else None."""
        given = self._given
        return given if given is None or self.curb is None else given & self.curb.left

    @cached_property
    def _given(self) -> frozenset[str] | None:
        if self.everything:
            return ALL
        if not self.grants:
            return NOTHING
        root = self.grants.get(self.vcenter.moref, [])
        down = strongest(root, below=True)
        same = len(self.grants) == 1 and down == strongest(root, below=False)
        return union(down) if same and down else None

    @cached_property
    def containers(self) -> Containers:
        return Containers(self.vcenter)

    def on(self, obj: Entity) -> frozenset[str]:
        """Effective privileges on one object."""
        if self.uniform is not None:
            return self.uniform
        given = self.given(obj)
        return given if self.curb is None else given & self.curb.left

    def on_container(self, moref: str) -> frozenset[str]:
        """Effective privileges on a container that is known by its reference alone."""
        if self.uniform is not None:
            return self.uniform
        try:
            given = self.at(moref)
        except KeyError:
            self._reload()
            given = self.at(moref)
        return given if self.curb is None else given & self.curb.left

    def curbs(self, privilege: str) -> bool:
        """Something takes the privilege away, whatever is given."""
        return self.curb is not None and privilege not in self.curb.left

    def refusal(self, privilege: str, name: str) -> NoPermission:
        """Why something of this name may not be done, for whoever has found that the privilege is missing."""
        kind = self.curb.refusal if self.curb is not None and self.curbs(privilege) else NoPermission
        return kind(privilege=privilege, object=name)

    def given(self, obj: Entity) -> frozenset[str]:
        """Privileges on one object before anything curbs them."""
        if (everywhere := self._given) is not None:
            return everywhere
        target = obj.vm if isinstance(obj, Snapshot) else obj
        try:
            return self._on(target)
        except KeyError:  # a container that came after the others were read
            self._reload()
            return self._on(target)

    def _on(self, obj: ManagedObject | VCenter) -> frozenset[str]:
        if isinstance(obj, (VCenter, *CONTAINERS)):
            return self.at(obj.moref)
        if own := strongest(self.grants.get(obj.moref, ()), below=False):
            return union(own)
        return NOTHING.union(*(self.below(anchor) for anchor in self.containers.anchors(obj)))

    def _reload(self) -> None:
        self.__dict__.pop("containers", None)
        self._at.clear()
        self._below.clear()

    def at(self, moref: str) -> frozenset[str]:
        """Privileges on a container."""
        if moref not in self._at:
            own = strongest(self.grants.get(moref, ()), below=False)
            self._at[moref] = union(own) if own else self._inherited(moref)
        return self._at[moref]

    def below(self, moref: str) -> frozenset[str]:
        """Privileges that a container hands down to what lies in it."""
        if moref not in self._below:
            own = strongest(self.grants.get(moref, ()), below=True)
            self._below[moref] = union(own) if own else self._inherited(moref)
        return self._below[moref]

    def _inherited(self, moref: str) -> frozenset[str]:
        parent = self.containers.parents[moref]
        return NOTHING if parent is None else self.below(parent)

    def readable(self, model: type[Model], *, below: bool = False) -> set[int]:
        """Primary keys of the containers of one type that can be read, or (`below`) that hand reading down."""
        judge = self.below if below else self.at
        return {pk for pk, moref in self.containers.morefs[model].items() if READ in judge(moref)}


# --- what makes a kept answer stale ----------------------------------------------------------------------------------
def _stale(**_signal: Any) -> None:
    global _generation
    _generation = next(_changes)


def watch_changes() -> None:
    """Throw kept answers away when this process changes what they rest on; called once, when Django starts."""
    watched: tuple[type[Model], ...] = (Permission, Role, VCenter, *CONTAINERS)
    for model in watched:
        post_save.connect(_stale, sender=model, dispatch_uid=f"rights-{model.__name__}-saved")
        post_delete.connect(_stale, sender=model, dispatch_uid=f"rights-{model.__name__}-deleted")
    m2m_changed.connect(_stale, sender=get_user_model().groups.through, dispatch_uid="rights-groups")
