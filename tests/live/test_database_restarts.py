"""The database server dies and comes back in every phase of a move: one owner, and a task that tells the truth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.postgres import PostgresLab, PostgresServer, programs
from tests.live.test_crashes import assert_they_agree, wait_until_all_ended
from tests.live.test_motion_phases import PHASES, Hand, expect_the_truth

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(programs() is None, reason="No PostgreSQL server here (Debian: apt install postgresql)."),
]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    folder = programs()
    assert folder
    server = PostgresServer(folder).start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def lab(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresLab]:
    lab = PostgresLab(tmp_path_factory.mktemp("restarts"), server, "--hosts=4", "--vms=12", "--speed=5")
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def hand(lab: PostgresLab) -> Iterator[Hand]:
    hand = Hand(lab)
    yield hand
    hand.close()


@pytest.mark.parametrize("phase", PHASES)
def test_a_move_outlives_the_database(lab: PostgresLab, server: PostgresServer, hand: Hand, phase: str) -> None:
    moving = hand("move", phase)
    assert moving["phase"] == phase, moving
    server.restart()
    hand("run")
    wait_until_all_ended(lab)
    expect_the_truth(lab, moving, "database restarted")
    ((state,),) = lab.rows("select state from inventory_task where id = ?", moving["task"])
    assert state == "success", "what hosts do needs no database"
    assert_they_agree(lab)
