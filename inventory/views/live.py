"""Polling, for pages whose socket cannot be opened: the same messages in one answer."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from inventory import metrics, redis
from inventory.live import Missed, answers, missed
from inventory.live.answers import TASKS_AT_ONCE, Digest, digest
from inventory.live.watch import BadWatch, Watch, authorise, parse, visible

LISTS = ("objects", "trees", "figures")


@require_GET
def poll(request: HttpRequest, vc: UUID) -> HttpResponse:
    """`?objects=vm-1,vm-2&trees=…&figures=…&counters=…&tasks=1&since=<cursor>`: what is new, and the next cursor."""
    if not isinstance(request.user, AbstractUser):
        return JsonResponse({"error": "not logged in"}, status=401)
    try:
        (wish,) = parse({"watch": _wanted(request, vc)})
    except BadWatch as error:
        return JsonResponse({"error": str(error)}, status=400)
    watch = authorise(request.user, wish)
    if watch is None:
        raise Http404("vCenter")
    return _answer(request.user, watch)


def _wanted(request: HttpRequest, vc: UUID) -> dict[str, Any]:
    lists = {name: [word for word in request.GET.get(name, "").split(",") if word] for name in LISTS}
    counters = [int(key) for key in request.GET.get("counters", "").split(",") if key.isdecimal()]
    return {
        "vc": str(vc),
        "tasks": request.GET.get("tasks") == "1",
        "since": request.GET.get("since", ""),
        "lang": get_language(),
        "counters": counters,
        **lists,
    }


def _answer(user: AbstractUser, watch: Watch) -> HttpResponse:
    try:
        past, offline = missed(watch.vcenter, watch.wish.since), False
    except redis.Offline:
        past, offline = Missed([], watch.wish.since, complete=True), True
    texts = [*_standing(watch), *_news(user, watch, past)]
    if not past.complete:
        texts.append(answers.resync(watch.vcenter))
    head = json.dumps({"at": past.cursor, "offline": offline})
    return HttpResponse(f'{head[:-1]}, "messages": [{",".join(texts)}]}}', content_type="application/json")


def _standing(watch: Watch) -> list[str]:
    """What is true now, whatever happened."""
    latest = metrics.latest(watch.vcenter)
    texts = [answers.clock(watch.vcenter, latest)]
    if latest is not None and watch.figures:
        texts.append(answers.figures(latest, watch))
    return texts


def _news(user: AbstractUser, watch: Watch, past: Missed) -> list[str]:
    news = digest(past.facts)
    if news.rewound:
        return [answers.reload(watch.vcenter)]
    alarms = bool(_seen(user, watch, news.alarms))
    changed = answers.changed(
        watch.vcenter, watch.objects & news.objects, watch.trees & news.trees, news.events, alarms
    )
    texts = _tasks(user, watch, news) + ([changed] if changed else [])
    return texts + ([answers.alarms(watch.vcenter)] if alarms else [])


def _tasks(user: AbstractUser, watch: Watch, news: Digest) -> list[str]:
    if not watch.wish.tasks:
        return []
    if len(news.tasks) > TASKS_AT_ONCE:
        return [answers.resync(watch.vcenter)]
    rows = answers.task_rows(watch.vcenter, news.tasks, watch.wish.language)
    seen = _seen(user, watch, {entity for entity, _ in rows.values()})
    return [text for entity, text in rows.values() if entity in seen]


def _seen(user: AbstractUser, watch: Watch, morefs: frozenset[str] | set[str]) -> set[str]:
    return set(morefs) if watch.sees_everything else set(visible(user, watch.vcenter, morefs))
