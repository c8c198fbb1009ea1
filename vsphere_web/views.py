"""What machines ask of the site: is it well, and how is it doing."""

from collections.abc import Callable

import redis
from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_prometheus.exports import ExportToDjangoView

REDIS_WAIT_S = 0.2


def healthz(request: HttpRequest) -> JsonResponse:
    """Tell load balancers and the supervisor whether the database and Redis answer; 503 where one does not."""
    parts = {"database": _answers(_ask_database), "redis": _answers(_ask_redis)}
    well = all(parts.values())
    return JsonResponse({"status": "ok" if well else "unwell", **parts}, status=200 if well else 503)


@staff_member_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Return this process's figures in Prometheus' text format, to staff alone."""
    return ExportToDjangoView(request)


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (DatabaseError, redis.RedisError, OSError):
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_redis() -> None:
    waits = {"socket_timeout": REDIS_WAIT_S, "socket_connect_timeout": REDIS_WAIT_S}
    with redis.Redis.from_url(settings.REDIS_URL, **waits) as client:
        client.ping()
