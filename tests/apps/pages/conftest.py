"""A small lab with its cast, and clients that are logged in as each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client

from tests.builders import SmallLab, small_lab
from tests.cast import Cast, make_cast


@dataclass
class World:
    lab: SmallLab
    cast: Cast

    def url(self, moref: str = "", *rest: str) -> str:
        """An address below the vCenter."""
        return "/".join(["", "vc", str(self.lab.vcenter.uuid), *([moref] if moref else []), *rest, ""])


@pytest.fixture
def world(db: None) -> World:
    lab = small_lab()
    return World(lab, make_cast(lab.vcenter))


@pytest.fixture
def client_of(world: World) -> Callable[[str], Client]:
    def log_in(who: str) -> Client:
        client = Client()
        client.force_login(getattr(world.cast, who))
        return client

    return log_in
