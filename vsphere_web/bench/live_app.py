"""The product's ASGI application, and beside it the two plain ways to do a push, as peers in the same process."""

from typing import Any, cast

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from vsphere_web.asgi import application as product

PEER_GROUP = "bench"


class PeerConsumer(AsyncWebsocketConsumer):
    """What the Channels documentation shows."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(PEER_GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(PEER_GROUP, self.channel_name)

    async def bench_text(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])


async def raw_handler(scope: Any, receive: Any, send: Any) -> None:
    """The shortest handler on the channel layer: a channel per socket, no fan-out of our own."""
    layer: Any = get_channel_layer()
    await receive()
    await send({"type": "websocket.accept"})
    channel = await layer.new_channel()
    await layer.group_add(PEER_GROUP, channel)
    try:
        while True:
            event = await layer.receive(channel)
            await send({"type": "websocket.send", "text": event["text"]})
    except OSError:  # the client has gone
        await layer.group_discard(PEER_GROUP, channel)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Peers under /peer/, everything else is the product."""
    if scope["type"] == "websocket" and scope["path"].startswith("/peer/"):
        await peers(scope, receive, send)
    else:
        await product(scope, receive, send)


_routes: list[Any] = [path("peer/consumer/", PeerConsumer.as_asgi()), path("peer/raw/", cast(Any, raw_handler))]
peers = ProtocolTypeRouter({"websocket": AuthMiddlewareStack(URLRouter(_routes))})
