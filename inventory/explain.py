"""Why somebody can, or cannot, do something: the chain of objects that decides, written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from domain.grants import Grant, deciding
from inventory import rights
from inventory.containers import CONTAINERS, Containers
from inventory.models import Snapshot, VCenter

Chain = list[tuple[str, str]]  # (reference, name), nearest first


@dataclass(frozen=True, slots=True)
class Step:
    """One object on the way up. `grants`: what the person was given on it; `decides`: the search ends here."""

    moref: str
    name: str
    grants: tuple[Grant, ...]
    decides: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, the sentence that gives its reason, and the chains that were walked (empty for an owner)."""

    granted: bool
    privilege: str
    reason: str
    chains: tuple[tuple[Step, ...], ...] = ()


def chains_of(obj: rights.Entity, containers: Containers) -> list[Chain]:
    """The object and what it inherits from, nearest first; a virtual machine has two chains."""
    target = obj.vm if isinstance(obj, Snapshot) else obj
    names = {**containers.names, target.moref: target.name}
    if isinstance(target, (VCenter, *CONTAINERS)):
        return [[(moref, names[moref]) for moref in containers.chain(target.moref)]]
    return [
        [(moref, names[moref]) for moref in (target.moref, *containers.chain(anchor))]
        for anchor in containers.anchors(target)
    ]


def explain(user: rights.User, obj: rights.Entity, privilege: str) -> Explanation:
    """Why `user` has, or has not, `privilege` on `obj`."""
    known = rights.of(user, obj)
    granted = rights.has(user, privilege, obj)
    if not user.is_active:
        return Explanation(False, privilege, _("The account is not active."))
    if known.curb is not None and known.owner:
        says = _("The account owns this vCenter. It belongs to a class: its teacher decides what is left to the owner.")
        return Explanation(granted, privilege, says)
    if known.curb is not None:
        says = _("The vCenter is a student's lab. Its teachers may look, and change it once they have taken over.")
        return Explanation(granted, privilege, says)
    if known.superuser:
        return Explanation(True, privilege, _("The account is a superuser of the site and may do everything."))
    if known.owner:
        return Explanation(True, privilege, _("The account owns this vCenter and may do everything in it."))
    chains = chains_of(obj, known.containers)
    decisive = _decisive(chains, known)
    steps = tuple(_steps(chain, known, grants) for chain, grants in zip(chains, decisive, strict=True))
    return Explanation(granted, privilege, _sentence(decisive, privilege, chains), steps)


def _decisive(chains: list[Chain], known: rights.Rights) -> list[tuple[Grant, ...]]:
    """What decides in each chain; a permission on the object itself decides in all."""
    return [deciding([moref for moref, _name in chain], known.grants) for chain in chains]


def _steps(chain: Chain, known: rights.Rights, decisive: tuple[Grant, ...]) -> tuple[Step, ...]:
    return tuple(
        Step(
            moref,
            name,
            tuple(known.grants.get(moref, ())),
            decides=bool(decisive) and decisive[0].entity == moref,
        )
        for moref, name in chain
    )


def _sentence(decisive: list[tuple[Grant, ...]], privilege: str, chains: list[Chain]) -> str:
    names = dict(pair for chain in chains for pair in chain)
    everything = dict.fromkeys(grant for grants in decisive for grant in grants)
    giving = [grant for grant in everything if privilege in grant.privileges]
    if giving:
        return _("The privilege comes with %(roles)s.") % {"roles": _roles(giving, names)}
    if everything:
        return _("What decides here is %(roles)s, and the privilege is not part of it.") % {
            "roles": _roles(list(everything), names)
        }
    return _("Neither the account nor a group of it has a permission here or further up.")


def _roles(grants: Sequence[Grant], names: dict[str, str]) -> str:
    return "; ".join(
        _("the role “%(role)s” of %(who)s on “%(object)s”")
        % {"role": _(grant.role), "who": grant.principal, "object": names[grant.entity]}
        for grant in grants
    )
