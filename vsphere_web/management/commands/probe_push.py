"""`manage.py probe_push URL`: succeeds when one live push arrives as a browser would get it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from inventory.live import publish
from inventory.models import Host, VCenter

BACKEND = "django.contrib.auth.backends.ModelBackend"
RETRY_S = 0.5
# A socket first tells what is known already, up to its position in the log; what follows was pushed …
END_OF_GREETING = "at"
# … except these, which the web server says by itself.
NO_PUSH = ("clock", "resync", "at", "watching")


class Command(BaseCommand):
    """The supervisor's proof that database, heartbeat, channel layer and socket work together."""

    help = "Wait for one live push from a running site."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to listen and for how long."""
        parser.add_argument("url", help="address of the site, e.g. http://127.0.0.1:8000/")
        parser.add_argument("--patience", type=float, default=60, help="seconds to wait")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen as an administrator to the first vCenter."""
        vcenter = VCenter.objects.order_by("pk").first()
        if vcenter is None:
            self.stdout.write("There is no vCenter, so nothing can move.")
            return
        with session_cookie() as cookie:
            probe = Probe(options["url"], cookie, vcenter)
            asyncio.run(probe.wait(options["patience"]))
        self.stdout.write("A live push arrived.")


@contextmanager
def session_cookie() -> Iterator[str]:
    """Yield the cookie of a session of an administrator that lives as long as the block."""
    user = get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if user is None:
        raise CommandError("There is no administrator to listen as.")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session.update(
        {SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: BACKEND, HASH_SESSION_KEY: user.get_session_auth_hash()}
    )
    session.create()
    try:
        yield f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
    finally:
        session.delete()


class Probe:
    """A reader of the live socket of one vCenter."""

    def __init__(self, url: str, cookie: str, vcenter: VCenter) -> None:
        self._socket = url.replace("http", "ws", 1).rstrip("/") + "/live/"
        self._headers = {"Cookie": cookie, "Origin": url.rstrip("/")}
        self._vcenter = vcenter
        self._figures = list(Host.objects.filter(vcenter=vcenter).values_list("moref", flat=True)[:1])

    @property
    def moves_by_itself(self) -> bool:
        """Tell whether figures are to come: the clock runs and there is a host."""
        return bool(self._vcenter.active and self._vcenter.clock_speed > 0 and self._figures)

    async def wait(self, patience_s: float) -> None:
        """Return at the first push; a connection that breaks is made again.

        Raises:
            CommandError: nothing came in time; tells the last trouble.
        """
        trouble = "connected, but nothing came"
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    try:
                        return await self._listen()
                    except (OSError, WebSocketException) as problem:
                        trouble = str(problem)
                        await asyncio.sleep(RETRY_S)
        except TimeoutError:
            raise CommandError(f"{self._socket}: {trouble}.") from None

    async def _listen(self) -> None:
        async with connect(self._socket, additional_headers=self._headers, proxy=None) as connection:
            watch = {"vc": str(self._vcenter.uuid), "tasks": True, "figures": self._figures}
            await connection.send(json.dumps({"watch": watch}))
            await _receive_until(connection, lambda name: name == END_OF_GREETING)
            if self.moves_by_itself:
                await _receive_until(connection, lambda name: name not in NO_PUSH)
            else:
                await sync_to_async(publish)(self._vcenter, [("clock.changed",)])
                await _receive_until(connection, lambda name: name == "clock")


async def _receive_until(connection: ClientConnection, wanted: Callable[[str], bool]) -> None:
    """Read messages until one has a type that is wanted."""
    while not wanted(json.loads(await connection.recv())["t"]):
        pass
