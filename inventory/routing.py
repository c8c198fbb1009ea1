"""The addresses of sockets."""

from django.urls import path

from inventory.consumers import live_socket

# An ASGI application takes the place of a view here.
websocket_urlpatterns = [path("live/", live_socket)]  # type: ignore[arg-type]
