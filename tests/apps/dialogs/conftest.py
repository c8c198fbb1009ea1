"""A lab with its cast, and a client that is logged in as the owner of its vCenter."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.builders import small_lab
from tests.cast import make_cast


@pytest.fixture
def lab():
    return small_lab(hosts=2, vms=3)


@pytest.fixture
def cast(lab):
    return make_cast(lab.vcenter)


@pytest.fixture
def owner(cast, client: Client) -> Client:
    client.force_login(cast.student)
    return client
