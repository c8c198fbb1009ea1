"""Live pages: what changed is told to whoever looks at it. The only place that sends to a group.

`publish` is for services and the pump; `watch` and `answers` are what sockets and the polling page share.
"""

from inventory.live.publish import DETAILED_FACTS, Missed, group_of, missed, publish

__all__ = ["DETAILED_FACTS", "Missed", "group_of", "missed", "publish"]
