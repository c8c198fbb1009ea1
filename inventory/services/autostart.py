"""VM Startup/Shutdown of a host: what people may set. When it is done is in `inventory.host_sequences`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import faults
from domain.autostart import Defaults, Machine, defaults_of, machines_of, plain
from inventory import autostart
from inventory.inverses import one
from inventory.journal import changing
from inventory.models import Host, Task
from inventory.services.base import check, expect_version, instant

PRIVILEGE = "Host.Config.AutoStart"


def configure(
    user: Any,
    host: Host,
    *,
    defaults: Defaults | None = None,
    machines: Mapping[str, Machine] | None = None,
    expected_version: int | None = None,
) -> Task:
    """Change the host's settings, or those of some of its machines (by reference); what is left out stays.

    What is stored of machines that have left the host goes.

    Raises:
        InvalidArgument: a machine that is not on the host, or a setting out of its range.
        InvalidState: it is to be turned on in a cluster with vSphere HA.
        ConcurrentAccess: somebody saved the host since `expected_version`.
    """
    check(user, PRIVILEGE, host)
    stored = Host.objects.select_related("cluster", "vcenter").get(pk=host.pk)
    expect_version(stored, expected_version)
    here = autostart.Machines(stored, starting=True).members
    wanted = defaults_of(stored.autostart) if defaults is None else defaults
    known = {moref: own for moref, own in machines_of(stored.autostart).items() if moref in here}
    for moref, own in (machines or {}).items():
        if moref not in here:
            raise faults.InvalidArgument(property="machines", reason="a machine is not on this host (any more)")
        known[moref] = own
    return _store(user, stored, wanted, known)


def restore(user: Any, host: Host, before: Mapping[str, Any]) -> Task:
    """Put back `autostart` as it was, to undo a change."""
    check(user, PRIVILEGE, host)
    return _store(user, host, defaults_of(before["autostart"]), machines_of(before["autostart"]))


def _store(user: Any, host: Host, defaults: Defaults, machines: Mapping[str, Machine]) -> Task:
    problems = [defaults.problem(), *(own.problem() for own in machines.values())]
    if problem := next(filter(None, problems), ""):
        raise faults.InvalidArgument(property=problem, reason="it is out of its range")
    if defaults.enabled and not defaults_of(host.autostart).enabled and host.cluster.ha_on:
        raise faults.InvalidState(name=host.name, reason="vSphere HA is on in its cluster: it restarts them itself")
    with changing(host.vcenter, user) as change:
        before, host.autostart = host.autostart, plain(defaults, machines)
        host.change_version += 1
        host.save(update_fields=["autostart", "change_version"])
        change.event("HostReconfiguredEvent", host, host.cluster, reason="VM startup/shutdown")
        change.changed(host)
        undo = one("autostart", before, host.autostart)
        return instant(change, "HostAutoStartManager.reconfigure", host, args=undo)
