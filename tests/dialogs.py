"""A person in front of dialogs: opens them, types, sends what a browser would send."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client
from django.urls import reverse


def address(lab, obj, name: str) -> str:
    return reverse("inventory:dialog", args=(lab.vcenter.uuid, obj.moref, name))


FIELD = re.compile(r"<(input|select|textarea)\b([^>]*)>(.*?)(?=<(?:input|select|textarea|button|/form))", re.S)


def typed(page: str) -> dict[str, str]:
    """What a browser would send of a drawn form (no buttons)."""
    found: dict[str, str] = {}
    for tag, attributes, inside in FIELD.findall(page):
        a = {k: html.unescape(v) for k, v in re.findall(r'([\w-]+)="([^"]*)"', attributes)}
        if "name" not in a or re.search(r"\sdisabled\b", attributes):
            continue
        if tag == "select":
            options = re.findall(r"<option value=\"([^\"]*)\"( selected)?", inside)
            chosen = [v for v, on in options if on] or [v for v, _on in options][:1]
            found.update((a["name"], html.unescape(value)) for value in chosen)
        elif tag == "textarea":
            found[a["name"]] = html.unescape(inside.split("</textarea>")[0]).removeprefix("\n")
        elif a.get("type") in ("checkbox", "radio"):
            if re.search(r"\schecked\b", attributes):
                found[a["name"]] = a.get("value", "on")
        else:
            found[a["name"]] = a.get("value", "")
    return found


def opened(client: Client, url: str) -> dict[str, str]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.content.decode()
    return typed(answer.content.decode())


class Walk:
    """A person who clicks through a wizard: sends what the page holds, with what is typed into it."""

    def __init__(self, client: Client, url: str) -> None:
        self.client, self.url = client, url
        self.take(client.get(url))

    def take(self, answer: Any) -> None:
        self.answer, self.page = answer, answer.content.decode()
        self.step = "".join(re.findall(r'data-step="([\w-]*)"', self.page)[:1])

    def send(self, go: str = "next", **values: str) -> Walk:
        typed_in = {f"{self.step}-{k}": v for k, v in values.items()}
        self.take(self.client.post(self.url, {**typed(self.page), **typed_in, "go": go}))
        return self
