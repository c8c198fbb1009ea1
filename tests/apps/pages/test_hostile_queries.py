"""A NUL in what is asked for is no error: PostgreSQL would refuse the comparison."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.builders import small_lab
from tests.cast import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "page", ["/search/?q={}", "/search/suggest/?q={}", "/audit/?q={}", "{cluster}/monitor/scores/?q={}",
             "{cluster}/grid/vms/?q={}", "{cluster}/vms/?q={}", "{store}/files/?q={}"],
)  # fmt: skip
def test_a_nul_is_no_character_of_what_is_asked(page: str) -> None:
    admin = make_user("admin", is_staff=True, is_superuser=True)
    lab, client = small_lab(admin), Client()
    client.force_login(admin)
    vcenter = f"/vc/{lab.vcenter.uuid}"
    address = page.replace("{cluster}", f"{vcenter}/{lab.cluster.moref}").replace(
        "{store}", f"{vcenter}/{lab.datastore.moref}"
    )
    answer = client.get(address.format("nobody%00here"))
    assert answer.status_code == 200
    assert answer.wsgi_request.GET["q"] == "nobody\ufffdhere"
