"""Space on a datastore, a network, a place in a pool: whoever brings a machine there needs the right to, by whichever
way it comes; whoever lacks exactly that is refused before anything is made, and sees why where it is offered."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from domain.faults import NoPermission
from domain.privileges import ALL
from inventory import selectors
from inventory.models import Datastore, DatastoreMount, Network, Role, Task, VirtualMachine
from inventory.services import provisioning, vms
from scheduler.services.devices import Target
from scheduler.services.migration import relocate
from tests.builders import SmallLab, make_network, root_pool
from tests.cast import Cast, grant, make_user
from tests.dialogs import Walk, address, opened

GIB = 1024**3
SPACE, NETWORK, POOL = "Datastore.AllocateSpace", "Network.Assign", "Resource.AssignVMToPool"
DISK, REGISTER = "VirtualMachine.Config.AddNewDisk", "VirtualMachine.Inventory.Register"
COPIED_MACHINE, COPIED_TEMPLATE = (
    f"VirtualMachine.Provisioning.{n}" for n in ("CreateTemplateFromVM", "CloneTemplate")
)
ASKED = {SPACE, NETWORK, POOL, DISK, REGISTER, COPIED_MACHINE, COPIED_TEMPLATE}


@dataclass
class Stage:
    """Three machines on the hosts' shared datastore, and a second datastore and network that every host has."""

    lab: SmallLab
    store: Datastore
    network: Network

    @property
    def vm(self) -> VirtualMachine:
        rows = VirtualMachine.objects.select_related("vcenter", "host__cluster", "pool", "folder")
        return rows.get(pk=self.lab.vms[1].pk)

    @property
    def template(self) -> VirtualMachine:
        rows = VirtualMachine.objects.select_related("vcenter", "host__cluster", "folder")
        assert self.lab.template is not None
        return rows.get(pk=self.lab.template.pk)

    def copied(self, user: Any, source: VirtualMachine, **more: Any) -> Task:
        where = {"folder": self.lab.vm_folder, "pool": root_pool(self.lab.cluster), **more}
        return provisioning.clone(user, source, name="fresh", **where)

    def created(self, user: Any, **more: Any) -> Task:
        return provisioning.create(
            user, folder=self.lab.vm_folder, pool=root_pool(self.lab.cluster), name="fresh", datastore=self.store,
            nics=[{"network": self.network.moref}], **more,
        )  # fmt: skip

    def restored(self, user: Any, vm: VirtualMachine) -> Task:
        """Out of the recycle bin, where it was put without a task."""
        VirtualMachine.everything.filter(pk=vm.pk).update(deleted_at=now())
        return vms.restore(user, selectors.deleted_vm_for(user, self.lab.vcenter, vm.moref))

    def reconfigured(self, user: Any, kind: str, **changes: Any) -> Task:
        return vms.reconfigure(user, self.vm, {kind: changes})


WAYS: dict[str, tuple[Callable[[Stage, Any], Task], set[str]]] = {
    "create": (lambda on, user: on.created(user), {SPACE, NETWORK, POOL, DISK}),
    "create without disks": (lambda on, user: on.created(user, disks=()), {NETWORK, POOL}),
    "clone": (lambda on, user: on.copied(user, on.vm), {SPACE, NETWORK, POOL, DISK}),
    "clone elsewhere": (lambda on, user: on.copied(user, on.vm, datastore=on.store), {SPACE, NETWORK, POOL, DISK}),
    "clone to template": (lambda on, user: on.copied(user, on.vm, as_template=True), {SPACE, NETWORK, COPIED_MACHINE}),
    "copy a template": (
        lambda on, user: on.copied(user, on.template, as_template=True), {SPACE, COPIED_TEMPLATE}
    ),
    "deploy": (lambda on, user: on.copied(user, on.template), {SPACE, POOL, DISK}),
    "convert to machine": (lambda on, user: vms.mark_as_vm(user, on.template, root_pool(on.lab.cluster)), {POOL}),
    "move to pool": (lambda on, user: vms.move_to_pool(user, on.vm, on.lab.pool), {POOL}),
    "restore": (lambda on, user: on.restored(user, on.vm), {POOL, REGISTER}),
    "restore a template": (lambda on, user: on.restored(user, on.template), {REGISTER}),
    "add a disk": (lambda on, user: on.reconfigured(user, "disks", add=[{"capacity_bytes": GIB}]), {SPACE, DISK}),
    "add a disk elsewhere": (
        lambda on, user: on.reconfigured(user, "disks", add=[{"capacity_bytes": GIB, "datastore": on.store.moref}]),
        {SPACE, DISK},
    ),
    "grow a disk": (lambda on, user: on.reconfigured(user, "disks", grow={2000: 20 * GIB}), {SPACE}),
    "add an adapter": (
        lambda on, user: on.reconfigured(user, "nics", add=[{"network": on.lab.network.moref}]), {NETWORK}
    ),
    "plug an adapter in": (
        lambda on, user: on.reconfigured(user, "nics", edit={4000: {"network": on.network.moref}}), {NETWORK}
    ),
    "move storage": (lambda on, user: relocate(user, on.vm, Target(datastore=on.store)), {SPACE}),
    "migrate to a pool": (
        lambda on, user: relocate(user, on.vm, Target(host=on.lab.hosts[0], pool=on.lab.pool)), {POOL}
    ),
    "migrate to a network": (
        lambda on, user: relocate(user, on.vm, Target(host=on.lab.hosts[0], networks={4000: on.network})), {NETWORK}
    ),
}  # fmt: skip
LACKS = [(way, privilege) for way, (_act, asked) in WAYS.items() for privilege in sorted(asked)]


@pytest.fixture
def stage(lab: SmallLab) -> Stage:
    from tests.builders import make_datastore

    store = make_datastore(lab.datacenter, "second", hosts=lab.hosts)
    return Stage(lab, store, make_network(lab.datacenter, "second", hosts=lab.hosts))


def without(lab: SmallLab, *privileges: str) -> Any:
    """Somebody who may do everything else."""
    role = Role.objects.create(vcenter=lab.vcenter, name="Nearly all", privileges=sorted(ALL - {*privileges}))
    user = make_user("nearly")
    grant(user, lab.vcenter, role)
    return user


@pytest.mark.parametrize("way", WAYS)
def test_the_owner_may(cast: Cast, stage: Stage, way: str) -> None:
    assert WAYS[way][0](stage, cast.student).pk


@pytest.mark.parametrize(("way", "privilege"), LACKS)
def test_who_lacks_exactly_that_is_refused_and_nothing_is_made(cast: Cast, stage: Stage, way: str, privilege: str):
    with pytest.raises(NoPermission) as refused:
        WAYS[way][0](stage, without(stage.lab, privilege))
    assert refused.value.fields["privilege"] == privilege
    assert not Task.objects.exists()
    assert not VirtualMachine.everything.filter(name="fresh").exists()


@pytest.mark.parametrize("way", WAYS)
def test_who_lacks_only_the_others_may(stage: Stage, cast: Cast, way: str) -> None:
    act, asked = WAYS[way]
    assert act(stage, without(stage.lab, *(ASKED - asked))).pk


@pytest.mark.parametrize("who", ["reader", "outsider"])
@pytest.mark.parametrize("way", WAYS)
def test_reader_and_stranger_may_nothing(cast: Cast, stage: Stage, way: str, who: str) -> None:
    with pytest.raises((NoPermission, Http404)):  # nobody learns what lies in a bin that is not theirs to see
        WAYS[way][0](stage, getattr(cast, who))


def test_an_adapter_that_stays_on_its_network_needs_no_right(cast: Cast, stage: Stage) -> None:
    edit = {4000: {"network": stage.lab.network.moref, "connected": False}}
    assert stage.reconfigured(without(stage.lab, NETWORK), "nics", edit=edit).pk


# --- what pages offer ------------------------------------------------------------------------------------------------
def page_of(client: Client, user: Any, url: str) -> str:
    client.force_login(user)
    return client.get(url).content.decode()


def test_edit_settings_greys_networks_and_disks_with_the_reason(client: Client, cast: Cast, stage: Stage) -> None:
    user, url = without(stage.lab, NETWORK, SPACE), address(stage.lab, stage.vm, "edit-settings")
    page = page_of(client, user, url)
    assert "second – You may not assign this network." in page
    assert f'value="{stage.lab.network.moref}" selected>VM Network</option>' in page.replace("\n", "")
    assert "You may not allocate space on this datastore." in page
    data = opened(client, url)
    assert client.post(url, data).status_code == 202  # as it was opened: nothing that a right is missing for
    forced = client.post(url, {**data, "nics-4000-network": stage.network.moref})
    assert forced.status_code == 422
    assert "You may not assign this network." in forced.content.decode()
    assert not Task.objects.exists()


def test_the_owner_is_offered_everything(client: Client, cast: Cast, stage: Stage) -> None:
    page = page_of(client, cast.student, address(stage.lab, stage.vm, "edit-settings"))
    assert "You may not" not in page


def test_clone_says_at_its_first_step_that_the_network_may_not_be_assigned(client: Client, stage: Stage, cast: Cast):
    client.force_login(without(stage.lab, NETWORK))
    walk = Walk(client, address(stage.lab, stage.vm, "clone")).send(name="fresh")
    assert walk.answer.status_code == 422
    assert "You may not assign its network “VM Network”." in walk.page


def test_the_wizard_of_new_machines_greys_sources_that_cannot_be_copied(client: Client, stage: Stage, cast: Cast):
    client.force_login(without(stage.lab, NETWORK, "VirtualMachine.Provisioning.DeployTemplate"))
    url = address(stage.lab, stage.lab.cluster, "new-vm")
    assert "You may not assign its network" in Walk(client, url).send(type="clone").page
    assert "VirtualMachine.Provisioning.DeployTemplate" in Walk(client, url).send(type="deploy").page


def test_per_disk_migration_greys_a_datastore_that_may_not_be_filled(client: Client, stage: Stage, cast: Cast) -> None:
    client.force_login(without(stage.lab, SPACE))
    walk = Walk(client, address(stage.lab, stage.vm, "migrate")).send(type="storage")
    page = walk.send("refresh", advanced="on").page
    assert "You may not allocate space on this datastore." in page
    assert DatastoreMount.objects.filter(datastore=stage.store).exists()


def test_new_machines_come_without_a_disk_where_none_may_be_added(client: Client, stage: Stage, cast: Cast) -> None:
    client.force_login(without(stage.lab, DISK))
    walk = Walk(client, address(stage.lab, stage.lab.cluster, "new-vm")).send().send(name="fresh").send().send().send()
    page = walk.send().page
    assert walk.step == "hardware"
    assert "You need the privilege VirtualMachine.Config.AddNewDisk" in page
    assert "device-disks-new1" not in page
    forced = walk.send("next", disks="new1")
    assert (forced.answer.status_code, forced.step) == (422, "hardware")


def test_edit_settings_says_why_no_disk_can_be_added(client: Client, stage: Stage, cast: Cast) -> None:
    page = page_of(client, without(stage.lab, DISK), address(stage.lab, stage.vm, "edit-settings"))
    assert "You need the privilege VirtualMachine.Config.AddNewDisk" in page


def test_the_recycle_bin_greys_what_may_not_go_back(client: Client, stage: Stage, cast: Cast) -> None:
    VirtualMachine.everything.filter(pk=stage.vm.pk).update(deleted_at=now())
    url = reverse("inventory:recycle-bin")
    assert "You need the privilege" not in page_of(client, cast.student, url)
    page = page_of(client, without(stage.lab, POOL), url)
    assert f"You need the privilege {POOL} on “{root_pool(stage.lab.cluster).name}”" in page.replace("&quot;", '"')


def test_migrate_greys_networks_that_cannot_be_chosen(client: Client, stage: Stage, cast: Cast) -> None:
    """One that may not be assigned, one that the host does not have, and the present one, which needs no right."""
    make_network(stage.lab.datacenter, "elsewhere", hosts=[stage.lab.hosts[1]])
    client.force_login(without(stage.lab, NETWORK))
    walk = Walk(client, address(stage.lab, stage.vm, "migrate")).send(type="compute")
    target = stage.lab.hosts[0]
    page = html.unescape(walk.send(host=target.moref).page)
    assert walk.step == "networks"
    assert "second – You may not assign this network." in page
    assert f"elsewhere – The host “{target.name}” does not have this network." in page
    assert f"selected>{stage.lab.network.name}</option>" in page
    forced = walk.send(**{f"from-{stage.lab.network.moref}": stage.network.moref})
    assert (forced.answer.status_code, forced.step) == (422, "networks")
    assert "You may not assign this network." in forced.page
