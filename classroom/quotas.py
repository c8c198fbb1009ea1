"""How large a lab may get: what its course says, whoever adds something to it."""

from __future__ import annotations

from classroom.models import Lab
from inventory.models import VCenter
from inventory.quotas import Quota


def of_lab(vcenter: VCenter) -> Quota | None:
    """The quota of the course whose lab the vCenter is; None outside any class. One query."""
    sizes = Lab.objects.filter(vcenter=vcenter).order_by().values_list("course__max_hosts", "course__max_vms").first()
    return Quota(*sizes) if sizes is not None else None
