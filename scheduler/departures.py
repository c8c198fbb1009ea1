"""What a VM leaves behind when it goes to another cluster: rules, groups and overrides are the old cluster's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inventory.journal import Change
from inventory.models import Cluster, Host, VirtualMachine
from scheduler.models import DrsGroup, DrsRule

# The overrides of a VM, where it has none.
AS_THE_CLUSTER: dict[str, Any] = {
    "drs_override": "", "ha_restart_priority": "", "ha_ready_condition": "", "ha_ready_delay_s": -1,
    "ha_isolation_response": "", "ha_vm_monitoring": "", "ha_failure_interval_s": -1, "ha_min_uptime_s": -1,
    "ha_max_resets": -1, "ha_reset_window_s": -1,
}  # fmt: skip


def host_leaves(change: Change, host: Host, vms: Sequence[VirtualMachine], cluster: Cluster) -> None:
    """Take a host and the machines that go with it out of the rules, groups and failover hosts of `cluster`."""
    gone = {host.moref, *(vm.moref for vm in vms)}
    for model in (DrsRule, DrsGroup):
        for row in model.objects.filter(cluster=cluster):
            if gone & set(row.members):
                row.members = [moref for moref in row.members if moref not in gone]
                row.save(update_fields=["members"])
    options = dict(cluster.ha_options or {})
    if host.moref in (options.get("failover_hosts") or ()):
        options["failover_hosts"] = [moref for moref in options["failover_hosts"] if moref != host.moref]
        cluster.ha_options, cluster.change_version = options, cluster.change_version + 1
        cluster.save(update_fields=["ha_options", "change_version"])
    change.changed(cluster)


def leave(change: Change, vm: VirtualMachine, cluster: Cluster) -> dict[str, Any]:
    """Take `vm` out of the rules and groups of `cluster`; tells which fields of the VM go back to their defaults."""
    for model in (DrsRule, DrsGroup):
        for row in model.objects.filter(cluster=cluster):
            if vm.moref in row.members:
                row.members = [moref for moref in row.members if moref != vm.moref]
                row.save(update_fields=["members"])
                change.changed(cluster)
    return dict(AS_THE_CLUSTER)
