"""The wizard that defines an alarm, and changes one where it is defined: name and targets, rules, reset, actions."""

from inventory.forms.alarms.wizard import DeleteAlarm, EditAlarm, NewAlarm, known_definition

__all__ = ["DeleteAlarm", "EditAlarm", "NewAlarm", "known_definition"]
