"""What people do with alarms: define them, switch them off, acknowledge what has triggered, reset it to green."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import alarms as rules_of
from domain import faults
from domain.morefs import Kind
from inventory import audit, ids
from inventory.alarming import acting, transitions
from inventory.alarming.scope import WATCHED
from inventory.alarming.status import settle
from inventory.journal import Change, changing
from inventory.models import AlarmDefinition, Folder, TriggeredAlarm, VCenter
from inventory.rights import vcenter_of
from inventory.selectors.getters import find
from inventory.services.base import check, expect_version, unique, valid_name

FIELDS = ("name", "description", "rules", "actions", "enabled")


# --- definitions -----------------------------------------------------------------------------------------------------
def define(user: Any, entity: Any, *, target_kind: str, **values: Any) -> AlarmDefinition:
    """Define an alarm on `entity` for all objects of `target_kind` in and below it. `values`: the rest of its fields.

    Raises:
        NoPermission, InvalidName, DuplicateName, InvalidArgument, LimitExceeded.
    """
    check(user, "Alarm.Create", entity)
    vcenter = vcenter_of(entity)
    with changing(vcenter, user) as change:
        one = AlarmDefinition(vcenter=vcenter, entity=entity.moref, target_kind=target_kind)
        one.moref = ids.new_morefs(vcenter, Kind.ALARM, 1)[0]
        _fill(user, one, values)
        one.save()
        _recorded(change, "Alarm.create", one)
    return one


def redefine(user: Any, one: AlarmDefinition, changes: Mapping[str, Any], expected_version: int) -> AlarmDefinition:
    """Change a definition where it is defined. What it has triggered is forgotten: the new rules begin anew."""
    check(user, "Alarm.Edit", home_of(one))
    with changing(one.vcenter, user) as change:
        one = AlarmDefinition.objects.select_for_update().select_related("vcenter").get(pk=one.pk)
        expect_version(one, expected_version)
        _fill(user, one, changes)
        one.change_version += 1
        one.save()
        transitions.withdraw(change, one)
        _recorded(change, "Alarm.reconfigure", one)
    return one


def set_enabled(user: Any, one: AlarmDefinition, enabled: bool) -> None:
    """Switch a definition on or off; one that is off triggers nothing and shows nothing."""
    check(user, "Alarm.Edit", home_of(one))
    with changing(one.vcenter, user) as change:
        if not AlarmDefinition.objects.filter(pk=one.pk, enabled=not enabled).update(enabled=enabled):
            return
        if not enabled:
            transitions.withdraw(change, one)
        _recorded(change, "Alarm.enable" if enabled else "Alarm.disable", one)


def remove(user: Any, one: AlarmDefinition) -> None:
    check(user, "Alarm.Delete", home_of(one))
    with changing(one.vcenter, user) as change:
        transitions.withdraw(change, one)
        _recorded(change, "Alarm.remove", one)
        one.delete()


def home_of(one: AlarmDefinition) -> Any:
    """The object that a definition hangs on; one that is gone is answered for by the vCenter."""
    return find(one.vcenter, one.entity) or one.vcenter


def _fill(user: Any, one: AlarmDefinition, values: Mapping[str, Any]) -> None:
    """Take over and check what was given; verbs are noted with who added them."""
    for field, value in values.items():
        if field not in FIELDS:
            raise faults.InvalidArgument(property=field, reason="an alarm definition has no such field")
        setattr(one, field, value)
    one.name = valid_name(one.name)
    unique(AlarmDefinition.objects.filter(vcenter=one.vcenter), one.name, one)
    if len(one.description) > 255:
        raise faults.LimitExceeded(property="description", limit=255)
    rules_of.validate(one.target_kind, one.rules)
    acting.validate(one.target_kind, one.actions)
    if "actions" in values:
        asker = getattr(user, "pk", None)
        one.actions = [{**action, "user": asker} for action in one.actions]


def _recorded(change: Change, what: str, one: AlarmDefinition) -> None:
    """The audit entry, and a word to open pages."""
    home: Any = home_of(one)
    subject = Folder.objects.get(vcenter=one.vcenter, moref=home.moref) if isinstance(home, VCenter) else home
    audit.append(change.user, what, subject, {"alarm": one.name})
    change.fact("object.changed", one.entity)


# --- actions of an object's alarms -----------------------------------------------------------------------------------
def actions_enabled(obj: Any) -> bool:
    """True unless somebody switched the actions of this object's alarms off."""
    return obj.moref not in vcenter_of(obj).options.get(acting.SILENT, ())


def enable_actions(user: Any, obj: Any) -> None:
    """Let the alarms of the object, and of what lies below it, act again."""
    _silence(user, obj, False)


def disable_actions(user: Any, obj: Any) -> None:
    """Alarms of the object, and of what lies below it, are still shown but do nothing."""
    _silence(user, obj, True)


def _silence(user: Any, obj: Any, silent: bool) -> None:
    check(user, "Alarm.DisableActions", obj)
    vcenter = vcenter_of(obj)
    with changing(vcenter, user) as change:
        ids.lock(vcenter)
        vcenter.refresh_from_db(fields=["options"])
        others = [moref for moref in vcenter.options.get(acting.SILENT, ()) if moref != obj.moref]
        options = {**vcenter.options, acting.SILENT: [*others, obj.moref] if silent else others}
        VCenter.objects.filter(pk=vcenter.pk).update(options=options)
        vcenter.options = options
        subject = Folder.objects.get(vcenter=vcenter, moref=obj.moref) if isinstance(obj, VCenter) else obj
        audit.append(change.user, "Alarm.disableActions" if silent else "Alarm.enableActions", subject, {})
        change.changed(obj)


# --- what has triggered ----------------------------------------------------------------------------------------------


def acknowledge(user: Any, alarm: TriggeredAlarm) -> None:
    """Say that somebody takes care of it: the colour stays, repeated actions stop. Done twice, it changes nothing."""
    entity = _entity(alarm)
    check(user, "Alarm.Acknowledge", entity)
    with changing(alarm.vcenter, user) as change:
        fields = {"acknowledged": True, "acknowledged_by": change.user_name, "acknowledged_lab_s": change.lab_s}
        if not TriggeredAlarm.objects.filter(pk=alarm.pk, acknowledged=False).update(**fields):
            return
        _note(change, "AlarmAcknowledgedEvent", "Alarm.acknowledge", alarm, entity)


def reset(user: Any, alarm: TriggeredAlarm) -> None:
    """Take the alarm away until its condition is met anew; the object's status is the worst that is left."""
    entity = _entity(alarm)
    check(user, "Alarm.SetStatus", entity)
    with changing(alarm.vcenter, user) as change:
        gone, _by_model = TriggeredAlarm.objects.filter(pk=alarm.pk).delete()
        if not gone:
            return
        if alarm.entity_kind in WATCHED:
            settle(alarm.vcenter, alarm.entity_kind, [alarm.entity])
        change.changed(entity)
        _note(change, "AlarmClearedEvent", "Alarm.resetToGreen", alarm, entity)


def _entity(alarm: TriggeredAlarm) -> Any:
    """The object of the alarm; an object that is gone is answered for by its vCenter."""
    return find(alarm.vcenter, alarm.entity) or alarm.vcenter


def _note(change: Change, event: str, audited: str, alarm: TriggeredAlarm, entity: Any) -> None:
    """The event, the fact for open pages, the audit entry."""
    subject = entity
    if isinstance(entity, VCenter):
        subject = Folder.objects.get(vcenter=entity, moref=entity.moref)
    change.event(event, subject, alarm=alarm.definition.name)
    change.fact("alarm.changed", alarm.entity)
    audit.append(change.user, audited, subject, {"alarm": alarm.definition.name})
