"""Carrying an action out: by the name of the service that does it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from inventory.actions.action import Action


def service(path: str) -> Callable[..., Any]:
    """`"vms.power_on"` is `inventory.services.vms.power_on`; a path with more dots is a full one."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module if "." in module else f"inventory.services.{module}"), name)


def perform(action: Action, user: Any, obj: Any) -> Any:
    """Call the service; it checks rights and state again and returns the task. Raises `MethodFault`."""
    return service(action.run)(user, obj)
