"""Rights against a brute-force model: random trees and permissions, every object, lists and trees as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.morefs import FolderKind
from domain.privileges import READ
from inventory import rights, selectors
from inventory.models import Cluster, Datastore, Folder, Host, Permission, ResourcePool, Role, VCenter, VirtualMachine
from tests.builders import (
    fixed_folder,
    make_cluster,
    make_datacenter,
    make_datastore,
    make_folder,
    make_pool,
    make_standalone_host,
    make_vcenter,
    make_vms,
    root_folder,
    root_pool,
)
from tests.cast import make_user

pytestmark = pytest.mark.django_db

ROLES = ("No access", "Read-only", "VM user", "Administrator")


def build(draw: Any) -> VCenter:
    """One vCenter with one or two datacenters, nested folders and pools, a cluster, a standalone host, VMs."""
    vcenter = make_vcenter()
    for _ in range(draw(st.sampled_from((1, 1, 2)))):
        above = make_folder(root_folder(vcenter)) if draw(st.booleans()) else None
        populate(draw, make_datacenter(vcenter, folder=above))
    return vcenter


def populate(draw: Any, datacenter: Any) -> None:
    folders = [fixed_folder(datacenter, FolderKind.VM)]
    for _ in range(draw(st.integers(0, 3))):
        folders.append(make_folder(draw(st.sampled_from(folders))))
    cluster = make_cluster(datacenter, hosts=draw(st.integers(1, 2)))
    pools = [root_pool(cluster)]
    for _ in range(draw(st.integers(0, 3))):
        pools.append(make_pool(draw(st.sampled_from(pools))))
    hosts = list(cluster.hosts.all())
    for _ in range(draw(st.integers(1, 4))):
        place = {"folder": draw(st.sampled_from(folders)), "pool": draw(st.sampled_from(pools))}
        make_vms([draw(st.sampled_from(hosts))], 1, template=draw(st.booleans()), **place)
    alone = make_standalone_host(datacenter)
    make_vms([alone], 1, folder=draw(st.sampled_from(folders)), template=draw(st.booleans()))
    make_datastore(datacenter)


def objects_in(vcenter: VCenter) -> list[Any]:
    models = (Folder, Cluster, Host, ResourcePool, VirtualMachine, Datastore)
    return [row for model in models for row in model._default_manager.filter(vcenter=vcenter)]


# --- the model: the rules as sentences, one object at a time, straight from the rows ----------------------------------
def parents(obj: Any) -> list[Any]:
    if isinstance(obj, Folder):
        return [obj.parent or obj.datacenter] if obj.parent or obj.datacenter else []
    if isinstance(obj, Host):
        return [obj.cluster]
    if isinstance(obj, ResourcePool):
        if obj.parent:
            return [obj.parent]
        return [obj.cluster.hosts.get() if obj.cluster.standalone else obj.cluster]
    if isinstance(obj, VirtualMachine):
        compute = obj.pool or root_pool(obj.host.cluster)
        return [obj.folder, compute if obj.pool else parents(compute)[0]]
    return [obj.folder]


def decide(obj: Any, user: Any, distance: int) -> frozenset[str]:
    found = Permission.objects.filter(vcenter=obj.vcenter, entity=obj.moref)
    if distance:
        found = found.filter(propagate=True)
    mine = found.filter(user=user)
    for permissions in (mine, found.filter(group__in=user.groups.all())):
        if permissions.exists():
            return frozenset(p for one in permissions for p in one.role.privileges)
    return frozenset(p for parent in parents(obj) for p in decide(parent, user, distance + 1))


def give(draw: Any, user: Any, groups: list[Group], objects: list[Any]) -> None:
    for _ in range(draw(st.integers(0, 6))):
        principal = draw(st.sampled_from([{"user": user}, *({"group": group} for group in groups)]))
        obj = draw(st.sampled_from(objects))
        role = Role.objects.get(name=draw(st.sampled_from(ROLES)), vcenter=None)
        values = {"role": role, "propagate": draw(st.booleans())}
        Permission.objects.update_or_create(vcenter=obj.vcenter, entity=obj.moref, **principal, defaults=values)


@pytest.fixture(autouse=True)
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield


@settings(max_examples=10)
@given(st.data())
def test_rights_and_lists_agree_with_the_rules(data: st.DataObject) -> None:
    with transaction.atomic():
        vcenter = build(data.draw)
        user, groups = make_user("someone"), [Group.objects.create(name=name) for name in ("a", "b")]
        user.groups.set(groups)
        objects = objects_in(vcenter)
        give(data.draw, user, groups, objects)
        expected = {obj.moref: decide(obj, user, 0) for obj in objects}
        assert {obj.moref: rights.privileges(user, obj) for obj in objects} == expected
        for model in (Folder, Cluster, Host, ResourcePool, VirtualMachine, Datastore):
            listed = {row.moref for row in selectors.objects_visible(user, vcenter, model)}
            assert listed == {o.moref for o in objects if isinstance(o, model) and READ in expected[o.moref]}
        assert_trees_lead_to_what_is_readable(user, vcenter, objects, expected)
        transaction.set_rollback(True)


def assert_trees_lead_to_what_is_readable(user: Any, vcenter: VCenter, objects: list[Any], expected: Any) -> None:
    """Walking each tree from its root meets every readable object that has a line there, and nothing unreadable

    but the ways to something; `has_children` never lies; `path_to` names the way that was walked.
    """
    for view in selectors.tree.VIEWS:
        met = dict(walk(user, vcenter, view)) if any(READ in p for p in expected.values()) else {}
        for moref, (node, path) in met.items():
            assert selectors.tree.path_to(user, vcenter, view, moref) == path
            assert node.readable == (READ in expected.get(moref, {READ} if node.readable else set()))
        for obj in objects:
            if selectors.tree.path_to(user, vcenter, view, obj.moref):
                assert obj.moref in met


def walk(user: Any, vcenter: VCenter, view: str) -> Iterator[tuple[str, Any]]:
    def below(node: Any, path: list[str]) -> Iterator[tuple[str, Any]]:
        here = [*path, node.moref]
        yield node.moref, (node, here)
        kids = selectors.tree.children(user, vcenter, view, node.moref) if node.has_children else []
        assert bool(kids) == node.has_children or node.kind == "VCenter"
        for kid in kids:
            yield from below(kid, here)

    try:
        (root,) = selectors.tree.children(user, vcenter, view, None)
    except selectors.tree.Http404:
        return
    yield from below(root, [])
