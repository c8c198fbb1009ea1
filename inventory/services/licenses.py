"""Licenses of a vCenter: add, change, remove, and assign to hosts. What hosts take up is counted, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError

from domain import faults
from domain.licensing import PRODUCTS, Edition
from domain.specs import to_plain
from domain.text import _
from hypervisors.port import Config
from inventory import selectors, specs
from inventory.inverses import note
from inventory.journal import Change, changing
from inventory.models import Host, License, Task, VCenter
from inventory.services.base import check, instant, number, unique, valid_name
from inventory.services.folders import root_folder

PRIVILEGE = "Global.Licenses"
CORES_MOST = 100_000
NAMED = 3  # hosts that a refusal names


def used_cores(vcenter: VCenter, *, but: Host | None = None) -> dict[int, int]:
    """CPU cores that hosts take up, by the license they have; `but`: a host that does not count. One query."""
    used: dict[int, int] = {}
    rows = Host.objects.filter(vcenter=vcenter, license__isnull=False).order_by()
    for host in rows.only("license_id", "sockets", "cores"):
        if host.license_id is not None and host != but:
            used[host.license_id] = used.get(host.license_id, 0) + host.license_cores
    return used


def not_enough(license: License, host: Host, used: int) -> faults.NotEnoughLicenses | None:
    """Why a host does not fit on a license of which others take up `used` cores; None where it does."""
    if used + host.license_cores <= license.cores:
        return None
    free = max(0, license.cores - used)
    return faults.NotEnoughLicenses(
        host=host.name, needed=host.license_cores, license=license.name, free=free, capacity=license.cores
    )


# --- the list --------------------------------------------------------------------------------------------------------
def add(user: Any, vcenter: VCenter, name: str, edition: str, cores: int) -> Task:
    """A new license that no host has yet.

    Raises:
        NoPermission, InvalidName, DuplicateName, InvalidArgument, LimitExceeded.
    """
    check(user, PRIVILEGE, vcenter)
    name = valid_name(name)
    unique(License.objects.filter(vcenter=vcenter), name)
    _valid({"edition": edition, "cores": cores})
    with changing(vcenter, user) as change:
        made = License(vcenter=vcenter, name=name, edition=edition, cores=cores)
        _save(made)
        _tell(change, "com.vmware.license.AddLicenseEvent", made, reason=_said(made))
        return instant(change, "LicenseManager.addLicense", root_folder(vcenter), result={"license": name})


def edit(user: Any, license: License, **fields: Any) -> Task:
    """Change `name`, `edition` or `cores`; hosts that have the license follow at once.

    Raises:
        What `add` raises; NotFound; InvalidArgument for fewer cores than its hosts take up.
    """
    check(user, PRIVILEGE, license.vcenter)
    if unknown := fields.keys() - {"name", "edition", "cores"}:
        raise faults.InvalidArgument(property=min(unknown), reason="there is no such setting")
    _valid(fields)
    if "name" in fields:
        fields["name"] = valid_name(fields["name"])
        unique(License.objects.filter(vcenter=license.vcenter), fields["name"], license)
    with changing(license.vcenter, user) as change:
        stored = _held(license, license.vcenter)
        used = used_cores(license.vcenter).get(license.pk, 0)
        if fields.get("cores", stored.cores) < used:
            raise faults.InvalidArgument(property="cores", reason=f"its hosts take up {used} cores")
        others = fields.get("edition", stored.edition) != stored.edition
        for name, value in fields.items():
            setattr(stored, name, value)
        _save(stored)
        rows = Host.objects.filter(license=stored).select_related("cluster", "license", "vcenter").order_by("id")
        for host in rows:
            change.changed(host)
            if others:
                _tell_fleet(change, host)
        _tell(change, "LicenseEvent", stored, reason=_said(stored))
        return instant(change, "LicenseManager.updateLicense", root_folder(license.vcenter), result=fields)


def remove(user: Any, license: License) -> Task:
    """Take a license out of the list.

    Raises:
        ResourceInUse: hosts have it; as far as the person may see them, they are named.
        NotFound: it has been removed already.
    """
    check(user, PRIVILEGE, license.vcenter)
    with changing(license.vcenter, user) as change:
        stored = _held(license, license.vcenter)
        if names := named(user, stored):
            raise faults.ResourceInUse(name=stored.name, users=names)
        _tell(change, "com.vmware.license.RemoveLicenseEvent", stored)
        told = {"license": stored.name}
        stored.delete()
        return instant(change, "LicenseManager.removeLicense", root_folder(license.vcenter), result=told)


def _held(license: License, vcenter: VCenter) -> License:
    """Its row as it is now, held until the end: whoever takes or counts its cores does so one after the other.

    Raises:
        NotFound: it has been removed, or belongs to another vCenter.
    """
    stored = License.objects.select_for_update().filter(pk=license.pk, vcenter=vcenter).first()
    if stored is None:
        raise faults.NotFound(what=license.name)
    return stored


def named(user: Any, license: License) -> str:
    """The first hosts that have a license by name, as far as the person sees them; "" where none has it."""
    having = Host.objects.filter(license=license)
    seen = having if user is None else selectors.hosts_visible(user, license.vcenter).filter(license=license)
    names = list(seen.order_by("name").values_list("name", flat=True)[:NAMED])
    return ", ".join([*names, *(["…"] if having.count() > len(names) else [])])


def _valid(fields: Mapping[str, Any]) -> None:
    if fields.get("edition", Edition.STANDARD) not in set(Edition):
        raise faults.InvalidArgument(property="edition", reason=", ".join(PRODUCTS))
    number(fields, "cores", 1, CORES_MOST)


def _save(license: License) -> None:
    try:
        license.save()
    except IntegrityError:
        raise faults.DuplicateName(name=license.name) from None


def _said(license: License) -> str:
    return f"{license.product}, {license.cores} CPU cores"


def _tell(change: Change, event: str, license: License, **fields: Any) -> None:
    root = root_folder(change.vcenter)
    change.event(event, root, license=license.name, **fields)
    change.changed(root)


# --- hosts -----------------------------------------------------------------------------------------------------------
def assign(user: Any, host: Host, license: License | None) -> Task:
    """Give a host a license; None puts it back into evaluation mode.

    Raises:
        NoPermission.
        NotFound: the license is of another vCenter, or has gone.
        NotEnoughLicenses: its free cores do not suffice.
    """
    check(user, PRIVILEGE, host)
    with changing(host.vcenter, user) as change:
        before = host.license_id
        if license is not None:
            stored = _held(license, host.vcenter)
            if fault := not_enough(stored, host, used_cores(host.vcenter, but=host).get(stored.pk, 0)):
                raise fault
        host.license = license
        host.save(update_fields=["license"])
        _tell_fleet(change, host)
        if license is None:
            change.event("com.vmware.license.UnassignLicenseEvent", host, host.cluster)
        else:
            change.event("com.vmware.license.AssignLicenseEvent", host, host.cluster, license=license.name)
        change.changed(root_folder(host.vcenter))
        verb = "removeAssignedLicense" if license is None else "updateAssignedLicense"
        undo = note("license", {"license": before}, {"license": host.license_id})
        return instant(change, f"LicenseAssignmentManager.{verb}", host, args=undo)


def restore(user: Any, host: Host, before: Mapping[str, Any]) -> Task:
    """Back to the license that an undone task had taken away; NotFound where that has been removed since."""
    license = License.objects.filter(pk=before["license"], vcenter=host.vcenter).first()
    if license is None and before["license"] is not None:
        raise faults.NotFound(what=_("The license"))
    return assign(user, host, license)


def _tell_fleet(change: Change, host: Host) -> None:
    """The hypervisor checks moves itself."""
    change.configure(Config.HOST, host.uuid, spec=to_plain(specs.host_spec(host)))
    change.changed(host)
