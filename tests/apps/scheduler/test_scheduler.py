"""Moves, maintenance, DRS cycles and failover, from the service to the record, on the real simulated fleet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils.timezone import now

from domain import faults
from domain.states import TaskState, VmPower
from hypervisors.port import Command, Config, Injection
from inventory import fleet
from inventory.models import Event, Host, Task, VirtualMachine
from inventory.services import clusters, tasks, vms
from scheduler import recording
from scheduler.models import ClusterSchedule, Decision, DrsFault, DrsGroup, HaRestart, Migration, Recommendation
from scheduler.prechecks import verdicts
from scheduler.selectors.cluster import frame_of
from scheduler.services import cycles, drs, maintenance, rules, standby
from scheduler.services.migration import Target, relocate
from tests import builders, pumping

pytestmark = pytest.mark.django_db(transaction=True)


def running_lab(hosts=3, vms=6, **cluster):
    lab = builders.small_lab(hosts=hosts, vms=vms)
    for name, value in cluster.items():
        setattr(lab.cluster, name, value)
    lab.cluster.save()
    VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False).update(
        power_state=VmPower.ON, tools_status="toolsOk"
    )
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    pumping.advance(lab.vcenter, 60)
    return lab


def owner_is_unique(vcenter):
    """Every VM is on exactly one host, and the fleet says the same as the inventory."""
    return VirtualMachine.objects.filter(vcenter=vcenter, host__isnull=True).count() == 0


def test_a_running_vm_moves_and_its_history_has_measured_numbers():
    lab = running_lab()
    vm, target = lab.vms[1], lab.hosts[2]
    task = pumping.succeeded(lab.vcenter, relocate(None, vm, Target(host=target)))
    vm.refresh_from_db()
    assert (vm.host_id, vm.power_state) == (target.pk, VmPower.ON)
    record = Migration.objects.get(task=task)
    assert record.ok
    assert 0 < record.downtime_s < 2
    assert record.rounds
    names = list(Event.objects.filter(task=task).order_by("key").values_list("type", flat=True))
    assert names == ["VmEmigratingEvent", "VmBeingHotMigratedEvent", "VmMigratedEvent"]
    assert owner_is_unique(lab.vcenter)


def test_cancelled_in_mid_copy_it_stays_on_its_source():
    lab = running_lab()
    vm, source = lab.vms[1], lab.vms[1].host_id
    task = relocate(None, vm, Target(host=lab.hosts[2]))
    for _ in range(40):
        pumping.advance(lab.vcenter, 0.25, 0.25)
        task.refresh_from_db()
        if task.phase == "precopy" or "copy" in task.phase:
            break
    assert task.state == TaskState.RUNNING, task.phase
    tasks.cancel(None, task)
    done = pumping.finished(lab.vcenter, task)
    assert (done.state, done.fault["fault"], done.cancelled) == (TaskState.ERROR, "RequestCanceled", True)
    vm.refresh_from_db()
    assert (vm.host_id, vm.power_state) == (source, VmPower.ON)


def test_every_check_has_its_fault():
    lab = running_lab()
    Host.objects.filter(pk=lab.hosts[1].pk).update(in_maintenance=True)
    Host.objects.filter(pk=lab.hosts[2].pk).update(vmotion_enabled=False)
    vm = VirtualMachine.objects.select_related("host", "vcenter").get(pk=lab.vms[0].pk)
    hosts = list(Host.objects.filter(vcenter=lab.vcenter).select_related("cluster").order_by("id"))
    found = {v.host.pk: {f.name for f in v.errors} for v in verdicts([vm], hosts)}
    assert "InvalidHostState" in found[lab.hosts[1].pk]
    assert "VMotionNotConfigured" in found[lab.hosts[2].pk]
    assert {"CannotAccessVmDisk", "CannotAccessNetwork"} <= found[lab.standalone.pk]
    with pytest.raises(faults.InvalidHostState):
        relocate(None, vm, Target(host=Host.objects.select_related("cluster").get(pk=lab.hosts[1].pk)))


def test_maintenance_empties_the_host_and_then_says_so():
    lab = running_lab(drs_enabled=True)
    host = Host.objects.select_related("cluster", "vcenter").get(pk=lab.hosts[0].pk)
    plan = maintenance.preview(host)
    assert {m.vm.host_id for m in plan.moves} == {host.pk}
    task = pumping.succeeded(lab.vcenter, maintenance.enter(None, host))
    host.refresh_from_db()
    assert (host.in_maintenance, host.entering_maintenance) == (True, False)
    assert not VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).exists()
    assert Task.objects.filter(parent=task, state=TaskState.SUCCESS).count() == len(plan.moves)
    maintenance.leave(None, host)
    host.refresh_from_db()
    assert host.usable


def test_maintenance_can_be_cancelled_and_times_out():
    lab = running_lab(hosts=1, vms=2, drs_enabled=True)
    host = Host.objects.select_related("cluster", "vcenter").get(pk=lab.hosts[0].pk)
    task = maintenance.enter(None, host, timeout_s=60)
    done = pumping.finished(lab.vcenter, task)
    assert done.fault["fault"] == "Timedout"
    host.refresh_from_db()
    assert host.usable
    task = maintenance.enter(None, host)
    tasks.cancel(None, task)
    assert pumping.finished(lab.vcenter, task).fault["fault"] == "RequestCanceled"


def test_a_dead_hosts_vms_run_elsewhere_and_events_tell_it_in_order():
    lab = running_lab(ha_enabled=True)
    victim = lab.hosts[0]
    ran_there = set(VirtualMachine.objects.filter(host=victim, power_state=VmPower.ON).values_list("moref", flat=True))
    args = {"fault": Injection.HOST_CRASH, "duration_s": 3600}
    fleet.send(lab.vcenter, [Command(Config.INJECT, str(victim.uuid), args)])
    pumping.advance(lab.vcenter, 240, 2.0)
    for vm in VirtualMachine.objects.filter(moref__in=ran_there):
        assert (vm.power_state, vm.host_id != victim.pk) == (VmPower.ON, True)
    assert set(HaRestart.objects.values_list("state", flat=True)) == {HaRestart.RESTARTED}
    order = list(
        Event.objects.filter(vcenter=lab.vcenter).order_by("key").values_list("type", flat=True)
    )  # fmt: skip
    first = [order.index(name) for name in (
        "HostCrashedEvent", "HostConnectionLostEvent", "DasHostFailedEvent", "VmRestartedOnAlternateHostEvent"
    )]  # fmt: skip
    assert first == sorted(first)


def load_one_host(lab):
    """All VMs on the first host, each wanting more than its part."""
    VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False).update(host=lab.hosts[0])
    fleet.RedisStore(str(lab.vcenter.uuid)).drop()
    pumping.beat(lab.vcenter)
    hog = {"fault": Injection.CPU_HOG, "duration_s": 36_000}
    vms_there = VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False)
    fleet.send(lab.vcenter, [Command(Config.INJECT, str(vm.uuid), hog) for vm in vms_there])
    VirtualMachine.objects.filter(pk__in=vms_there).update(vcpus=8)
    pumping.advance(lab.vcenter, 400)


def big_running_lab(**cluster):
    lab = running_lab(hosts=3, vms=9, **cluster)
    VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False).update(vcpus=8)
    load_one_host(lab)
    return lab


def test_a_fully_automated_cluster_balances_itself_and_says_why():
    lab = big_running_lab(drs_enabled=True, drs_automation="fullyAutomated")
    before = frame_of(lab.cluster)
    assert before.snapshot.vms.cpu_demand_mhz.sum() > before.snapshot.hosts.cpu_capacity_mhz[0]
    decision = cycles.run(lab.cluster.pk)
    assert decision.moves > 0
    assert decision.score_after > decision.score
    pumping.advance(lab.vcenter, 300)
    hosts = set(VirtualMachine.objects.filter(host__cluster=lab.cluster).values_list("host_id", flat=True))
    assert len(hosts) > 1
    applied = Recommendation.objects.filter(cluster=lab.cluster, state=Recommendation.APPLIED)
    assert applied.count() == decision.moves
    assert all(r.text and r.before and r.after for r in applied)


def test_manual_mode_waits_and_one_of_several_can_be_applied():
    lab = big_running_lab(drs_enabled=True, drs_automation="manual")
    decision = cycles.run(lab.cluster.pk)
    waiting = Recommendation.objects.filter(cluster=lab.cluster, state=Recommendation.PENDING)
    assert waiting.count() == decision.moves > 1
    one = waiting.first()
    results = drs.apply(None, lab.cluster, [one.pk])
    pumping.succeeded(lab.vcenter, results[0].task)
    vm = VirtualMachine.objects.get(moref=one.vm)
    assert vm.host.moref == one.destination


def test_a_decision_can_be_replayed_with_other_settings():
    lab = big_running_lab(drs_enabled=True, drs_automation="manual")
    decision = cycles.run(lab.cluster.pk)
    same = drs.replay(None, decision)
    assert [m.vm for m in same.moves] == [m["vm"] for m in recording.unpack(decision.plan)["moves"]]
    assert not drs.replay(None, decision, threshold=1).moves
    assert Decision.objects.count() == 1


def test_a_replay_keeps_the_options_of_its_cycle():
    """Settings changed since change nothing: only what is asked for differs."""
    lab = big_running_lab(drs_enabled=True, drs_automation="manual")
    decision = cycles.run(lab.cluster.pk)
    assert decision.moves
    lab.cluster.drs_threshold, lab.cluster.drs_options = 1, {"engine": "classic", "even_distribution": True}
    lab.cluster.save()
    decision = Decision.objects.select_related("cluster__vcenter").get(pk=decision.pk)
    assert [m.vm for m in drs.replay(None, decision).moves] == [
        m["vm"] for m in recording.unpack(decision.plan)["moves"]
    ]


def test_what_was_applied_and_waits_outlives_the_next_cycle():
    """A person applies two moves of which one waits for the other; the cycle that comes before that has ended says the
    same anew, and it is carried out in the person's name."""
    lab = big_running_lab(drs_enabled=True, drs_automation="manual")
    cycles.run(lab.cluster.pk)
    first, second = Recommendation.objects.filter(cluster=lab.cluster, state=Recommendation.PENDING)[:2]
    Recommendation.objects.filter(pk=second.pk).update(prerequisites=[first.key], group="g")
    Recommendation.objects.filter(pk=first.pk).update(group="g")
    teacher = get_user_model().objects.create_superuser("teacher")
    applied = drs.apply(teacher, lab.cluster, [second.pk])
    assert [(one.task is None, one.why_not) for one in applied] == [(False, ""), (True, "waits")]
    Recommendation.objects.filter(cluster=lab.cluster, state=Recommendation.PENDING).exclude(pk=second.pk).delete()
    cycles.run(lab.cluster.pk)
    second.refresh_from_db()
    assert second.state == Recommendation.GONE
    again = [row for row in Recommendation.objects.filter(cluster=lab.cluster) if row.about == second.about]
    assert {(row.automatic, row.applied_by) for row in again if row.pk != second.pk} == {(True, "teacher")}
    pumping.advance(lab.vcenter, 120)
    assert Task.objects.filter(entity=second.vm, operation="vm.drs_migrate", initiator_name="teacher").exists()
    assert VirtualMachine.objects.get(moref=second.vm).host.moref == second.destination


def test_a_fault_that_lasts_is_one_fault():
    lab = running_lab(drs_enabled=True)
    pair = [vm.moref for vm in lab.vms[:2]]
    rules.save_rule(None, lab.cluster, {"name": "apart", "kind": "anti_affinity", "members": pair})
    rules.save_rule(None, lab.cluster, {"name": "together", "kind": "affinity", "members": pair})
    first = cycles.run(lab.cluster.pk)
    pumping.advance(lab.vcenter, 60)
    second = cycles.run(lab.cluster.pk)
    assert (first.faults, second.faults) == (1, 1)
    fault = DrsFault.objects.get(cluster=lab.cluster)
    assert (fault.lab_s, fault.decision_id) == (first.lab_s, second.pk)


def test_a_conflict_is_told_whichever_of_the_two_rules_loses():
    """A change of the older rule, or of a group that it names, makes the newer one lose: that is told too."""
    lab = running_lab(drs_enabled=True)
    machines, host = [vm.moref for vm in lab.vms[:2]], [h.moref for h in lab.hosts]
    web = rules.save_group(None, lab.cluster, "web", "vm", machines)
    left = rules.save_group(None, lab.cluster, "left", "host", host[:2])
    on = {"name": "on", "kind": "vm_host", "vm_group": web, "host_group": left, "affine": True, "mandatory": True}
    older = rules.save_rule(None, lab.cluster, on)
    rules.save_rule(None, lab.cluster, {"name": "apart", "kind": "anti_affinity", "members": machines})
    assert rules.group_conflicts(lab.cluster, left, host[:2]) == []
    told = rules.group_conflicts(lab.cluster, left, host[:1])
    assert [conflict.rule.name for conflict in told] == ["apart"]
    assert [conflict.rule.name for conflict in rules.group_conflicts(lab.cluster, left, [])] == ["on"]
    other = rules.save_group(None, lab.cluster, "one", "host", host[:1])
    draft = rules.draft(lab.cluster, on | {"host_group": other}, older)
    assert [conflict.rule.name for conflict in rules.conflicts(lab.cluster, draft)] == ["apart"]


def test_a_rule_is_obeyed_and_its_conflict_is_shown_before_saving():
    lab = running_lab(drs_enabled=True)
    pair = [vm.moref for vm in lab.vms[:2]]
    rules.save_rule(None, lab.cluster, {"name": "apart", "kind": "anti_affinity", "members": pair})
    together = rules.draft(lab.cluster, {"name": "together", "kind": "affinity", "members": pair})
    assert rules.conflicts(lab.cluster, together)
    group = rules.save_group(None, lab.cluster, "web", "vm", pair)
    hosts = rules.save_group(None, lab.cluster, "left", "host", [lab.hosts[0].moref])
    must = {"name": "pinned", "kind": "vm_host", "vm_group": group.pk, "host_group": hosts.pk, "mandatory": True}
    rules.save_rule(None, lab.cluster, must)
    vm = VirtualMachine.objects.select_related("host", "vcenter").get(pk=lab.vms[0].pk)
    with pytest.raises(faults.VmHostAffinityRuleViolation) as refused:
        relocate(None, vm, Target(host=lab.hosts[2]))
    assert refused.value.fields["rule"] == "pinned"
    with pytest.raises(faults.ResourceInUse):
        rules.delete_group(None, DrsGroup.objects.get(name="web"))


def test_a_host_sleeps_and_wakes():
    lab = running_lab(hosts=2, vms=1)
    idle = next(h for h in lab.hosts if not VirtualMachine.objects.filter(host=h, power_state=VmPower.ON).exists())
    idle = Host.objects.select_related("cluster", "vcenter").get(pk=idle.pk)
    Host.objects.filter(pk=idle.pk).update(bmc_address="10.0.0.1")
    idle.refresh_from_db()
    pumping.succeeded(lab.vcenter, standby.enter(None, idle))
    idle.refresh_from_db()
    assert (idle.power_state, idle.standby_mode) == ("standBy", "in")
    pumping.succeeded(lab.vcenter, standby.leave(None, idle), limit_s=2000)
    idle.refresh_from_db()
    assert (idle.usable, idle.last_exit_standby_ok) == (True, True)
    assert idle.wake_estimate_s != 300.0


def test_drs_chooses_the_host_of_a_vm_that_starts():
    lab = running_lab(hosts=3, vms=6, drs_enabled=True)
    vm = lab.vms[0]
    pumping.succeeded(lab.vcenter, vms.power_off(None, VirtualMachine.objects.get(pk=vm.pk)))
    Host.objects.filter(pk=lab.hosts[0].pk).update(in_maintenance=True)
    pumping.succeeded(lab.vcenter, vms.power_on(None, VirtualMachine.objects.get(pk=vm.pk)))
    vm.refresh_from_db()
    assert vm.host_id != lab.hosts[0].pk


def test_evc_refuses_what_runs_above_it():
    lab = running_lab()
    VirtualMachine.objects.filter(pk=lab.vms[0].pk).update(features_mask=0b11111)
    with pytest.raises(faults.EVCAdmissionFailedVmActive):
        clusters.reconfigure(None, lab.cluster, {"evc_mode": "intel-westmere"})


# --- what is under way ------------------------------------------------------------------------------------------------
def leaving(lab):
    """Host 0 with one running VM that has just been told to go to host 2; (VM, host 0)."""
    vm, host = lab.vms[0], lab.hosts[0]
    VirtualMachine.objects.filter(host=host).exclude(pk=vm.pk).update(host=lab.hosts[1])
    Host.objects.filter(pk=host.pk).update(bmc_address="10.0.0.1")
    vm = VirtualMachine.objects.select_related("host__cluster", "vcenter").get(pk=vm.pk)
    assert vm.host_id == host.pk
    return vm, Host.objects.select_related("cluster", "vcenter").get(pk=host.pk)


def test_a_vm_on_its_way_counts_where_it_goes():
    lab = running_lab()
    vm, _host = leaving(lab)
    relocate(None, vm, Target(host=lab.hosts[2]))
    snapshot = frame_of(lab.cluster).snapshot
    row = snapshot.vms.moref.index(vm.moref)
    assert snapshot.hosts.moref[snapshot.vms.host_ix[row]] == lab.hosts[2].moref
    assert isinstance(snapshot.vms.immovable[row], faults.TaskInProgress)


def test_a_host_is_switched_off_only_when_the_last_vm_has_left():
    lab = running_lab(drs_enabled=True)
    vm, host = leaving(lab)
    task = relocate(None, vm, Target(host=lab.hosts[2]))
    off = Recommendation.objects.create(
        cluster=lab.cluster, key="p1", kind="powerOff", priority=3, reason="powerSaving", source=host.moref,
        source_name=host.name, automatic=True, created_lab_s=lab.vcenter.lab_seconds(),
    )  # fmt: skip
    cycles.go_on(lab.cluster)
    off.refresh_from_db()
    assert off.state == Recommendation.PENDING
    looking = {"running_until": now() + timedelta(hours=1)}
    ClusterSchedule.objects.update_or_create(cluster=lab.cluster, defaults=looking)
    pumping.succeeded(lab.vcenter, task)  # a cycle is looking: what it sees must not change under its eyes
    off.refresh_from_db()
    assert off.state == Recommendation.PENDING
    ClusterSchedule.objects.filter(cluster=lab.cluster).update(running_until=None)
    cycles.go_on(lab.cluster)
    off.refresh_from_db()
    assert off.state == Recommendation.APPLIED
    assert off.task.operation == "host.enter_standby"


def test_a_host_that_was_told_to_wake_is_not_woken_twice():
    lab = running_lab()
    host = Host.objects.select_related("cluster", "vcenter").get(pk=lab.hosts[0].pk)
    Host.objects.filter(pk=host.pk).update(standby_mode="in", power_state="standBy")
    host.refresh_from_db()
    assert not frame_of(lab.cluster).snapshot.hosts.exiting_standby.any()
    standby.leave(None, host)
    seen = frame_of(lab.cluster).snapshot.hosts
    assert seen.exiting_standby[seen.moref.index(host.moref)]
