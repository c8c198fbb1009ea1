"""Nearest wins, a person's own beat groups, groups add up, a VM inherits along two chains."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from domain.faults import NoPermission
from domain.morefs import FolderKind
from domain.privileges import ALL, READ, SYSTEM, SYSTEM_ROLES
from inventory import explain, rights
from inventory.models import Folder, Role, VCenter
from inventory.system_roles import keep_system_roles
from tests.builders import SmallLab, fixed_folder, make_folder, make_vm, root_pool, small_lab
from tests.cast import Cast, grant, make_user

ON, SNAPSHOT = "VirtualMachine.Interact.PowerOn", "VirtualMachine.State.CreateSnapshot"


def everything_in(lab: SmallLab) -> list[rights.Entity]:
    compute = [lab.cluster, *lab.hosts, lab.standalone, lab.standalone.cluster, lab.pool, root_pool(lab.cluster)]
    leaves = [*lab.vms, lab.template, lab.datastore, lab.local_datastore, lab.network]
    return [lab.vcenter, lab.datacenter, *Folder.objects.filter(vcenter=lab.vcenter), *compute, *leaves]


def test_owner_superuser_reader_and_stranger(cast: Cast, lab: SmallLab) -> None:
    for obj in everything_in(lab):
        assert rights.privileges(cast.teacher, obj) == ALL
        assert rights.privileges(cast.student, obj) == ALL
        assert rights.privileges(cast.reader, obj) == SYSTEM
        assert rights.privileges(cast.outsider, obj) == frozenset()


def test_require_names_privilege_and_object(cast: Cast, lab: SmallLab) -> None:
    rights.require(cast.operator, ON, lab.vm)
    with pytest.raises(NoPermission) as refusal:
        rights.require(cast.reader, ON, lab.vm)
    assert refusal.value.fields == {"privilege": ON, "object": lab.vm.name}


def test_an_inactive_account_has_nothing(cast: Cast, lab: SmallLab) -> None:
    for user in (cast.teacher, cast.student, cast.reader):
        user.is_active = False
        assert rights.privileges(user, lab.vm) == frozenset()


def test_an_owner_owns_his_own_vcenter_alone(cast: Cast, lab: SmallLab) -> None:
    other = small_lab()
    assert rights.privileges(cast.student, other.vm) == frozenset()


def test_nearest_wins_whatever_it_says(cast: Cast, lab: SmallLab) -> None:
    user = make_user("nearest")
    grant(user, lab.vcenter, "Administrator")
    grant(user, lab.cluster, "Read-only")
    grant(user, lab.pool, "No access")
    assert rights.privileges(user, lab.datacenter) == ALL
    assert rights.privileges(user, lab.cluster) == SYSTEM
    assert rights.privileges(user, lab.host) == SYSTEM
    assert rights.privileges(user, lab.pool) == frozenset()
    assert rights.privileges(user, lab.datastore) == ALL


def test_without_propagation_children_get_nothing(cast: Cast, lab: SmallLab) -> None:
    user = make_user("flat")
    grant(user, lab.cluster, "Administrator", propagate=False)
    assert rights.privileges(user, lab.cluster) == ALL
    assert rights.privileges(user, lab.host) == frozenset()
    assert rights.privileges(user, lab.vm) == frozenset()


def test_a_personal_permission_that_does_not_propagate_leaves_the_group_its_say_below(lab: SmallLab) -> None:
    user, group = make_user("both"), Group.objects.create(name="admins")
    user.groups.add(group)
    grant(user, lab.cluster, "No access", propagate=False)
    grant(group, lab.cluster, "Administrator")
    assert rights.privileges(user, lab.cluster) == frozenset()
    assert rights.privileges(user, lab.host) == ALL


def test_user_beats_group_on_the_same_object(lab: SmallLab) -> None:
    user, group = make_user("member"), Group.objects.create(name="admins")
    user.groups.add(group)
    grant(group, lab.datacenter, "Administrator")
    grant(user, lab.datacenter, "Read-only")
    assert rights.privileges(user, lab.host) == SYSTEM


def test_groups_on_the_same_object_add_up(lab: SmallLab) -> None:
    user = make_user("member")
    powers = Role.objects.create(name="Powers", privileges=[*SYSTEM, ON])
    snapshots = Role.objects.create(name="Snapshots", privileges=[*SYSTEM, SNAPSHOT])
    for name, role in (("one", powers), ("two", snapshots)):
        group = Group.objects.create(name=name)
        user.groups.add(group)
        grant(group, lab.datacenter, role)
    assert rights.privileges(user, lab.vm) == SYSTEM | {ON, SNAPSHOT}


def test_a_nearer_group_overrides_a_farther_one(lab: SmallLab) -> None:
    user = make_user("member")
    for name, entity, role in (("far", lab.datacenter, "Administrator"), ("near", lab.cluster, "Read-only")):
        group = Group.objects.create(name=name)
        user.groups.add(group)
        grant(group, entity, role)
    assert rights.privileges(user, lab.host) == SYSTEM


def test_a_vm_has_what_either_chain_gives(lab: SmallLab) -> None:
    user = make_user("two-chains")
    grant(user, lab.vm_folder, "VM user")
    assert ON in rights.privileges(user, lab.vm)
    grant(user, lab.pool, "No access")
    assert ON in rights.privileges(user, lab.vm)
    grant(user, lab.vm, "Read-only")
    assert rights.privileges(user, lab.vm) == SYSTEM


def test_pool_chain_alone_is_enough(lab: SmallLab) -> None:
    user = make_user("pool-only")
    grant(user, lab.pool, "VM user")
    assert ON in rights.privileges(user, lab.vm)
    assert rights.privileges(user, lab.vms[1]) == frozenset()
    assert rights.privileges(user, lab.vm_folder) == frozenset()


def test_the_clustered_host_of_the_moment_gives_nothing(lab: SmallLab) -> None:
    user = make_user("host-only")
    grant(user, lab.host, "Administrator")
    assert rights.privileges(user, lab.vm) == frozenset()


def test_a_standalone_host_gives_to_its_pools_and_vms(lab: SmallLab) -> None:
    user, vm = make_user("standalone"), make_vm(lab.standalone)
    template = make_vm(lab.standalone, template=True)
    grant(user, lab.standalone, "Read-only")
    assert READ in rights.privileges(user, vm)
    assert READ in rights.privileges(user, template)
    assert READ in rights.privileges(user, root_pool(lab.standalone.cluster))
    assert rights.privileges(user, lab.standalone.cluster) == frozenset()


def test_a_template_inherits_from_the_cluster_of_its_host(lab: SmallLab) -> None:
    user = make_user("templates")
    grant(user, lab.cluster, "Read-only")
    assert READ in rights.privileges(user, lab.template)


def test_what_changes_is_seen_at_once_by_the_same_user_object(lab: SmallLab) -> None:
    user = make_user("fresh")
    assert not rights.has(user, READ, lab.vm)
    permission = grant(user, lab.vm_folder, "Read-only")
    assert rights.has(user, READ, lab.vm)
    inner = make_folder(lab.vm_folder)
    lab.vm.folder = inner
    assert rights.has(user, READ, lab.vm)
    inner.parent = fixed_folder(lab.datacenter, FolderKind.VM)
    inner.save()
    assert not rights.has(user, READ, lab.vm)
    permission.delete()
    assert not rights.has(user, READ, lab.vm_folder)


def test_a_container_that_signals_did_not_tell_of_is_found(lab: SmallLab) -> None:
    user = make_user("bulk")
    grant(user, lab.vm_folder, "Read-only")
    assert rights.has(user, READ, lab.vm)
    values = {"vcenter": lab.vcenter, "moref": "group-v999", "folder_kind": "vm", "datacenter": lab.datacenter}
    (folder,) = Folder.objects.bulk_create([Folder(name="bulk", parent=lab.vm_folder, **values)])
    assert rights.has(user, READ, folder)


def test_rights_are_worked_out_once_per_user_object(lab: SmallLab, django_assert_num_queries: object) -> None:
    user = make_user("counted")
    grant(user, lab.pool, "Read-only")
    with django_assert_num_queries(7):  # permissions, curbs, then folders, datacenters, clusters, hosts, pools
        assert [rights.has(user, READ, vm) for vm in lab.vms] == [True, False, False]


def test_whole_tree_rights_need_one_query(cast: Cast, lab: SmallLab, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(2):  # permissions, curbs
        assert all(rights.has(cast.reader, READ, obj) for obj in [lab.vcenter, lab.host, *lab.vms])


# --- why -------------------------------------------------------------------------------------------------------------
def test_explain_names_what_decides(cast: Cast, lab: SmallLab) -> None:
    user = make_user("asked")
    grant(user, lab.datacenter, "VM user")
    grant(user, lab.vm_folder, "Read-only")
    told = explain.explain(user, lab.vm, ON)
    assert told.granted
    folders, pools = told.chains
    assert [step.name for step in folders if step.decides] == ["Web"]
    assert [step.name for step in pools if step.decides] == ["Main"]
    assert "VM user" in told.reason
    assert "Main" in told.reason


def test_explain_of_a_refusal(cast: Cast, lab: SmallLab) -> None:
    refused = explain.explain(cast.reader, lab.host, "Host.Config.Maintenance")
    assert not refused.granted
    assert "Read-only" in refused.reason
    nothing = explain.explain(cast.outsider, lab.host, READ)
    assert not nothing.granted
    assert not any(step.decides for chain in nothing.chains for step in chain)
    assert explain.explain(cast.student, lab.host, READ).granted
    assert explain.explain(cast.teacher, lab.host, READ).granted


def test_explain_agrees_with_has(cast: Cast, lab: SmallLab) -> None:
    for user in vars(cast).values():
        for obj in everything_in(lab):
            for privilege in (READ, ON, "Lab.Clock"):
                told = explain.explain(user, obj, privilege)
                given = any(p.decides and privilege in rights.union(p.grants) for c in told.chains for p in c)
                assert told.granted == rights.has(user, privilege, obj)
                assert told.granted == (given or user in (cast.teacher, cast.student))


# --- system roles ----------------------------------------------------------------------------------------------------
def test_system_roles_are_kept_and_repaired(db: None) -> None:
    names = {role.name for role in SYSTEM_ROLES}
    Role.objects.filter(name="Read-only").update(privileges=["Global.Settings"])
    for _ in range(2):
        keep_system_roles(sender=None)
    rows = Role.objects.filter(system=True)
    assert {row.name for row in rows} == names
    assert rows.count() == len(names)
    assert set(Role.objects.get(name="Read-only").privileges) == SYSTEM


def test_every_role_but_no_access_may_see(db: None) -> None:
    for role in SYSTEM_ROLES:
        assert (role.privileges >= SYSTEM) == (role.name != "No access")
        assert role.privileges <= ALL


def test_a_vcenter_is_an_entity_like_others(lab: SmallLab) -> None:
    assert isinstance(lab.vcenter, VCenter)
    assert lab.vcenter.vcenter == lab.vcenter
    assert rights.vcenter_of(lab.vm) == lab.vcenter
