"""vSphere HA: a host that lives but does not answer. Through the heartbeat datastores the others see that it lives and
holds the locks of its VMs' files, so nothing is restarted that still runs.

- isolated (`networkIsolated`): no packet gets through, or the last uplink is down. Timeline (vSphere Availability): a
  secondary host starts an election 10 s after the last packet, elects itself and pings its isolation address at 25 s,
  knows that it is isolated at 30 s; a primary knows after 5 s. Then its own agent carries out the response of the
  cluster: none (leave the VMs on), powerOff, or shutdown; a guest that has not shut down 300 s later is powered off
  (das.isolationShutdownTimeout). What was stopped starts elsewhere.
- partitioned (`networkPartitionedFromMaster`): it is cut off together with others, so that it is not isolated. Known
  after 15 s; its VMs run on.
- hung (`fdmUnreachable`): its address answers, its agent does not. Known when the connection is given up; its VMs run
  on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from domain import faults
from domain.states import HostConnection, HostPower, IsolationResponse, TaskReason, ToolsStatus, VmConnection, VmPower
from domain.text import _
from hypervisors.port import FleetEvent, Happening
from inventory.journal import Change, changing
from inventory.models import Cluster, Host, Task, VCenter, VirtualMachine
from inventory.prepared import Prepared
from inventory.services.base import submit
from scheduler import failover
from scheduler.models import HaIsolation, HaRestart

DETECTED_AFTER_S = 30.0
PRIMARY_DETECTED_AFTER_S = 5.0
PARTITION_DETECTED_AFTER_S = 15.0
SHUTDOWN_TIMEOUT_S = 300.0
LONGEST_SHUTDOWN_S = 3600
NONE, POWER_OFF, SHUTDOWN = (response.value for response in IsolationResponse)
PARTITION_EVENT = "com.vmware.vc.HA.HostPartitionedFromMasterEvent"
HUNG = _("its agent does not answer, but its heartbeats on the datastores go on")


def note(vcenter: VCenter, events: Sequence[FleetEvent]) -> None:
    """Remember since when a host is isolated, and that it is no longer."""
    told = {e.target: e for e in events if e.kind == Happening.HOST_ISOLATED}
    if not told:
        return
    for host in Host.objects.filter(vcenter=vcenter, uuid__in=told).select_related("cluster"):
        event = told[str(host.uuid)]
        partition = bool(event.data.get("partition"))
        if event.data.get("isolated"):
            _end(host, event.time_s, partition=not partition)
            _begin(host, event.time_s, partition)
        else:
            _end(host, event.time_s)


def _begin(host: Host, lab_s: float, partition: bool) -> None:
    cluster = host.cluster
    if not cluster.ha_on or host.power_state != HostPower.ON:
        return
    delay_s = PARTITION_DETECTED_AFTER_S if partition else _isolated_after_s(host)
    HaIsolation.objects.get_or_create(
        host=host, ended_lab_s=None,
        defaults={"since_lab_s": lab_s, "due_lab_s": lab_s + delay_s, "partition": partition},
    )  # fmt: skip


def _isolated_after_s(host: Host) -> float:
    primary = failover.primary_of(host.cluster)
    return PRIMARY_DETECTED_AFTER_S if primary is not None and primary.pk == host.pk else DETECTED_AFTER_S


def _end(host: Host, lab_s: float, **only: bool) -> None:
    if HaIsolation.objects.filter(host=host, ended_lab_s=None, **only).update(ended_lab_s=lab_s):
        states = (failover.ISOLATED, failover.PARTITIONED)
        Host.objects.filter(pk=host.pk, ha_state__in=states).update(ha_state="")


def note_hung(change: Change, events: Sequence[FleetEvent]) -> None:
    """A connection was given up although the host lives and is not cut off: only its agent hangs."""
    silent = {e.target: e.time_s for e in events if e.kind == Happening.HOST_CONNECTION and e.data.get("alive")}
    if not silent:
        return
    given_up = Host.objects.filter(uuid__in=silent, connection_state=HostConnection.NOT_RESPONDING, ha_state="")
    hosts = given_up.filter(vcenter=change.vcenter, cluster__ha_enabled=True, cluster__standalone=False)
    cut_off = HaIsolation.objects.filter(ended_lab_s=None).values("host")
    for host in hosts.exclude(pk__in=cut_off).select_related("cluster"):
        change.lab_s = silent[str(host.uuid)]
        Host.objects.filter(pk=host.pk).update(ha_state=failover.UNREACHABLE)
        change.event("HostDasErrorEvent", host, host.cluster, reason=HUNG)
        change.changed(host, host.cluster)
        change.fact("tree.changed", host.cluster.moref)


def waiting(vcenter_pk: int) -> QuerySet[HaIsolation]:
    """Isolations that are still to be declared."""
    return HaIsolation.objects.filter(host__vcenter=vcenter_pk, responded=False, ended_lab_s=None)


_waiting = Prepared(lambda pk: waiting(pk).order_by().values_list("pk")[:1])


def waits(vcenter: VCenter) -> bool:
    """True where an isolated host's second lies between two samples."""
    return _waiting.any(vcenter.pk)


def steward(vcenter: VCenter, lab_s: float) -> None:
    """Declare hosts isolated whose time has come, and let their agents respond."""
    for row in waiting(vcenter.pk).filter(due_lab_s__lte=lab_s).select_related("host__cluster", "host__vcenter"):
        _declare(row)
    _stopped(vcenter, lab_s)


@transaction.atomic
def _declare(row: HaIsolation) -> None:
    """With its response, or not at all: it is asked for once."""
    host, cluster = row.host, row.host.cluster
    with changing(host.vcenter, lab_s=row.due_lab_s) as change:
        HaIsolation.objects.filter(pk=row.pk).update(responded=True)
        if host.connection_state == HostConnection.CONNECTED:
            change.event("HostConnectionLostEvent", host, cluster)
            VirtualMachine.everything.filter(host=host).update(connection_state=VmConnection.DISCONNECTED)
        state = failover.PARTITIONED if row.partition else failover.ISOLATED
        Host.objects.filter(pk=host.pk).update(ha_state=state, connection_state=HostConnection.NOT_RESPONDING)
        change.event(PARTITION_EVENT if row.partition else "DasHostIsolatedEvent", host, cluster)
        change.changed(host, cluster)
        change.fact("tree.changed", cluster.moref)
    if not row.partition:
        _respond(row)


def _respond(row: HaIsolation) -> None:
    """What the cluster, or a machine for itself, wants of an isolated host: nothing, or that it stops what HA
    protects."""
    running = VirtualMachine.objects.filter(host=row.host, power_state=VmPower.ON)
    for vm in running.select_related("host__cluster", "vcenter"):
        response = response_of(vm)
        if vm.ha_restarts and response in (POWER_OFF, SHUTDOWN):
            _stop(vm, row, gently=response == SHUTDOWN)


def response_of(vm: VirtualMachine) -> str:
    """The isolation response of a machine: its own, or its cluster's."""
    return vm.ha_isolation_response or str(_options(vm.host.cluster).get("isolation_response", NONE))


def _options(cluster: Cluster) -> dict[str, Any]:
    return cluster.ha_options or {}


def _stop(vm: VirtualMachine, row: HaIsolation, *, gently: bool) -> None:
    """The host's own agent stops the VM; its restart waits until the VM is down."""
    gently = gently and vm.tools_status == ToolsStatus.OK
    patience_s = float(_options(vm.host.cluster).get("isolation_shutdown_s", SHUTDOWN_TIMEOUT_S))
    # Where another task holds the VM, what runs goes on running.
    with contextlib.suppress(faults.MethodFault), changing(vm.vcenter, lab_s=row.due_lab_s) as change:
        task = _by_agent(change, "vm.ha_shutdown" if gently else "vm.ha_power_off", vm)
        failover.expect_restart(
            vm, row.since_lab_s, row.due_lab_s, state=HaRestart.STOPPING, task=task,
            stop_by_lab_s=row.due_lab_s + patience_s if gently else None,
        )  # fmt: skip


def _by_agent(change: Change, operation: str, vm: VirtualMachine) -> Task:
    return submit(change, operation, vm, reason=TaskReason.SYSTEM, initiator_name=failover.INITIATOR)


def _stopped(vcenter: VCenter, lab_s: float) -> None:
    """VMs that the isolation response has stopped may start elsewhere; one that it could not stop goes on."""
    rows = HaRestart.objects.filter(cluster__vcenter=vcenter, state=HaRestart.STOPPING).select_related("task")
    for row in rows:
        if row.task is not None and row.task.live:
            continue
        vm = VirtualMachine.objects.filter(vcenter=vcenter, moref=row.vm).select_related("host", "vcenter").first()
        off = vm is not None and vm.power_state == VmPower.OFF
        if vm is not None and not off and row.stop_by_lab_s is not None and _still_isolated(vm.host):
            _lose_patience(row, vm, lab_s)
            continue
        row.state, row.task = (HaRestart.WAITING if off else HaRestart.GONE), None
        row.declared_lab_s = row.due_lab_s = lab_s
        row.ended_lab_s = None if off else lab_s
        row.save()


def _still_isolated(host: Host) -> bool:
    return HaIsolation.objects.filter(host=host, ended_lab_s=None, partition=False).exists()


def _lose_patience(row: HaRestart, vm: VirtualMachine, lab_s: float) -> None:
    """The guest did not shut down: once its time is over it is powered off."""
    if row.stop_by_lab_s is None or lab_s < row.stop_by_lab_s:
        return
    with contextlib.suppress(faults.MethodFault), changing(vm.vcenter, lab_s=row.stop_by_lab_s) as change:
        row.task, row.stop_by_lab_s = _by_agent(change, "vm.ha_power_off", vm), None
        row.save(update_fields=["task", "stop_by_lab_s"])


def isolated_hosts(cluster: Cluster) -> Iterable[HaIsolation]:
    """Open isolations of a cluster's hosts."""
    return HaIsolation.objects.filter(host__cluster=cluster, ended_lab_s=None).select_related("host")
