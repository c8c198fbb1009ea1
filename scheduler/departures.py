"""What a VM leaves behind when it goes to another cluster: rules, groups and overrides are the old cluster's own."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from inventory.hardware import AS_THE_CLUSTER
from inventory.journal import Change
from inventory.models import Cluster, Host, VirtualMachine
from scheduler.models import DrsGroup, DrsRule


def host_leaves(change: Change, host: Host, vms: Sequence[VirtualMachine], cluster: Cluster) -> None:
    """Take a host and the machines that go with it out of the rules, groups and failover hosts of `cluster`."""
    _take_out({host.moref, *(vm.moref for vm in vms)}, cluster)
    options = dict(cluster.ha_options or {})
    if host.moref in (options.get("failover_hosts") or ()):
        options["failover_hosts"] = [moref for moref in options["failover_hosts"] if moref != host.moref]
        cluster.ha_options, cluster.change_version = options, cluster.change_version + 1
        cluster.save(update_fields=["ha_options", "change_version"])
    change.changed(cluster)


def leave(change: Change, vm: VirtualMachine, cluster: Cluster) -> dict[str, Any]:
    """Take `vm` out of the rules and groups of `cluster`; tells which fields of the VM go back to their defaults."""
    if _take_out({vm.moref}, cluster):
        change.changed(cluster)
    return dict(AS_THE_CLUSTER)


def _take_out(gone: Set[str], cluster: Cluster) -> bool:
    """Take members out of the rules and groups of `cluster`; False where none had any of them."""
    touched = [row for model in (DrsRule, DrsGroup) for row in model.objects.filter(cluster=cluster)
               if gone & set(row.members)]  # fmt: skip
    for row in touched:
        row.members = [moref for moref in row.members if moref not in gone]
        row.save(update_fields=["members"])
    return bool(touched)
