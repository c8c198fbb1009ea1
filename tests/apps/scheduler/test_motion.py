"""Moving virtual machines from the browser's side: wizards, progress, history, maintenance, rights, costs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from django.test import Client

from domain.states import TaskState, VmPower
from inventory.models import Host, Task, VirtualMachine
from inventory.services import tasks
from scheduler import foresight, progress
from scheduler.models import DrsRule, Migration
from scheduler.services import maintenance
from scheduler.services.migration import Target, relocate
from tests import builders, pumping
from tests.apps.scheduler.motion_rig import Stage, Walk, running_stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stage() -> Stage:
    return running_stage()


def test_the_wizard_moves_one_machine(stage):
    vm, target = stage.vm(0), stage.host(2)
    walk = Walk(stage.client("student"), stage.dialog(vm.moref, "migrate"))
    walk.send(type__type="compute")
    assert 'class="bar"' in walk.page
    assert walk.page.index(target.name) < walk.page.index(stage.lab.standalone.name)
    walk.send(compute__host=target.moref).send().send(priority__priority="highPriority")
    assert "Load of the hosts" in walk.page
    assert walk.send("finish").answer.status_code == 202
    task = Task.objects.get(operation="vm.relocate")
    pumping.succeeded(stage.vc, task)
    assert stage.vm(0).host_id == target.pk


def test_a_host_that_cannot_take_it_is_refused_whatever_is_sent(stage):
    vm = stage.vm(0)
    Host.objects.filter(pk=stage.host(2).pk).update(in_maintenance=True)
    walk = Walk(stage.client("student"), stage.dialog(vm.moref, "migrate")).send(type__type="compute")
    walk.send(compute__host=stage.host(2).moref)
    assert walk.answer.status_code == 422
    assert not Task.objects.filter(operation="vm.relocate").exists()


def test_a_drop_on_a_host_opens_the_review_with_the_same_checks(stage):
    vm, client = stage.vm(0), stage.client("student")
    walk = Walk(client, stage.dialog(vm.moref, "migrate") + f"?host={stage.host(2).moref}")
    assert "Ready to complete" in walk.page
    assert stage.host(2).name in walk.page
    Host.objects.filter(pk=stage.host(1).pk).update(in_maintenance=True)
    walk = Walk(client, stage.dialog(vm.moref, "migrate") + f"?host={stage.host(1).moref}")
    assert "Select a compute resource" in walk.page
    assert "maintenance mode" in walk.page
    walk = Walk(client, many(stage, 0, 1) + f"&host={stage.host(2).moref}")
    assert "2 virtual machines move" in walk.page
    assert walk.send("finish").answer.status_code == 202
    assert Task.objects.filter(operation="vm.relocate").count() == 2


def many(stage: Stage, *indexes: int) -> str:
    return stage.url("scheduler:migrate-many") + "?on=" + "+".join(stage.vm(i).moref for i in indexes)


def test_many_machines_each_get_a_host(stage):
    client = stage.client("student")
    menu = client.post(stage.url("inventory:bulk-menu"), {"on": f"{stage.vm(0).moref} {stage.vm(1).moref}"})
    assert "/migrate/?action=migrate" in menu.content.decode()
    walk = Walk(client, many(stage, 0, 1, 2))
    assert "3 Virtual Machines - Migrate" in walk.page
    walk.send(type__type="each").send(priority__priority="defaultPriority")
    assert "3 virtual machines move" in walk.page
    before = {stage.vm(i).pk: stage.vm(i).host_id for i in range(3)}
    assert walk.send("finish").answer.status_code == 202
    for task in Task.objects.filter(operation="vm.relocate"):
        pumping.succeeded(stage.vc, task)
    assert all(stage.vm(i).host_id != before[stage.vm(i).pk] for i in range(3))


def test_many_to_one_host_says_which_rules_break(stage):
    pair = [stage.vm(0), stage.vm(1)]
    VirtualMachine.objects.filter(pk=pair[1].pk).update(host=stage.host(1))
    apart = DrsRule.objects.create(
        cluster=stage.lab.cluster, kind="anti_affinity", name="two web servers", members=[v.moref for v in pair]
    )
    walk = Walk(stage.client("student"), many(stage, 0, 1)).send(type__type="host")
    walk.send(compute__host=stage.host(2).moref).send().send(priority__priority="defaultPriority")
    assert apart.name in walk.page


def test_placement_spreads_and_reckons_with_what_it_placed_before(stage):
    VirtualMachine.objects.filter(host__cluster=stage.lab.cluster, template=False).update(host=stage.host(0))
    vms = list(VirtualMachine.objects.filter(host=stage.host(0), template=False).select_related("host__cluster"))
    effect = foresight.to_best_hosts(vms)
    assert not effect.stuck
    assert {host.pk for _vm, host in effect.moves} == {stage.host(1).pk, stage.host(2).pk}
    assert sum(load.vms for load in effect.loads) == sum(load.vms_after for load in effect.loads) == len(vms)


def test_progress_is_shown_while_it_runs_and_measured_afterwards(stage):
    vm, client = stage.vm(0), stage.client("reader")
    address = stage.url("scheduler:motion", vm.moref)
    assert client.get(address).status_code == 204
    task = relocate(None, vm, Target(host=stage.host(2)))
    stage.into_copy(task)
    panel = client.get(address).content.decode()
    assert f'data-motion-task="{task.pk}"' in panel
    assert "Copying the memory" in panel
    assert "<rect" in panel
    assert "Migration in Progress" in client.get(stage.url("inventory:object", vm.moref)).content.decode()
    pumping.succeeded(stage.vc, task)
    assert client.get(address).status_code == 204
    for moref in (vm.moref, stage.host(2).moref):
        page = client.get(stage.section(moref, "migrations")).content.decode()
        assert "Moved" in page
        assert stage.host(2).name in page
    record = Migration.objects.get(task=task)
    assert record.sent_mib > 0
    assert record.predicted_downtime_s


def test_a_cancelled_move_is_told_as_one_that_stayed(stage):
    vm = stage.vm(0)
    task = relocate(None, vm, Target(host=stage.host(2)))
    stage.into_copy(task)
    tasks.cancel(None, task)
    assert pumping.finished(stage.vc, task).cancelled
    page = stage.client("reader").get(stage.section(vm.moref, "migrations")).content.decode()
    assert "Stayed" in page
    assert stage.vm(0).host_id == vm.host_id


def test_rounds_fill_the_chart_and_keep_their_order():
    drawn = progress.bars([[3.6, 4096.0], [0.5, 64.0], [0.1, 9.0]], (0.05, 2.0))
    assert [bar.number for bar in drawn] == [1, 2, 3, 4]
    assert all(a.x + a.width <= b.x for a, b in pairwise(drawn))
    assert drawn[-1].x + drawn[-1].width <= progress.CHART_WIDTH + 0.1
    assert [bar.height for bar in drawn] == sorted((bar.height for bar in drawn), reverse=True)
    assert [bar.live for bar in drawn] == [False, False, False, True]


def test_a_host_that_cannot_be_emptied_says_what_is_stuck(stage):
    host = stage.host(0)
    stuck = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).first()
    VirtualMachine.objects.filter(pk=stuck.pk).update(cd_connected=True, cd_path="[client] drive")
    answer = stage.client("student").get(stage.dialog(host.moref, "enter-maintenance"))
    assert answer.status_code == 200
    task = maintenance.enter(None, host)
    pumping.advance(stage.vc, 120, 5.0)
    task.refresh_from_db()
    assert task.state == TaskState.RUNNING
    page = stage.client("reader").get(stage.url("inventory:object", host.moref)).content.decode()
    assert stuck.name in page
    assert "Disconnect its CD/DVD drive" in page
    VirtualMachine.objects.filter(pk=stuck.pk).update(cd_connected=False)
    pumping.succeeded(stage.vc, task)


def test_what_does_not_run_goes_to_several_hosts_and_the_plan_says_so_before(stage):
    """Not to the emptiest alone, which with dedicated failover hosts is the one that takes nothing."""
    cluster, host = stage.lab.cluster, stage.host(0)
    kept = stage.host(2)
    cluster.ha_enabled, cluster.ha_options = True, {"admission": "failover_hosts", "failover_hosts": [kept.moref]}
    cluster.save()
    builders.make_host(cluster, "esx-d", boot_median_s=300)
    builders.offer(stage.lab.datastore, stage.lab.network, [Host.objects.get(name="esx-d")])
    VirtualMachine.objects.filter(host__cluster=cluster).update(power_state=VmPower.OFF, host=host)
    pumping.meet(stage.vc)
    client, dialog = stage.client("student"), stage.dialog(host.moref, "enter-maintenance")
    before = client.get(dialog).content.decode()
    assert "registered elsewhere" not in before
    shown = client.post(dialog, {"go": "refresh", "evacuate_powered_off": "on", "timeout_min": "0"}).content.decode()
    count = VirtualMachine.objects.filter(host=host).count()
    assert f"{count} virtual machines that do not run are registered elsewhere" in shown
    pumping.succeeded(stage.vc, maintenance.enter(None, stage.host(0), evacuate_powered_off=True))
    per_host = Counter(VirtualMachine.objects.values_list("host__name", flat=True))
    assert set(per_host) == {stage.host(1).name, "esx-d"}
    assert max(per_host.values()) - min(per_host.values()) <= 1


def test_a_machine_that_a_device_keeps_is_told_before_the_start(stage):
    """The plan is made with every check of a move, so that it does not promise what will be refused."""
    VirtualMachine.objects.filter(pk=stage.vm(0).pk).update(cd_connected=True, cd_path="[client] tools.iso")
    plan = maintenance.preview(stage.host(0))
    assert [(vm.pk, fault.name) for vm, fault in plan.stuck] == [(stage.vm(0).pk, "RemoteDeviceNotSupported")]
    assert stage.vm(0).pk not in {move.vm.pk for move in plan.moves}


@pytest.mark.parametrize(("who", "status"), [("student", 200), ("operator", 403), ("reader", 403), ("outsider", 404)])
def test_who_may_open_the_dialogs(stage, who, status):
    for moref, name in ((stage.host(0).moref, "enter-maintenance"), (stage.vm(0).moref, "inject-fault")):
        url = stage.dialog(moref, name)
        assert stage.client(who).get(url, headers={"X-Requested-With": "fetch"}).status_code == status


@pytest.mark.parametrize(("who", "status"), [("student", 200), ("reader", 200), ("outsider", 404)])
def test_who_sees_the_pages(stage, who, status):
    client = stage.client(who)
    for url in (stage.section(stage.vm(0).moref, "migrations"), stage.section(stage.host(0).moref, "migrations"),
                stage.section(stage.lab.cluster.moref, "ha"), stage.section(stage.lab.cluster.moref, "what-if"),
                stage.url("scheduler:what-if-host-fails", stage.host(0).moref)):  # fmt: skip
        assert client.get(url).status_code == status, url


def test_a_reader_moves_nothing(stage):
    walk = Walk(stage.client("reader"), many(stage, 0, 1)).send(type__type="each")
    walk.send(priority__priority="defaultPriority").send("finish")
    assert "Not done" in walk.page
    assert not Task.objects.filter(operation="vm.relocate").exists()


def test_a_stranger_is_sent_to_the_log_in(stage):
    for url in (many(stage, 0), stage.url("scheduler:motion", stage.vm(0).moref),
                stage.url("scheduler:what-if-host-fails", stage.host(0).moref)):  # fmt: skip
        assert Client().get(url).status_code == 302
        assert stage.client("outsider").get(url).status_code == 404


def test_pages_cost_few_queries(stage, django_assert_max_num_queries):
    task = relocate(None, stage.vm(0), Target(host=stage.host(2)))
    stage.into_copy(task)
    client = stage.client("reader")
    client.get(stage.url("scheduler:motion", stage.vm(0).moref))
    urls = [stage.url("scheduler:motion", stage.vm(0).moref)]
    urls += [stage.section(m, "migrations") for m in (stage.vm(0).moref, stage.host(0).moref)]
    urls += [stage.section(stage.lab.cluster.moref, slug) for slug in ("ha", "what-if")]
    for url in urls:
        with django_assert_max_num_queries(32):
            client.get(url, headers={"HX-Request": "true"})


def test_a_host_with_thirty_machines_is_emptied_within_its_cost_units():
    """Eight at once, as many as its 10 GbE link allows; spread over the others; nothing stays reserved."""
    stage = running_stage(
        hosts=4, vms=30, people=False, drs_enabled=True, drs_automation="fullyAutomated", drs_threshold=1
    )
    host = stage.host(0)
    here = VirtualMachine.objects.filter(host__cluster=host.cluster, template=False)
    for vm in here.exclude(host=host).select_related("host__cluster", "vcenter", "pool"):
        relocate(None, vm, Target(host=host))
    pumping.advance(stage.vc, 600, 30.0)
    assert here.filter(host=host, power_state=VmPower.ON).count() == 30
    task, most = maintenance.enter(None, host), 0
    for _ in range(120):
        pumping.advance(stage.vc, 2, 2.0)
        most = max(most, Task.objects.filter(parent=task, state=TaskState.RUNNING).count())
        task.refresh_from_db()
        if task.state != TaskState.RUNNING:
            break
    assert task.state == TaskState.SUCCESS, task.fault
    assert most == 8
    assert stage.host(0).in_maintenance
    spread = Counter(here.filter(power_state=VmPower.ON).values_list("host", flat=True))
    assert sum(spread.values()) == 30
    assert host.pk not in spread
    assert max(spread.values()) - min(spread.values()) <= 6
    pumping.advance(stage.vc, 20, 2.0)  # the last machine has left; its move still tidies up
    assert not Migration.objects.exclude(ok=True).exists()
