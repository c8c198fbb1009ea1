"""vApps by their service: their life, their settings, their start order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import faults
from domain.states import TaskState
from domain.vapps import Entity
from inventory.models import Event, ResourcePool, Task, VirtualMachine
from inventory.services import folders, naming, pools, undo, vapps, vms
from inventory.vapps import Content
from tests import builders, pumping
from tests.apps.vapps.stage import arrange, fill, fresh, made_vapp, order

pytestmark = pytest.mark.django_db(transaction=True)


# --- life ------------------------------------------------------------------------------------------------------------
def test_a_vapp_is_a_pool_with_a_place_among_vms(lab):
    vapp = made_vapp(lab, cpu_shares_level="high")
    assert (vapp.kind, vapp.moref[:9]) == ("VirtualApp", "resgroup-")
    assert vapp.moref.startswith("resgroup-v")
    assert (vapp.cpu_shares, vapp.folder.fixed, vapp.folder.datacenter) == (8000, True, lab.datacenter)
    assert Event.objects.filter(entity=vapp.moref, type="VAppCreatedEvent").exists()
    with pytest.raises(faults.DuplicateName):
        made_vapp(lab)
    with pytest.raises(faults.InsufficientCpuResourcesFault):
        made_vapp(lab, "greedy", cpu_reservation_mhz=10_000_000)
    with pytest.raises(faults.InvalidFolder):
        made_vapp(lab, "elsewhere", folder=lab.cluster.folder)


def test_it_moves_between_pools_and_folders_and_back(lab, shop, boss):
    pool = builders.make_pool(lab.cluster, "gold")
    folder = builders.make_folder(lab.vm_folder, "apps")
    moved = pools.move(boss, shop, pool)
    vapps.move_to_folder(None, fresh(shop), folder)
    assert (fresh(shop).parent, fresh(shop).folder) == (pool, folder)
    with pytest.raises(faults.NotSupported):
        pools.destroy(None, fresh(shop))
    undo.undo(boss, moved)
    renamed = naming.rename(boss, fresh(shop), "store")
    undo.undo(boss, renamed)
    assert (fresh(shop).parent, fresh(shop).name) == (builders.root_pool(lab.cluster), "shop")
    folders.destroy(None, folder)
    assert fresh(shop).folder == lab.vm_folder


def test_deleting_it_puts_its_vms_into_the_recycle_bin(lab, shop):
    inner = made_vapp(lab, "inner", parent=shop)
    fill(lab, inner, "cache")
    pumping.succeeded(lab.vcenter, vms.power_on(None, VirtualMachine.objects.get(name="cache")))
    with pytest.raises(faults.InvalidPowerState) as refused:
        vapps.destroy(None, fresh(shop))
    assert refused.value.fields["name"] == "cache"
    pumping.succeeded(lab.vcenter, vms.power_off(None, VirtualMachine.objects.get(name="cache")))
    vapps.destroy(None, fresh(shop))
    assert not ResourcePool.objects.filter(is_vapp=True).exists()
    binned = VirtualMachine.everything.filter(deleted_at__isnull=False).order_by("name")
    assert [vm.name for vm in binned] == ["app", "cache", "db", "web"]
    root = builders.root_pool(lab.cluster)
    assert {vm.pool_id for vm in binned} == {root.pk}
    vms.restore(None, binned[0])
    pumping.beat(lab.vcenter)
    pumping.succeeded(lab.vcenter, vms.power_on(None, VirtualMachine.objects.get(name="app")))


def test_a_copy_has_the_order_and_the_product(lab, shop):
    vapps.configure(None, shop, product={"name": "Shop", "vendor": "ACME", "product_url": "https://shop.example/"})
    task = vapps.clone(None, fresh(shop), "shop two")
    copy = ResourcePool.objects.get(moref=task.entity)
    for child in Task.objects.filter(operation="vm.clone"):
        pumping.succeeded(lab.vcenter, child)
    content = Content(fresh(copy))
    found = [(content.members[one.moref].name, one.group, one.start_delay_s) for one in content.entities]
    assert found == [("shop two-db", 1, 0), ("shop two-app", 2, 0), ("shop two-web", 3, 0)]
    assert copy.vapp_options["product"]["vendor"] == "ACME"


def test_a_copy_has_the_pools_and_child_vapps_too(lab, shop):
    group = ResourcePool.objects.get(moref=pools.create(None, fresh(shop), "batch", cpu_shares_level="high").entity)
    fill(lab, fresh(group), "night")
    inner = made_vapp(lab, "inner", parent=fresh(shop))
    fill(lab, inner, "cache", "queue")
    order(inner, cache=2, queue=1)
    order(fresh(shop), db=1, inner=2, night=3, app=4, web=5)
    task = vapps.clone(None, fresh(shop), "shop two")
    for child in Task.objects.filter(operation="vm.clone"):
        pumping.succeeded(lab.vcenter, child)
    copy = fresh(ResourcePool.objects.get(moref=task.entity))

    def told(vapp: ResourcePool) -> list[str]:
        content = Content(vapp)
        return [content.members[one.moref].name for one in content.entities]

    assert told(copy) == ["shop two-db", "inner", "shop two-night", "shop two-app", "shop two-web"]
    twin = fresh(copy.children.get(is_vapp=True))
    assert told(twin) == ["shop two-queue", "shop two-cache"]
    pool = copy.children.get(is_vapp=False)
    assert (pool.name, pool.cpu_shares_level) == ("batch", "high")
    assert [vm.name for vm in pool.vms.all()] == ["shop two-night"]
    assert told(fresh(shop)) == ["db", "inner", "night", "app", "web"]
    assert vapps.power_on(None, copy).state == TaskState.RUNNING


# --- settings --------------------------------------------------------------------------------------------------------
def test_a_new_member_has_the_next_group_and_vspheres_defaults(lab, shop):
    fill(lab, shop, "cache")
    last = Content(fresh(shop)).entities[-1]
    assert (last.group, last.start_delay_s, last.start_action, last.stop_action) == (4, 120, "powerOn", "powerOff")


def test_groups_are_numbered_without_gaps(lab, shop):
    order(shop, db=10, app=20, web=20)
    assert [one.group for one in Content(shop).entities] == [1, 2, 2]


@pytest.mark.parametrize(
    "values",
    [{"group": 0}, {"start_delay_s": -1}, {"start_action": "reboot"}, {"stop_action": ""}, {"stop_delay_s": 10**9}],
)
def test_settings_out_of_range_are_refused(lab, shop, values):
    before = shop.vapp_options
    with pytest.raises(faults.InvalidArgument) as refused:
        arrange(shop, "db", **values)
    assert refused.value.fields["property"] == next(iter(values))
    assert fresh(shop).vapp_options == before


def test_a_stranger_to_the_vapp_has_no_place_in_its_order(lab, shop):
    with pytest.raises(faults.InvalidArgument):
        vapps.configure(None, shop, entities=[Entity(lab.vms[0].moref)])


def test_two_who_edit_at_once_are_told(lab, shop):
    version = fresh(shop).change_version
    vapps.configure(None, fresh(shop), product={"name": "A"}, expected_version=version)
    with pytest.raises(faults.ConcurrentAccess):
        vapps.configure(None, fresh(shop), product={"name": "B"}, expected_version=version)


def test_an_address_that_is_no_web_address_is_refused(lab, shop):
    with pytest.raises(faults.InvalidArgument):
        vapps.configure(None, shop, product={"product_url": "javascript:alert(1)"})


def test_a_changed_order_is_taken_back(lab, shop, boss):
    before = fresh(shop).vapp_options
    task = vapps.configure(boss, shop, entities=[replace(one, group=1) for one in Content(shop).entities])
    assert fresh(shop).vapp_options != before
    undo.undo(boss, task)
    assert fresh(shop).vapp_options == before
