"""The people of every test: who they are, and what they may do in a vCenter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, Group
from django.test import Client

from inventory.models import ManagedObject, Permission, Role, VCenter
from tests.builders import SmallLab, small_lab

PASSWORD = "a-long-test-password"


@dataclass(frozen=True)
class Cast:
    """`teacher`: superuser and staff. `student`: owns the vCenter. `operator`: VM power user on the whole tree.

    `reader`: Read-only on the whole tree. `outsider`: an account without any permission.
    """

    teacher: AbstractUser
    operator: AbstractUser
    reader: AbstractUser
    student: AbstractUser
    outsider: AbstractUser


def make_user(name: str, **fields: object) -> AbstractUser:
    """An account with the password `PASSWORD`."""
    return get_user_model().objects.create_user(name, password=PASSWORD, **fields)


def make_cast(vcenter: VCenter | None = None) -> Cast:
    """Create the five; with a vCenter, also give it to them as their descriptions say."""
    cast = Cast(
        teacher=make_user("teacher", is_staff=True, is_superuser=True),
        operator=make_user("operator"),
        reader=make_user("reader"),
        student=make_user("student"),
        outsider=make_user("outsider"),
    )
    if vcenter is not None:
        admit(cast, vcenter)
    return cast


def admit(cast: Cast, vcenter: VCenter) -> None:
    """Let the cast into one more vCenter.

    Build it for the student, `small_lab(cast.student)`, where objects of the builders are asked for rights directly:
    they may hold a copy of the vCenter from before.
    """
    vcenter.owner = cast.student
    vcenter.save(update_fields=["owner"])
    grant(cast.operator, vcenter, "VM power user")
    grant(cast.reader, vcenter, "Read-only")


def own_lab(cast: Cast, **sizes: Any) -> SmallLab:
    """A lab of the student's, into which the cast is let; `sizes` as of `small_lab`."""
    made = small_lab(cast.student, **sizes)
    admit(cast, made.vcenter)
    return made


def grant(
    who: AbstractUser | Group, entity: ManagedObject | VCenter, role: Role | str, *, propagate: bool = True
) -> Permission:
    """Give a user or a group a role on an object; a role by name is a system role."""
    vcenter = entity if isinstance(entity, VCenter) else entity.vcenter
    principal = {"group": who} if isinstance(who, Group) else {"user": who}
    return Permission.objects.create(
        vcenter=vcenter, entity=entity.moref, role=system_role(role), propagate=propagate, **principal
    )


def system_role(role: Role | str) -> Role:
    return Role.objects.get(vcenter=None, name=role) if isinstance(role, str) else role


def client_of(user: AbstractUser) -> Client:
    """A browser in which this person has logged in."""
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client
