"""The start order and product of a vApp in an inventory as text: members by their names instead of references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from domain.vapps import SETTINGS, Entity
from inventory.models import ResourcePool

KEYS = frozenset({"folder", "product", "entities"})
PRODUCT = ("name", "vendor", "version", "full_version", "product_url", "vendor_url", "notes")
Path = tuple[str, ...]
# From ("vm" or "vapp", path) to the member's reference; None where there is none.
Resolve = Callable[[str, Path], str | None]


def told(vapp: ResourcePool, folder: Sequence[str], vms: Mapping[str, Any], pools: Mapping[int, ResourcePool]) -> Any:
    """`{folder, product, entities}` of a vApp, empty things left out; `vms` has the path of each VM's reference."""
    stored = (vapp.vapp_options or {}).get("entities") or {}
    children = {pool.moref: _below(vapp, pool, pools) for pool in pools.values() if pool.is_vapp}
    entities = []
    for moref, settings in stored.items():
        if vms.get(moref):
            entities.append({"vm": list(vms[moref]), **settings})
        elif children.get(moref):
            entities.append({"vapp": children[moref], **settings})
    product = (vapp.vapp_options or {}).get("product") or {}
    return normal({"folder": list(folder), "product": dict(product), "entities": entities})


def normal(entry: Any) -> Any:
    """What is told of a vApp in its one form: empty things left out, members by group and name."""
    if not isinstance(entry, Mapping):
        return entry
    found = {key: value for key, value in entry.items() if value}
    entities = found.get("entities")
    if isinstance(entities, list) and all(isinstance(one, Mapping) for one in entities):
        found["entities"] = sorted(entities, key=_place)
    return found


def _place(one: Mapping[str, Any]) -> tuple[Any, ...]:
    group = one.get("group", 1)
    return (group if isinstance(group, int) else 0, str(one.get("vm")), str(one.get("vapp")))


def _below(vapp: ResourcePool, pool: ResourcePool, pools: Mapping[int, ResourcePool]) -> list[str]:
    """The names from `vapp` (not named) down to `pool`; empty where it does not lie in it."""
    names: list[str] = []
    at: ResourcePool | None = pool
    while at is not None and at.pk != vapp.pk:
        names.insert(0, at.name)
        at = pools.get(at.parent_id) if at.parent_id else None
    return names if at is not None else []


def options_of(entry: Any, resolve: Resolve, say: Callable[[str, str], None]) -> dict[str, Any]:
    """`vapp_options` from what a file says; `say(place, sentence)` hears of what is wrong with it."""
    if not isinstance(entry, Mapping) or entry.keys() - KEYS:
        say("", _("a mapping is needed, with %(kinds)s") % {"kinds": ", ".join(sorted(KEYS))})
        return {}
    product, entities = entry.get("product") or {}, entry.get("entities") or []
    if not _is_product(product):
        say("product", _("names with their values are needed"))
        return {}
    if not isinstance(entities, list):
        say("entities", _("a list is needed"))
        return {}
    found: dict[str, Any] = {}
    for number, one in enumerate(entities, 1):
        moref, settings = _entity(one, resolve)
        if moref is None or settings is None:
            say(f"entities[{number}]", _("a member with its start and stop settings is needed"))
        else:
            found[moref] = settings
    return {key: value for key, value in (("entities", found), ("product", dict(product))) if value}


def _is_product(product: Any) -> bool:
    if not isinstance(product, Mapping) or product.keys() - set(PRODUCT):
        return False
    web = [product[key] for key in ("product_url", "vendor_url") if product.get(key)]
    return all(isinstance(value, str) for value in product.values()) and all(
        value.startswith(("http://", "https://")) for value in web
    )


def _entity(one: Any, resolve: Resolve) -> tuple[str | None, dict[str, Any] | None]:
    """(reference, settings) of one entry; None for what cannot be read."""
    if not isinstance(one, Mapping) or one.keys() - SETTINGS - {"vm", "vapp"}:
        return None, None
    kind = "vm" if "vm" in one else "vapp"
    path = one.get(kind)
    if not isinstance(path, list):
        return None, None
    entity = Entity("", **{key: value for key, value in one.items() if key in SETTINGS})
    return resolve(kind, tuple(map(str, path))), None if entity.problem() else entity.settings()
