"""Every privilege that a role can give is asked for by something, and what is asked for can be given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import faults
from domain.morefs import FolderKind
from domain.privileges import ALL, PRIVILEGES, SYSTEM_ROLES, into
from inventory import actions, rights
from inventory.actions import registry
from inventory.models import DatastoreMount, Permission, Role, VirtualMachine
from inventory.services import datastores, folders, networks, permissions, provisioning, tags, vms
from inventory.services.vm_checks import privileges_for
from tests import builders, cast, dialogs

ROOT = Path(__file__).parents[3]
ASKING = ("services", "selectors", "actions", "views", "pages", "forms", "rights.py", "models")
# Not asked for by name, each for a reason.
UNASKED = {
    "System.Anonymous": "everybody has it, logged in or not",
    "System.View": "comes with seeing anything at all; what is asked for is System.Read",
}
SHAPE = re.compile(r"[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]+){1,2}")


def sources() -> Iterator[Path]:
    for app in ("inventory", "scheduler", "classroom"):
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def texts(path: Path) -> Iterator[str]:
    """Every text of a module but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def test_every_privilege_is_asked_for_by_a_service_or_says_why_not():
    services = [path for path in sources() if "services" in path.parts or path.name == "vm.py" or "pages" in path.parts
                or path.parent.name in ("selectors", "models", "views")]  # fmt: skip
    asked = {text for path in services for text in texts(path)} | {"System.Read"}
    asked |= {into(privilege, vapp=True) for privilege in asked}  # what is put into a vApp asks for the vApp's own
    assert set(PRIVILEGES) - asked == set(UNASKED)


def test_nothing_is_asked_for_that_no_role_can_give():
    groups = {name.split(".")[0] for name in PRIVILEGES}
    named = {
        text for path in sources() for text in texts(path)
        if SHAPE.fullmatch(text) and text.split(".")[0] in groups
    }  # fmt: skip
    unknown = {text for text in named - ALL if looks_like_a_privilege(text)}
    assert not unknown


def looks_like_a_privilege(text: str) -> bool:
    """Tasks are named alike ("Datacenter.rename" with a small letter, "Host.Config.…" never)."""
    return text.count(".") == 2 or text.split(".")[0] in {"Alarm", "ScheduledTask", "Resource", "VApp"}


@pytest.mark.django_db
def test_menus_grey_with_privileges_that_there_are():
    lab = builders.small_lab()
    seen = set()
    for obj in (lab.vcenter, lab.cluster, lab.host, lab.pool, lab.vm, lab.datastore, lab.network, lab.datacenter):
        for action in registry.flat(registry.entries(obj)):
            seen |= {action.privilege, *action.others}
    assert seen - {""} <= ALL
    assert {"Datastore.Move", "Network.Move", "Datacenter.Move", "Host.Inventory.MoveCluster"} <= seen


# --- stored roles ----------------------------------------------------------------------------------------------------
@pytest.fixture
def people():
    return cast.make_cast()


@pytest.fixture
def lab(people):
    made = builders.small_lab(people.student)
    cast.admit(people, made.vcenter)
    return made


def role_with(lab, *privileges: str, name: str = "Own") -> Role:
    return Role.objects.create(vcenter=lab.vcenter, name=name, privileges=sorted({"System.Read", *privileges}))


def person_with(lab, *privileges: str, on=None):
    who = cast.make_user(builders.unique("person"))
    cast.grant(who, on or lab.vcenter, role_with(lab, *privileges, name=builders.unique("role")))
    return who


@pytest.mark.django_db
def test_a_role_that_names_what_is_no_longer_there_works_and_is_given_and_edited(lab, people):
    old = role_with(lab, "Global.Settings", "Sessions.TerminateSession", "VirtualMachine.Interact.PowerOn")
    permissions.grant(people.student, lab.vcenter, people.outsider, old)
    on = rights.privileges(people.outsider, lab.vm)
    assert "VirtualMachine.Interact.PowerOn" in on
    assert on <= ALL
    assert old.known == ["System.Read", "VirtualMachine.Interact.PowerOn"]
    with pytest.raises(faults.InvalidArgument):
        permissions.edit_role(people.student, old, name="Newer", privileges=["Made.Up"])
    permissions.edit_role(people.student, old, name="Newer", privileges=old.privileges)
    assert "Global.Settings" not in Role.objects.get(pk=old.pk).privileges


@pytest.mark.django_db
def test_its_page_and_a_copy_of_it_show_what_is_there(lab, people, client):
    old = role_with(lab, "Global.Settings", "Datastore.Browse")
    client.force_login(people.student)
    page = client.get(f"/vc/{lab.vcenter.uuid}/roles/{old.pk}/")
    assert page.status_code == 200
    copy = client.get(f"/vc/{lab.vcenter.uuid}/roles/new/?from={old.pk}").content.decode()
    assert 'value="Datastore.Browse"' in copy
    assert "Global.Settings" not in copy


def test_system_roles_hold_what_there_is():
    for role in SYSTEM_ROLES:
        assert role.privileges <= ALL


# --- what is asked of whom -------------------------------------------------------------------------------------------
CHANGES = [
    ({"cd_path": "[client]"}, {"VirtualMachine.Interact.SetCDMedia"}),
    ({"cd_connected": True}, {"VirtualMachine.Interact.DeviceConnection"}),
    ({"nics": {"edit": {4000: {"connected": False}}}}, {"VirtualMachine.Interact.DeviceConnection"}),
    ({"nics": {"edit": {4000: {"network": "network-7"}}}}, {"VirtualMachine.Config.EditDevice"}),
    ({"nics": {"add": [{}]}}, {"VirtualMachine.Config.AddRemoveDevice"}),
    ({"nics": {"remove": [4000]}}, {"VirtualMachine.Config.AddRemoveDevice"}),
    ({"hardware_version": 21}, {"VirtualMachine.Config.UpgradeVirtualHardware"}),
    ({"tools_installed": True}, {"VirtualMachine.Interact.ToolsInstall"}),
    ({"archetype": "db"}, {"VirtualMachine.Config.AdvancedConfig"}),
    ({"bus_sharing": "noSharing"}, {"VirtualMachine.Config.EditDevice"}),
    ({"firmware": "bios"}, {"VirtualMachine.Config.Settings"}),
    ({"vcpus": 2, "notes": ""}, {"VirtualMachine.Config.CPUCount", "VirtualMachine.Config.Annotation"}),
    ({"disks": {"grow": {2000: 1}}}, {"VirtualMachine.Config.DiskExtend"}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "wanted"), CHANGES)
def test_each_change_of_a_machine_asks_for_its_privilege(changes, wanted):
    assert set(privileges_for(changes)) == wanted


@pytest.mark.django_db
def test_a_vm_user_changes_the_disc_and_plugs_adapters_and_nothing_else(lab, people):
    cast.grant(people.outsider, lab.vcenter, "VM user")
    vm = VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool").get(pk=lab.vms[1].pk)
    for forbidden in ({"vcpus": 2}, {"bus_sharing": "physicalSharing"}, {"archetype": "db"}):
        with pytest.raises(faults.NoPermission):
            vms.reconfigure(people.outsider, vm, forbidden)
    with pytest.raises(faults.NoPermission, match=r"Datastore\.Browse|Browse"):
        vms.reconfigure(people.outsider, vm, {"cd_datastore": lab.datastore.moref, "cd_path": "a.iso"})
    vms.reconfigure(people.outsider, vm, {"cd_path": "[client]", "cd_connected": True})


@pytest.mark.django_db
def test_a_power_user_takes_an_image_of_a_datastore_that_he_may_browse(lab, people):
    vm = VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool").get(pk=lab.vms[1].pk)
    image = {"cd_datastore": lab.datastore.moref, "cd_path": "a.iso"}
    assert vms.reconfigure(people.operator, vm, image).operation == "vm.reconfigure"
    alone = person_with(lab, "VirtualMachine.Interact.SetCDMedia", on=lab.vms[2])
    other = VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool").get(pk=lab.vms[2].pk)
    with pytest.raises(faults.NoPermission):
        vms.reconfigure(alone, other, image)


@pytest.mark.django_db
def test_edit_settings_greys_the_rows_that_a_person_may_not_change(lab, people, client):
    cast.grant(people.outsider, lab.vcenter, "VM user")
    client.force_login(people.outsider)
    url = dialogs.address(lab, lab.vms[1], "edit-settings")
    page = client.get(url).content.decode()
    typed = dialogs.typed(page)
    assert "cd_connected" in page
    assert "vcpus" not in typed  # disabled: a browser does not send it
    assert "VirtualMachine.Config.CPUCount" in page
    assert "cd_datastore" in typed
    client.force_login(people.reader)
    assert client.get(url).status_code == 403
    client.force_login(people.student)
    assert "vcpus" in dialogs.typed(client.get(url).content.decode())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "privilege"),
    [("cluster", "Host.Inventory.MoveCluster"), ("datastore", "Datastore.Move"), ("network", "Network.Move"),
     ("datacenter", "Datacenter.Move")],
)  # fmt: skip
def test_moving_asks_for_the_privilege_of_what_is_moved_there_and_here(lab, kind, privilege):
    folder_kind = {"cluster": FolderKind.HOST, "datastore": FolderKind.DATASTORE, "network": FolderKind.NETWORK}
    root = builders.root_folder(lab.vcenter) if kind == "datacenter" else builders.fixed_folder(
        lab.datacenter, folder_kind[kind])  # fmt: skip
    to, obj = builders.make_folder(root, "new home"), getattr(lab, kind)
    for wrong in (person_with(lab, "Folder.Move"), person_with(lab, privilege, on=obj)):
        with pytest.raises(faults.NoPermission):
            folders.move(wrong, obj, to)
    assert folders.move(person_with(lab, privilege), obj, to).description_id == "Folder.moveInto"


@pytest.mark.django_db
def test_hosts_are_asked_where_they_get_port_groups_and_datastores(lab):
    net, store = person_with(lab, "Host.Config.Network"), person_with(lab, "Host.Config.Storage", "Datastore.Create")
    home = builders.fixed_folder(lab.datacenter, FolderKind.NETWORK)
    with pytest.raises(faults.NoPermission):
        networks.create(store, home, "lan", 7, [lab.host])
    networks.create(net, home, "lan", 7, [lab.host])
    where = builders.fixed_folder(lab.datacenter, FolderKind.DATASTORE)
    with pytest.raises(faults.NoPermission):
        datastores.create(person_with(lab, "Datastore.Create"), where, "disks", "NFS", 1024**4, [lab.host])
    datastores.create(store, where, "disks", "NFS", 1024**4, [lab.host])
    with pytest.raises(faults.NoPermission):
        datastores.unmount(net, lab.datastore, lab.host)
    assert DatastoreMount.objects.filter(host=lab.host, datastore=lab.datastore).exists()


@pytest.mark.django_db
def test_copies_ask_for_what_they_are_made_from_and_into(lab):
    rest = ("VirtualMachine.Inventory.CreateFromExisting", "VirtualMachine.Config.AddNewDisk",
            "Datastore.AllocateSpace", "Network.Assign",
            "Resource.AssignVMToPool")  # fmt: skip
    provision = "VirtualMachine.Provisioning."
    vm = VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool", "folder").get(pk=lab.vms[1].pk)
    template = VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool", "folder").get(
        pk=lab.template.pk
    )  # fmt: skip
    cases = ((vm, False, "Clone"), (vm, True, "CreateTemplateFromVM"), (template, False, "DeployTemplate"),
             (template, True, "CloneTemplate"))  # fmt: skip
    for source, as_template, privilege in cases:
        others = [provision + one for _s, _t, one in cases if one != privilege]
        options = {"folder": lab.vm_folder, "pool": lab.pool, "as_template": as_template}
        with pytest.raises(faults.NoPermission):
            provisioning.clone(person_with(lab, *rest, *others), source, name=builders.unique("copy"), **options)
        may = person_with(lab, *rest, provision + privilege)
        provisioning.clone(may, source, name=builders.unique("copy"), **options)


@pytest.mark.django_db
def test_files_are_for_those_who_may_browse(lab, people, client):
    url = f"/vc/{lab.vcenter.uuid}/{lab.datastore.moref}/files/"
    client.force_login(people.operator)
    assert "All files known" in client.get(url).content.decode()
    client.force_login(people.reader)
    page = client.get(url)
    assert page.status_code == 200
    assert "All files known" not in page.content.decode()
    assert "Datastore.Browse" in page.content.decode()


@pytest.mark.django_db
def test_tags_ask_each_for_its_own(lab):
    maker = person_with(lab, "InventoryService.Tagging.CreateCategory")
    category = tags.create_category(maker, lab.vcenter, "stage")
    with pytest.raises(faults.NoPermission):
        tags.create_tag(maker, category, "test")
    assert actions.for_object(maker, lab.vm)
    assert Permission.objects.filter(user=maker).exists()
