"""Which fields of which rows a document describes. A value that is the default is left out of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db.models import IntegerField, Model

from domain.states import SharesLevel
from inventory.hardware import follow_levels
from inventory.models import (
    AlarmDefinition,
    Cluster,
    CustomAttribute,
    Datastore,
    Host,
    License,
    Network,
    ResourcePool,
    TagCategory,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)

ALLOCATION = (
    "cpu_reservation_mhz", "cpu_limit_mhz", "cpu_shares_level", "cpu_shares", "memory_reservation_mib",
    "memory_limit_mib", "memory_shares_level", "memory_shares",
)  # fmt: skip
FIELDS: Mapping[type[Model], tuple[str, ...]] = {
    Cluster: (
        "standalone", "evc_mode", "drs_enabled", "drs_automation", "drs_threshold", "drs_vm_overrides", "drs_options",
        "scalable_shares", "dpm_enabled", "dpm_automation", "dpm_threshold", "ha_enabled", "ha_options",
    ),
    ResourcePool: (*ALLOCATION, "cpu_expandable", "memory_expandable", "scalable_shares", "is_vapp"),
    Host: (
        "host_kind", "model", "vendor", "cpu_model", "cpu_generation", "hypervisor_version", "sockets", "cores",
        "threads", "core_mhz", "memory_mib", "nic_mbps", "vmotion_enabled", "vmotion_ip_family", "boot_median_s",
        "in_maintenance",
        "dpm_behavior", "bmc_address", "bmc_user", "bmc_mac", "wake_on_lan",
    ),
    Datastore: ("store_kind", "capacity_bytes", "local", "ssd", "iops_max", "bandwidth_mbps"),
    Network: ("vlan",),
    VirtualMachine: (
        "template", "power_state", "vcpus", "cores_per_socket", "memory_mib", "guest_id", "hardware_version",
        "firmware", "cpu_hot_add", "cpu_hot_remove", "memory_hot_add", "boot_delay_ms", "tools_installed",
        *ALLOCATION, "archetype",
        "trace", "trace_scale", "trace_offset_s", "drs_override", "ha_restart_priority", "notes", "ha_ready_condition",
        "ha_ready_delay_s", "ha_isolation_response", "ha_vm_monitoring", "ha_failure_interval_s", "ha_min_uptime_s",
        "ha_max_resets", "ha_reset_window_s",
        "cpu_affinity", "passthrough", "bus_sharing",
    ),
    VirtualDisk: ("label", "key", "capacity_bytes", "used_bytes", "provisioning", "independent"),
    VirtualNic: ("label", "key", "adapter", "mac", "connected", "start_connected"),
    License: ("edition", "cores"),
    TagCategory: ("description", "multiple", "kinds"),
    CustomAttribute: ("kind",),
    AlarmDefinition: ("target_kind", "description", "enabled", "rules", "actions"),
}  # fmt: skip
SHARES, SIZES = ("cpu_shares", "memory_shares"), ("vcpus", "memory_mib")
# What belongs to the present rather than to the plan: not compared with a file.
STATE = frozenset({"power_state", "used_bytes", "in_maintenance"})


@cache
def _default(model: type[Model], name: str) -> Any:
    return model._meta.get_field(name).get_default()  # type: ignore[union-attr]


def default(model: type[Model], name: str) -> Any:
    """The value that a field has where nothing is said; a fresh one each time."""
    value = _default(model, name)
    return value.copy() if isinstance(value, (list, dict)) else value


def told(row: Any) -> dict[str, Any]:
    """What of a row differs from the defaults, without the figures that a level of shares gives."""
    model = type(row)
    values = {name: getattr(row, name) for name in FIELDS[model] if not _follows_level(row, name)}
    return {name: _plain(value) for name, value in values.items() if value != default(model, name)}


def _follows_level(row: Any, name: str) -> bool:
    return name in SHARES and getattr(row, f"{name}_level") != SharesLevel.CUSTOM


def _plain(value: Any) -> Any:
    """Enumerations as their text; mappings in the order of their keys."""
    if isinstance(value, dict):
        return {key: value[key] for key in sorted(value)}
    return str(value) if isinstance(value, str) else value


def full(model: type[Model], entry: Mapping[str, Any]) -> dict[str, Any]:
    """All described fields of an entry, defaults filled in."""
    values = {name: entry.get(name, default(model, name)) for name in FIELDS[model]}
    return values | (_shares(model, entry, values) if model in (VirtualMachine, ResourcePool) else {})


def _shares(model: type[Model], entry: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Shares as they would be taken in: their level gives the figure. A figure that a file gives alone is a custom one,
    unless it is that of the normal level."""
    found: dict[str, Any] = {}
    for name in SHARES:
        usual = _at_level(model, values, f"{name}_level", name)
        if usual is None or (name in entry and f"{name}_level" in entry):
            continue
        if name in entry and entry[name] != usual:
            found[f"{name}_level"] = str(SharesLevel.CUSTOM)
        else:
            found[name] = usual
    return found


def _at_level(model: type[Model], values: Mapping[str, Any], level: str, name: str) -> Any:
    """The shares that a machine or pool of this size has at its level; None where either is nonsense, or custom."""
    sizes = {size: values[size] for size in SIZES if size in values}
    given = str(values[level])
    if given not in set(SharesLevel) - {SharesLevel.CUSTOM} or not all(type(one) is int for one in sizes.values()):
        return None
    row: Any = model(**sizes, **{level: given})
    follow_levels(row)
    return getattr(row, name)


def of_its_type(model: type[Model], name: str, value: Any) -> bool:
    """Whether a value is a yes or no, a list or a mapping where the field is one, and none of these where it is not; a
    fraction is no whole number."""
    usual = default(model, name)
    if isinstance(value, float) and isinstance(model._meta.get_field(name), IntegerField):
        return False
    collection = (list, dict)
    return isinstance(usual, bool) is isinstance(value, bool) and (
        isinstance(usual, collection) is isinstance(value, collection)
    )
