"""What alarms do: a mail, a web hook on the loopback, a verb in the name of whoever asked for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.core import mail

from domain import faults
from inventory.alarming import acting
from inventory.models import AlarmDefinition, Task
from inventory.services import alarms
from tests.builders import SmallLab
from tests.cast import Cast

RULES = [{"conditions": [{"type": "event", "event": "VmGuestOSCrashedEvent", "status": "red", "clears": []}]}]


class Receiver(HTTPServer):
    """Keeps what is posted to it; `/away` redirects."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, Any]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, json.loads(body)))
        self.send_response(302 if self.path == "/away" else 204)
        if self.path == "/away":
            self.send_header("Location", f"http://{self.server.host}/elsewhere")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    server = Receiver()
    settings.ALARM_WEBHOOK_HOSTS = [server.host]
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def defined(lab: SmallLab, user: Any, *actions: dict[str, Any]) -> AlarmDefinition:
    wanted = [{"on": ["red"], "repeat_s": 0, **action} for action in actions]
    return alarms.define(user, lab.cluster, target_kind="VirtualMachine", name="Crashed", rules=RULES, actions=wanted)


def done(one: AlarmDefinition, lab: SmallLab) -> bool:
    return bool(acting.act(one.pk, 0, lab.vm.moref, "green", "red", 60.0))


def test_a_mail_says_what_happened(lab: SmallLab, cast: Cast) -> None:
    assert done(defined(lab, cast.student, {"kind": "email", "to": ["ops@example.org"]}), lab)
    (sent,) = mail.outbox
    assert sent.to == ["ops@example.org"]
    assert "Crashed" in sent.subject
    assert lab.vm.name in sent.body


def test_a_web_hook_gets_json(lab: SmallLab, cast: Cast, receiver: Receiver) -> None:
    one = defined(lab, cast.student, {"kind": "webhook", "url": f"http://{receiver.host}/hook"})
    assert done(one, lab)
    ((path, told),) = receiver.got
    assert path == "/hook"
    assert (told["alarm"], told["moref"], told["old"], told["new"]) == ("Crashed", lab.vm.moref, "green", "red")


def test_a_redirect_is_not_followed(lab: SmallLab, cast: Cast, receiver: Receiver) -> None:
    assert not done(defined(lab, cast.student, {"kind": "webhook", "url": f"http://{receiver.host}/away"}), lab)
    assert [path for path, _told in receiver.got] == ["/away"]


def test_the_list_of_hosts_holds_when_it_acts_too(lab: SmallLab, cast: Cast, receiver: Receiver, settings: Any) -> None:
    one = defined(lab, cast.student, {"kind": "webhook", "url": f"http://{receiver.host}/hook"})
    settings.ALARM_WEBHOOK_HOSTS = []
    assert not done(one, lab)
    assert receiver.got == []
    for url in ("http://localhost/x", "file:///etc/passwd", f"http://u:p@{receiver.host}/", "http://[/"):
        with pytest.raises(faults.InvalidArgument):
            acting.allowed_url(url)


def test_a_verb_needs_the_rights_of_whoever_added_it(lab: SmallLab, cast: Cast) -> None:
    one = defined(lab, cast.student, {"kind": "verb", "verb": "vms.power_off"})
    AlarmDefinition.objects.filter(pk=one.pk).update(actions=[{**one.actions[0], "user": cast.reader.pk}])
    assert not done(one, lab)
    assert not Task.objects.exists()
    AlarmDefinition.objects.filter(pk=one.pk).update(actions=one.actions)
    assert done(one, lab)
    assert Task.objects.get().entity == lab.vm.moref


def test_when_actions_are_asked_for(lab: SmallLab, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    one = defined(lab, cast.student, {"kind": "email", "to": ["ops@example.org"], "repeat_s": 60})

    def asked(before: int, after: int) -> int:
        return acting.ask(lab.vcenter, [acting.Occasion(one, lab.vm.moref, before, after, 1.0)])

    assert (asked(0, 2), asked(2, 2), asked(2, 0)) == (1, 1, 0)
    alarms.disable_actions(cast.student, lab.cluster)
    assert asked(0, 2) == 0
    alarms.enable_actions(cast.student, lab.cluster)
    assert asked(0, 2) == 1


@pytest.mark.parametrize(
    ("before_s", "now_s", "due"), [(0.0, 50.0, False), (50.0, 60.0, True), (60.0, 100.0, False), (100.0, 130.0, True)]
)
def test_the_repeat_interval(before_s: float, now_s: float, due: bool) -> None:
    assert acting._passes(0.0, 60.0, before_s, now_s) == due
