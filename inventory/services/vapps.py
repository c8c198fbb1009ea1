"""vApps: create, arrange, start and stop, clone, delete. What they have in common with pools is in `pools`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain import faults
from domain.limits import DEFAULT_LIMITS
from domain.morefs import FolderKind
from domain.states import VmPower
from domain.vapps import Entity, Run, Verb, act_for, grouped
from hypervisors.port import Config
from inventory import sequences
from inventory.inverses import note
from inventory.journal import changing
from inventory.models import Datastore, Folder, ResourcePool, Task, VirtualMachine
from inventory.services import pools, provisioning, vms
from inventory.services.base import check, expect_version, instant, submit
from inventory.vapps import Content, around, running

CREATE, MOVE = "VApp.Create", "VApp.Move"
PRODUCT = ("name", "vendor", "version", "full_version", "product_url", "vendor_url", "notes")
PRODUCT_LENGTH = 255


# --- life ------------------------------------------------------------------------------------------------------------
def create(
    user: Any, parent: ResourcePool, name: str, folder: Folder | None = None, options: Any = None, **allocation: Any
) -> Task:
    """A vApp under `parent`; `folder` is its place among VMs and templates, the datacenter where none is given.

    `allocation` = fields of `pools.FIELDS`; `options` = the row's `vapp_options`, for a copy.
    """
    check(user, CREATE, parent)
    home = _home(user, parent, folder)
    vapp = pools.planned(parent, name, allocation, is_vapp=True)
    vapp.folder, vapp.vapp_options = home, options or {}
    with changing(parent.vcenter, user) as change:
        pools.add(change, vapp)
        change.event("VAppCreatedEvent", vapp, parent.cluster)
        return instant(change, "VirtualApp.create", vapp)


def _home(user: Any, parent: ResourcePool, folder: Folder | None) -> Folder:
    """The folder of a new vApp. Raises InvalidFolder where it is not one for VMs of the same datacenter."""
    datacenter = parent.cluster.datacenter_id
    if folder is None:
        return Folder.objects.get(datacenter=datacenter, folder_kind=FolderKind.VM, fixed=True)
    check(user, CREATE, folder)
    if folder.folder_kind != FolderKind.VM or folder.datacenter_id != datacenter:
        raise faults.InvalidFolder(target=folder.name)
    return folder


def move_to_folder(user: Any, vapp: ResourcePool, folder: Folder) -> Task:
    """Change the place among VMs and templates. A child vApp stays with its parent."""
    check(user, MOVE, vapp, folder)
    if folder.folder_kind != FolderKind.VM or folder.datacenter_id != vapp.cluster.datacenter_id:
        raise faults.InvalidFolder(target=folder.name)
    if vapp.parent is not None and vapp.parent.is_vapp:
        raise faults.InvalidState(name=vapp.name, reason="it lies in another vApp and is shown there")
    with changing(vapp.vcenter, user) as change:
        before = vapp.folder.moref if vapp.folder else ""
        pools.tell_trees(change, vapp)
        vapp.folder = folder
        vapp.save(update_fields=["folder"])
        change.event("ObjectMovedEvent", vapp, folder)
        pools.tell_trees(change, vapp)
        undo = note("folder", {"folder": before}, {"folder": folder.moref}) if before else {}
        return instant(change, "Folder.moveInto", vapp, args=undo)


def destroy(user: Any, vapp: ResourcePool) -> Task:
    """Delete a vApp with everything in it, as vSphere does: its VMs go to the recycle bin, its pools and child vApps go
    for good.

    Raises:
        InvalidPowerState: a VM in it is not powered off.
    """
    content = Content(vapp)
    inside = ResourcePool.objects.filter(pk__in=content.below(vapp.pk)).order_by("-id")
    check(user, "VApp.Delete", vapp, *(one for one in inside if one.is_vapp))
    refuse_running(vapp)
    for vm in content.machines:
        if vm.power_state != VmPower.OFF:
            raise faults.InvalidPowerState(
                name=vm.name, requestedState=str(VmPower.OFF), existingState=str(vm.power_state)
            )
    parent = vapp.parent
    assert parent is not None  # a root pool is no vApp
    with changing(vapp.vcenter, user) as change:
        for vm in content.machines:
            vms.delete_from_disk(user, vm)
        binned = VirtualMachine.everything.filter(pool__in=inside)  # they come back into the parent
        for uuid in binned.values_list("uuid", flat=True):
            change.configure(Config.MOVE_VM, uuid, pool=str(parent.uuid))
        binned.update(pool=parent)
        change.event("VAppDestroyedEvent", vapp, vapp.cluster)
        task = instant(change, "VirtualApp.destroy", vapp)
        pools.tell_trees(change, parent, vapp)
        for pool in inside:
            change.configure(Config.REMOVE_POOL, pool.uuid)
            pool.delete()
        return task


def clone(
    user: Any,
    vapp: ResourcePool,
    name: str,
    *,
    parent: ResourcePool | None = None,
    folder: Folder | None = None,
    datastore: Datastore | None = None,
) -> Task:
    """A copy with the same settings and start order, and with the pools and child vApps that are in it; each VM becomes
    a clone with a task of its own.

    The copies keep their VMs' names where the folder has room for them; else the new vApp's name comes before them.
    """
    check(user, "VApp.Clone", vapp, *_vapps_below(vapp))
    place = parent or vapp.parent
    assert place is not None
    with changing(vapp.vcenter, user) as change:
        copy = _copied(user, vapp, place, name, folder or vapp.folder)
        home = copy.folder
        assert home is not None
        _fill(user, vapp, copy, Destination(copy.name, home, datastore))
        change.event("VAppClonedEvent", copy, copy.cluster, old=vapp.name)
        return instant(change, "VirtualApp.clone", copy, result={"source": vapp.name})


def arriving(vapp: ResourcePool) -> tuple[str, ...]:
    """The privileges that a copy takes on the folder where it and its machines arrive."""
    machines = Content(vapp).machines
    return (CREATE, *(provisioning.arriving(machines, as_template=False) if machines else ()))


def _vapps_below(vapp: ResourcePool) -> list[ResourcePool]:
    content = Content(vapp)
    inside = [pk for pk in content.below(vapp.pk) if pk != vapp.pk]
    return list(ResourcePool.objects.select_related("vcenter", "cluster").filter(pk__in=inside, is_vapp=True))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the machines of a copied vApp go; `name`, that of the whole copy, tells twins in the folder apart."""

    name: str
    folder: Folder
    datastore: Datastore | None

    def title(self, vm: VirtualMachine) -> str:
        taken = VirtualMachine.objects.filter(folder=self.folder, name=vm.name).exists()
        return f"{self.name}-{vm.name}"[: DEFAULT_LIMITS.name_length] if taken else vm.name


def _copied(user: Any, pool: ResourcePool, parent: ResourcePool, name: str, folder: Folder | None) -> ResourcePool:
    """An empty pool or vApp with the figures of `pool`."""
    allocation = {field: getattr(pool, field) for field in pools.FIELDS}
    if pool.is_vapp:
        made = create(user, parent, name, folder, _without_members(pool), **allocation)
    else:
        made = pools.create(user, parent, name, **allocation)
    rows = ResourcePool.objects.select_related("cluster__datacenter", "folder", "parent", "vcenter")
    return rows.get(vcenter=pool.vcenter_id, moref=made.entity)


def _fill(user: Any, source: ResourcePool, copy: ResourcePool, to: Destination) -> dict[str, str]:
    """Copy what is in a pool or vApp, then the start order of a vApp; returns the copies' references by the originals'.

    A vApp's members include those of the plain pools in it, but not those of its child vApps.
    """
    made = {}
    for vm in VirtualMachine.objects.filter(pool=source).select_related("vcenter", "host__cluster", "pool", "folder"):
        task = provisioning.clone(user, vm, name=to.title(vm), folder=to.folder, pool=copy, datastore=to.datastore)
        made[vm.moref] = task.entity
    for child in source.children.select_related("vcenter", "cluster", "folder").order_by("pk"):
        twin = _copied(user, child, copy, child.name, to.folder)
        inside = _fill(user, child, twin, to)
        made |= {child.moref: twin.moref} if child.is_vapp else inside
    if source.is_vapp:
        entities = {made[one.moref]: one.settings() for one in Content(source).entities}
        copy.vapp_options = {**copy.vapp_options, "entities": entities}
        copy.save(update_fields=["vapp_options"])
    return made


def _without_members(vapp: ResourcePool) -> dict[str, Any]:
    return {key: value for key, value in (vapp.vapp_options or {}).items() if key != "entities"}


# --- settings --------------------------------------------------------------------------------------------------------
def configure(
    user: Any,
    vapp: ResourcePool,
    *,
    entities: Sequence[Entity] | None = None,
    product: Mapping[str, str] | None = None,
    expected_version: int | None = None,
) -> Task:
    """Change the start order (all members or some of them) or what the vApp says of its product.

    Raises:
        InvalidArgument: a member that is none, or a setting out of its range.
        ConcurrentAccess: somebody saved the vApp since `expected_version`.
    """
    check(user, "VApp.ApplicationConfig", vapp)
    stored = ResourcePool.objects.select_related("cluster").get(pk=vapp.pk)
    expect_version(stored, expected_version)
    options = dict(stored.vapp_options or {})
    changed = []
    if entities is not None:
        options["entities"] = _entities(stored, entities)
        changed.append("start order")
    if product is not None:
        options["product"] = _product(product)
        changed.append("product")
    return _store(user, vapp, options, ", ".join(changed))


def _entities(vapp: ResourcePool, changed: Sequence[Entity]) -> dict[str, Any]:
    """The settings of all members, numbered without gaps: what is left out stays as it is."""
    known = {one.moref: one for one in Content(vapp).entities}
    for one in changed:
        if one.moref not in known:
            raise faults.InvalidArgument(property="entities", reason="a member is not in this vApp (any more)")
        if problem := one.problem():
            raise faults.InvalidArgument(property=problem, reason="it is out of its range")
    known |= {one.moref: one for one in changed}
    numbers = {number: place for place, number in enumerate(sorted({one.group for one in known.values()}), 1)}
    return {moref: replace(one, group=numbers[one.group]).settings() for moref, one in known.items()}


def _product(given: Mapping[str, str]) -> dict[str, str]:
    unknown = set(given) - set(PRODUCT)
    if unknown:
        raise faults.InvalidArgument(property=min(unknown), reason="there is no such setting")
    for key, value in given.items():
        limit = DEFAULT_LIMITS.notes_length if key == "notes" else PRODUCT_LENGTH
        if len(value) > limit:
            raise faults.LimitExceeded(property=key, limit=limit)
        if key.endswith("_url") and value and not value.startswith(("http://", "https://")):
            raise faults.InvalidArgument(property=key, reason="an address begins with http:// or https://")
    return {key: given[key].strip() for key in PRODUCT if given.get(key, "").strip()}


def restore_options(user: Any, vapp: ResourcePool, before: Mapping[str, Any]) -> Task:
    """Put back `vapp_options` as they were, to undo a change."""
    check(user, "VApp.ApplicationConfig", vapp)
    return _store(user, vapp, dict(before["vapp_options"]), "start order, product")


def _store(user: Any, vapp: ResourcePool, options: dict[str, Any], what: str) -> Task:
    with changing(vapp.vcenter, user) as change:
        before, vapp.vapp_options = vapp.vapp_options, options
        vapp.change_version += 1
        vapp.save(update_fields=["vapp_options", "change_version"])
        change.event("VAppReconfiguredEvent", vapp, vapp.cluster, reason=what)
        change.changed(vapp)
        undo = note("vapp", {"vapp_options": before}, {"vapp_options": options})
        return instant(change, "VirtualApp.updateVAppConfig", vapp, args=undo)


# --- start and stop --------------------------------------------------------------------------------------------------
def power_on(user: Any, vapp: ResourcePool) -> Task:
    """Start the members group by group; suspended ones are resumed."""
    check(user, "VApp.PowerOn", vapp)
    return begin(user, vapp, Verb.START)


def shut_down(user: Any, vapp: ResourcePool) -> Task:
    """Stop the members in the reverse order, each by its stop action."""
    check(user, "VApp.PowerOff", vapp)
    return begin(user, vapp, Verb.STOP)


def power_off(user: Any, vapp: ResourcePool) -> Task:
    """Power everything off hard and at once, whatever the stop actions are; what is suspended loses its saved state."""
    check(user, "VApp.PowerOff", vapp)
    return begin(user, vapp, Verb.POWER_OFF)


def suspend(user: Any, vapp: ResourcePool) -> Task:
    """Suspend what runs, in the reverse order."""
    check(user, "VApp.Suspend", vapp)
    return begin(user, vapp, Verb.SUSPEND)


def refuse_running(vapp: ResourcePool) -> None:
    """Raise where a start or stop runs on the vApp, or on one that it lies in."""
    for one in around(vapp):
        task = running(one)
        if task is not None and one.pk == vapp.pk:
            raise faults.VAppOperationInProgress(name=vapp.name, task=task.description_id)
        if task is not None:
            raise faults.VAppTaskInProgress(name=vapp.name, vapp=one.name)


def begin(user: Any, vapp: ResourcePool, verb: Verb) -> Task:
    """Begin a verb and its first group; beats take the rest (`inventory.sequences`).

    Raises:
        VAppOperationInProgress, VAppTaskInProgress: the vApp or one around it is being started or stopped.
        InvalidPowerState: every member is where the verb would bring it.
        InvalidState: there is nothing that the verb could change.
    """
    refuse_running(vapp)
    content = Content(vapp)
    _refuse_nothing_to_do(content, verb)
    with changing(vapp.vcenter, user) as change:
        try:
            task = submit(change, sequences.OPERATION[verb], vapp, {"verb": str(verb)})
        except faults.TaskInProgress:  # somebody else was faster by a moment
            raise faults.VAppOperationInProgress(name=vapp.name, task="another task") from None
        sequences.start(change, task, content, verb)
    sequences.steward(task, vapp.vcenter.lab_seconds())
    task.refresh_from_db()
    return task


def _refuse_nothing_to_do(content: Content, verb: Verb) -> None:
    vapp = content.vapp
    if not content.machines:
        raise faults.InvalidState(name=vapp.name, reason="there is no virtual machine in it")
    members = [one for group in grouped(content.entities, verb) for one in group]
    if any(act_for(verb, one, content.seen[one.moref].powers) for one in members):
        return
    powers = {str(vm.power_state) for vm in content.machines}
    if len(powers) > 1 or powers == ({VmPower.OFF} if verb == Verb.START else {VmPower.ON}):
        raise faults.InvalidState(name=vapp.name, reason="no member has an action for it. See its start order.")
    wanted = VmPower.OFF if verb == Verb.START else VmPower.ON
    raise faults.InvalidPowerState(name=vapp.name, requestedState=str(wanted), existingState=powers.pop())


def run_of(task: Task) -> Run:
    """How far a start or stop has come."""
    return Run.from_plain(task.detail)
