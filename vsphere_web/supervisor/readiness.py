"""A lab is ready when a page answers and one live push has arrived, not when its processes have started."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Protocol

from django.conf import settings

from vsphere_web.steps import StepFailed, step

PAGE_PATIENCE_S = 120
PUSH_PATIENCE_S = 120  # the first heartbeat of 40,000 virtual machines takes its time
TICK_S = 0.1
# Loopback requests go straight, whatever proxy the environment names.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Watched(Protocol):
    """What is waited for: a lab whose processes are tended meanwhile."""

    env: dict[str, str]

    def tend(self) -> None:
        """Start again what died."""

    def manage(self, *arguments: str) -> list[str]:
        """Return the command line of a management command."""

    def log_path(self, name: str) -> str:
        """Return where the output of the process `name` goes."""

    @property
    def url(self) -> str:
        """Return the address of the web server."""


def wait(lab: Watched) -> None:
    """Return when health check, log-in page and live push all came.

    Raises:
        StepFailed: one of them did not; says where to look.
    """
    with step("Waiting for the first page"):
        for path in ("healthz", settings.LOGIN_URL.lstrip("/")):
            if not _comes_true(lab, partial(answers, lab.url + path), PAGE_PATIENCE_S):
                raise StepFailed(f"{lab.url}{path} does not answer.", f"see {lab.log_path('web')}")
    with step("Waiting for the first live push"):
        _await_push(lab)


def answers(url: str) -> bool:
    """Tell whether `url` answers with success."""
    try:
        with _direct.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _await_push(lab: Watched) -> None:
    """Let `probe_push` listen as a browser would, in a process with the lab's database."""
    command = lab.manage("probe_push", lab.url, f"--patience={PUSH_PATIENCE_S}")
    probe = subprocess.Popen(
        command, env=lab.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        _comes_true(lab, lambda: probe.poll() is not None, PUSH_PATIENCE_S + 30)
    finally:
        probe.kill()
        output = probe.communicate()[0]
    if probe.returncode:
        raise StepFailed("No live push arrived.", f"see {lab.log_path('pump')} and {lab.log_path('web')}", output)


def _comes_true(lab: Watched, condition: Callable[[], bool], patience_s: float) -> bool:
    deadline_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        lab.tend()
        time.sleep(TICK_S)
    return True
