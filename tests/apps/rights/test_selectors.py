"""Getters answer owner, reader and stranger differently; lists and trees cost few queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.http import Http404
from django.utils.timezone import now

from domain.faults import NoPermission
from domain.morefs import FolderKind
from inventory import selectors
from inventory.models import Task, VirtualMachine
from inventory.selectors import tree
from tests.builders import (
    SmallLab,
    fixed_folder,
    make_datacenter,
    make_folder,
    make_vcenter,
    make_vms,
    root_folder,
    root_pool,
    small_lab,
)
from tests.cast import Cast, grant, make_user
from tests.ledger import take_moref

GETTERS: dict[str, tuple[Callable[..., Any], Callable[[SmallLab], Any], str]] = {
    "vm": (selectors.vm_for, lambda lab: lab.vm, "VirtualMachine.Interact.PowerOn"),
    "template": (selectors.vm_for, lambda lab: lab.template, "VirtualMachine.Interact.PowerOn"),
    "host": (selectors.host_for, lambda lab: lab.host, "Host.Config.Maintenance"),
    "cluster": (selectors.cluster_for, lambda lab: lab.cluster, "Host.Inventory.EditCluster"),
    "compute": (selectors.cluster_for, lambda lab: lab.standalone.cluster, "Host.Inventory.EditCluster"),
    "pool": (selectors.pool_for, lambda lab: lab.pool, "Resource.EditPool"),
    "folder": (selectors.folder_for, lambda lab: lab.vm_folder, "Folder.Rename"),
    "datacenter": (selectors.datacenter_for, lambda lab: lab.datacenter, "Datacenter.Rename"),
    "datastore": (selectors.datastore_for, lambda lab: lab.datastore, "Datastore.Rename"),
    "network": (selectors.network_for, lambda lab: lab.network, "Network.Assign"),
}
LISTS: dict[str, tuple[Callable[..., Any], int]] = {
    "vms": (selectors.vms_visible, 4),
    "hosts": (selectors.hosts_visible, 3),
    "clusters": (selectors.clusters_visible, 2),
    "pools": (selectors.pools_visible, 3),
    "folders": (selectors.folders_visible, 6),
    "datacenters": (selectors.datacenters_visible, 1),
    "datastores": (selectors.datastores_visible, 2),
    "networks": (selectors.networks_visible, 1),
}


@pytest.mark.parametrize("name", GETTERS)
def test_getter_for_owner_reader_and_stranger(name: str, cast: Cast, lab: SmallLab) -> None:
    getter, pick, privilege = GETTERS[name]
    obj, vc = pick(lab), lab.vcenter
    for get in (getter, selectors.object_for):
        assert get(cast.student, vc, obj.moref, privilege) == obj
        assert get(cast.teacher, vc, obj.moref, privilege) == obj
        assert get(cast.reader, vc, obj.moref) == obj
        with pytest.raises(NoPermission) as refusal:
            get(cast.reader, vc, obj.moref, privilege)
        assert refusal.value.fields["privilege"] == privilege
        with pytest.raises(Http404):
            get(cast.outsider, vc, obj.moref, privilege)


@pytest.mark.parametrize("name", GETTERS)
def test_no_getter_reaches_into_another_vcenter(name: str, cast: Cast, lab: SmallLab) -> None:
    getter, pick, _privilege = GETTERS[name]
    with pytest.raises(Http404):
        getter(cast.teacher, make_vcenter(cast.student), pick(lab).moref)


@pytest.mark.parametrize("moref", ["vm-99999", "nonsense", "task-3", "snapshot-3", "vm-", "host-1' OR 1=1"])
def test_what_is_no_object_is_404(moref: str, cast: Cast, lab: SmallLab) -> None:
    with pytest.raises(Http404):
        selectors.object_for(cast.teacher, lab.vcenter, moref)


def test_the_root_is_the_vcenter_and_also_a_folder(cast: Cast, lab: SmallLab) -> None:
    assert selectors.object_for(cast.reader, lab.vcenter, "group-d1") == lab.vcenter
    assert selectors.folder_for(cast.reader, lab.vcenter, "group-d1") == root_folder(lab.vcenter)


def test_a_vm_in_the_recycle_bin_is_reached_by_its_own_getter_alone(cast: Cast, lab: SmallLab) -> None:
    VirtualMachine.everything.filter(pk=lab.vm.pk).update(deleted_at=now())
    with pytest.raises(Http404):
        selectors.vm_for(cast.student, lab.vcenter, lab.vm.moref)
    assert selectors.deleted_vm_for(cast.student, lab.vcenter, lab.vm.moref) == lab.vm
    assert list(selectors.deleted_vms_visible(cast.reader, lab.vcenter)) == [lab.vm]
    with pytest.raises(Http404):
        selectors.deleted_vm_for(cast.outsider, lab.vcenter, lab.vm.moref)
    with pytest.raises(Http404):
        selectors.deleted_vm_for(cast.student, lab.vcenter, lab.vms[1].moref)


# --- vCenters --------------------------------------------------------------------------------------------------------
def test_vcenters_for_each_of_the_cast(cast: Cast, lab: SmallLab) -> None:
    other = small_lab(hosts=1, vms=1).vcenter
    assert set(selectors.vcenters_for(cast.teacher)) == {lab.vcenter, other}
    for user in (cast.student, cast.reader, cast.operator):
        assert list(selectors.vcenters_for(user)) == [lab.vcenter]
        assert selectors.vcenter_for(user, lab.vcenter.uuid) == lab.vcenter
        with pytest.raises(Http404):
            selectors.vcenter_for(user, other.uuid)
    assert not selectors.vcenters_for(cast.outsider).exists()
    for uuid in (lab.vcenter.uuid, uuid4(), "no-uuid"):
        with pytest.raises(Http404):
            selectors.vcenter_for(cast.outsider, uuid)


def test_no_access_alone_opens_no_vcenter(lab: SmallLab) -> None:
    user = make_user("refused")
    grant(user, lab.vcenter, "No access")
    assert not selectors.vcenters_for(user).exists()
    grant(user, lab.vm, "Read-only")
    assert list(selectors.vcenters_for(user)) == [lab.vcenter]


# --- lists -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", LISTS)
def test_lists_for_each_of_the_cast(name: str, cast: Cast, lab: SmallLab) -> None:
    visible, number = LISTS[name]
    small_lab(hosts=1, vms=1)
    for user in (cast.teacher, cast.student, cast.reader, cast.operator):
        assert visible(user, lab.vcenter).count() == number
    assert visible(cast.outsider, lab.vcenter).count() == 0


def test_a_part_of_the_tree(lab: SmallLab) -> None:
    user = make_user("part")
    grant(user, lab.pool, "VM user")
    assert list(selectors.vms_visible(user, lab.vcenter)) == [lab.vm]
    assert list(selectors.pools_visible(user, lab.vcenter)) == [lab.pool]
    assert not selectors.datastores_visible(user, lab.vcenter).exists()
    grant(user, lab.vms[1], "Read-only")
    assert set(selectors.vms_visible(user, lab.vcenter)) == set(lab.vms[:2])
    grant(user, lab.vm, "No access")
    assert list(selectors.vms_visible(user, lab.vcenter)) == [lab.vms[1]]


def test_tasks_are_filtered_by_what_they_are_about(cast: Cast, lab: SmallLab) -> None:
    user = make_user("part")
    grant(user, lab.vm, "Read-only")
    about = {"description_id": "VirtualMachine.powerOn", "operation": "power_on", "entity_kind": "VirtualMachine"}
    for vm in lab.vms:
        moref = take_moref(lab.vcenter, "task-")
        Task.objects.create(vcenter=lab.vcenter, moref=moref, entity=vm.moref, entity_name=vm.name, **about)

    def seen(viewer: Any) -> set[str]:
        condition = selectors.entities_visible(viewer, lab.vcenter)
        return set(Task.objects.filter(condition, vcenter=lab.vcenter).values_list("entity", flat=True))

    assert seen(user) == {lab.vm.moref}
    assert seen(cast.reader) == {vm.moref for vm in lab.vms}
    assert seen(cast.outsider) == set()


def test_lists_of_whole_tree_readers_are_not_filtered(cast: Cast, lab: SmallLab) -> None:
    assert " IN " not in str(selectors.vms_visible(cast.reader, lab.vcenter).query)


# --- trees -----------------------------------------------------------------------------------------------------------
def names(nodes: list[tree.TreeNode]) -> list[str]:
    return [node.name for node in nodes]


def test_hosts_and_clusters(cast: Cast, lab: SmallLab) -> None:
    def below(moref: str) -> list[tree.TreeNode]:
        return tree.children(cast.reader, lab.vcenter, "hosts", moref)

    (root,) = tree.children(cast.reader, lab.vcenter, "hosts", None)
    assert (root.moref, root.kind, root.has_children) == ("group-d1", "VCenter", True)
    assert names(below("group-d1")) == ["Main"]
    cluster, standalone = below(lab.datacenter.moref)
    assert (cluster.moref, cluster.kind) == (lab.cluster.moref, "ClusterComputeResource")
    assert (standalone.moref, standalone.kind) == (lab.standalone.moref, "HostSystem")
    assert not standalone.has_children
    in_cluster = below(cluster.moref)
    assert [node.kind for node in in_cluster] == ["HostSystem"] * 2 + ["ResourcePool"] + ["VirtualMachine"] * 2
    assert [node.has_children for node in in_cluster] == [False, False, True, False, False]
    (vm,) = below(lab.pool.moref)
    assert (vm.moref, vm.power) == (lab.vm.moref, "poweredOn")


def test_vms_and_templates(cast: Cast, lab: SmallLab) -> None:
    nodes = tree.children(cast.reader, lab.vcenter, "vms", lab.datacenter.moref)
    assert nodes[0].moref == lab.vm_folder.moref
    assert nodes[0].has_children
    assert [node.moref for node in nodes if node.template] == [lab.template.moref]
    assert names(tree.children(cast.reader, lab.vcenter, "vms", lab.vm_folder.moref)) == [lab.vm.name]


def test_storage_and_networking(cast: Cast, lab: SmallLab) -> None:
    stores = tree.children(cast.reader, lab.vcenter, "storage", lab.datacenter.moref)
    assert names(stores) == ["local", "shared"]
    assert names(tree.children(cast.reader, lab.vcenter, "networking", lab.datacenter.moref)) == ["VM Network"]


def test_strangers_and_nonsense_have_no_tree(cast: Cast, lab: SmallLab) -> None:
    for moref in (None, "group-d1", lab.cluster.moref):
        with pytest.raises(Http404):
            tree.children(cast.outsider, lab.vcenter, "hosts", moref)
    with pytest.raises(Http404):
        tree.children(cast.reader, lab.vcenter, "hosts", "domain-c9999")
    with pytest.raises(Http404):
        tree.children(cast.reader, lab.vcenter, "kitchen", None)


def test_the_way_to_a_part_is_shown_without_a_page(lab: SmallLab) -> None:
    user = make_user("part")
    grant(user, lab.pool, "VM user")
    (root,) = tree.children(user, lab.vcenter, "hosts", None)
    (datacenter,) = tree.children(user, lab.vcenter, "hosts", root.moref)
    (cluster,) = tree.children(user, lab.vcenter, "hosts", datacenter.moref)
    (pool,) = tree.children(user, lab.vcenter, "hosts", cluster.moref)
    assert [node.readable for node in (root, datacenter, cluster, pool)] == [False, False, False, True]
    with pytest.raises(Http404):
        selectors.object_for(user, lab.vcenter, cluster.moref)
    assert names(tree.children(user, lab.vcenter, "vms", lab.datacenter.moref)) == ["Web"]


def test_paths(cast: Cast, lab: SmallLab) -> None:
    def path(view: str, moref: str) -> list[str]:
        return tree.path_to(cast.reader, lab.vcenter, view, moref)

    top = ["group-d1", lab.datacenter.moref]
    assert path("hosts", lab.vm.moref) == [*top, lab.cluster.moref, lab.pool.moref, lab.vm.moref]
    assert path("hosts", lab.vms[1].moref) == [*top, lab.cluster.moref, lab.vms[1].moref]
    assert path("vms", lab.vm.moref) == [*top, lab.vm_folder.moref, lab.vm.moref]
    assert path("hosts", lab.standalone.moref) == [*top, lab.standalone.moref]
    assert path("storage", lab.datastore.moref) == [*top, lab.datastore.moref]
    assert path("vms", lab.host.moref) == []
    assert path("hosts", lab.template.moref) == []
    assert path("hosts", root_pool(lab.cluster).moref) == []
    assert path("hosts", "vm-99999") == []


def test_a_long_level_comes_in_pages(cast: Cast, lab: SmallLab) -> None:
    folder = make_folder(fixed_folder(lab.datacenter, FolderKind.VM))
    make_folder(folder)
    made = make_vms(lab.hosts, 1100, folder=folder)
    met: list[str] = []
    offset = 0
    while True:
        nodes = tree.children(cast.reader, lab.vcenter, "vms", folder.moref, offset)
        assert len(nodes) <= tree.PAGE + 1
        met += [node.moref for node in nodes if node.kind != tree.MORE]
        if nodes[-1].kind != tree.MORE:
            break
        offset = nodes[-1].offset
    assert len(met) == len(set(met)) == 1101
    assert {vm.moref for vm in made} < set(met)


@pytest.mark.parametrize("view", tree.VIEWS)
def test_a_level_costs_as_many_queries_with_many_lines_as_with_few(
    view: str, cast: Cast, lab: SmallLab, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        make_datacenter(lab.vcenter)
        make_folder(fixed_folder(lab.datacenter, FolderKind.VM))
    make_vms(lab.hosts, 100)
    for moref in ("group-d1", lab.datacenter.moref, lab.cluster.moref):
        with django_assert_max_num_queries(7):
            tree.children(cast.reader, lab.vcenter, view, moref)


def test_lists_of_part_readers_cost_a_constant_number_of_queries(lab: SmallLab, django_assert_num_queries: Any) -> None:
    user = make_user("part")
    grant(user, lab.pool, "Read-only")
    make_vms(lab.hosts, 300, pool=lab.pool)
    with django_assert_num_queries(8):  # permissions, curbs, five kinds of containers, the list
        assert len(selectors.vms_visible(user, lab.vcenter)) == 301
