"""Web sockets: one per page, a raw ASGI handler, everything rendered once per vCenter and told to many."""

from inventory.consumers.socket import live_socket

__all__ = ["live_socket"]
