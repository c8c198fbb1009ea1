"""What the scheduler can be scheduled to do: migrations, maintenance, standby, DRS runs, levels of DRS, DPM and HA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from domain import faults
from domain.states import DrsBehavior
from inventory import scheduling, selectors, words
from inventory.models import Cluster, Host, Task, VirtualMachine
from inventory.scheduling import Many, Verb
from inventory.scheduling.builtin import simple
from scheduler import placing
from scheduler.services import drs, maintenance, migration, settings, standby
from scheduler.services.devices import Target

Args = Mapping[str, Any]
KEEP = ("", _("Leave as it is"))
AUTOMATION = (DrsBehavior.MANUAL, DrsBehavior.PARTIAL, DrsBehavior.FULL)
LEVELS = [(level.value, words.of(DrsBehavior, level).label) for level in AUTOMATION]


# --- migration -------------------------------------------------------------------------------------------------------
def _hosts(user: Any, vm: VirtualMachine) -> list[Host]:
    rows = selectors.hosts_visible(user, vm.vcenter).filter(cluster=vm.host.cluster_id).order_by("name")
    return list(rows.select_related("vcenter", "cluster"))


def _migrate_fields(user: Any, vm: Any) -> Mapping[str, forms.Field]:
    choices = [("", _("The best other host at that time")), *((h.moref, h.name) for h in _hosts(user, vm))]
    return {"host": forms.ChoiceField(label=_("Destination host"), choices=choices, required=False)}


def _migrate(user: Any, vm: VirtualMachine, args: Args) -> Task:
    if args.get("host"):
        return migration.relocate(user, vm, Target(host=selectors.host_for(user, vm.vcenter, args["host"])))
    others = [host for host in _hosts(user, vm) if host.pk != vm.host_id and host.usable]
    best = placing.ranked_hosts(vm, others) or others
    if not best:
        raise faults.NoCompatibleHost(name=vm.name, reason="no host of the cluster fits")
    return migration.relocate(user, vm, Target(host=best[0]))


# --- hosts -----------------------------------------------------------------------------------------------------------
def _maintenance_fields(user: Any, host: Any) -> Mapping[str, forms.Field]:
    label = _("Move powered-off and suspended virtual machines to other hosts in the cluster")
    return {"evacuate": forms.BooleanField(label=label, required=False)}


def _enter_maintenance(user: Any, host: Host, args: Args) -> Task:
    return maintenance.enter(user, host, evacuate_powered_off=bool(args.get("evacuate")))


# --- clusters --------------------------------------------------------------------------------------------------------
def _drs_fields(user: Any, cluster: Any) -> Mapping[str, forms.Field]:
    stops = [KEEP, *((str(stop), str(stop)) for stop in range(1, 6))]
    return {
        "level": forms.ChoiceField(label=_("Automation level"), choices=[*LEVELS, ("off", _("Off"))]),
        "threshold": forms.ChoiceField(label=_("Migration threshold"), choices=stops, required=False),
    }


def _set_drs(user: Any, cluster: Cluster, args: Args) -> Task:
    changes: dict[str, Any] = {"drs_enabled": args["level"] != "off"}
    if args["level"] != "off":
        changes["drs_automation"] = args["level"]
    if args.get("threshold"):
        changes["drs_threshold"] = int(args["threshold"])
    return settings.reconfigure(user, cluster, changes)


def _dpm_fields(user: Any, cluster: Any) -> Mapping[str, forms.Field]:
    levels = [("off", _("Off")), ("manual", _("Manual")), ("automated", _("Automatic"))]
    return {"level": forms.ChoiceField(label=_("DPM automation level"), choices=levels)}


def _set_dpm(user: Any, cluster: Cluster, args: Args) -> Task:
    changes: dict[str, Any] = {"dpm_enabled": args["level"] != "off"}
    if args["level"] != "off":
        changes["dpm_automation"] = args["level"]
    return settings.reconfigure(user, cluster, changes)


def _apply(user: Any, cluster: Cluster, args: Args) -> Many:
    done = drs.apply(user, cluster)
    tasks = [one.task for one in done if one.task is not None]
    return Many(tasks, refused=sum(one.task is None and one.why_not != "waits" for one in done))


def _ha_fields(user: Any, cluster: Any) -> Mapping[str, forms.Field]:
    return {"on": forms.ChoiceField(label="vSphere HA", choices=[("on", _("On")), ("off", _("Off"))])}


def _set_ha(user: Any, cluster: Cluster, args: Args) -> Task:
    return settings.reconfigure(user, cluster, {"ha_enabled": args["on"] == "on"})


def register() -> None:
    """Tell the scheduled tasks of these verbs."""
    scheduling.add(
        Verb("migrate", _("Migrate"), ("vm",), "Resource.HotMigrate", _migrate, _migrate_fields,
             offered=lambda vm: not vm.host.cluster.standalone),
        Verb("enter-maintenance", _("Enter maintenance mode"), ("host",), "Host.Config.Maintenance",
             _enter_maintenance, _maintenance_fields),
        Verb("exit-maintenance", _("Exit maintenance mode"), ("host",), "Host.Config.Maintenance",
             simple(maintenance.leave)),
        Verb("enter-standby", _("Enter standby mode"), ("host",), "Host.Config.Power", simple(standby.enter)),
        Verb("exit-standby", _("Exit standby mode"), ("host",), "Host.Config.Power", simple(standby.leave)),
        Verb("set-drs", _("Set the DRS automation level"), ("cluster",), settings.PRIVILEGE, _set_drs, _drs_fields),
        Verb("set-dpm", _("Set the DPM automation level"), ("cluster",), settings.PRIVILEGE, _set_dpm, _dpm_fields),
        Verb("run-drs", _("Run DRS"), ("cluster",), settings.PRIVILEGE, simple(drs.run_now)),
        Verb("apply-recommendations", _("Apply the DRS recommendations"), ("cluster",), "Resource.ApplyRecommendation",
             _apply),
        Verb("set-ha", _("Turn vSphere HA on or off"), ("cluster",), settings.PRIVILEGE, _set_ha, _ha_fields),
    )  # fmt: skip
