"""What an alarm does besides being seen: a mail, a web hook, a verb on its object. A worker does it, never the pump.

An action is a dict: `kind` (email, webhook, verb), `on` (levels at which it acts: yellow, red, green), `repeat_s` (0 =
once), `user` (who added it: verbs are asked for in that person's name, with the rights that he has then), and `to`
(addresses), `url` or `verb`.
"""

from __future__ import annotations

import json
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import structlog
from celery import shared_task
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.utils.translation import gettext_noop as _

from domain import faults
from domain.alarms import LEVEL_OF, MOST_SECONDS, STATUS_OF
from domain.morefs import Kind
from inventory.containers import Containers
from inventory.models import AlarmDefinition, TriggeredAlarm, VCenter
from inventory.prepared import Prepared
from inventory.selectors.getters import find
from inventory.waking import tell

log = structlog.get_logger(__name__)
_acting = Prepared(
    lambda pk: AlarmDefinition.objects.filter(vcenter=pk, enabled=True).exclude(actions=[]).order_by().values_list("pk")
)
EMAIL, WEBHOOK, VERB = "email", "webhook", "verb"
PATIENCE_S = 5.0
MOST_ACTIONS, MOST_ADDRESSES, LEAST_REPEAT_S = 8, 20, 60
SILENT = "alarm_actions_off"  # in `VCenter.options`: references of objects whose alarms do nothing
REASON = "Alarm"
# What may be done to an object, by its kind: the service, its label, the privilege.
VERBS: dict[str, dict[str, tuple[str, str]]] = {
    Kind.VM: {
        "vms.power_on": (_("Power on VM"), "VirtualMachine.Interact.PowerOn"),
        "vms.power_off": (_("Power off VM"), "VirtualMachine.Interact.PowerOff"),
        "vms.shutdown_guest": (_("Shut down guest"), "VirtualMachine.Interact.PowerOff"),
        "vms.reset": (_("Reset VM"), "VirtualMachine.Interact.Reset"),
        "vms.suspend": (_("Suspend VM"), "VirtualMachine.Interact.Suspend"),
    },
    Kind.HOST: {
        "hosts.reboot": (_("Reboot host"), "Host.Config.Maintenance"),
        "hosts.shut_down": (_("Shut down host"), "Host.Config.Maintenance"),
    },
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """An alarm went from one level to another, or (`before == after`) is still there."""

    definition: AlarmDefinition
    moref: str
    before: int
    after: int
    lab_s: float


# --- validation ------------------------------------------------------------------------------------------------------
def validate(kind: str, actions: Any) -> None:
    """Raise InvalidArgument or LimitExceeded where these are no actions for objects of `kind`."""
    if not isinstance(actions, list):
        raise faults.InvalidArgument(property="actions", reason="it has to be a list")
    if len(actions) > MOST_ACTIONS:
        raise faults.LimitExceeded(property="actions", limit=MOST_ACTIONS)
    for action in actions:
        _check(kind, action if isinstance(action, dict) else {})


def _check(kind: str, action: dict[str, Any]) -> None:
    what, on, repeat = action.get("kind"), action.get("on"), action.get("repeat_s", 0)
    if not isinstance(on, list) or not on or not set(map(str, on)) <= set(LEVEL_OF):
        raise faults.InvalidArgument(property="on", reason="an action needs green, yellow or red to act on")
    if isinstance(repeat, bool) or not isinstance(repeat, int) or not (repeat == 0 or repeat >= LEAST_REPEAT_S):
        raise faults.InvalidArgument(property="repeat_s", reason=f"it has to be 0 or at least {LEAST_REPEAT_S} s")
    if repeat > MOST_SECONDS:
        raise faults.LimitExceeded(property="repeat_s", limit=MOST_SECONDS)
    if what == EMAIL:
        _check_addresses(action.get("to"))
    elif what == WEBHOOK:
        allowed_url(str(action.get("url", "")))
    elif what != VERB or action.get("verb") not in VERBS.get(kind, {}):
        raise faults.InvalidArgument(property="verb", reason="this cannot be done to such an object")


def _check_addresses(addresses: Any) -> None:
    if not isinstance(addresses, list) or not addresses:
        raise faults.InvalidArgument(property="email", reason="an address is needed")
    if len(addresses) > MOST_ADDRESSES:
        raise faults.LimitExceeded(property="email", limit=MOST_ADDRESSES)
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise faults.InvalidArgument(property="email", reason=f"{address} is no address") from None


def allowed_url(url: str) -> str:
    """The address, if its host (and port, where it is not the usual one) is on the list that the site allows."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise faults.InvalidArgument(property="webhook", reason="this is no web address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise faults.InvalidArgument(property="webhook", reason="it has to begin with http:// or https:// and a host")
    host = parts.hostname if port is None else f"{parts.hostname}:{port}"
    if host not in settings.ALARM_WEBHOOK_HOSTS:
        raise faults.InvalidArgument(property="webhook", reason=f"the host {host} is not on the list that is allowed")
    return url


# --- when to act -----------------------------------------------------------------------------------------------------
def ask(vcenter: VCenter, occasions: Sequence[Occasion]) -> int:
    """Hand the actions of these occasions to a worker; return how many. Without a broker they are lost, and logged."""
    silent = set(vcenter.options.get(SILENT, ()))
    containers = Containers(vcenter) if silent else None
    asked = 0
    for one in occasions:
        if containers is not None and _silenced(vcenter, containers, silent, one.moref):
            continue
        for place, action in enumerate(one.definition.actions):
            repeated = one.before == one.after
            if STATUS_OF[one.after] in action["on"] and (not repeated or action.get("repeat_s")):
                asked += _hand_over(one, place)
    return asked


def _silenced(vcenter: VCenter, containers: Containers, silent: set[str], moref: str) -> bool:
    obj = find(vcenter, moref)
    starts = [moref] if moref in containers or obj is None else [moref, *containers.anchors(obj)]
    above = {one for start in starts for one in (containers.chain(start) if start in containers else [start])}
    return bool(above & silent)


def _hand_over(one: Occasion, place: int) -> int:
    levels = (str(STATUS_OF[one.before]), str(STATUS_OF[one.after]))
    return int(tell(act.apply_async, one.definition.pk, place, one.moref, *levels, one.lab_s))


def repeat(vcenter: VCenter, before_s: float, now_s: float) -> int:
    """Ask again for what is to be repeated: an interval has passed and nobody acknowledged it."""
    if before_s != before_s:
        return 0
    due = []
    acting = _acting.column(vcenter.pk)
    for one in AlarmDefinition.objects.filter(pk__in=acting).order_by("name") if acting else ():
        intervals = {action["repeat_s"] for action in one.actions if action.get("repeat_s")}
        rows = TriggeredAlarm.objects.filter(definition=one, acknowledged=False) if intervals else ()
        for row in rows:
            if any(_passes(row.triggered_lab_s, interval, before_s, now_s) for interval in intervals):
                level = LEVEL_OF[row.status]
                due.append(Occasion(one, row.entity, level, level, now_s))
    return ask(vcenter, due) if due else 0


def _passes(start_s: float, interval_s: float, before_s: float, now_s: float) -> bool:
    return (now_s - start_s) // interval_s > max(0.0, (before_s - start_s) // interval_s)


# --- what a worker does ----------------------------------------------------------------------------------------------
@shared_task(name="inventory.alarming.act", expires=600)
def act(definition_pk: int, place: int, moref: str, before: str, after: str, lab_s: float) -> bool:
    """Do one action of a definition for one object; False where it is not possible (and logged)."""
    definition = AlarmDefinition.objects.select_related("vcenter").filter(pk=definition_pk).first()
    if definition is None or place >= len(definition.actions):
        return False
    action, entity = definition.actions[place], find(definition.vcenter, moref)
    if entity is None:
        return False
    told = message(definition, entity, before, after, lab_s)
    try:
        {EMAIL: _mail, WEBHOOK: _post, VERB: _verb}[action["kind"]](action, told, entity)
    except (faults.MethodFault, smtplib.SMTPException, URLError, HTTPException, OSError) as error:
        log.warning("alarms.action", alarm=definition.name, kind=action["kind"], object=moref, error=str(error))
        return False
    return True


def message(definition: AlarmDefinition, entity: Any, before: str, after: str, lab_s: float) -> dict[str, Any]:
    """What a receiver is told, as JSON."""
    return {
        "alarm": definition.name,
        "description": definition.description,
        "vcenter": definition.vcenter.name,
        "object": entity.name,
        "moref": entity.moref,
        "type": definition.target_kind,
        "old": before,
        "new": after,
        "lab_time": definition.vcenter.lab_datetime(lab_s).isoformat(),
    }


def _mail(action: dict[str, Any], told: dict[str, Any], _entity: Any) -> None:
    subject = "[{vcenter}] {alarm}: {object} {new}".format(**told).replace("\n", " ").replace("\r", " ")
    body = "\n".join(f"{key}: {value}" for key, value in told.items())
    send_mail(subject, body, None, action["to"])


class _StayHere(HTTPRedirectHandler):
    """A redirect would lead past the list of allowed hosts."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


def _post(action: dict[str, Any], told: dict[str, Any], _entity: Any) -> None:
    url = allowed_url(action["url"])
    request = Request(url, json.dumps(told).encode(), {"Content-Type": "application/json"}, method="POST")
    with build_opener(_StayHere).open(request, timeout=PATIENCE_S):
        return


def _verb(action: dict[str, Any], told: dict[str, Any], entity: Any) -> None:
    """Ask the service in the name of whoever added the action: it checks that person's rights as they are now."""
    from inventory.actions.perform import service  # the services use this package, too

    user = get_user_model().objects.filter(pk=action.get("user") or 0, is_active=True).first()
    if user is None:
        raise faults.NoPermission(privilege=action["verb"], object=entity.name)
    extra = (f"{REASON}: {told['alarm']}",) if action["verb"].startswith("hosts.") else ()
    service(action["verb"])(user, entity, *extra)
