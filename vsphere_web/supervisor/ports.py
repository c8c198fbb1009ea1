"""Ports: is one free, and which one is."""

import socket


def is_free(bind: str, port: int) -> bool:
    """Tell whether a server could listen on `bind`:`port` now."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
    return True


def next_free(bind: str, port: int) -> int | None:
    """Return the first free port after `port`, or None."""
    return next((other for other in range(port + 1, min(port + 100, 65536)) if is_free(bind, other)), None)
