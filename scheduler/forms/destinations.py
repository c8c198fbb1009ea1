"""The table of hosts that both Migrate wizards show: load as bars, and the verdict of every check."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.db.models import Count, Q
from django.utils.html import format_html
from django.utils.translation import gettext as _

from domain.counters import row
from domain.faults import MethodFault
from domain.privileges import ASSIGN_VM
from inventory import format as units
from inventory import metrics, rights, selectors, words
from inventory.forms.pickers import Line
from inventory.models import Datastore, Host, VirtualMachine
from inventory.selectors.visible import datastores_visible
from scheduler import prechecks

MOST_HOSTS = 500
CPU_USAGE, MEMORY_USAGE = 2, 24
ALARMING_PCT, WARNING_PCT = 90, 75


def sentence(fault: MethodFault) -> str:
    return str(words.fault_sentence(fault.to_dict()))


def bar(value_pct: float | None) -> str:
    """A share as a bar and a figure; a <progress> needs no style attribute."""
    if value_pct is None or value_pct != value_pct:
        return units.NOTHING
    tone = "error" if value_pct >= ALARMING_PCT else "warn" if value_pct >= WARNING_PCT else "ok"
    return format_html(
        '<span class="bar"><progress class="tone-{}" max="100" value="{}" aria-hidden="true"></progress>'
        "<span>{}</span></span>", tone, f"{value_pct:.1f}", units.pct(value_pct),
    )  # fmt: skip


def heads() -> tuple[str, ...]:
    return (_("Name"), _("Cluster"), _("State"), _("CPU used"), _("Memory used"), _("VMs"))


class Candidates:
    """Every host that a person sees, checked for some VMs at once: those that will do first, the VMs' cluster first.

    A network that a host lacks is a warning: another one is chosen in a later step.
    """

    def __init__(self, user: Any, vcenter: Any, vms: Sequence[VirtualMachine], *, storage_moves: bool = False) -> None:
        self.vcenter, self.vms = vcenter, vms
        here = {vm.host_id for vm in vms}
        rows = selectors.hosts_visible(user, vcenter)
        if len(here) == 1:
            rows = rows.exclude(pk=vms[0].host_id)
        running = Count("vms", filter=Q(vms__power_state="poweredOn"))
        hosts = list(rows.select_related("cluster").annotate(vm_count=running).order_by("name")[:MOST_HOSTS])
        clusters = {vm.host.cluster_id for vm in vms}
        found = prechecks.verdicts(vms, hosts, storage_moves=storage_moves, networks_mapped=True)
        _without_right(user, vcenter, vms, found)
        self.verdicts = sorted(
            found, key=lambda v: (not v.ok, v.host.cluster_id not in clusters, not v.has_networks, v.host.name)
        )

    @cached_property
    def usage(self) -> dict[int, tuple[float, float]]:
        """CPU and memory in use per host slot, in percent; empty where no figures have arrived."""
        latest = metrics.latest(self.vcenter)
        if latest is None:
            return {}
        cpu, memory = latest.host[row("host", CPU_USAGE)], latest.host[row("host", MEMORY_USAGE)]
        pairs = enumerate(zip(cpu, memory, strict=True))
        return {slot: (float(c) / 100, float(m) / 100) for slot, (c, m) in pairs}

    def lines(self) -> list[Line]:
        return [self._line(verdict) for verdict in self.verdicts]

    def _line(self, verdict: prechecks.Verdict) -> Line:
        host = verdict.host
        cpu, memory = self.usage.get(host.slot, (float("nan"), float("nan")))
        place = "" if host.cluster.standalone else host.cluster.name
        running = str(getattr(host, "vm_count", ""))
        cells = (host.name, place, str(words.host_state(host)), bar(cpu), bar(memory), running)
        return Line(host.moref, cells, "host", " ".join(sentence(fault) for fault in verdict.errors[:3]))

    @property
    def able(self) -> list[Host]:
        """Those that take the VMs as they are."""
        return [v.host for v in self.verdicts if v.ok and v.has_networks]

    def host(self, moref: str) -> Host:
        return next(v.host for v in self.verdicts if v.host.moref == moref)

    def warnings(self, moref: str | None) -> list[str]:
        """What does not forbid the chosen host but should be known."""
        return [sentence(w) for v in self.verdicts if v.host.moref == moref for w in v.warnings]


def _without_right(user: Any, vcenter: Any, vms: Sequence[VirtualMachine], found: Sequence[prechecks.Verdict]) -> None:
    """A machine that comes from another cluster goes into the root pool: that takes the right to assign it there."""
    known = rights.of(user, vcenter)
    at = {vm.pool.cluster_id for vm in vms if vm.pool is not None}
    foreign = [verdict for verdict in found if at - {verdict.host.cluster_id}]
    if not foreign or (known.uniform is not None and ASSIGN_VM in known.uniform):
        return
    for verdict in foreign:
        pool = verdict.host.moref if known.uniform is not None else known.containers.root_pool(verdict.host.moref)
        if ASSIGN_VM not in known.on_container(pool):
            verdict.errors.append(known.refusal(ASSIGN_VM, verdict.host.cluster.name))


def stores_of(user: Any, vcenter: Any, hosts: Sequence[Host]) -> list[Datastore]:
    """The datastores that every one of these hosts reaches."""
    rows = datastores_visible(user, vcenter)
    for host in hosts:
        rows = rows.filter(pk__in=host.mounts.filter(accessible=True).values("datastore"))
    counted = rows.annotate(host_count=Count("mounts", filter=Q(mounts__accessible=True), distinct=True))
    return list(counted.order_by("name"))
