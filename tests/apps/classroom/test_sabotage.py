"""Every card: played, seen to be broken, not mended by waiting, mended by the right act, and never named."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.timezone import now

from classroom.exercises.acts import Act, play
from classroom.models import Batch, Card
from classroom.sabotage import open_cards, services
from classroom.sabotage.cards import KINDS
from classroom.services import batches
from domain import faults
from inventory.models import Event, Task, VirtualMachine
from inventory.services import vms
from tests import pumping
from tests.apps.classroom.people import Class, make_class
from tests.apps.classroom.stage import ClassStage, class_stage

pytestmark = pytest.mark.django_db(transaction=True)


def repair_and_start(stage: ClassStage, card: Card) -> None:
    """Without HA: the host first, then what ran on it."""
    play(Act("inject", {"host": card.arguments["name"], "fault": "host_recover"}), stage.student, stage.vcenter)
    stage.wait(15)
    for name in card.arguments["vms"]:
        play(Act("power_on", {"vm": name}), stage.student, stage.vcenter)
    stage.settle()


def act(verb: str, key: str = "", **args: object):
    """One act on the card's object, by the student."""

    def mend(stage: ClassStage, card: Card) -> None:
        target = {key: card.arguments["name"]} if key else {}
        play(Act(verb, {**target, **args}), stage.student, stage.vcenter)
        stage.settle()

    return mend


def drop_rule(stage: ClassStage, card: Card) -> None:
    play(Act("delete_rule", {"name": card.arguments["rules"][1]}), stage.student, stage.vcenter)


def empty_bin(stage: ClassStage, card: Card) -> None:
    """Out of the inventory is not enough: its files wait in the recycle bin."""
    play(Act("delete_vm", {"vm": card.arguments["vm"]}), stage.student, stage.vcenter)
    stage.wait(1)
    card.refresh_from_db()
    assert card.is_open
    gone = VirtualMachine.everything.select_related("host__cluster").get(
        vcenter=stage.vcenter, name=card.arguments["vm"]
    )
    vms.purge(stage.student, gone)
    stage.settle()


MENDING = {
    "host-crash": repair_and_start,
    "host-hang": act("inject", "host", fault="host_recover"),
    "memory-hog": act("reset", "vm"),
    "vmotion-nic": act("inject", "host", fault="nic_up", nic=1),
    "wrong-evc": act("cluster", evc_mode=""),
    "full-datastore": empty_bin,
    "slow-datastore": act("inject", "datastore", fault="datastore_ok"),
    "rule-conflict": drop_rule,
    "reservation": act("pool", name="Reporting", memory_reservation_mib=1024),
    "dead-bmc": act("inject", "host", fault="bmc_ok"),
    "runaway-snapshot": act("remove_snapshots", "vm"),
}


def looked(stage: ClassStage, card: Card, minutes: float = 1.0) -> Card:
    stage.wait(minutes)
    services.steward(stage.lab)
    card.refresh_from_db()
    return card


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_card_breaks_something_and_is_mended_by_the_right_act(kind):
    stage = class_stage(hosts=2, vms=4, drs=False, powered_on_ratio=1.0)
    with pumping.committing():
        card = services.draw(stage.teacher, [stage.lab], kind)[0]
    card.refresh_from_db()
    assert card.fault is None, card.fault
    assert card.played_at
    for _ in range(15):
        if looked(stage, card).broken_lab_s is not None:
            break
    assert card.broken_lab_s is not None, "nothing broke"
    assert looked(stage, card, 2).is_open, "it mended itself"
    assert open_cards([stage.lab]) == {stage.lab.pk: [card]}
    _unnamed(stage)
    MENDING[kind](stage, card)
    for _ in range(15):
        if not looked(stage, card).is_open:
            break
    assert card.mended_lab_s is not None
    assert open_cards([stage.lab]) == {}


def _unnamed(stage: ClassStage) -> None:
    """Neither an event nor a task says that somebody did this on purpose."""
    assert not Event.objects.filter(vcenter=stage.vcenter, type="FaultInjectedEvent").exists()
    assert not Event.objects.filter(vcenter=stage.vcenter, user_name=stage.teacher.username).exists()
    assert not Task.objects.filter(vcenter=stage.vcenter, initiator=stage.teacher).exists()


def test_a_card_waits_for_its_lab_time_and_is_played_once():
    stage = class_stage(hosts=2, vms=2, drs=False)
    card = services.draw(stage.teacher, [stage.lab], "slow-datastore", in_minutes=5)[0]
    assert looked(stage, card, 4).played_at is None
    assert looked(stage, card, 2).played_at is not None
    played_s = card.played_lab_s
    assert looked(stage, card, 2).played_lab_s == played_s
    assert played_s - 60 >= 300


def test_a_card_goes_into_one_some_or_all_labs(client):
    made = make_class(3, with_labs=True)
    client.force_login(made.teacher)
    address = reverse("classroom:card-draw", args=(made.course.pk, "host-crash"))
    asked = {"labs": [], "in_minutes": "60"}
    assert client.post(address, asked).status_code == 202
    assert not Card.objects.exists(), "no request waits for forty labs"
    assert client.post(address, asked)["X-Fault"] == "TaskInProgress"
    assert batches.work(Batch.objects.get().pk)
    assert Card.objects.count() == 3
    Card.objects.all().delete()
    for chosen in (made.labs[:1], made.labs[1:], []):
        form = {"labs": [str(lab.pk) for lab in chosen], "in_minutes": "60"}
        assert client.post(address, form).status_code == 202
        assert batches.work(Batch.objects.latest("pk").pk)
        assert list(Card.objects.order_by("lab").values_list("lab", flat=True)) == [
            lab.pk for lab in chosen or made.labs
        ]
        Card.objects.all().delete()
    stranger = make_class_of_another().labs[0]
    assert client.post(address, {"labs": [str(stranger.pk)], "in_minutes": "60"}).status_code == 422
    assert not Card.objects.exists()


def test_a_card_drawn_for_the_class_says_of_each_lab_what_became_of_it(client):
    made = make_class(3, with_labs=True, powered_on_ratio=1.0)
    empty, gone, well = made.labs
    VirtualMachine.objects.filter(vcenter=empty.vcenter).update(power_state="poweredOff")
    batch = batches.draw_card(made.teacher, made.course, "memory-hog", made.labs)
    gone.delete()
    assert batches.work(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done) == (Batch.FINISHED, 3)
    assert [(one["name"], one["fault"]) for one in batch.errors] == [("Lee 0", "NotFound")]
    states = {card.lab_id: (bool(card.played_at), bool(card.fault)) for card in Card.objects.all()}
    assert states == {empty.pk: (False, True), well.pk: (True, False)}
    client.force_login(made.teacher)
    page = client.get(reverse("classroom:assignments", args=(made.course.pk,))).content.decode()
    assert "1 of 3 labs was left out." in page
    assert "Lee 0:" in page


def test_a_card_of_the_class_is_drawn_once_whoever_dies(monkeypatch):
    made = make_class(2, with_labs=True, powered_on_ratio=1.0)
    batch = batches.draw_card(made.teacher, made.course, "memory-hog", made.labs)
    real = services.steward

    def dies(lab):
        real(lab)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(services, "steward", dies)
        with pytest.raises(KeyboardInterrupt):
            batches.work(batch.pk)
    Batch.objects.update(lease_until=now())
    assert batches.work(batch.pk)
    assert list(Card.objects.order_by("lab").values_list("lab", flat=True)) == [lab.pk for lab in made.labs]


def make_class_of_another():
    """A lab of a course that the teacher has nothing to do with."""
    made = class_stage(hosts=1, vms=0, drs=False)
    return Class(made.teacher, made.course, None, [made.student], [made.lab])


def test_a_student_who_reads_every_page_never_meets_the_card(client):
    stage = class_stage(hosts=2, vms=4, drs=False, powered_on_ratio=1.0)
    for kind in ("vmotion-nic", "wrong-evc", "rule-conflict"):
        with pumping.committing():
            services.draw(stage.teacher, [stage.lab], kind)
    stage.wait(2)
    client.force_login(stage.student)
    root = f"/vc/{stage.vcenter.uuid}/"
    monitor = f"{root}{stage.vcenter.moref}/monitor"
    places = ("/", "/tasks/", "/events/", "/search/?q=sabotage", f"{root}classroom/", f"{root}exercise/",
              f"{monitor}/events/", f"{monitor}/tasks/")  # fmt: skip
    for place in places:
        body = client.get(place).content.decode().casefold().replace("/search/?q=sabotage", "")
        for word in ("sabotage card", "vmotion adapter down", "wrong evc mode", "contradicting rules",
                     stage.teacher.username):  # fmt: skip
            assert word not in body, (place, word)


def test_only_a_teacher_draws_and_a_card_without_a_victim_says_so():
    stage = class_stage(hosts=2, vms=0, drs=False)
    for person in (stage.student, stage.outsider):
        with pytest.raises(faults.NoPermission):
            services.draw(person, [stage.lab], "host-crash")
    with pytest.raises(faults.InvalidArgument):
        services.draw(stage.teacher, [stage.lab], "meteorite")
    card = services.draw(stage.teacher, [stage.lab], "memory-hog")[0]
    card.refresh_from_db()
    assert (card.fault["fault"], card.is_open) == ("NotFound", False)
