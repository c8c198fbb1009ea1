"""Nobody gives away more than he has; tags and attributes keep their rules; all of it is in the audit log."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from domain import faults
from domain.privileges import READ, SYSTEM
from inventory import rights, selectors
from inventory.models import AuditEntry, CustomValue, Event, Permission, Role, TagAssignment
from inventory.services import permissions, tags
from tests.builders import SmallLab, small_lab
from tests.cast import Cast, grant, make_user, system_role

ON = "VirtualMachine.Interact.PowerOn"


def last_action() -> str:
    return AuditEntry.objects.latest("id").action


def test_the_owner_gives_changes_and_takes(cast: Cast, lab: SmallLab) -> None:
    given = permissions.grant(cast.student, lab.vm, cast.outsider, system_role("VM user"))
    assert rights.has(cast.outsider, ON, lab.vm)
    assert last_action() == "AuthorizationManager.setEntityPermissions"
    changed = permissions.grant(cast.student, lab.vm, cast.outsider, system_role("Read-only"), propagate=False)
    assert changed.pk == given.pk
    assert not rights.has(cast.outsider, ON, lab.vm)
    permissions.revoke(cast.student, lab.vm, changed)
    assert not rights.has(cast.outsider, READ, lab.vm)
    types = Event.objects.filter(entity=lab.vm.moref).order_by("key").values_list("type", flat=True)
    assert list(types) == ["PermissionAddedEvent", "PermissionUpdatedEvent", "PermissionRemovedEvent"]


def test_a_group_gets_a_role(cast: Cast, lab: SmallLab) -> None:
    group = Group.objects.create(name="class-1")
    cast.outsider.groups.add(group)
    permissions.grant(cast.student, lab.datacenter, group, system_role("Read-only"))
    assert rights.privileges(cast.outsider, lab.vm) == SYSTEM


def test_nobody_gives_what_he_lacks(cast: Cast, lab: SmallLab) -> None:
    with pytest.raises(faults.NoPermission) as refusal:
        permissions.grant(cast.operator, lab.vm, cast.outsider, system_role("VM user"))
    assert refusal.value.fields["privilege"] == "Authorization.ModifyPermissions"
    user = make_user("pool-admin")
    grant(user, lab.pool, "Resource pool administrator")
    permissions.grant(user, lab.pool, cast.outsider, system_role("VM user"))
    with pytest.raises(faults.NoPermission):
        permissions.grant(user, lab.pool, cast.outsider, system_role("Administrator"))


def test_nobody_takes_what_he_lacks(cast: Cast, lab: SmallLab) -> None:
    user = make_user("pool-admin")
    grant(user, lab.pool, "Resource pool administrator")
    above = grant(cast.outsider, lab.pool, "Administrator")
    with pytest.raises(faults.NoPermission):
        permissions.revoke(user, lab.pool, above)
    with pytest.raises(faults.NoPermission):
        permissions.grant(user, lab.pool, cast.outsider, system_role("Read-only"))
    assert Permission.objects.get(pk=above.pk).role.name == "Administrator"


def test_a_permission_is_taken_only_through_its_own_object(cast: Cast, lab: SmallLab) -> None:
    given = grant(cast.outsider, lab.datacenter, "Read-only")
    with pytest.raises(faults.NotFound):
        permissions.revoke(cast.student, lab.vm, given)


def test_permissions_on_an_object_say_where_they_come_from(cast: Cast, lab: SmallLab) -> None:
    grant(cast.outsider, lab.vm_folder, "VM user")
    grant(cast.outsider, lab.cluster, "Read-only", propagate=False)
    applied = selectors.permissions_on(lab.vm)
    assert [(one.name, one.own, str(one.permission.user)) for one in applied] == [
        ("Web", False, "outsider"),
        ("Datacenters", False, "operator"),
        ("Datacenters", False, "reader"),
    ]
    own = selectors.permissions_on(lab.cluster)
    assert [one.own for one in own] == [True, False, False]


# --- roles -----------------------------------------------------------------------------------------------------------
def test_a_role_of_ones_own(cast: Cast, lab: SmallLab) -> None:
    role = permissions.create_role(cast.student, lab.vcenter, " Starter ", [ON])
    assert role.name == "Starter"
    assert set(role.privileges) == {ON, *SYSTEM}
    permissions.grant(cast.student, lab.vcenter, cast.outsider, role)
    with pytest.raises(faults.ResourceInUse):
        permissions.delete_role(cast.student, role)
    permissions.edit_role(cast.student, role, name="Starter", privileges=["Global.Diagnostics"])
    assert not rights.has(cast.outsider, ON, lab.vm)
    assert rights.has(cast.outsider, "Global.Diagnostics", lab.vm)
    Permission.objects.filter(role=role).delete()
    permissions.delete_role(cast.student, role)
    assert last_action() == "AuthorizationManager.removeRole"


@pytest.mark.parametrize(
    ("name", "privileges", "fault"),
    [
        ("", [ON], faults.InvalidName),
        ("x" * 81, [ON], faults.InvalidName),
        ("Read-only", [ON], faults.DuplicateName),
        ("Fine", ["No.Such"], faults.InvalidArgument),
    ],
)
def test_bad_roles_are_refused(
    cast: Cast, lab: SmallLab, name: str, privileges: list[str], fault: type[faults.MethodFault]
) -> None:
    before = Role.objects.count()
    with pytest.raises(fault):
        permissions.create_role(cast.student, lab.vcenter, name, privileges)
    assert Role.objects.count() == before


def test_system_roles_and_foreign_roles_stay(cast: Cast, lab: SmallLab) -> None:
    with pytest.raises(faults.NotSupported):
        permissions.edit_role(cast.teacher, system_role("Read-only"), name="Mine", privileges=[ON])
    with pytest.raises(faults.NotSupported):
        permissions.delete_role(cast.teacher, system_role("Read-only"))
    foreign = Role.objects.create(vcenter=small_lab(hosts=1, vms=1).vcenter, name="Foreign", privileges=[])
    with pytest.raises(faults.NotFound):
        permissions.grant(cast.student, lab.vm, cast.outsider, foreign)
    with pytest.raises(faults.NoPermission):
        permissions.delete_role(cast.student, foreign)
    with pytest.raises(faults.NoPermission):
        permissions.create_role(cast.operator, lab.vcenter, "Mine", [ON])


# --- tags ------------------------------------------------------------------------------------------------------------
def test_tags_come_and_go(cast: Cast, lab: SmallLab) -> None:
    category = tags.create_category(cast.student, lab.vcenter, "Stage", multiple=False, kinds=["VirtualMachine"])
    test, production = (tags.create_tag(cast.student, category, name) for name in ("test", "production"))
    tags.assign(cast.student, lab.vm, test)
    tags.assign(cast.student, lab.vm, test)
    assert TagAssignment.objects.get().entity == lab.vm.moref
    with pytest.raises(faults.InvalidArgument):
        tags.assign(cast.student, lab.vm, production)
    with pytest.raises(faults.InvalidArgument):
        tags.assign(cast.student, lab.host, test)
    with pytest.raises(faults.NoPermission):
        tags.assign(cast.reader, lab.vm, test)
    tags.unassign(cast.student, lab.vm, test)
    tags.assign(cast.student, lab.vm, production)
    tags.delete_category(cast.student, category)
    assert not TagAssignment.objects.exists()


def test_a_category_only_widens(cast: Cast, lab: SmallLab) -> None:
    category = tags.create_category(cast.student, lab.vcenter, "Stage", multiple=False, kinds=["VirtualMachine"])
    wide = {"name": "Stages", "multiple": True, "kinds": ["VirtualMachine", "HostSystem"]}
    tags.edit_category(cast.student, category, **wide)
    for narrower in ({"multiple": False}, {"kinds": ["HostSystem"]}):
        with pytest.raises(faults.NotSupported):
            tags.edit_category(cast.student, category, **{**wide, **narrower})
    tags.edit_category(cast.student, category, **{**wide, "kinds": []})
    with pytest.raises(faults.NotSupported):
        tags.edit_category(cast.student, category, **wide)
    with pytest.raises(faults.InvalidArgument):
        tags.create_category(cast.student, lab.vcenter, "Bad", kinds=["Kitchen"])
    with pytest.raises(faults.DuplicateName):
        tags.create_category(cast.student, lab.vcenter, "Stages")


def test_tags_of_another_vcenter_do_not_fit(cast: Cast, lab: SmallLab) -> None:
    other = small_lab(cast.student, hosts=1, vms=1)
    tag = tags.create_tag(cast.student, tags.create_category(cast.student, other.vcenter, "Stage"), "test")
    with pytest.raises(faults.NotFound):
        tags.assign(cast.student, lab.vm, tag)
    tags.edit_tag(cast.student, tag, name="testing")
    tags.delete_tag(cast.student, tag)
    assert last_action() == "Tagging.deleteTag"


# --- custom attributes -----------------------------------------------------------------------------------------------
def test_custom_attributes(cast: Cast, lab: SmallLab) -> None:
    attribute = tags.create_attribute(cast.student, lab.vcenter, "Owner", "VirtualMachine")
    tags.set_value(cast.student, lab.vm, attribute, " Kim ")
    assert CustomValue.objects.get().value == "Kim"
    with pytest.raises(faults.LimitExceeded):
        tags.set_value(cast.student, lab.vm, attribute, "x" * 256)
    with pytest.raises(faults.NotFound):
        tags.set_value(cast.student, lab.host, attribute, "Kim")
    with pytest.raises(faults.NoPermission):
        tags.set_value(cast.operator, lab.vm, attribute, "Lee")
    tags.rename_attribute(cast.student, attribute, "Keeper")
    tags.set_value(cast.student, lab.vm, attribute, "")
    assert not CustomValue.objects.exists()
    tags.delete_attribute(cast.student, attribute)
    assert last_action() == "CustomFieldsManager.removeFieldDefinition"
