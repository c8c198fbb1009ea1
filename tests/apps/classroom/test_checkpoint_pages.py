"""The list of checkpoints and its dialogs."""

from __future__ import annotations

import pytest

from classroom.checkpoints import jobs, services
from classroom.models import Checkpoint
from inventory.models import Task, VCenter, VirtualMachine
from inventory.services import vms
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(made.vcenter)
    pumping.advance(made.vcenter, 20)
    made.people = cast.make_cast(made.vcenter)
    return made


def dialog(lab, name, checkpoint=None):
    query = f"?checkpoint={checkpoint.pk}" if checkpoint else ""
    return f"/vc/{lab.vcenter.uuid}/{lab.vcenter.moref}/dialog/{name}/{query}"


def page(lab):
    return f"/vc/{lab.vcenter.uuid}/{lab.vcenter.moref}/configure/checkpoints/"


def done(lab):
    """The one job that is asked for, as a worker does it."""
    assert jobs.work(Task.objects.get(vcenter=lab.vcenter, operation__in=jobs.JOBS, state__in=jobs.LIVE).pk)


def test_a_checkpoint_is_taken_listed_gone_back_to_and_deleted(lab, client):
    client.force_login(lab.people.student)
    assert "No checkpoints" in client.get(page(lab)).content.decode()
    assert client.post(dialog(lab, "take-checkpoint"), {"name": "Before"}).status_code == 202
    assert not Checkpoint.objects.exists()  # a worker does it, no request waits
    done(lab)
    start = Checkpoint.objects.get(vcenter=lab.vcenter)
    assert start.by == lab.people.student
    assert "Before" in client.get(page(lab)).content.decode()
    vm = VirtualMachine.objects.filter(vcenter=lab.vcenter, power_state="poweredOff", template=False).first()
    vms.delete_from_disk(None, vm)
    question = client.get(dialog(lab, "rewind-to-checkpoint", start)).content.decode()
    assert "1 virtual machine that has gone comes back." in question
    assert client.post(dialog(lab, "rewind-to-checkpoint", start)).status_code == 202
    assert not VirtualMachine.objects.filter(pk=vm.pk).exists()
    done(lab)
    assert VirtualMachine.objects.filter(pk=vm.pk).exists()
    assert client.post(dialog(lab, "copy-checkpoint", start), {"name": "Twin"}).status_code == 422  # makes no vCenters
    client.force_login(lab.people.teacher)
    assert client.post(dialog(lab, "copy-checkpoint", start), {"name": "Twin"}).status_code == 202
    assert not VCenter.objects.filter(name="Twin").exists()
    done(lab)
    assert VCenter.objects.get(name="Twin").owner == lab.people.teacher
    assert client.post(dialog(lab, "delete-checkpoint", start)).status_code == 202
    assert not Checkpoint.objects.exists()


def test_readers_see_the_list_and_nobody_reaches_another_labs_checkpoint(lab, client):
    start = services.take(lab.vcenter, None, "Start")
    other = builders.small_lab(owner=lab.people.student)
    client.force_login(lab.people.reader)
    shown = client.get(page(lab)).content.decode()
    assert "Start" in shown
    assert "rewind-to-checkpoint" not in shown
    for name in ("rewind-to-checkpoint", "copy-checkpoint", "delete-checkpoint"):
        assert client.post(dialog(lab, name, start)).status_code == 403
    client.force_login(lab.people.student)
    other.vcenter.refresh_from_db()
    assert client.post(dialog(other, "rewind-to-checkpoint", start)).status_code == 404
    assert client.get(dialog(lab, "rewind-to-checkpoint")).status_code == 404


def test_an_open_page_is_told_to_load_itself_anew(lab, client):
    start = services.take(lab.vcenter, None, "Start")
    client.force_login(lab.people.student)
    address = f"/vc/{lab.vcenter.uuid}/live/"
    since = client.get(address).json()["at"]
    services.rewind(start, None)
    said = [message["t"] for message in client.get(f"{address}?since={since}").json()["messages"]]
    assert "reload" in said
