"""Assign recorded traces to virtual machines.

    manage.py import_trace planetlab-20110303.npz --vms 'web-*' --day 20110303
    manage.py import_trace vm7.csv --vms db-003

PATH is a file, or a folder of which --day chooses the files whose name contains it. Traces go to the chosen VMs in
turn. A bad file changes nothing.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from domain.traces import TraceError
from inventory import ids, traces
from inventory.journal import changing
from inventory.models import VCenter, VirtualMachine


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help=".npz (PlanetLab or Bitbrains arrays) or .csv (t_s,cpu_pct[,mem_pct])")
        parser.add_argument("--vms", default="*", help="names of VMs as a shell pattern; default: all")
        parser.add_argument("--day", default="", help="of a folder, the file whose name contains this")
        parser.add_argument("--vcenter", default="", help="name of the vCenter; default: the first")
        parser.add_argument("--scale", type=float, default=1.0, help="multiply the recorded use")
        parser.add_argument("--office", action="store_true", help="multiply the recorded use by working hours as well")

    def handle(self, *args: Any, **options: Any) -> None:
        vcenter = self._vcenter(options["vcenter"])
        path = self._file(Path(options["path"]), options["day"])
        chosen = self._machines(vcenter, options["vms"])
        try:
            kept = traces.office(traces.keep(path)) if options["office"] else traces.keep(path)
        except TraceError as error:
            raise CommandError(str(error)) from error
        names = traces.load(kept).names
        self._assign(vcenter, kept, names, chosen, options["scale"])
        self.stdout.write(f"{len(chosen)} VMs replay {len(names)} traces of {path.name}.")

    def _vcenter(self, name: str) -> VCenter:
        rows = VCenter.objects.filter(name=name) if name else VCenter.objects.order_by("id")
        found = rows.first()
        if found is None:
            raise CommandError(f"There is no vCenter {name}." if name else "There is no vCenter yet.")
        return found

    def _file(self, path: Path, day: str) -> Path:
        if not path.is_dir():
            return path
        files = sorted(f for f in path.iterdir() if f.suffix in (".npz", ".csv") and day in f.name)
        if not files:
            raise CommandError(f"{path}: no trace file" + (f" of {day}" if day else "") + " (.npz or .csv) is there.")
        if len(files) > 1:
            raise CommandError(f"{path}: {len(files)} files fit; name one, or say which --day.")
        return files[0]

    def _machines(self, vcenter: VCenter, pattern: str) -> list[VirtualMachine]:
        rows = VirtualMachine.objects.filter(vcenter=vcenter, template=False, provisioning=False).order_by("name")
        chosen = [vm for vm in rows if fnmatch.fnmatchcase(vm.name, pattern)]
        if not chosen:
            raise CommandError(f"No VM's name fits {pattern!r}.")
        return chosen

    def _assign(
        self, vcenter: VCenter, kept: str, names: tuple[str, ...], machines: list[VirtualMachine], scale: float
    ) -> None:
        """All VMs in one transaction. The fleet is told by its configuration version: it reads everything anew."""
        with changing(vcenter):
            if kept not in vcenter.trace_sets:
                VCenter.objects.filter(pk=vcenter.pk).update(trace_sets=[*vcenter.trace_sets, kept])
            for index, vm in enumerate(machines):
                vm.trace, vm.trace_scale = traces.key(kept, names[index % len(names)]), scale
            VirtualMachine.objects.bulk_update(machines, ["trace", "trace_scale"], batch_size=500)
            ids.next_config_version(vcenter)
