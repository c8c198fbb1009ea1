"""The ASGI entry point: pages and web sockets of one process."""

import os

import django
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vsphere_web.settings")
django.setup(set_prefix=False)


from inventory.routing import websocket_urlpatterns  # noqa: E402 - imports models
from vsphere_web import heap  # noqa: E402
from vsphere_web.pages import Pages  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": Pages(),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
heap.settle()
