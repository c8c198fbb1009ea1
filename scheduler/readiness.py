"""When vSphere HA starts the machines of the next lower restart priority: after those of a higher one are ready.

Ready means what the machine, or else its cluster, says ("start next when"): resources are allocated (it has a host),
it is powered on, or its guest tools answer; then a delay. Who is not ready in time holds nobody back any longer, nor
does a machine that has found no host at its first attempt.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from domain.states import ReadyCondition, ToolsStatus
from inventory.models import Cluster, VirtualMachine
from scheduler.models import HaRestart

TIMEOUT_S = 600.0  # of lab time from its start on (das: "VM dependency restart condition timeout")
LONGEST_DELAY_S = 3600
_SEEN = (HaRestart.WAITING, HaRestart.STARTING, HaRestart.RESTARTED)


def of(vm: VirtualMachine) -> tuple[str, int]:
    """(condition, delay in seconds) of a machine, those of its cluster where it has none of its own."""
    options = vm.host.cluster.ha_options or {}
    condition = vm.ha_ready_condition or str(options.get("ready_condition", ReadyCondition.NONE))
    delay_s = vm.ha_ready_delay_s if vm.ha_ready_delay_s >= 0 else int(options.get("ready_delay_s", 0))
    return condition, delay_s


def startable(cluster: Cluster, rows: list[HaRestart], lab_s: float) -> list[HaRestart]:
    """Those of `rows` (due in one cluster) that no machine of a higher priority holds back."""
    holding = [row.priority for row in _not_ready(cluster, lab_s)]
    highest = max(holding, default=-1)
    return [row for row in rows if row.priority >= highest]


def _not_ready(cluster: Cluster, lab_s: float) -> Iterable[HaRestart]:
    patient = Q(ready_delay_s__gt=0) | ~Q(ready_condition=ReadyCondition.NONE)
    recent = Q(started_lab_s=None) | Q(started_lab_s__gt=lab_s - TIMEOUT_S)
    for row in HaRestart.objects.filter(patient, recent, cluster=cluster, state__in=_SEEN):
        if row.state == HaRestart.WAITING:
            holds = row.attempts == 0 and lab_s < row.declared_lab_s + TIMEOUT_S
        else:
            since_s = _ready_since(row, lab_s)
            holds = since_s is None or lab_s < since_s + row.ready_delay_s
        if holds:
            yield row


def _ready_since(row: HaRestart, lab_s: float) -> float | None:
    """When the condition was met, None while it is not."""
    if row.ready_condition == ReadyCondition.NONE:
        return row.started_lab_s
    if row.ready_condition == ReadyCondition.POWERED_ON:
        return row.ended_lab_s
    if row.ready_lab_s is None and row.state == HaRestart.RESTARTED and _answers(row):
        row.ready_lab_s = lab_s
        HaRestart.objects.filter(pk=row.pk).update(ready_lab_s=lab_s)
    return row.ready_lab_s


def _answers(row: HaRestart) -> bool:
    machines = VirtualMachine.objects.filter(vcenter=row.cluster.vcenter_id, moref=row.vm)
    return machines.filter(tools_status=ToolsStatus.OK).exists()
