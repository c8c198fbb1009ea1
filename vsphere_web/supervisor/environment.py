"""The environment of a lab's processes."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress

from vsphere_web import env as environment
from vsphere_web.supervisor.options import LOOPBACK, Options


def child_environment(options: Options, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of every process of the lab: the caller's, and where this lab keeps its things.

    A DATABASE_URL or REDIS_URL of the caller stays: then the lab uses that server and starts none.
    """
    hosts = dict.fromkeys([*outer.get("ALLOWED_HOSTS", "").split(","), *host_names(options)])
    return {
        **outer,
        "DJANGO_SETTINGS_MODULE": "vsphere_web.settings",
        "VSPHERE_WEB_MODE": environment.LAB,
        "DATA_DIR": str(options.data_dir),
        "REDIS_URL": outer.get("REDIS_URL") or f"unix://{environment.valkey_socket(options.data_dir)}",
        "ALLOWED_HOSTS": ",".join(host for host in hosts if host),
        "PYTHONUNBUFFERED": "1",
    }


def host_names(options: Options) -> Iterator[str]:
    """Yield the names under which a browser may ask for the lab: no more than it is bound to."""
    yield from ("localhost", "127.0.0.1", "[::1]")
    if options.bind in ("0.0.0.0", "::"):
        yield from _names_of_this_machine()
    elif options.bind not in LOOPBACK:
        yield f"[{options.bind}]" if ":" in options.bind else options.bind


def _names_of_this_machine() -> Iterator[str]:
    name = socket.gethostname()
    yield from (name, f"{name}.local", socket.getfqdn())
    with suppress(OSError):  # a name that does not resolve: the outward address below still works
        yield from (str(found[4][0]) for found in socket.getaddrinfo(name, None, socket.AF_INET))
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        outward.connect(("192.0.2.1", 9))  # documentation address: picks a route, sends nothing
        yield outward.getsockname()[0]
