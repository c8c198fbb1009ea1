"""The deck. A card knows whom it can hit, how it is played, and by which state it is broken and mended.

Nothing that a card does names it: faults go to the fleet as plain commands, settings are changed without a task of the
teacher's. What the student sees is what a real trouble shows: states, figures, alarms, and the events that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from classroom.exercises.acts import Stage
from classroom.exercises.predicates import All, Any_, Check, Leaf, Not, Span
from classroom.sabotage import plays
from domain.states import VmPower
from hypervisors.port import Injection
from inventory.models import Datastore, Host, VirtualMachine

Text = str | Promise
Args = Mapping[str, Any]
Target = Callable[[Stage], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`target`: whom it hits where the teacher names nobody. `play` returns what the checks have to know later.

    `broken` None: the state shows nothing until somebody looks for it; the card then counts as broken at once.
    """

    key: str
    label: Text
    about: Text  # for the teacher: what happens, and what mends it
    of: str  # host vm datastore cluster
    target: Target
    play: Callable[[plays.Table, Any], dict[str, Any]]
    mended: Callable[[Args], Check]
    broken: Callable[[Args], Check] | None = None
    also: Args = field(default_factory=dict)


# --- whom a card hits -------------------------------------------------------------------------------------------------
def _busiest_host(stage: Stage) -> Host | None:
    """The usable host of the first cluster on which most VMs run."""
    hosts = [h for h in Host.objects.filter(cluster=stage.cluster()).select_related("cluster") if h.usable]
    running = {h.pk: VirtualMachine.objects.filter(host=h, power_state=VmPower.ON).count() for h in hosts}
    return max(hosts, key=lambda h: (running[h.pk], -h.slot), default=None)


def _idle_host(stage: Stage) -> Host | None:
    hosts = Host.objects.filter(cluster=stage.cluster()).select_related("cluster").order_by("-slot")
    return hosts.first()


def _biggest_vm(stage: Stage) -> VirtualMachine | None:
    rows = VirtualMachine.objects.filter(host__cluster=stage.cluster(), power_state=VmPower.ON, template=False)
    return rows.select_related("host__cluster", "pool").order_by("-memory_mib", "id").first()


def _shared_store(stage: Stage) -> Datastore | None:
    rows = Datastore.objects.filter(mounts__host__cluster=stage.cluster(), local=False)
    return rows.order_by("slot").first()


def _cluster(stage: Stage) -> Any:
    return stage.cluster()


# --- by which state they are known ------------------------------------------------------------------------------------
def _host(**wanted: Any) -> Callable[[Args], Check]:
    return lambda args: Leaf("host", (args["name"],), wanted)


def _store(**wanted: Any) -> Callable[[Args], Check]:
    return lambda args: Leaf("datastore", (args["name"],), wanted)


def _vms_run(args: Args) -> Check:
    """Everything that ran on the host runs again, on it or elsewhere."""
    return All(tuple(Leaf("vm", (name,), {"power": ("on",)}) for name in args["vms"]))


def _hogged(args: Args) -> Check:
    return Leaf("vm", (args["name"],), {"active_mib": Span(low=0.8 * args["memory_mib"])})


def _calm(args: Args) -> Check:
    below = Leaf("vm", (args["name"],), {"active_mib": Span(high=0.7 * args["memory_mib"])})
    return Any_((below, Leaf("vm", (args["name"],), {"power": ("off",)})))


def _evc_is(key: str) -> Callable[[Args], Check]:
    return lambda args: Leaf("cluster", (args["name"],), {"evc": (args[key],)})


def _evc_changed(args: Args) -> Check:
    return Not(_evc_is("set")(args))


def _conflicts(span: Span) -> Callable[[Args], Check]:
    return lambda args: Leaf("cluster", (args["name"],), {"conflicting_rules": span})


def _reserved(args: Args) -> Check:
    above = {"memory_reservation_mib": Span(low=0.5 * args["reserved_mib"])}
    return Leaf("pool", (args["pool"],), above, Span(low=1))


def _woken(args: Args) -> Check:
    """Repaired by hand, or it has woken since."""
    about = {"about": (args["name"],)}
    repaired = Leaf("event", ("*",), {**about, "type": ("FaultInjectedEvent",), "reason": (plays.REPAIR_OF_BMC,)})
    types = ("ExitedStandbyModeEvent", "DrsExitedStandbyModeEvent")
    once = Span(low=1)
    return Any_((
        Leaf("event", ("*",), repaired.wanted, once), Leaf("event", ("*",), {**about, "type": types}, once),
    ))  # fmt: skip


def _snapshots(span: Span) -> Callable[[Args], Check]:
    return lambda args: Leaf("vm", (args["name"],), {"snapshots": span})


_SOME, _NONE = Span(low=1), Span(0, 0)
DECK: tuple[Kind, ...] = (
    Kind(
        "host-crash", _("Host crash"),
        _("The host stops and stays off. Mended when everything that ran on it runs again, wherever."),
        "host", _busiest_host, plays.crash, _vms_run, lambda args: Not(_vms_run(args)),
    ),
    Kind(
        "host-hang", _("Hanging host"),
        _("The management agent stops answering; the virtual machines run on. Mended when the host is connected."),
        "host", _busiest_host, plays.fault(Injection.HOST_HANG), _host(connection=("connected",)),
        _host(connection=("!connected",)),
    ),
    Kind(
        "memory-hog", _("Memory hog"),
        _("A guest writes all its memory without end. Mended by a reset, or by powering it off."),
        "vm", _biggest_vm, plays.memory_hog, _calm, _hogged,
    ),
    Kind(
        "vmotion-nic", _("vMotion adapter down"),
        _("The host's second adapter has lost its link: nothing migrates to or from it. Mended when the link is up."),
        "host", _busiest_host, plays.fault(Injection.NIC_DOWN, nic=1), _host(nics_down=_NONE), _host(nics_down=_SOME),
    ),
    Kind(
        "wrong-evc", _("Wrong EVC mode"),
        _("The cluster's EVC mode is older than its hosts: what runs cannot migrate. Mended by the former mode."),
        "cluster", _cluster, plays.lower_evc, _evc_changed, _evc_is("set"),
    ),
    Kind(
        "full-datastore", _("Full datastore"),
        _("A forgotten virtual machine fills the datastore. Mended once a tenth of it is free."),
        "datastore", _shared_store, plays.fill, _store(free_pct=Span(low=10)), _store(free_pct=Span(high=5)),
    ),
    Kind(
        "slow-datastore", _("Slow datastore"),
        _("Every access takes twenty times as long. Mended when the datastore is repaired."),
        "datastore", _shared_store, plays.fault(Injection.DATASTORE_SLOW), _store(slow=False), _store(slow=True),
    ),
    Kind(
        "rule-conflict", _("Contradicting rules"),
        _("A rule keeps two virtual machines together, an older one keeps them apart. Mended when none conflicts."),
        "cluster", _cluster, plays.contradict, _conflicts(_NONE), _conflicts(_SOME),
    ),
    Kind(
        "reservation", _("Reservation too large"),
        _("A resource pool has reserved nearly all memory: nothing more can start. Mended when half of it is back."),
        "cluster", _cluster, plays.reserve, lambda args: Not(_reserved(args)), _reserved,
    ),
    Kind(
        "dead-bmc", _("Dead BMC"),
        _("The host's management controller is dead: once in standby, it does not wake. Mended by its repair."),
        "host", _idle_host, plays.fault(Injection.BMC_DEAD), _woken,
    ),
    Kind(
        "runaway-snapshot", _("Runaway snapshot"),
        _("A snapshot grows until the datastore is full. Mended when the virtual machine has no snapshot."),
        "vm", _biggest_vm, plays.snapshot, _snapshots(_NONE), _snapshots(_SOME),
    ),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.key: kind for kind in DECK}
