"""What a VM leaves behind when it goes to another cluster: rules, groups and overrides are the old cluster's own."""

from __future__ import annotations

from inventory.journal import Change
from inventory.models import Cluster, VirtualMachine
from scheduler.models import DrsGroup, DrsRule


def leave(change: Change, vm: VirtualMachine, cluster: Cluster) -> dict[str, str]:
    """Take `vm` out of the rules and groups of `cluster`; tells which fields of the VM go back to their defaults."""
    for model in (DrsRule, DrsGroup):
        for row in model.objects.filter(cluster=cluster):
            if vm.moref in row.members:
                row.members = [moref for moref in row.members if moref != vm.moref]
                row.save(update_fields=["members"])
                change.changed(cluster)
    return {"drs_override": "", "ha_restart_priority": ""}
