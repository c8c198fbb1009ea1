"""Telling the workers that there is something to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def tell(send: Callable[..., Any], *args: Any, **options: Any) -> bool:
    """Send a job with `send` (a task's `apply_async`, say); no request waits for a broker that does not answer.

    False (and a log entry) where there is none: whoever calls sees to it that somebody asks again.
    """
    try:
        send(args, retry=False, **options)
    except (OperationalError, OSError) as error:
        log.warning("broker.unreachable", args=args, error=str(error))
        return False
    return True
