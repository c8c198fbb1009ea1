"""The alarms that every vCenter comes with. Thresholds of utilisation are vSphere's; our fleet can trigger each.

Names and descriptions are marked for translation; they are stored in English and translated where they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _

from domain.alarms import (
    CPU_READINESS,
    DRS_SCORE,
    RULE_VIOLATIONS,
    SPACE_PROMISED,
    SPACE_USED,
)
from domain.morefs import Kind
from domain.states import Status
from inventory import ids
from inventory.models import AlarmDefinition, VCenter

VERSION = 1  # of the set; kept in `VCenter.options`, so that what a person deletes stays deleted
OPTION = "default_alarms"
Y, R = str(Status.YELLOW), str(Status.RED)
FIVE_MINUTES_S = 300


@dataclass(frozen=True, slots=True)
class Default:
    system_name: str
    kind: Kind
    name: str
    description: str
    rules: tuple[dict[str, Any], ...]


def metric(
    counter: int, yellow: float | None, red: float | None, *, below: bool = False, s: int = FIVE_MINUTES_S
) -> Any:
    operator = "below" if below else "above"
    levels = {"yellow": yellow, "yellow_s": s, "red": red, "red_s": s}
    return {"conditions": [{"type": "metric", "counter": counter, "operator": operator, **levels}]}


def state(path: str, value: str | bool, status: str, s: int = 0, *, unequal: bool = False) -> dict[str, Any]:
    operator = "unequal" if unequal else "equal"
    return {"type": "state", "path": path, "operator": operator, "value": value, "status": status, "for_s": s}


def both(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"conditions": list(conditions)}


def event(name: str, status: str, *clears: str) -> dict[str, Any]:
    return {"conditions": [{"type": "event", "event": name, "status": status, "clears": list(clears)}]}


VM, HOST, CLUSTER, STORE = Kind.VM, Kind.HOST, Kind.CLUSTER, Kind.DATASTORE
DEFAULTS = tuple(
    Default(f"alarm.{system_name}", kind, name, description, rules)
    for system_name, kind, name, description, *rules_ in (
        # --- hosts: use ---------------------------------------------------------------------------------------------
        ("HostCPUUsageAlarm", HOST, _("Host CPU usage"), _("The processors of a host are busy for 5 minutes"),
         metric(2, 7500, 9000)),
        ("HostMemoryUsageAlarm", HOST, _("Host memory usage"), _("The memory of a host is nearly used up"),
         metric(24, 9000, 9500)),
        ("HostMemoryStateAlarm", HOST, _("Host memory state"), _("A host reclaims memory from its guests"),
         metric(68, 0.5, 1.5, s=60)),
        ("HostSwapAlarm", HOST, _("Host swaps guest memory"), _("A host has memory of guests on disk"),
         metric(49, 262_144, 1_048_576)),
        ("HostDiskLatencyAlarm", HOST, _("Host total disk latency"), _("Disks of a host answer slowly"),
         metric(133, 50, 75)),
        # --- hosts: state and events --------------------------------------------------------------------------------
        ("HostConnectionStateAlarm", HOST, _("Host connection and power state"),
         _("A host does not answer and is not in standby"),
         both(state("runtime.connectionState", "notResponding", R),
              state("runtime.powerState", "standBy", R, unequal=True))),
        ("HostConnectivityAlarm", HOST, _("Host connection failure"), _("The connection to a host was lost"),
         event("HostConnectionLostEvent", R, "HostConnectedEvent")),
        ("HostErrorAlarm", HOST, _("Host error"), _("A host has crashed"),
         event("HostCrashedEvent", R, "HostConnectedEvent"), event("HostOsCrashedEvent", R, "HostConnectedEvent")),
        ("HostOperationAlarm", HOST, _("Host operation failed"), _("An operation on a host failed"),
         event("HostDasErrorEvent", Y, "HostConnectedEvent", "HostPoweredOnEvent", "EnteredMaintenanceModeEvent")),
        ("NetworkConnectivityLostAlarm", HOST, _("Network connectivity lost"), _("A host has lost all its uplinks"),
         event("esx.problem.net.connectivity.lost", R, "esx.clear.net.connectivity.restored")),
        ("NetworkRedundancyLostAlarm", HOST, _("Network uplink redundancy lost"), _("A host has lost an uplink"),
         event("esx.problem.net.redundancy.lost", Y, "esx.clear.net.connectivity.restored")),
        ("ExitStandbyErrorAlarm", HOST, _("Exit standby error"), _("A host could not be woken"),
         event("ExitStandbyModeFailedEvent", R, "ExitedStandbyModeEvent", "DrsExitedStandbyModeEvent"),
         event("DrsExitStandbyModeFailedEvent", R, "ExitedStandbyModeEvent", "DrsExitedStandbyModeEvent")),
        ("DpmHostStuckAlarm", HOST, _("DPM host stuck"), _("A host takes too long to enter or leave standby"),
         both(state("runtime.standbyMode", "exiting", Y, 900)), both(state("runtime.standbyMode", "exiting", R, 1800)),
         both(state("runtime.standbyMode", "entering", Y, 900)),
         both(state("runtime.standbyMode", "entering", R, 1800))),
        # --- high availability --------------------------------------------------------------------------------------
        ("HAHostFailedAlarm", HOST, _("vSphere HA host status"), _("vSphere HA found that a host has failed"),
         event("DasHostFailedEvent", R, "HostConnectedEvent", "HostPoweredOnEvent")),
        ("HAFailoverAlarm", CLUSTER, _("vSphere HA failover in progress"), _("vSphere HA restarts virtual machines"),
         event("DasHostFailedEvent", Y, "HostConnectedEvent", "HostPoweredOnEvent")),
        ("HAVmFailoverFailedAlarm", VM, _("vSphere HA virtual machine failover failed"),
         _("vSphere HA could not restart a virtual machine"),
         event("VmFailoverFailed", R, "VmPoweredOnEvent", "VmRestartedOnAlternateHostEvent")),
        ("HAVmMonitoringAlarm", VM, _("vSphere HA virtual machine monitoring error"),
         _("vSphere HA could not reset a virtual machine whose guest has stopped"),
         event("VmDasResetFailedEvent", R, "VmPoweredOnEvent", "VmPoweredOffEvent")),
        # --- virtual machines: use ----------------------------------------------------------------------------------
        ("VmCPUUsageAlarm", VM, _("Virtual machine CPU usage"), _("A virtual machine uses its CPUs fully"),
         metric(2, 7500, 9000)),
        ("VmMemoryUsageAlarm", VM, _("Virtual machine memory usage"), _("A guest uses nearly all of its memory"),
         metric(24, 7500, 9000)),
        ("VmDiskLatencyAlarm", VM, _("Virtual machine total disk latency"), _("Disks answer a guest slowly"),
         metric(133, 50, 75)),
        ("VmCPUReadyAlarm", VM, _("Virtual machine CPU ready"), _("A virtual machine waits for processors"),
         metric(CPU_READINESS, 500, 1000)),
        ("VmBalloonAlarm", VM, _("Virtual machine memory ballooned"), _("A host takes memory away from a guest"),
         metric(90, 262_144, 1_048_576)),
        ("VmSwappedAlarm", VM, _("Virtual machine memory swapped"), _("Memory of a guest lies on disk"),
         metric(70, 65_536, 524_288)),
        # --- virtual machines: state and events ---------------------------------------------------------------------
        ("VmConsolidationAlarm", VM, _("Virtual machine consolidation needed status"),
         _("Disks of deleted snapshots are left over"), both(state("runtime.consolidationNeeded", True, Y))),
        ("VmConnectionAlarm", VM, _("Virtual machine cannot be reached"), _("A virtual machine has lost its files"),
         both(state("runtime.connectionState", "inaccessible", R)),
         both(state("runtime.connectionState", "orphaned", Y))),
        ("VmGuestCrashedAlarm", VM, _("Guest operating system crashed"), _("The guest operating system has stopped"),
         event("VmGuestOSCrashedEvent", R, "VmPoweredOffEvent", "VmResettingEvent", "VmGuestRebootEvent")),
        ("VmPowerOnFailedAlarm", VM, _("Virtual machine power on failed"), _("A virtual machine could not be started"),
         event("VmFailedToPowerOnEvent", R, "VmPoweredOnEvent", "DrsVmPoweredOnEvent")),
        ("VmPowerOffFailedAlarm", VM, _("Virtual machine power off failed"), _("A guest could not be stopped"),
         event("VmFailedToPowerOffEvent", Y, "VmPoweredOffEvent"),
         event("VmFailedToSuspendEvent", Y, "VmSuspendedEvent")),
        ("VmErrorAlarm", VM, _("Virtual machine error"), _("An operation on a virtual machine failed"),
         event("VmOperationFailedEvent", Y, "VmReconfiguredEvent", "VmSnapshotCreatedEvent", "VmSnapshotRemovedEvent")),
        ("VmMigrationErrorAlarm", VM, _("Migration error"), _("A virtual machine could not be migrated"),
         event("VmFailedMigrateEvent", Y, "VmMigratedEvent", "DrsVmMigratedEvent"),
         event("VmRelocateFailedEvent", Y, "VmRelocatedEvent", "VmMigratedEvent")),
        # --- clusters -----------------------------------------------------------------------------------------------
        ("ClusterDrsScoreAlarm", CLUSTER, _("Cluster DRS score"), _("Virtual machines of a cluster lack resources"),
         metric(DRS_SCORE, 6000, 4000, below=True, s=120)),
        ("ClusterRuleViolationAlarm", CLUSTER, _("Cluster DRS rule violation"), _("A VM/Host rule is not kept"),
         metric(RULE_VIOLATIONS, 0, None, s=60)),
        ("ClusterDrsFailedAlarm", CLUSTER, _("DRS invocation failed"), _("DRS could not look at a cluster"),
         event("DrsInvocationFailedEvent", Y)),
        ("ClusterCPUUsageAlarm", CLUSTER, _("Cluster CPU usage"), _("The processors of a cluster are busy"),
         metric(2, 8000, 9000)),
        ("ClusterMemoryUsageAlarm", CLUSTER, _("Cluster memory usage"), _("The memory of a cluster is nearly used up"),
         metric(24, 9000, 9500)),
        # --- storage ------------------------------------------------------------------------------------------------
        ("DatastoreDiskUsageAlarm", STORE, _("Datastore usage on disk"), _("A datastore is filling up"),
         metric(SPACE_USED, 7500, 8500, s=0)),
        ("DatastoreOverallocationAlarm", STORE, _("Datastore over-provisioned"),
         _("Thin disks may grow far beyond the datastore"), metric(SPACE_PROMISED, 20_000, 40_000, s=0)),
        ("DatastoreConnectivityAlarm", STORE, _("Cannot connect to storage"), _("A datastore cannot be reached"),
         both(state("summary.accessible", False, R))),
        ("DatastoreSlowAlarm", STORE, _("Datastore is slow"), _("A datastore answers slowly for a minute"),
         both(state("summary.slow", True, Y, 60))),
    )
    for rules in (tuple(rules_),)
)  # fmt: skip


def ensure(vcenter: VCenter) -> int:
    """Give a vCenter the default set once; return how many definitions were made."""
    if vcenter.options.get(OPTION) == VERSION:
        return 0
    with transaction.atomic():
        ids.lock(vcenter)
        vcenter.refresh_from_db(fields=["options"])
        if vcenter.options.get(OPTION) == VERSION:
            return 0
        made = _make(vcenter)
        vcenter.options = {**vcenter.options, OPTION: VERSION}
        VCenter.objects.filter(pk=vcenter.pk).update(options=vcenter.options)
    return made


def _make(vcenter: VCenter) -> int:
    taken = set(AlarmDefinition.objects.filter(vcenter=vcenter).values_list("name", flat=True))
    fresh = [one for one in DEFAULTS if one.name not in taken]
    morefs = ids.new_morefs(vcenter, Kind.ALARM, len(fresh))
    AlarmDefinition.objects.bulk_create(
        AlarmDefinition(
            vcenter=vcenter, moref=moref, name=one.name, system_name=one.system_name, description=one.description,
            entity=vcenter.moref, target_kind=one.kind, rules=list(one.rules),
        )
        for one, moref in zip(fresh, morefs, strict=True)
    )  # fmt: skip
    return len(fresh)
