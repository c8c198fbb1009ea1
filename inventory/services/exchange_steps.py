"""What brings one object of a running vCenter to what an inventory file says: one step per object, through services.

Other apps add steps for what they know of a cluster with `add`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain import faults
from domain.morefs import FolderKind
from inventory.exchange import autostart as describe_autostart
from inventory.exchange import vapps as describe_vapps
from inventory.exchange.compare import ADD, CHANGE, REMOVE, Difference
from inventory.models import Datastore, Host, License, Network, Tag, TagCategory, Task, VCenter
from inventory.services import (
    autostart,
    clusters,
    datastores,
    folders,
    hosts,
    licenses,
    networks,
    pools,
    tags,
    vapps,
)
from inventory.services.exchange_find import Finder, Path
from inventory.services.exchange_labels import LABELS, set_labels

Values = Mapping[tuple[str, Path], Mapping[str, Any]]
DPM = frozenset({"dpm_behavior", "bmc_address", "bmc_user", "bmc_mac", "wake_on_lan"})


@dataclass
class Step:
    """One object that differs. `changed`: its fields with the file's values; `file`: everything that the file has."""

    user: Any
    find: Finder
    path: Path
    changed: dict[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    file: Values = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        return {name: value for name, value in self.changed.items() if name not in LABELS}


Act = Callable[[Step], Any]


@dataclass(frozen=True)
class Kind:
    """How objects of one kind are found, what of them can be changed, and how they come, change and go."""

    find: Callable[[Finder, Path], Any] | None = None
    fields: frozenset[str] = frozenset()
    add: Act | None = None
    change: Act | None = None
    remove: Act | None = None
    # What is only possible when everything else is there, after `add` or `change`.
    finish: Act | None = None
    # Beside the fields by their names: which other differences `change` can do.
    also: Callable[[Difference], bool] | None = None


KINDS: dict[str, Kind] = {}


def add(kind: str, how: Kind) -> None:
    KINDS[kind] = how


def able(one: Difference) -> bool:
    """Whether `do` can do it."""
    how = KINDS.get(one.kind, Kind())
    if one.op == CHANGE:
        named = one.field in how.fields or (how.also is not None and how.also(one))
        return named or (how.find is not None and one.field in LABELS)
    return (how.add if one.op == ADD else how.remove) is not None


def do(user: Any, vcenter: VCenter, group: Sequence[Difference], file: Values) -> None:
    """The differences of one object. Raises what its services raise, and NotFound; InvalidArgument for values that
    are nothing of the kind, for a file may say anything."""
    _guarded(_do, user, vcenter, group, file)


def finish(user: Any, vcenter: VCenter, group: Sequence[Difference], file: Values) -> None:
    """What of them waited for the rest. Raises as `do` does."""
    if group[0].op != REMOVE and KINDS[group[0].kind].finish is not None:
        _guarded(_finish, user, vcenter, group, file)


def _guarded(act: Callable[..., None], user: Any, vcenter: VCenter, group: Sequence[Difference], file: Values) -> None:
    try:
        act(_step(user, vcenter, group, file), group[0])
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        place = " / ".join(group[0].path)
        raise faults.InvalidArgument(property=place, reason="a value has the wrong type") from error


def _step(user: Any, vcenter: VCenter, group: Sequence[Difference], file: Values) -> Step:
    first = group[0]
    changed = {one.field: one.after for one in group} if first.op == CHANGE else {}
    return Step(user, Finder(vcenter), first.path, changed, file.get((first.kind, first.path), {}), file)


def _do(step: Step, first: Difference) -> None:
    how = KINDS[first.kind]
    # A machine that changes its folder is no longer found where it was.
    there = how.find(step.find, first.path) if how.find is not None and first.op == CHANGE else None
    act = {ADD: how.add, CHANGE: how.change, REMOVE: how.remove}[first.op]
    if act is not None and (first.op != CHANGE or step.settings):
        act(step)
    if first.op != REMOVE and how.find is not None:
        said = step.changed if first.op == CHANGE else step.fields
        labels = {name: said[name] for name in LABELS if name in said and (there is not None or said[name])}
        if labels:
            set_labels(step.user, there if there is not None else how.find(step.find, first.path), labels)


def _finish(step: Step, first: Difference) -> None:
    act = KINDS[first.kind].finish
    if act is not None:
        act(step)


# --- licenses --------------------------------------------------------------------------------------------------------
def _named_license(step: Step, name: str) -> License:
    found = License.objects.filter(vcenter=step.find.vcenter, name=name).select_related("vcenter").first()
    if found is None:
        raise faults.NotFound(what=name)
    return found


def _add_license(step: Step) -> Task:
    return licenses.add(step.user, step.find.vcenter, step.path[0], step.fields["edition"], step.fields["cores"])


def _edit_license(step: Step) -> None:
    """Hosts that are to leave it may still be on it: it never has fewer cores than before until they have gone."""
    license = _named_license(step, step.path[0])
    cores = max(license.cores, step.changed.get("cores", license.cores))
    licenses.edit(step.user, license, **step.changed | {"cores": cores})


def _finish_license(step: Step) -> None:
    license = _named_license(step, step.path[0])
    if license.cores != step.fields["cores"]:
        licenses.edit(step.user, license, cores=step.fields["cores"])


def _remove_license(step: Step) -> Task:
    return licenses.remove(step.user, _named_license(step, step.path[0]))


# --- words: tags and attributes --------------------------------------------------------------------------------------
def _category(step: Step) -> None:
    tags.create_category(step.user, step.find.vcenter, step.path[0], **dict(step.fields))


def _tag(step: Step) -> None:
    category = TagCategory.objects.get(vcenter=step.find.vcenter, name=step.path[0])
    tags.create_tag(step.user, category, step.path[1], str(step.fields.get("description", "")))


def _describe_tag(step: Step) -> None:
    tag = Tag.objects.get(category__vcenter=step.find.vcenter, category__name=step.path[0], name=step.path[1])
    tags.edit_tag(step.user, tag, name=tag.name, description=str(step.changed["description"]))


def _attribute(step: Step) -> None:
    tags.create_attribute(step.user, step.find.vcenter, step.path[0], str(step.fields.get("kind", "")))


# --- networks and datastores -----------------------------------------------------------------------------------------
def _members(step: Step, key: str) -> list[Any]:
    """The hosts that the file gives the network or datastore, as far as they exist."""
    datacenter, (name, *_rest) = step.find.site(step.path)
    above = step.path[:-1]
    listed = [
        path for (kind, path), fields in step.file.items()
        if kind == "host" and path[: len(above)] == above and name in fields.get(key, ())
    ]  # fmt: skip
    known = {host.name: host for host in Host.objects.filter(cluster__datacenter=datacenter).select_related("vcenter")}
    return [known[path[-1]] for path in listed if path[-1] in known]


def _home(step: Step, kind: FolderKind) -> Any:
    return step.find.below(step.find.site(step.path)[0], kind, step.fields.get("folder", ()))


def _network(step: Step) -> Task:
    folder, members = _home(step, FolderKind.NETWORK), _members(step, "networks")
    return networks.create(step.user, folder, step.path[-1], step.fields["vlan"], members)


def _datastore(step: Step) -> Task:
    fields = step.fields
    return datastores.create(
        step.user, _home(step, FolderKind.DATASTORE), step.path[-1], str(fields["store_kind"]),
        fields["capacity_bytes"], _members(step, "datastores"), ssd=bool(fields["ssd"]), local=bool(fields["local"]),
    )  # fmt: skip


def _moved(model: Any, kind: FolderKind) -> Act:
    return lambda step: folders.move(step.user, step.find.shared(model, step.path), _home(step, kind))


# --- hosts and machines ----------------------------------------------------------------------------------------------
def _host(step: Step) -> None:
    host = step.find.host(step.path)
    if power := {name: value for name, value in step.changed.items() if name in DPM}:
        hosts.set_power_management(step.user, host, **power)
    if vmotion := {name: value for name, value in step.changed.items() if name in hosts.VMOTION}:
        hosts.set_vmotion(step.user, host, **vmotion)
    if "license" in step.changed:
        name = step.changed["license"]
        licenses.assign(step.user, host, _named_license(step, str(name)) if name else None)
    if "datastores" in step.changed:
        _mounts(step, host, set(step.changed["datastores"]))


def _finish_host(step: Step) -> None:
    """VM Startup/Shutdown, now that the machines are there. One that is not (yet) is left out."""
    if "autostart" not in step.changed:
        return
    here = step.find.site(step.path)
    place = step.path[: len(step.path) - len(here[1])]

    def machine(names: Path) -> str:
        try:
            return str(step.find.machine((*place, *names)).moref)
        except faults.NotFound:
            return ""

    def refuse(where: str, sentence: str) -> None:
        raise faults.InvalidArgument(property=f"autostart {where}".strip(), reason=sentence)

    stored = describe_autostart.stored_of(step.changed["autostart"] or {}, machine, refuse)
    host = step.find.host(step.path)
    if stored != host.autostart:
        autostart.restore(step.user, host, {"autostart": stored})


def _mounts(step: Step, host: Any, wanted: set[str]) -> None:
    place = host.cluster.datacenter
    stores = {store.name: store for store in Datastore.objects.filter(datacenter=place).select_related("vcenter")}
    mounted = set(host.datastores.values_list("name", flat=True))
    for name in sorted(wanted - mounted):
        if name in stores:
            datastores.mount(step.user, stores[name], [host])
    for name in sorted(mounted - wanted):
        datastores.unmount(step.user, stores[name], host)


def _pool(step: Step) -> Task:
    settings = {name: value for name, value in step.fields.items() if name in POOL_FIELDS and name != "vapp"}
    parent, name = step.find.pool(step.path[:-1]), step.path[-1]
    if not step.fields.get("is_vapp"):
        return pools.create(step.user, parent, name, **settings)
    told = step.fields.get("vapp") or {}
    return vapps.create(step.user, parent, name, _folder(step, told), _options(step, told), **settings)


def _folder(step: Step, told: Mapping[str, Any]) -> Any:
    return step.find.below(step.find.site(step.path)[0], FolderKind.VM, tuple(map(str, told.get("folder") or ())))


def _options(step: Step, told: Any) -> dict[str, Any]:
    """`vapp_options` from the file. A member that is not there (yet) is left out. Raises InvalidArgument."""
    here = step.find.site(step.path)
    place = step.path[: len(step.path) - len(here[1])]

    def member(kind: str, names: Path) -> str:
        try:
            found: Any = step.find.pool((*step.path, *names)) if kind == "vapp" else step.find.machine((*place, *names))
        except faults.NotFound:
            return ""
        return str(found.moref)

    def refuse(where: str, sentence: str) -> None:
        raise faults.InvalidArgument(property=f"vapp {where}".strip(), reason=sentence)

    found = describe_vapps.options_of(told, member, refuse)
    entities = {moref: one for moref, one in found.get("entities", {}).items() if moref}
    return {**found, "entities": entities} if entities else {k: v for k, v in found.items() if k != "entities"}


def _change_pool(step: Step) -> None:
    settings = {name: value for name, value in step.settings.items() if name != "vapp"}
    if settings:
        pools.reconfigure(step.user, step.find.pool(step.path), settings)


def _finish_pool(step: Step) -> None:
    """A vApp's folder, order and product, now that its members are there."""
    told, pool = step.fields.get("vapp") or {}, step.find.pool(step.path)
    if pool.is_vapp and ("vapp" in step.changed or not step.changed):
        _arrange(step, pool, told)


def _arrange(step: Step, vapp: Any, told: Mapping[str, Any]) -> None:
    folder, options = _folder(step, told), _options(step, told)
    if vapp.folder_id != folder.pk and not vapp.parent.is_vapp:
        vapps.move_to_folder(step.user, vapp, folder)
    if options != vapp.vapp_options:
        vapps.restore_options(step.user, vapp, {"vapp_options": options})


def _remove_pool(step: Step) -> Task:
    pool = step.find.pool(step.path)
    return vapps.destroy(step.user, pool) if pool.is_vapp else pools.destroy(step.user, pool)


POOL_FIELDS = frozenset({
    "cpu_reservation_mhz", "cpu_limit_mhz", "cpu_shares_level", "cpu_shares", "memory_reservation_mib",
    "memory_limit_mib", "memory_shares_level", "memory_shares", "cpu_expandable", "memory_expandable",
    "scalable_shares", "vapp",
})  # fmt: skip
add(
    "license",
    Kind(None, frozenset({"edition", "cores"}), _add_license, _edit_license, _remove_license, _finish_license),
)
add("category", Kind(add=_category))
add("tag", Kind(fields=frozenset({"description"}), add=_tag, change=_describe_tag))
add("attribute", Kind(add=_attribute))
add("datacenter", Kind(lambda find, path: find.site(path)[0]))
add("folder", Kind(
    Finder.folder,
    add=lambda step: folders.create(step.user, step.find.folder(step.path[:-1]), step.path[-1]),
    remove=lambda step: folders.destroy(step.user, step.find.folder(step.path)),
))  # fmt: skip
add("network", Kind(
    lambda find, path: find.shared(Network, path), frozenset({"folder"}), _network,
    _moved(Network, FolderKind.NETWORK),
    lambda step: networks.destroy(step.user, step.find.shared(Network, step.path)),
))  # fmt: skip
add("datastore", Kind(
    lambda find, path: find.shared(Datastore, path), frozenset({"folder"}), _datastore,
    _moved(Datastore, FolderKind.DATASTORE),
    lambda step: datastores.destroy(step.user, step.find.shared(Datastore, step.path)),
))  # fmt: skip
add("cluster", Kind(
    Finder.cluster, frozenset(clusters.FIELDS),
    change=lambda step: clusters.reconfigure(step.user, step.find.cluster(step.path), step.settings),
))  # fmt: skip
add("pool", Kind(
    Finder.pool, POOL_FIELDS, _pool,
    _change_pool,
    _remove_pool,
    _finish_pool,
))  # fmt: skip
add("host", Kind(
    Finder.host, DPM | hosts.VMOTION | {"datastores", "license", "autostart"}, change=_host, finish=_finish_host,
))  # fmt: skip
