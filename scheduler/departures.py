"""What a VM leaves behind when it goes to another cluster: rules, groups and overrides are the old cluster's own."""

from __future__ import annotations

from typing import Any

from inventory.journal import Change
from inventory.models import Cluster, VirtualMachine
from scheduler.models import DrsGroup, DrsRule

# The overrides of a VM, where it has none.
AS_THE_CLUSTER: dict[str, Any] = {
    "drs_override": "", "ha_restart_priority": "", "ha_ready_condition": "", "ha_ready_delay_s": -1,
    "ha_isolation_response": "", "ha_vm_monitoring": "", "ha_failure_interval_s": -1, "ha_min_uptime_s": -1,
    "ha_max_resets": -1, "ha_reset_window_s": -1,
}  # fmt: skip


def leave(change: Change, vm: VirtualMachine, cluster: Cluster) -> dict[str, Any]:
    """Take `vm` out of the rules and groups of `cluster`; tells which fields of the VM go back to their defaults."""
    for model in (DrsRule, DrsGroup):
        for row in model.objects.filter(cluster=cluster):
            if vm.moref in row.members:
                row.members = [moref for moref in row.members if moref != vm.moref]
                row.save(update_fields=["members"])
                change.changed(cluster)
    return dict(AS_THE_CLUSTER)
