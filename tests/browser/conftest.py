"""A person in front of the lab: logged in, with nothing in the console that should not be there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.hands import log_in, new_page, password_of
from tests.labs import PATIENCE_MS, LabProcess

SPOKEN = {"error", "warning"}
REFUSED_FORM = "status of 422"  # the browser tells of every such answer: a form that came back with its faults
SET_SPEED = """
from inventory.models import VCenter
from inventory.services import clock
clock.set_speed(None, VCenter.objects.order_by("id")[0], {speed})
"""


@pytest.fixture(scope="session", autouse=True)
def _patient() -> None:
    """Every expectation waits long: a machine may be busy, and what comes at once costs nothing."""
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def usual_speed(lab_server: LabProcess) -> float:
    """Lab seconds per second of the lab as it was started."""
    return speed_of(lab_server)


@pytest.fixture(autouse=True)
def _usual_clock(lab_server: LabProcess, usual_speed: float) -> Iterator[None]:
    """Whatever a story does with the lab's clock, and wherever it fails: the next one finds it as usual."""
    yield
    if speed_of(lab_server) != usual_speed:
        lab_server.manage("shell", "-v0", "-c", SET_SPEED.format(speed=usual_speed))


def speed_of(lab: LabProcess) -> float:
    ((speed,),) = lab.rows("select clock_speed from inventory_vcenter order by id limit 1")
    return float(speed)


@pytest.fixture
def enter(lab_server: LabProcess, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Log in as one of the lab's accounts and return the page; its console has to stay silent to the end."""
    contexts: list[BrowserContext] = []
    spoken: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in SPOKEN and REFUSED_FORM not in message.text:
            spoken.append(f"{message.text} {message.location.get('url', '')}")

    def come(who: str = "administrator", **options: object) -> Page:
        page = new_page(browser, lab_server, **options)
        contexts.append(page.context)
        page.on("console", listen)
        page.on("pageerror", lambda error: spoken.append(str(error)))
        log_in(page, who, password_of(lab_server, who))
        return page

    yield come
    for context in contexts:
        context.close()
    assert not spoken, spoken
