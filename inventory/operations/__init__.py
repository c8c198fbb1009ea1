"""What each kind of task does; importing the package fills the registry."""

from inventory.operations import hosts, machines, power, vapps
from inventory.operations.base import REGISTRY, Operation

__all__ = ["REGISTRY", "Operation", "hosts", "machines", "power", "vapps"]
