"""A running lab with its people, for the pages about moves and failures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from domain.states import VmPower
from hypervisors.port import Command, Config, Injection
from inventory import fleet
from inventory.models import Host, VirtualMachine
from tests import builders, pumping
from tests.cast import Cast, make_cast


@dataclass
class Stage:
    lab: builders.SmallLab
    cast: Cast | None = None

    @property
    def vc(self) -> Any:
        return self.lab.vcenter

    def client(self, who: str) -> Client:
        client = Client()
        client.force_login(getattr(self.cast, who))
        return client

    def url(self, name: str, *args: Any) -> str:
        return reverse(name, args=(self.vc.uuid, *args))

    def section(self, moref: str, slug: str) -> str:
        return self.url("inventory:object-section", moref, "monitor", slug)

    def dialog(self, moref: str, name: str) -> str:
        return self.url("inventory:dialog", moref, name)

    def vm(self, index: int) -> VirtualMachine:
        return VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool").get(pk=self.lab.vms[index].pk)

    def host(self, index: int) -> Host:
        return Host.objects.select_related("cluster", "vcenter").get(pk=self.lab.hosts[index].pk)

    def break_(self, obj: Any, fault: Injection, **args: Any) -> None:
        fleet.send(self.vc, [Command(Config.INJECT, str(obj.uuid), {"fault": fault.value, **args})])

    def into_copy(self, task: Any) -> None:
        """Let a move run until its memory is being copied."""
        for _ in range(60):
            pumping.advance(self.vc, 0.25, 0.25)
            task.refresh_from_db()
            if task.phase == "pre-copy" and task.detail.get("sent_mib"):
                return
        raise AssertionError(f"no copy: {task.state} {task.phase}")


def running_stage(hosts: int = 3, vms: int = 6, *, people: bool = True, **cluster: Any) -> Stage:
    lab = builders.small_lab(hosts=hosts, vms=vms)
    for name, value in cluster.items():
        setattr(lab.cluster, name, value)
    lab.cluster.save()
    VirtualMachine.objects.filter(host__cluster=lab.cluster, template=False).update(
        power_state=VmPower.ON, tools_status="toolsOk"
    )
    stage = Stage(lab, make_cast(lab.vcenter) if people else None)
    pumping.hold_clock(lab.vcenter)
    pumping.beat(lab.vcenter)
    pumping.advance(lab.vcenter, 60)
    return stage


def typed(answer: HttpResponse) -> dict[str, str]:
    """What a drawn wizard would send: hidden inputs and chosen radios."""
    values = {}
    for tag in re.findall(r"<input[^>]*>", answer.content.decode()):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if found.get("type") == "hidden" or "checked" in tag:
            values[found.get("name", "")] = found.get("value", "on")
    return values


class Walk:
    """A person in a wizard."""

    def __init__(self, client: Client, url: str) -> None:
        self.client, self.url = client, url
        self.answer = client.get(url)
        assert self.answer.status_code == 200, self.answer.content

    def send(self, go: str = "next", **values: str) -> Walk:
        data = {**typed(self.answer), **{k.replace("__", "-"): v for k, v in values.items()}, "go": go}
        self.answer = self.client.post(self.url, data)
        return self

    @property
    def page(self) -> str:
        return self.answer.content.decode()
