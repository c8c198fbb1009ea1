"""Compare what the inventory says of every VM (host, power) with what the fleet says; a difference is an error."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory import fleet
from inventory.models import VCenter, VirtualMachine


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        differences = [line for vcenter in VCenter.objects.all() for line in self._differences(vcenter)]
        if differences:
            raise CommandError("\n".join(["The inventory and the fleet differ:", *differences]))
        self.stdout.write(f"{VirtualMachine.everything.count()} VMs: the inventory and the fleet agree.")

    def _differences(self, vcenter: VCenter) -> list[str]:
        real = fleet.driver_for(vcenter).whereabouts()
        rows = VirtualMachine.everything.filter(vcenter=vcenter, provisioning=False)
        known = {str(u): (str(h), p, n) for u, h, p, n in rows.values_list("uuid", "host__uuid", "power_state", "name")}
        lost = [f"{known[u][2]}: the fleet does not have it" for u in known.keys() - real.keys()]
        stray = [f"{u}: only the fleet has it" for u in real.keys() - known.keys()]
        moved = [
            f"{name}: inventory {host} {power}, fleet {real[u][0]} {real[u][1]}"
            for u, (host, power, name) in known.items()
            if u in real and real[u] != (host, power)
        ]
        return lost + stray + moved
