"""Pages, dialogs, menus and trees of vApps, for who owns them, who reads them, and strangers."""

from __future__ import annotations

import re

import pytest

from domain.states import TaskState, VmPower
from inventory import actions, finder, selectors
from inventory.models import ResourcePool, Task, VirtualMachine
from inventory.selectors.tree import HOSTS, VMS
from inventory.services import vapps
from inventory.vapps import Content
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return cast.make_cast()


@pytest.fixture
def lab(people):
    return cast.own_lab(people, hosts=2, vms=2)


@pytest.fixture
def folder(lab):
    return builders.make_folder(lab.vm_folder, "apps")


@pytest.fixture
def shop(lab, folder):
    vapp = builders.make_vapp(lab.cluster, "shop", folder=folder)
    for name in ("shop-db", "shop-web"):
        builders.make_vm(lab.host, name, pool=vapp, folder=lab.vm_folder, datastore=lab.datastore)
    return vapp


def at(lab, obj, path="") -> str:
    return f"/vc/{lab.vcenter.uuid}/{obj.moref}/{path}"


def text_of(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


# --- pages -----------------------------------------------------------------------------------------------------------
def test_the_summary_says_state_members_and_product(people, lab, shop):
    vapps.configure(None, shop, product={"vendor": "ACME", "product_url": "https://shop.example/", "name": "Shop"})
    html = text_of(cast.client_of(people.reader).get(at(lab, shop, "summary/")))
    assert "Stopped" in html
    assert all(name in html for name in ("shop-db", "shop-web", "ACME", 'href="https://shop.example/"'))
    assert text_of(cast.client_of(people.reader).get(at(lab, lab.pool, "summary/"))).find("vApp Details") == -1


def test_the_start_order_is_a_section_of_vapps_alone(people, lab, shop):
    client = cast.client_of(people.student)
    html = text_of(client.get(at(lab, shop, "configure/start-order/")))
    assert html.index("shop-db") < html.index("shop-web")
    assert client.get(at(lab, lab.pool, "configure/start-order/")).status_code == 404
    assert cast.client_of(people.outsider).get(at(lab, shop, "configure/start-order/")).status_code == 404


def test_a_run_is_told_with_its_progress(people, lab, shop):
    pumping.hold_clock(lab.vcenter)
    pumping.meet(lab.vcenter)
    vapps.power_on(None, ResourcePool.objects.select_related("vcenter", "cluster", "parent").get(pk=shop.pk))
    html = text_of(cast.client_of(people.reader).get(at(lab, shop, "configure/start-order/")))
    assert "Power on vApp: step 1 of 2." in html
    assert "In progress" in html
    assert "Waits for its turn" in html


# --- dialogs ---------------------------------------------------------------------------------------------------------
def order_data(shop, **changed):
    data = {}
    for one in Content(shop).entities:
        for key, value in one.settings().items():
            if value is not False:
                data[f"{one.moref}-{key}"] = "on" if value is True else value
    data["version"] = ResourcePool.objects.get(pk=shop.pk).change_version
    return data | changed


def test_the_order_is_changed_in_its_dialog(people, lab, shop):
    client, url = cast.client_of(people.student), at(lab, shop, "dialog/vapp-order/")
    assert "shop-db" in text_of(client.get(url))
    web = VirtualMachine.objects.get(name="shop-web").moref
    db = VirtualMachine.objects.get(name="shop-db").moref
    data = order_data(shop, **{f"{db}-group": 5, f"{web}-wait_for_tools": "on", f"{web}-start_delay_s": 30})
    assert client.post(url, data).status_code == 202
    shop.refresh_from_db()
    found = [(one.moref, one.group, one.start_delay_s, one.wait_for_tools) for one in Content(shop).entities]
    assert found == [(web, 1, 30, True), (db, 2, 120, False)]
    again = client.post(url, order_data(shop))
    assert again.status_code in (200, 202)
    assert Task.objects.filter(description_id="VirtualApp.updateVAppConfig").count() == 1


def test_what_is_out_of_range_is_said_beside_its_field(people, lab, shop):
    db = VirtualMachine.objects.get(name="shop-db").moref
    answer = cast.client_of(people.student).post(
        at(lab, shop, "dialog/vapp-order/"), order_data(shop, **{f"{db}-group": 0})
    )
    assert answer.status_code == 422
    assert "At least 1" in answer.content.decode()


def test_two_editors_are_merged(people, lab, shop):
    client, url = cast.client_of(people.student), at(lab, shop, "dialog/vapp-product/")
    first = {"version": shop.change_version, "base": "{}", "vendor": "ACME"}
    assert client.post(url, first).status_code == 202
    answer = client.post(url, first | {"vendor": "Other"})
    assert answer.status_code in (409, 422)
    assert ResourcePool.objects.get(pk=shop.pk).vapp_options["product"] == {"vendor": "ACME"}


def test_a_vapp_is_made_from_cluster_pool_and_vapp(people, lab, folder):
    client = cast.client_of(people.student)
    values = {
        "cpu_shares_level": "high", "cpu_shares": 8000, "cpu_reservation_mhz": 0, "cpu_expandable": "on",
        "memory_shares_level": "normal", "memory_shares": 163840, "memory_reservation_mib": 0,
        "memory_expandable": "on", "version": "", "base": "{}",
    }  # fmt: skip
    for number, place in enumerate((lab.cluster, lab.pool)):
        data = values | {"name": f"made-{number}", "folder": folder.moref}
        assert client.post(at(lab, place, "dialog/new-vapp/"), data).status_code == 202
    made = ResourcePool.objects.get(name="made-1")
    assert (made.is_vapp, made.parent_id, made.folder_id, made.cpu_shares) == (True, lab.pool.pk, folder.pk, 8000)
    assert client.post(at(lab, made, "dialog/new-vapp/"), values | {"name": "inner"}).status_code == 202
    assert ResourcePool.objects.get(name="inner").parent_id == made.pk
    twice = client.post(at(lab, lab.cluster, "dialog/new-vapp/"), values | {"name": "made-0", "folder": folder.moref})
    assert twice.status_code == 422


@pytest.mark.parametrize(
    "name", ["vapp-order", "vapp-product", "clone-vapp", "new-vapp", "edit-pool", "move-to-folder"]
)
def test_dialogs_are_for_who_may(people, lab, shop, name):
    assert cast.client_of(people.outsider).get(at(lab, shop, f"dialog/{name}/")).status_code == 404
    assert cast.client_of(people.reader).get(at(lab, shop, f"dialog/{name}/")).status_code == 403
    assert cast.client_of(people.reader).post(at(lab, shop, f"dialog/{name}/"), {}).status_code == 403
    assert cast.client_of(people.student).get(at(lab, shop, f"dialog/{name}/")).status_code == 200


# --- actions ---------------------------------------------------------------------------------------------------------
def test_a_click_starts_it_and_a_second_one_is_refused(people, lab, shop):
    pumping.hold_clock(lab.vcenter)
    pumping.meet(lab.vcenter)
    url = at(lab, shop, "do/vapp-power-on/")
    assert cast.client_of(people.outsider).post(url).status_code == 404
    assert cast.client_of(people.reader).post(url).status_code == 403
    assert cast.client_of(people.student).post(url).status_code == 202
    task = Task.objects.get(description_id="VirtualApp.powerOn")
    assert (task.state, task.initiator) == (TaskState.RUNNING, people.student)
    assert cast.client_of(people.student).post(url).status_code == 409
    html = text_of(cast.client_of(people.student).get(at(lab, shop, "menu/")))
    (entry,) = re.findall(r'<[^>]*data-key="vapp-order"[^>]*>', html)
    assert 'aria-disabled="true"' in entry


def test_deleting_is_greyed_while_something_runs(people, lab, shop):
    VirtualMachine.objects.filter(name="shop-db").update(power_state=VmPower.ON)
    fresh = selectors.object_for(people.student, lab.vcenter, shop.moref)
    action = actions.find(fresh, "delete")
    assert action is not None
    assert "Power it off first" in str(action.why_not(actions.Context(people.student, fresh)))


# --- trees -----------------------------------------------------------------------------------------------------------
def names(user, lab, view, obj) -> list[str]:
    return [node.name for node in selectors.tree.children(user, lab.vcenter, view, obj.moref)]


def test_it_hangs_in_two_trees_and_takes_its_machines_along(people, lab, folder, shop):
    who = people.reader
    assert "shop" in names(who, lab, HOSTS, lab.cluster)
    assert names(who, lab, HOSTS, shop) == ["shop-db", "shop-web"]
    assert names(who, lab, VMS, folder) == ["shop"]
    assert names(who, lab, VMS, shop) == ["shop-db", "shop-web"]
    assert "shop-db" not in names(who, lab, VMS, lab.vm_folder)  # where its folder is
    assert "shop" not in names(who, lab, VMS, lab.datacenter)
    vm = VirtualMachine.objects.get(name="shop-db")
    way = selectors.tree.path_to(who, lab.vcenter, VMS, vm.moref)
    assert way[-3:] == [folder.moref, shop.moref, vm.moref]
    node = next(one for one in selectors.tree.children(who, lab.vcenter, VMS, folder.moref))
    assert (node.kind, node.vapp, node.has_children) == ("VirtualApp", True, True)


def test_one_whose_folder_has_gone_hangs_on_the_datacenter_and_a_child_on_its_parent(people, lab, folder, shop):
    inner = builders.make_vapp(shop, "inner")
    assert names(people.reader, lab, VMS, shop) == ["inner", "shop-db", "shop-web"]
    ResourcePool.objects.filter(pk=shop.pk).update(folder=None)
    assert "shop" in names(people.reader, lab, VMS, lab.datacenter)
    assert "inner" not in names(people.reader, lab, VMS, lab.datacenter)
    way = selectors.tree.path_to(people.reader, lab.vcenter, VMS, inner.moref)
    assert way[-3:] == [lab.datacenter.moref, shop.moref, inner.moref]


def test_who_has_one_machine_in_it_finds_the_way(people, lab, folder, shop):
    vm = VirtualMachine.objects.get(name="shop-db")
    cast.grant(people.outsider, vm, "VM user")
    assert names(people.outsider, lab, VMS, folder) == ["shop"]
    assert names(people.outsider, lab, VMS, shop) == ["shop-db"]
    assert not next(iter(selectors.tree.children(people.outsider, lab.vcenter, VMS, folder.moref))).readable


def test_who_has_the_vapp_alone_finds_it_in_both_trees(people, lab, folder, shop):
    cast.grant(people.outsider, shop, "Read-only")
    assert names(people.outsider, lab, VMS, folder) == ["shop"]
    assert names(people.outsider, lab, HOSTS, lab.cluster) == ["shop"]
    assert names(people.outsider, lab, VMS, shop) == ["shop-db", "shop-web"]


# --- search ----------------------------------------------------------------------------------------------------------
def test_it_is_a_kind_of_its_own_to_the_search(people, lab, shop):
    found = finder.search(people.reader, [lab.vcenter], "vapp shop", 5)
    assert [(str(group.kind), [row.name for row in group.rows]) for group in found] == [("VirtualApp", ["shop"])]
    pools = finder.search(people.reader, [lab.vcenter], "pool", 5)
    assert "shop" not in [row.name for group in pools for row in group.rows]
    assert finder.search(people.outsider, [lab.vcenter], "vapp shop", 5) == []
