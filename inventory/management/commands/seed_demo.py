"""Seed the demo datacenter and its accounts. Run again, it changes nothing that is there."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from domain.traces import TraceError
from inventory import seeding, statistics, traces
from inventory.models import Permission, Role, VCenter

# (name, role on the whole vCenter); the password is the same for all, for a lab on one's own machine.
ACCOUNTS = (("administrator", "Administrator"), ("operator", "VM power user"), ("reader", "Read-only"), ("student", ""))
PASSWORD_VARIABLE, DEFAULT_PASSWORD = "LAB_PASSWORD", "VMware1!"
OFFICE, RECORDED = "office", "recorded"
# A recorded PlanetLab machine uses 12 % of its CPUs. Those of an office day are sized to what they do: 30 % of theirs.
OFFICE_SCALE = 2.5
BEGINS_S = 6 * 3600.0  # the lab's first day begins before people come
THURSDAY = 3


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hosts", type=int, default=8, help="hosts of the demo datacenter (1 to 2500)")
        parser.add_argument("--vms", type=int, default=120, help="virtual machines (0 to 40000)")
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same datacenter and days")
        parser.add_argument("--traces", default="", help="a file of recorded traces (.npz or .csv) that the VMs replay")
        parser.add_argument(
            "--day", choices=(OFFICE, RECORDED), default=OFFICE,
            help="what becomes of --traces: recorded bursts times working hours (office), or the file as it is",
        )  # fmt: skip
        parser.add_argument("--dpm", action="store_true", help="DPM on, automatic: hosts sleep while nobody needs them")
        parser.add_argument("--speed", type=float, default=10.0, help="lab seconds per second")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["hosts"] <= 2500 or not 0 <= options["vms"] <= 40_000:
            raise CommandError("--hosts takes 1 to 2500, --vms takes 0 to 40000.")
        accounts = self._accounts()
        if VCenter.objects.exists():
            self.stdout.write("The datacenter is there already; nothing was changed.")
            return
        office = options["day"] == OFFICE
        names, sets = self._traces(options["traces"], office)
        plan = seeding.Plan(
            hosts=options["hosts"], vms=options["vms"], seed=options["seed"], dpm=options["dpm"], shop=True,
            traces=names, trace_scale=OFFICE_SCALE if office else 1.0,
        )  # fmt: skip
        vcenter = seeding.new_vcenter(plan, trace_sets=sets, active=False, clock_speed=options["speed"])
        seeding.make(vcenter, plan, self._progress)
        self._permit(vcenter, accounts)
        statistics.gather()
        # The clock starts when everything is there.
        zero = lab_zero(now(), vcenter.timezone)
        VCenter.objects.filter(pk=vcenter.pk).update(
            active=True, clock_wall=now(), lab_epoch=zero, clock_lab_s=BEGINS_S
        )
        self.stdout.write(f"\n{plan.hosts} hosts and {plan.vms} VMs are ready.")
        if names:
            how = "recorded bursts times working hours (--day office)" if office else "as recorded (--day recorded)"
            self.stdout.write(f"VMs replay {len(names)} traces, {how}.")

    def _accounts(self) -> dict[str, Any]:
        users, made = get_user_model(), {}
        for name, _role in ACCOUNTS:
            admin = name == "administrator"
            user, fresh = users.objects.get_or_create(
                username=name, defaults={"is_staff": admin, "is_superuser": admin, "email": f"{name}@lab.local"}
            )
            if fresh:
                user.set_password(os.environ.get(PASSWORD_VARIABLE, DEFAULT_PASSWORD))
                user.save()
            made[name] = user
        return made

    def _permit(self, vcenter: VCenter, accounts: dict[str, Any]) -> None:
        for name, role in ACCOUNTS:
            if role:
                found = Role.objects.get(vcenter__isnull=True, name=role)
                Permission.objects.create(vcenter=vcenter, entity=vcenter.moref, user=accounts[name], role=found)

    def _traces(self, path: str, office: bool) -> tuple[list[str], list[str]]:
        if not path:
            return [], []
        try:
            kept = traces.office(traces.keep(path)) if office else traces.keep(path)
        except TraceError as error:
            raise CommandError(str(error)) from error
        return [traces.key(kept, name) for name in traces.load(kept).names], [kept]

    def _progress(self, what: str, done: int, total: int) -> None:
        self.stdout.write(f"\r  {what}: {done} of {total}", ending="" if done < total else "\n")
        self.stdout.flush()


def lab_zero(moment: datetime, zone: str) -> datetime:
    """Midnight of the latest Thursday there: the fleet counts its hours and weekdays from such a midnight, so the time
    that pages show is the time by which its guests live."""
    here = moment.astimezone(ZoneInfo(zone))
    day = here.date() - timedelta(days=(here.weekday() - THURSDAY) % 7)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
