"""What each kind of task does; importing the package fills the registry."""

from inventory.operations import autostart, hosts, machines, power, vapps
from inventory.operations.base import REGISTRY, Operation

__all__ = ["REGISTRY", "Operation", "autostart", "hosts", "machines", "power", "vapps"]
