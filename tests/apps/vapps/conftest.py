"""A lab whose clock stands, a shop of three tiers in it, and somebody who may do everything."""

from __future__ import annotations

import pytest

from tests import builders, cast, pumping
from tests.apps.vapps.stage import fill, made_vapp, order


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=1)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


@pytest.fixture
def shop(lab):
    """db, then app, then web, without delays."""
    vapp = made_vapp(lab)
    fill(lab, vapp, "db", "app", "web")
    order(vapp, db=1, app=2, web=3)
    return vapp


@pytest.fixture
def boss():
    return cast.make_user("boss", is_superuser=True)
