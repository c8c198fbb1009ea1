"""Every failure in every phase of a move, with the real processes: one owner, and a task that tells the truth."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.labs import LabProcess, wait_for
from tests.live.test_crashes import PLACED, assert_they_agree, wait_until_all_ended

PHASES = ("validating", "preparing", "tracing", "pre-copy", "switchover", "committing")
SERVE = "from tests.live import motion_hand; motion_hand.serve()"
COMMITTING = PHASES[-1]


class Hand:
    """The lab's side of the test: `tests.live.motion_hand` in a process that may lose its Valkey and goes on."""

    def __init__(self, lab: LabProcess) -> None:
        self.lab = lab
        self.process = lab.talk("shell", "--no-imports", "-c", SERVE)

    def __call__(self, verb: str, argument: object = None) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([verb, argument]) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("HAND"):
                return json.loads(line.removeprefix("HAND"))
        raise AssertionError("the hand ended; see its words above")

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(180)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    lab = LabProcess(tmp_path_factory.mktemp("phases"), "--hosts=4", "--vms=12", "--speed=5").start()
    yield lab
    lab.stop()


@pytest.fixture(scope="module")
def hand(lab: LabProcess) -> Iterator[Hand]:
    hand = Hand(lab)
    yield hand
    hand.close()


def kill(part: str) -> Callable[[LabProcess, Hand, dict[str, Any]], None]:
    def failure(lab: LabProcess, hand: Hand, moving: dict[str, Any]) -> None:
        pid = wait_for(lambda: lab.pids().get(part), f"{part} to run again")
        os.kill(pid, signal.SIGKILL)

    return failure


FAILURES: dict[str, Callable[[LabProcess, Hand, dict[str, Any]], Any]] = {
    "worker killed": kill("worker"),
    "pump killed": kill("pump"),
    "Valkey killed": kill("valkey"),
    "double delivery": lambda lab, hand, moving: hand("deliver_again", moving["task"]),
    "link lost": lambda lab, hand, moving: hand("unplug", moving["source"]),
    "source dies": lambda lab, hand, moving: hand("crash", moving["source"]),
    "destination dies": lambda lab, hand, moving: hand("crash", moving["target"]),
}
OF_HOSTS = {"link lost": "source", "source dies": "source", "destination dies": "target"}


def all_connected(lab: LabProcess) -> bool:
    states = lab.rows("select distinct connection_state from inventory_host")
    return states == [("connected",)]


# Failure after failure in one phase: a part that dies again and again is started again later each time.
@pytest.mark.parametrize("phase", PHASES)
def test_the_machine_has_one_owner_whatever_fails_in_whatever_phase(lab: LabProcess, hand: Hand, phase: str) -> None:
    for failure, provoke in FAILURES.items():
        moving = hand("move", phase)
        assert moving["phase"] == phase, (failure, moving)
        provoke(lab, hand, moving)
        hand("run")
        wait_until_all_ended(lab)
        expect_the_truth(lab, moving, failure)
        if failure in OF_HOSTS:
            wait_for(lambda why=failure: why == "link lost" or not all_connected(lab), "the failure to be noticed")
            hand("repair", moving[OF_HOSTS[failure]])
            wait_for(lambda: all_connected(lab), "the host to come back")
    assert_they_agree(lab)


def expect_the_truth(lab: LabProcess, moving: dict[str, Any], failure: str) -> None:
    """The VM is where its task says. Where its own host died, HA may have started it on a third one meanwhile."""
    ((state, fault),) = lab.rows("select state, fault from inventory_task where id = ?", moving["task"])
    ((_vm, host, _power),) = [row for row in lab.rows(PLACED) if row[0] == moving["vm"]]
    moved = state == "success"
    assert moved or fault, "a failure says why"
    if failure not in ("source dies", "destination dies"):
        assert host == (moving["target"] if moved else moving["source"])
    if failure in ("worker killed", "pump killed", "double delivery"):
        assert moved, (moving, fault)
    if moving["phase"] == COMMITTING and failure != "destination dies":
        assert moved, "past the switch-over there is no way back"
