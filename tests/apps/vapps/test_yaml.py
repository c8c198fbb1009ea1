"""vApps in an inventory as text: out and in again nothing is lost, and a running vCenter can be brought to the file."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from domain.vapps import StopAction
from inventory import seeding
from inventory.exchange import build, compare, describe
from inventory.models import ResourcePool, VirtualMachine
from inventory.services import exchange, vapps
from inventory.vapps import Content
from tests import builders, cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def lab():
    return builders.small_lab(hosts=2, vms=2)


@pytest.fixture
def shop(lab):
    folder = builders.make_folder(lab.vm_folder, "apps")
    vapp = builders.make_vapp(lab.cluster, "shop", folder=folder)
    inner = builders.make_vapp(vapp, "inner")
    for name, pool in (("db", vapp), ("web", vapp), ("cache", inner)):
        builders.make_vm(lab.host, name, pool=pool, folder=folder, datastore=lab.datastore)
    content = Content(vapp)
    first, *rest = content.entities
    wanted = [replace(first, start_delay_s=7, stop_action=StopAction.GUEST_SHUTDOWN), *rest]
    vapps.configure(None, vapp, entities=wanted)
    vapps.configure(None, vapp, product={"name": "Shop", "notes": "two\nlines"})
    return ResourcePool.objects.select_related("cluster", "parent", "folder", "vcenter").get(pk=vapp.pk)


def pools_of(document):
    return document["datacenters"][0]["clusters"][0]["pools"]


def shop_of(document):
    return next(one for one in pools_of(document) if one["name"] == "shop")


def test_out_and_in_again_is_the_same_with_order_place_and_product(lab, shop):
    document = describe.of(lab.vcenter)
    told = shop_of(document)
    assert told["is_vapp"] is True
    assert told["vapp"]["product"] == {"name": "Shop", "notes": "two\nlines"}
    assert [one.get("vm", one.get("vapp"))[-1] for one in told["vapp"]["entities"]] == ["db", "web", "inner"]
    made = build.build(document).vcenter
    assert describe.of(made) == document
    there = ResourcePool.objects.select_related("folder", "cluster").get(vcenter=made, name="shop")
    assert (there.kind, there.folder.name) == ("VirtualApp", "apps")
    content = Content(there)
    assert [(content.members[one.moref].name, one.start_delay_s) for one in content.entities] == [
        ("db", 7), ("web", 120), ("inner", 120)
    ]  # fmt: skip
    assert there.moref.startswith("resgroup-v")


def test_the_demo_shop_comes_through(lab):
    plan = seeding.Plan(hosts=4, vms=30, shop=True)
    vcenter = seeding.new_vcenter(plan)
    seeding.make(vcenter, plan)
    vapp = ResourcePool.objects.select_related("cluster").get(vcenter=vcenter, is_vapp=True)
    content = Content(vapp)
    assert [content.members[one.moref].name for one in content.entities] == ["shop-db", "shop-app", "shop-web"]
    assert VirtualMachine.objects.filter(vcenter=vcenter).exclude(name__startswith="desktop").count() == 30
    document = describe.of(vcenter)
    assert describe.of(build.build(document).vcenter) == document


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"surprise": 1}, "vapp"),
        ({"entities": "all"}, "vapp.entities"),
        ({"entities": [{"vm": ["nobody"], "group": 1}]}, "vapp.entities[1]"),
        ({"entities": [{"vm": ["apps", "db"], "group": "first"}]}, "vapp.entities[1]"),
        ({"product": {"product_url": "javascript:alert(1)"}}, "vapp.product"),
        ({"folder": ["nowhere"]}, "vapp.folder"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(lab, shop, change, where):
    document = copy.deepcopy(describe.of(lab.vcenter))
    shop_of(document)["vapp"] = change
    outcome = build.preview(document)
    assert any(problem.where.endswith(where) for problem in outcome.problems), outcome.problems


def test_a_file_changes_order_and_place_of_a_running_vcenter(lab, shop):
    boss = cast.make_user("boss", is_superuser=True)
    wanted = copy.deepcopy(describe.of(lab.vcenter))
    shop_of(wanted)["vapp"] |= {"folder": [], "product": {"name": "Store"}}
    for one in shop_of(wanted)["vapp"]["entities"]:
        one["group"] = 1
    found = exchange.differences(boss, lab.vcenter, wanted)
    assert [(one.kind, one.field, able) for one, able in found] == [("pool", "vapp", True)]
    exchange.apply(boss, lab.vcenter, wanted)
    assert compare.differences(describe.of(lab.vcenter), wanted) == []


def test_a_file_brings_a_vapp_and_takes_one_away(lab, shop):
    boss = cast.make_user("boss", is_superuser=True)
    wanted = copy.deepcopy(describe.of(lab.vcenter))
    more = {"name": "second", "is_vapp": True, "cpu_shares": 4000, "memory_shares": 163_840}
    more["vapp"] = {"folder": ["Web"], "product": {"vendor": "ACME"}}
    pools_of(wanted).append(more)
    exchange.apply(boss, lab.vcenter, wanted)
    made = ResourcePool.objects.get(name="second")
    assert (made.is_vapp, made.folder.name, made.vapp_options) == (True, "Web", {"product": {"vendor": "ACME"}})
    pools_of(wanted).pop()
    exchange.apply(boss, lab.vcenter, wanted)
    assert not ResourcePool.objects.filter(name="second").exists()
