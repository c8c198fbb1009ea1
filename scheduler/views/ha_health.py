"""vSphere HA on a cluster's Monitor tab: heartbeat datastores, configuration issues, datastores under APD or PDL."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from domain.morefs import Kind
from inventory.pages.registry import MONITOR, section
from scheduler.engine.heartbeats import PER_HOST
from scheduler.failover import HOST_DOWN, ISOLATED, PARTITIONED, UNREACHABLE
from scheduler.selectors import ha_health
from scheduler.views.failover import AGENTS, is_cluster

Text = str | Promise
ERROR, WARN = "error", "warn"

# By the code of an issue: tone, what is wrong, what to do.
SENTENCES: dict[str, tuple[str, Any, Any]] = {
    "few-hosts": (
        ERROR,
        ngettext_lazy(
            "vSphere HA needs two running hosts, and %(n)s is there: nothing could be restarted elsewhere.",
            "vSphere HA needs two running hosts, and %(n)s are there: nothing could be restarted elsewhere.",
            "n",
        ),
        _("Add a bare-metal host to the cluster, or let one leave maintenance or standby mode."),
    ),
    "admission": (
        ERROR,
        _("The fail-over capacity that admission control wants is not there: after a failure some machines might not "
          "start."),
        _("Add a host, lower reservations, power off what is not needed, or change the policy under Configure, "
          "vSphere Availability."),
    ),
    "spare-host": (
        ERROR,
        _("The dedicated failover host %(host)s cannot take over: it is not running, or is in maintenance mode."),
        _("Bring it back, or choose another failover host."),
    ),
    "hosted": (
        WARN,
        _("A hosted hypervisor has no HA agent: what it runs is not restarted when it fails."),
        _("Migrate what has to be protected to a bare-metal host of the cluster."),
    ),
    "disconnected": (
        ERROR,
        _("The host is disconnected from vCenter: its HA agent takes no changes, and newly started machines are not "
          "protected."),
        _("Connect it: Actions, Connection, Connect."),
    ),
    "unreachable": (
        ERROR,
        _("The HA agent of the host does not answer."),
        _("Look at its power and its network links. HA decides within a minute whether the host has failed."),
    ),
    HOST_DOWN: (
        ERROR,
        _("vSphere HA has declared the host failed; its protected machines are restarted elsewhere."),
        _("Power it on, or remove it from the inventory when it is not to come back."),
    ),
    ISOLATED: (
        ERROR,
        _("The host is isolated from the network; its agent has carried out the isolation response."),
        _("Mend its network links. The host comes back by itself."),
    ),
    PARTITIONED: (
        WARN,
        _("The host is in another network partition than the primary host; its machines run on."),
        _("Mend the network between the hosts."),
    ),
    UNREACHABLE: (
        WARN,
        _("The agent of the host does not answer, but its heartbeats on the datastores go on."),
        _("Wait until it recovers, or move its machines away and restart the host."),
    ),
    "no-heartbeat": (
        ERROR,
        _("The host shares no datastore with another host: HA cannot tell a failed network from a failed host, and "
          "nothing of it can start elsewhere."),
        _("Mount %(wanted)s datastores on it that other hosts of the cluster have."),
    ),
    "few-heartbeats": (
        WARN,
        _("The number of heartbeat datastores for this host is %(n)s, which is less than required: %(wanted)s."),
        _("Mount another datastore on it that other hosts of the cluster have."),
    ),
    "all-nics-down": (
        ERROR,
        _("All network links of the host are down: nothing of its management network gets through."),
        _("Plug its cables in."),
    ),
    "nic-down": (
        WARN,
        _("Link down: %(nics)s. The management network of the host has no redundancy."),
        _("Mend the link. One more failure isolates the host."),
    ),
    "no-redundancy": (
        WARN,
        _("The host has one network adapter: its management network has no redundancy."),
        _("One failed link isolates it. Use a host with two adapters."),
    ),
    "vmotion-down": (
        WARN,
        _("The link of %(nic)s, which vMotion uses, is down: no machine comes or goes while it runs."),
        _("Mend the link."),
    ),
}  # fmt: skip


@section(MONITOR, "heartbeat", _("Heartbeat"), [Kind.CLUSTER], group="ha", applies=is_cluster,
         template="scheduler/failover/heartbeat.html")  # fmt: skip
def heartbeat(page: Any) -> dict[str, Any]:
    """Which datastores the hosts beat on, and who has too few."""
    if not page.obj.ha_enabled:
        return {"cluster": page.obj}
    found = ha_health.heartbeats(page.user, page.obj)
    few = sum(not one.enough for one in found.hosts)
    hosts = [(one, AGENTS[one.agent]) for one in found.hosts]
    return {"cluster": page.obj, "hosts": hosts, "stores": found.stores, "few": few, "wanted": PER_HOST}


@section(MONITOR, "ha-issues", _("Configuration Issues"), [Kind.CLUSTER], group="ha", applies=is_cluster,
         template="scheduler/failover/issues.html")  # fmt: skip
def issues(page: Any) -> dict[str, Any]:
    """What keeps HA from protecting, each with what to do about it."""
    found = ha_health.issues(page.user, page.obj) if page.obj.ha_enabled else []
    return {"cluster": page.obj, "issues": [_said(one) for one in found]}


def _said(issue: ha_health.Issue) -> dict[str, Any]:
    tone, text, fix = SENTENCES[issue.code]
    fields = issue.fields or {}
    return {"code": issue.code, "host": issue.host, "tone": tone, "text": _filled(text, fields),
            "fix": _filled(fix, fields)}  # fmt: skip


def _filled(text: Any, fields: dict[str, Any]) -> str:
    return str(text % fields) if fields else str(text)


@section(MONITOR, "apd", _("Datastores under APD or PDL"), [Kind.CLUSTER], group="ha", applies=is_cluster,
         template="scheduler/failover/lost_stores.html")  # fmt: skip
def lost(page: Any) -> dict[str, Any]:
    """Datastores that hosts of the cluster have lost, with the machines that stand on them."""
    return {"cluster": page.obj, "stores": ha_health.lost_stores(page.user, page.obj)}
