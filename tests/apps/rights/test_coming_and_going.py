"""Log-ins and log-outs are events of the vCenters that a person has at home."""

from __future__ import annotations

import pytest
from django.test import Client

from inventory.models import Event
from tests.builders import small_lab
from tests.cast import PASSWORD, admit, make_cast

pytestmark = pytest.mark.django_db


def test_coming_and_going_are_events(client: Client) -> None:
    cast = make_cast()
    mine, theirs = small_lab(cast.student), small_lab(cast.teacher)
    admit(cast, mine.vcenter)
    client.post("/login/", {"username": "reader", "password": PASSWORD})
    client.post("/logout/")
    rows = Event.objects.filter(type__contains="Session").order_by("key").values_list("vcenter", "type", "user_name")
    assert list(rows) == [
        (mine.vcenter.pk, "UserLoginSessionEvent", "reader"),
        (mine.vcenter.pk, "UserLogoutSessionEvent", "reader"),
    ]
    assert not Event.objects.filter(vcenter=theirs.vcenter, type__contains="Session").exists()
