"""A class list becomes accounts and memberships: all of it or nothing."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.crypto import salted_hmac

from classroom import people, selectors
from classroom.models import Course, FirstPassword, Membership
from classroom.roster import Entry
from classroom.services import base
from domain import faults
from domain.text import _

# Read from paper and typed once: no signs that look alike.
LETTERS, DIGITS = "abcdefghjkmnpqrstuvwxyz", "23456789"
GROUPS = 3
SALT = "classroom.first-password"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A student who is in the course now; `password` is there for new accounts alone, and nowhere else."""

    user: Any
    group: str
    password: str = ""


def known(entries: Sequence[Entry]) -> dict[str, Any]:
    """The accounts that are there already, by the name in the list (without case)."""
    names = [entry.username for entry in entries]
    rows = get_user_model().objects.filter(username__in={*names, *(name.casefold() for name in names)})
    return {user.get_username().casefold(): user for user in rows}


def admit(user: Any, course: Course, entries: Sequence[Entry], secret: str) -> list[Admitted]:
    """Make the accounts that are missing and enrol everybody of the list.

    Accounts that exist are enrolled as they are: neither their name nor their password is touched. New ones open with
    nothing until `set_first_password` has been called with the same `secret`.

    Raises:
        LimitExceeded: there would be more students than the course may have labs.
        InvalidState: a teacher of the course or an administrator is in the list.
    """
    base.require_teacher(user, course)
    there = known(entries)
    _check(course, entries, there)
    with transaction.atomic():
        admitted = [_admitted(course, entry, there.get(entry.username.casefold()), secret) for entry in entries]
        base.record(user, "importRoster", course, {"students": len(admitted)})
    return admitted


def _check(course: Course, entries: Sequence[Entry], there: dict[str, Any]) -> None:
    new = [entry for entry in entries if entry.username.casefold() not in there]
    enrolled = set(course.memberships.values_list("user", flat=True))
    more = len(new) + len({one.pk for one in there.values()} - enrolled)
    if len(enrolled) + more > course.max_labs:
        raise faults.LimitExceeded(property=_("students"), limit=course.max_labs)
    for account in there.values():
        if account.is_superuser or selectors.is_teacher_of(account, course) or not account.is_active:
            raise faults.InvalidState(name=account.get_username(), reason=_("this account cannot be a student here"))


def _admitted(course: Course, entry: Entry, account: Any, secret: str) -> Admitted:
    password = ""
    if account is None:
        account = get_user_model()(username=entry.username, email=entry.email, last_name=entry.name[:150])
        account.set_unusable_password()
        account.save()
        FirstPassword.objects.create(user=account, hash="")
        password = first_password(account, secret)
    Membership.objects.update_or_create(course=course, user=account, defaults={"group": entry.group})
    return Admitted(account, entry.group, password)


def renew_password(user: Any, membership: Membership) -> Admitted:
    """Another one-time password for a student who lost the first; the old one opens nothing any more.

    Raises:
        InvalidState: the account was not made for a class, belongs to staff or a teacher, or is in a course of others.
    """
    base.require_teacher(user, membership.course)
    account = membership.user
    elsewhere = Membership.objects.filter(user=account).exclude(course__in=selectors.courses_taught(user)).exists()
    made_for_class = FirstPassword.objects.filter(user=account).exists()
    if account.is_staff or selectors.may_teach(account) or elsewhere or not made_for_class:
        raise faults.InvalidState(name=str(account), reason=_("only an administrator may change this password"))
    password = new_password()
    with transaction.atomic():
        people.issue(account, password)
        base.record(user, "renewPassword", membership.course, {"who": account.get_username()})
    return Admitted(account, membership.group, password)


# --- passwords -------------------------------------------------------------------------------------------------------
def new_password() -> str:
    """Three groups such as `kfw4-mq7d-zt9p`: about 50 bits, easy to type."""
    return _spelled(secrets.randbits(128))


def new_secret() -> str:
    """What the passwords of one class list are made from, together with the site's secret key."""
    return secrets.token_urlsafe(24)


def first_password(account: Any, secret: str) -> str:
    """The password of a new account: a page shows it at once, a worker sets it later, and nobody has to keep it."""
    made = salted_hmac(SALT, f"{secret}:{account.pk}", algorithm="sha256")
    return _spelled(int.from_bytes(made.digest()))


def set_first_password(account: Any, secret: str) -> None:
    """Done twice it is done once: whoever has a password already keeps it."""
    if FirstPassword.objects.filter(user=account, hash="").exists():
        people.issue(account, first_password(account, secret))


def _spelled(number: int) -> str:
    groups = []
    for _group in range(GROUPS):
        signs = []
        for choice in (LETTERS, LETTERS, LETTERS, DIGITS):
            number, at = divmod(number, len(choice))
            signs.append(choice[at])
        groups.append("".join(signs))
    return "-".join(groups)
