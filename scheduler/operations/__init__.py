"""What scheduler tasks do; importing the package adds them to the inventory's registry."""

from scheduler.operations import isolation, maintenance, relocate, replay, standby

__all__ = ["isolation", "maintenance", "relocate", "replay", "standby"]
