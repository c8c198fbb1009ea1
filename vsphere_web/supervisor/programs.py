"""The command lines of the product's processes, the same in a lab and in production."""

import sys

WEB_APPLICATION = "vsphere_web.asgi:application"
GIVES_WAY = 5  # a third of the weight that heartbeats and pages have


def web(bind: str, port: int, processes: int = 1) -> list[str]:
    """Return the command of the web server: pages and sockets on `bind`:`port`."""
    address = ["--host", bind, "--port", str(port), "--workers", str(processes)]
    # Open sockets would hold up a stop; browsers connect again by themselves.
    manners = ["--lifespan", "off", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "3"]
    # Compressing a push anew for every browser would cost more than everything else about it (bench_live).
    manners += ["--ws-per-message-deflate", "false"]
    # The settings decide whether a proxy's headers are believed, not the address they come from.
    return [sys.executable, "-m", "uvicorn", WEB_APPLICATION, *address, *manners, "--no-proxy-headers"]


def worker(name: str, queues: str, processes: int) -> list[str]:
    """Return the command of a worker with `processes` processes for `queues` (comma-separated).

    Where cores are scarce, what is planned and tidied gives way to heartbeats and pages.
    """
    manners = [] if "pump" in queues.split(",") else ["nice", "-n", str(GIVES_WAY)]
    place = ["-n", f"{name}@%h", "-Q", queues, "-c", str(processes)]
    # Workers of one site need not know of each other: no gossip, no mingling, no heartbeats.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
    return [*manners, sys.executable, "-m", "celery", "-A", "vsphere_web", "worker", *place, *quiet]


def beat() -> list[str]:
    """Return the command of the clock that wakes periodic work; a site has exactly one."""
    return [sys.executable, "-m", "celery", "-A", "vsphere_web", "beat", "--pidfile=", "--loglevel", "INFO"]
