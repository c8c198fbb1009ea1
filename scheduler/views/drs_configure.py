"""Cluster > Configure: vSphere DRS, vSphere Availability, EVC, groups, rules, overrides, host options."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.hardware import CPU_GENERATIONS
from domain.states import DrsBehavior, StandbyMode, VmPower
from inventory import selectors, words
from inventory.actions import Action, Context
from inventory.actions.menus import item
from inventory.actions.rules import first, host_connected, host_running
from inventory.hardware import AS_THE_CLUSTER
from inventory.models import Host
from inventory.pages import section
from inventory.pages.registry import CONFIGURE
from scheduler.engine.rules import RuleBook
from scheduler.forms.cluster import drs_values, ha_values
from scheduler.forms.rules import POLICIES, policy_of, said
from scheduler.models import DrsGroup, DrsRule
from scheduler.selectors.cluster import frame_of
from scheduler.views.drs_base import CLUSTER, Buttons
from scheduler.words import (
    ADMISSIONS,
    AUTOMATION_HELP,
    DPM_BEHAVIORS,
    DPM_STOPS,
    DRS_STOPS,
    ENGINES,
    ISOLATION_RESPONSES,
    MEMORY_METRICS,
    READY_CONDITIONS,
    RESTART_PRIORITIES,
    SENSITIVITIES,
    VM_MONITORING,
)

MOST = 1_000
CHANGE, DELETE, ADD = gettext_lazy("Edit"), gettext_lazy("Delete"), gettext_lazy("Add…")


@section(CONFIGURE, "drs", "vSphere DRS", CLUSTER, group="services", template="scheduler/drs/settings.html")
def drs(page: Any) -> dict[str, Any]:
    """The settings as they are, each with what it means."""
    values = drs_values(page.obj)
    return {
        "edit": Buttons(page).dialog("drs-settings"),
        "cluster": page.obj,
        "values": values,
        "automation_help": AUTOMATION_HELP.get(values["drs_automation"], ""),
        "threshold_text": DRS_STOPS.get(values["drs_threshold"], ""),
        "dpm_text": DPM_STOPS.get(values["dpm_threshold"], ""),
        "engine": ENGINES.get(values["engine"], values["engine"]),
        "metric": MEMORY_METRICS.get(values["memory_metric"], values["memory_metric"]),
    }


@section(CONFIGURE, "ha", "vSphere Availability", CLUSTER, group="services", template="scheduler/drs/availability.html")
def ha(page: Any) -> dict[str, Any]:
    values = ha_values(page.obj)
    hosts = Host.objects.filter(cluster=page.obj, moref__in=values["failover_hosts"]).select_related("vcenter")
    return {
        "edit": Buttons(page).dialog("ha-settings"),
        "values": values,
        "admission": ADMISSIONS.get(values["admission"], values["admission"]),
        "ready": READY_CONDITIONS.get(values["ready_condition"], values["ready_condition"]),
        "isolation": ISOLATION_RESPONSES.get(values["isolation_response"], values["isolation_response"]),
        "monitoring": VM_MONITORING.get(values["vm_monitoring"], values["vm_monitoring"]),
        "sensitivity": SENSITIVITIES[values["sensitivity"]],
        "failover_hosts": list(hosts) if values["failover_hosts"] else [],
    }


@section(CONFIGURE, "evc", "VMware EVC", CLUSTER, group="configuration", template="scheduler/drs/evc.html")
def evc(page: Any) -> dict[str, Any]:
    """The mode, and which hosts have its features."""
    mode = CPU_GENERATIONS.get(page.obj.evc_mode)
    hosts = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj).select_related("vcenter")
    rows = [(host, CPU_GENERATIONS.get(host.cpu_generation)) for host in hosts.order_by("name")]
    return {"edit": Buttons(page).dialog("evc-mode"), "mode": mode, "hosts": rows}


# --- groups and rules ------------------------------------------------------------------------------------------------
@section(CONFIGURE, "groups", gettext_lazy("VM/Host Groups"), CLUSTER, group="configuration",
         template="scheduler/drs/groups.html")  # fmt: skip
def groups(page: Any) -> dict[str, Any]:
    buttons = Buttons(page)
    rows = list(DrsGroup.objects.filter(cluster=page.obj))
    names = _names(page, [m for group in rows for m in group.members])
    return {
        "add_vm": buttons.dialog("drs-group", gettext_lazy("Add VM Group…"), query="kind=vm"),
        "add_host": buttons.dialog("drs-group", gettext_lazy("Add Host Group…"), query="kind=host"),
        "rows": [
            {
                "group": group,
                "members": [names[m] for m in group.members if m in names],
                "gone": sum(m not in names for m in group.members),
                "edit": buttons.dialog("drs-group", CHANGE, query=f"group={group.pk}"),
                "delete": buttons.dialog("drs-group-delete", DELETE, query=f"group={group.pk}"),
            }
            for group in rows
        ],
    }


def _names(page: Any, morefs: list[str]) -> dict[str, Any]:
    """VMs and hosts of the cluster by reference, as far as the person sees them."""
    vms = selectors.vms_visible(page.user, page.vc).filter(host__cluster=page.obj, moref__in=morefs)
    hosts = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj, moref__in=morefs)
    found = [*vms.select_related("vcenter"), *hosts.select_related("vcenter")] if morefs else []
    return {one.moref: one for one in found}


@section(CONFIGURE, "rules", gettext_lazy("VM/Host Rules"), CLUSTER, group="configuration",
         template="scheduler/drs/rules.html")  # fmt: skip
def rules(page: Any) -> dict[str, Any]:
    """Every rule with what stands against it; the older of two in conflict is the one that is enforced."""
    buttons = Buttons(page)
    related = ("vm_group", "host_group", "other_vm_group")
    rows = list(DrsRule.objects.filter(cluster=page.obj).select_related(*related))
    against = _conflicts(page.obj) if rows else {}
    names = _names(page, [m for rule in rows for m in rule.members])
    return {
        "add": buttons.dialog("drs-rule", ADD),
        "rows": [
            {
                "rule": rule,
                "what": _what(rule, names),
                "conflicts": against.get(rule.pk, []),
                "edit": buttons.dialog("drs-rule", CHANGE, query=f"rule={rule.pk}"),
                "delete": buttons.dialog("drs-rule-delete", DELETE, query=f"rule={rule.pk}"),
            }
            for rule in rows
        ],
    }


def _conflicts(cluster: Any) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for conflict in RuleBook(frame_of(cluster).snapshot).conflicts:
        found.setdefault(conflict.rule.key, []).append(said(conflict))
    return found


def _what(rule: DrsRule, names: dict[str, Any]) -> str:
    """The rule as a sentence."""
    if rule.kind == "vm_host" and rule.vm_group and rule.host_group:
        policy = next(label for key, label, *_rest in POLICIES if key == policy_of(rule))
        return f"{rule.vm_group.name} · {policy}: {rule.host_group.name}"
    if rule.kind == "dependency" and rule.vm_group and rule.other_vm_group:
        fields = {"first": rule.vm_group.name, "then": rule.other_vm_group.name}
        return _("%(first)s starts after %(then)s") % fields
    return ", ".join(names[m].name for m in rule.members if m in names)


# --- overrides and host options --------------------------------------------------------------------------------------
@section(CONFIGURE, "overrides", gettext_lazy("VM Overrides"), CLUSTER, group="configuration",
         template="scheduler/drs/overrides.html")  # fmt: skip
def overrides(page: Any) -> dict[str, Any]:
    buttons = Buttons(page)
    own = reduce(or_, (~Q(**{name: value}) for name, value in AS_THE_CLUSTER.items()))
    rows = selectors.vms_visible(page.user, page.vc).filter(own, host__cluster=page.obj, template=False)
    return {
        "add": buttons.dialog("vm-override", ADD),
        "enabled": page.obj.drs_vm_overrides,
        "rows": [
            {
                "vm": vm,
                "level": words.of(DrsBehavior, vm.drs_override).label if vm.drs_override else "",
                "restart": RESTART_PRIORITIES.get(vm.ha_restart_priority, ""),
                "ready": READY_CONDITIONS.get(vm.ha_ready_condition, ""),
                "isolation": ISOLATION_RESPONSES.get(vm.ha_isolation_response, ""),
                "monitoring": _monitoring(vm),
                "delay": None if vm.ha_ready_delay_s < 0 else vm.ha_ready_delay_s,
                "edit": buttons.dialog("vm-override", CHANGE, query=f"vm={vm.moref}"),
                "delete": buttons.dialog("vm-override-delete", DELETE, query=f"vm={vm.moref}"),
            }
            for vm in rows.select_related("vcenter").order_by("name")[:MOST]
        ],
    }


def _monitoring(vm: Any) -> str:
    """What a machine has of VM monitoring for itself, in words: "" where it has nothing."""
    said = {
        "ha_failure_interval_s": _("failure interval %(value)s s"), "ha_min_uptime_s": _("minimum uptime %(value)s s"),
        "ha_max_resets": _("at most %(value)s resets"), "ha_reset_window_s": _("reset window %(value)s s"),
    }  # fmt: skip
    own = [text % {"value": getattr(vm, name)} for name, text in said.items() if getattr(vm, name) >= 0]
    head = str(VM_MONITORING.get(vm.ha_vm_monitoring, ""))
    return ", ".join([head, *own] if head else own)


def _idle(host: Any) -> str | None:
    said = _("%(count)s virtual machines run on it. Migrate them first.")
    return said % {"count": host.running} if host.running else None


POWER = Action("host-power-management", CHANGE, "Host.Config.Power", dialog="host-power-management")
# The two halves of the test that a host can be woken: into standby, and back.
ENTER = Action(
    "enter-standby", gettext_lazy("Enter Standby"), "Host.Config.Power", dialog="enter-standby",
    rule=first(host_connected, host_running, _idle),
)  # fmt: skip
LEAVE = Action("exit-standby", gettext_lazy("Power On"), "Host.Config.Power", run="scheduler.services.standby.leave")


@section(CONFIGURE, "host-options", gettext_lazy("Host Options"), CLUSTER, group="configuration",
         template="scheduler/drs/host_options.html")  # fmt: skip
def host_options(page: Any) -> dict[str, Any]:
    """How DPM treats each host, how the host is woken, and whether that worked when it was last tried."""
    on = Count("vms", filter=Q(vms__power_state=VmPower.ON, vms__deleted_at__isnull=True))
    hosts = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj)
    rows = hosts.select_related("vcenter", "cluster").annotate(running=on).order_by("name")
    return {"rows": [_host_row(page.user, host) for host in rows]}


def _host_row(user: Any, host: Host) -> dict[str, Any]:
    context = Context(user, host, busy={})
    return {
        "host": host,
        "behavior": DPM_BEHAVIORS.get(host.dpm_behavior, host.dpm_behavior),
        "edit": item(POWER, context),
        "test": item(LEAVE if host.standby_mode == StandbyMode.IN else ENTER, context),
    }
