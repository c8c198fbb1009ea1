"""How often things fail by themselves in a lab: the rates of `domain.specs.FaultRates`, as people say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.utils.translation import gettext_lazy as _

from domain import faults
from domain.specs import FaultRates
from hypervisors.port import Config
from inventory.journal import changing
from inventory.models import Task, VCenter
from inventory.services.base import check, instant
from inventory.services.folders import root_folder

YEAR_H = 8760.0
PERCENT = 100.0


@dataclass(frozen=True)
class Rate:
    """One rate: `per` turns what people say into the rate that the fleet draws by; `usual` is the field's figure."""

    name: str
    label: Any
    unit: Any
    per: float
    most: float
    usual: float


_HOST, _VM, _DATASTORE = _("per host and year"), _("per virtual machine and year"), _("per datastore and year")
RATES = (
    Rate("host_crash", _("Host crashes"), _HOST, YEAR_H, YEAR_H, 1.0),
    Rate("host_hang", _("Host hangs"), _HOST, YEAR_H, YEAR_H, 2.0),
    Rate("nic_flap", _("Network adapter losses"), _HOST, YEAR_H, YEAR_H, 4.38),
    Rate("guest_crash", _("Guest crashes"), _VM, YEAR_H, YEAR_H, 4.38),
    Rate("datastore_slow", _("Slow datastore"), _DATASTORE, YEAR_H, YEAR_H, 2.0),
    Rate("datastore_lost", _("Lost datastore"), _DATASTORE, YEAR_H, YEAR_H, 0.44),
    Rate("exit_standby_failure", _("Failed wake-ups"), "%", PERCENT, PERCENT, 1.0),
    Rate("vmotion_failure", _("Failed migrations"), "%", PERCENT, PERCENT, 0.5),
)
assert {rate.name for rate in RATES} == {field.name for field in fields(FaultRates)}


def present(vcenter: VCenter) -> dict[str, float]:
    """The lab's rates, per year or in percent."""
    found = {rate.name: round(rate.per * float(vcenter.fault_rates.get(rate.name, 0.0)), 4) for rate in RATES}
    return {name: int(value) if value == int(value) else value for name, value in found.items()}


def set_rates(user: Any, vcenter: VCenter, wanted: Mapping[str, float]) -> Task:
    """Let things fail so often from now on; what `wanted` leaves out stays as it is.

    Raises:
        InvalidArgument: there is no such rate, or it is out of its range.
    """
    check(user, "Lab.InjectFault", vcenter)
    known = {rate.name: rate for rate in RATES}
    for name, value in wanted.items():
        if name not in known:
            raise faults.InvalidArgument(property=name, reason="there is no such rate")
        if not 0 <= value <= known[name].most:
            raise faults.InvalidArgument(property=name, reason=f"it has to be between 0 and {known[name].most:g}")
    with changing(vcenter, user) as change:
        current = VCenter.objects.select_for_update().get(pk=vcenter.pk)
        rates = dict(current.fault_rates) | {name: value / known[name].per for name, value in wanted.items()}
        VCenter.objects.filter(pk=vcenter.pk).update(fault_rates=rates)
        vcenter.fault_rates = rates
        change.configure(Config.RATES, vcenter.uuid, rates=rates)
        root = root_folder(vcenter)
        change.event("FaultRatesChangedEvent", root, reason=_said(vcenter))
        return instant(change, "Lab.setFaultRates", root, result={"rates": rates})


def _said(vcenter: VCenter) -> str:
    """The rates that are not zero, for the event."""
    some = [f"{rate.name} {value:g}" for rate, value in zip(RATES, present(vcenter).values(), strict=True) if value]
    return ", ".join(some) or "none"
