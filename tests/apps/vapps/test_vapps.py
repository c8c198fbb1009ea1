"""vApps from the service to the fleet's record: order, delays, tools, failure, cancelling, killed workers, rights."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import faults
from domain.states import TaskState, VmPower
from domain.vapps import Entity, StartAction, StopAction, VAppState
from inventory import pump, sequences
from inventory.models import AuditEntry, Event, ResourcePool, Task, VirtualMachine
from inventory.services import folders, naming, pools, tasks, undo, vapps, vms
from inventory.vapps import Content
from scheduler.services.migration import Target, relocate
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=1)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


def fresh(vapp: ResourcePool) -> ResourcePool:
    rows = ResourcePool.objects.select_related("vcenter", "cluster__datacenter", "parent", "folder")
    return rows.get(pk=vapp.pk)


def made_vapp(lab, name="shop", parent=None, **options) -> ResourcePool:
    task = vapps.create(None, parent or builders.root_pool(lab.cluster), name, **options)
    return fresh(ResourcePool.objects.get(moref=task.entity))


def fill(lab, vapp, *names, **fields) -> dict[str, VirtualMachine]:
    """Powered-off VMs in the vApp, known to the fleet."""
    made = {name: builders.make_vm(lab.host, name, pool=vapp, datastore=lab.datastore, **fields) for name in names}
    pumping.meet(lab.vcenter)
    return made


def order(vapp, **groups) -> None:
    """`order(vapp, db=1, web=2)` with no delays."""
    known = Content(vapp)
    wanted = [
        replace(one, group=groups[known.members[one.moref].name], start_delay_s=0, stop_delay_s=0)
        for one in known.entities
    ]
    vapps.configure(None, vapp, entities=wanted)
    vapp.refresh_from_db()


def arrange(vapp, name, **values) -> None:
    known = Content(vapp)
    one = next(one for one in known.entities if known.members[one.moref].name == name)
    vapps.configure(None, vapp, entities=[replace(one, **values)])
    vapp.refresh_from_db()


def children_of(task) -> list[Task]:
    return list(Task.objects.filter(parent=task).order_by("id"))


def powers(vapp) -> dict[str, str]:
    return {vm.name: str(vm.power_state) for vm in Content(vapp).machines}


@pytest.fixture
def shop(lab):
    """db, then app, then web, without delays."""
    vapp = made_vapp(lab)
    fill(lab, vapp, "db", "app", "web")
    order(vapp, db=1, app=2, web=3)
    return vapp


@pytest.fixture
def boss():
    return cast.make_user("boss", is_superuser=True)


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
    moved = pools.move(None, shop, pool)
    vapps.move_to_folder(None, fresh(shop), folder)
    assert (fresh(shop).parent, fresh(shop).folder) == (pool, folder)
    with pytest.raises(faults.NotSupported):
        pools.destroy(None, fresh(shop))
    undo.undo(boss, moved)
    renamed = naming.rename(None, fresh(shop), "store")
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
    task = vapps.configure(None, shop, entities=[replace(one, group=1) for one in Content(shop).entities])
    assert fresh(shop).vapp_options != before
    undo.undo(boss, task)
    assert fresh(shop).vapp_options == before


# --- start and stop --------------------------------------------------------------------------------------------------
def test_it_starts_in_order_and_stops_in_reverse(lab, shop):
    task = pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]
    ends = [child.completed_lab_s for child in children_of(task)]
    starts = [child.queued_lab_s for child in children_of(task)]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert set(powers(shop).values()) == {VmPower.ON}
    assert Content(fresh(shop)).state == VAppState.STARTED
    stopped = pumping.succeeded(lab.vcenter, vapps.shut_down(None, fresh(shop)))
    assert [child.entity_name for child in children_of(stopped)] == ["web", "app", "db"]
    assert Content(fresh(shop)).state == VAppState.STOPPED
    told = (
        Event.objects.filter(entity=shop.moref, type__startswith="VApp").order_by("key").values_list("type", flat=True)
    )
    assert list(told)[-4:] == ["VAppStartingEvent", "VAppPoweredOnEvent", "VAppStoppingEvent", "VAppPoweredOffEvent"]
    assert AuditEntry.objects.filter(entity=shop.moref, action="VirtualApp.powerOn").count() == 1


def test_members_of_a_group_start_together(lab, shop):
    order(shop, db=1, app=1, web=1)
    task = vapps.power_on(None, shop)
    assert len(children_of(task)) == 3
    pumping.succeeded(lab.vcenter, task)


def test_the_next_group_waits_for_the_delay(lab, shop):
    arrange(shop, "db", start_delay_s=300)
    task = vapps.power_on(None, shop)
    pumping.advance(lab.vcenter, 200)
    assert powers(shop) == {"db": VmPower.ON, "app": VmPower.OFF, "web": VmPower.OFF}
    assert Content(fresh(shop)).state == VAppState.STARTING
    task.refresh_from_db()
    assert (task.state, task.phase) == (TaskState.RUNNING, sequences.WAITING)
    assert 0 < task.progress_pct < 100
    pumping.succeeded(lab.vcenter, task)
    first, second, _third = children_of(task)
    assert second.queued_lab_s - first.completed_lab_s >= 300


def test_guest_tools_cut_the_delay_short(lab, shop):
    arrange(shop, "db", start_delay_s=3600, wait_for_tools=True)
    task = pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    first, second, _third = children_of(task)
    assert second.queued_lab_s - first.completed_lab_s < 600


def test_guests_are_shut_down_where_that_is_asked_for(lab, shop):
    arrange(shop, "web", stop_action=StopAction.GUEST_SHUTDOWN, stop_delay_s=600)
    arrange(shop, "db", stop_action=StopAction.SUSPEND)
    arrange(shop, "app", stop_action=StopAction.NONE)
    pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    pumping.advance(lab.vcenter, 120)
    task = pumping.succeeded(lab.vcenter, vapps.shut_down(None, fresh(shop)))
    told = [(child.entity_name, child.operation) for child in children_of(task)]
    assert told == [("web", "vm.shutdown_guest"), ("db", "vm.suspend")]
    assert powers(shop) == {"db": VmPower.SUSPENDED, "app": VmPower.ON, "web": VmPower.OFF}
    assert Content(fresh(shop)).state == VAppState.PARTLY
    resumed = pumping.succeeded(lab.vcenter, vapps.power_on(None, fresh(shop)))
    assert [child.operation for child in children_of(resumed)] == ["vm.resume", "vm.power_on"]


def test_suspend_and_power_off_take_everything(lab, shop):
    arrange(shop, "db", stop_action=StopAction.NONE)
    pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    pumping.succeeded(lab.vcenter, vapps.suspend(None, fresh(shop)))
    assert Content(fresh(shop)).state == VAppState.SUSPENDED
    task = vapps.power_off(None, fresh(shop))
    assert len(children_of(task)) == 3
    pumping.succeeded(lab.vcenter, task)
    assert set(powers(shop).values()) == {VmPower.OFF}


def test_a_child_vapp_is_one_member_with_an_order_of_its_own(lab, shop):
    inner = made_vapp(lab, "cluster", parent=shop)
    fill(lab, inner, "a", "b")
    order(inner, a=2, b=1)
    pool = builders.make_pool(shop, "plain")
    fill(lab, pool, "tool")
    order(shop, db=1, cluster=2, tool=2, app=3, web=4)
    task = pumping.succeeded(lab.vcenter, vapps.power_on(None, fresh(shop)))
    assert children_of(task)[0].entity_name == "db"
    assert {child.entity_name for child in children_of(task)[1:3]} == {"cluster", "tool"}
    below = next(child for child in children_of(task) if child.entity_name == "cluster")
    assert [child.entity_name for child in children_of(below)] == ["b", "a"]
    assert set(powers(fresh(shop)).values()) == {VmPower.ON}
    with pytest.raises(faults.InvalidPowerState):
        vapps.power_on(None, fresh(inner))


def test_one_that_fails_ends_the_run_with_its_name_and_leaves_the_others_on(lab, shop):
    VirtualMachine.objects.filter(name="app").update(memory_reservation_mib=8_000_000, memory_mib=8_000_000)
    task = pumping.finished(lab.vcenter, vapps.power_on(None, shop))
    assert task.state == TaskState.ERROR
    fault = faults.from_dict(task.fault)
    assert isinstance(fault, faults.VAppEntityFailed)
    assert (fault.fields["name"], fault.fields["vm"]) == ("shop", "app")
    assert powers(shop) == {"db": VmPower.ON, "app": VmPower.OFF, "web": VmPower.OFF}
    failed = Event.objects.get(entity=shop.moref, type="VAppOperationFailedEvent")
    assert "app" in failed.fields["reason"]
    assert vapps.shut_down(None, fresh(shop)).state == TaskState.RUNNING


def test_nothing_to_do_is_said(lab, shop):
    with pytest.raises(faults.InvalidPowerState):
        vapps.shut_down(None, shop)
    with pytest.raises(faults.InvalidState):
        vapps.power_on(None, made_vapp(lab, "empty"))
    for name in ("db", "app", "web"):
        arrange(shop, name, start_action=StartAction.NONE)
    with pytest.raises(faults.InvalidState):
        vapps.power_on(None, fresh(shop))


# --- one at a time ---------------------------------------------------------------------------------------------------
def test_a_second_operation_is_refused_while_one_runs(lab, shop, boss):
    inner = made_vapp(lab, "inner", parent=shop)
    fill(lab, inner, "cache")
    vapps.power_on(None, fresh(shop))
    for verb in (vapps.power_on, vapps.shut_down, vapps.power_off, vapps.suspend, vapps.destroy):
        with pytest.raises(faults.VAppOperationInProgress):
            verb(None, fresh(shop))
    with pytest.raises(faults.VAppTaskInProgress):
        vapps.power_on(None, fresh(inner))
    web = VirtualMachine.objects.select_related("pool", "host__cluster", "folder", "vcenter").get(name="web")
    for act in (vms.power_on, vms.delete_from_disk, vms.mark_as_template):
        with pytest.raises(faults.VAppTaskInProgress):
            act(boss, web)
    with pytest.raises(faults.VAppTaskInProgress):
        vms.move_to_pool(boss, web, builders.root_pool(lab.cluster))
    with pytest.raises(faults.VAppTaskInProgress):
        relocate(boss, web, Target(host=lab.hosts[1], pool=builders.root_pool(lab.cluster)))
    assert relocate(boss, web, Target(host=lab.hosts[1])).state == TaskState.QUEUED  # it stays in the vApp


def test_the_database_lets_one_operation_live_at_most(lab, shop, monkeypatch):
    """Two requests that both saw an idle vApp: the unique constraint decides."""
    vapps.power_on(None, shop)
    monkeypatch.setattr(vapps, "refuse_running", lambda vapp: None)
    with pytest.raises(faults.VAppOperationInProgress):
        vapps.power_on(None, fresh(shop))


def test_a_run_is_cancelled_with_what_it_has_begun(lab, shop):
    arrange(shop, "db", start_delay_s=300)
    task = vapps.power_on(None, shop)
    pumping.advance(lab.vcenter, 100)
    tasks.cancel(None, Task.objects.select_related("vcenter").get(pk=task.pk))
    pumping.advance(lab.vcenter, 600)
    task.refresh_from_db()
    assert (task.state, task.cancelled) == (TaskState.ERROR, True)
    assert powers(shop) == {"db": VmPower.ON, "app": VmPower.OFF, "web": VmPower.OFF}
    assert len(children_of(task)) == 1


# --- killed and repeated ---------------------------------------------------------------------------------------------
def test_a_run_goes_on_from_what_is_stored(lab, shop, monkeypatch):
    """A worker that dies inside a step takes everything of that step with it; the next beat does it again."""
    task = vapps.power_on(None, shop)
    real, calls = sequences._store, []

    def dies(*args):
        calls.append(args)
        raise KeyboardInterrupt if len(calls) == 1 else RuntimeError("killed")

    monkeypatch.setattr(sequences, "_store", dies)
    with pytest.raises(KeyboardInterrupt):
        pumping.advance(lab.vcenter, 120)
    assert [child.entity_name for child in children_of(task)] == ["db"]
    monkeypatch.setattr(sequences, "_store", real)
    pumping.succeeded(lab.vcenter, task)
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]


def test_two_processes_with_the_same_row_begin_a_member_once(lab, shop):
    task = vapps.power_on(None, shop)
    pumping.finished(lab.vcenter, children_of(task)[0], limit_s=60)
    rows = Task.objects.select_related("vcenter")
    stale = [rows.get(pk=task.pk), rows.get(pk=task.pk)]
    for one in stale:
        sequences.steward(one, lab.vcenter.lab_seconds())
    pumping.succeeded(lab.vcenter, task)
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]


def test_a_task_delivered_twice_and_a_fleet_that_was_lost_change_nothing(lab, shop):
    task = vapps.power_on(None, shop)
    for _ in range(3):
        pump.submit(task.pk)
    pumping.advance(lab.vcenter, 10, 5)
    pumping.meet(lab.vcenter)
    pumping.succeeded(lab.vcenter, task)
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]


def test_a_vapp_that_goes_under_its_run_ends_it(lab, shop):
    task = vapps.power_on(None, shop)
    VirtualMachine.objects.filter(pool=shop).update(pool=builders.root_pool(lab.cluster))
    ResourcePool.objects.filter(pk=shop.pk).delete()
    done = pumping.finished(lab.vcenter, task)
    assert faults.from_dict(done.fault).name == "ManagedObjectNotFound"


# --- rights ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def people():
    return cast.make_cast()


@pytest.fixture
def owned(people):
    made = builders.small_lab(people.student, hosts=2, vms=1)
    cast.grant(people.operator, made.vcenter, "VM power user")
    cast.grant(people.reader, made.vcenter, "Read-only")
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


VERBS = (
    (vapps.power_on, ()), (vapps.shut_down, ()), (vapps.power_off, ()), (vapps.suspend, ()), (vapps.destroy, ()),
    (vapps.clone, ("two",)), (naming.rename, ("two",)),
)  # fmt: skip


def test_only_who_may_changes_a_vapp(people, owned):
    vapp = made_vapp(owned)
    fill(owned, vapp, "db")
    root = builders.root_pool(owned.cluster)
    for who in (people.reader, people.outsider, people.operator):
        for verb, args in VERBS:
            with pytest.raises(faults.NoPermission):
                verb(who, fresh(vapp), *args)
        with pytest.raises(faults.NoPermission):
            vapps.create(who, root, "mine")
        with pytest.raises(faults.NoPermission):
            vapps.configure(who, fresh(vapp), product={"name": "x"})
        with pytest.raises(faults.NoPermission):
            pools.reconfigure(who, fresh(vapp), {"cpu_shares_level": "high"})
        with pytest.raises(faults.NoPermission):
            vapps.move_to_folder(who, fresh(vapp), owned.vm_folder)
    task = vapps.power_on(people.student, fresh(vapp))
    pumping.succeeded(owned.vcenter, task)
    assert (task.initiator, children_of(task)[0].initiator_name) == (people.student, "student")


def test_vms_move_in_and_out_with_the_vapps_privilege(people, owned):
    vapp, vm = made_vapp(owned), owned.vms[0]
    home = vm.pool_id
    cast.grant(people.operator, vapp, "Resource pool administrator")
    with pytest.raises(faults.NoPermission) as refused:
        vms.move_to_pool(people.operator, vm, fresh(vapp))
    assert refused.value.fields["privilege"] in ("VApp.AssignVM", "Resource.AssignVMToPool")
    task = vms.move_to_pool(people.student, vm, fresh(vapp))
    assert list(Content(fresh(vapp)).members) == [vm.moref]
    undo.undo(people.student, task)
    vm.refresh_from_db()
    assert vm.pool_id == home
