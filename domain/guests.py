"""Guest operating systems with the identifiers of the vSphere API, grouped in families as the wizard offers them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guest:
    """`memory_mib` and `disk_gib` are what a new VM of this kind is offered first."""

    id: str
    label: str
    family: str
    memory_mib: int = 2048
    disk_gib: int = 16
    firmware: str = "efi"


LINUX, WINDOWS, OTHER = "linux", "windows", "other"
FAMILIES = {LINUX: "Linux", WINDOWS: "Windows", OTHER: "Other"}

GUESTS = {
    g.id: g
    for g in (
        Guest("ubuntu64Guest", "Ubuntu Linux (64-bit)", LINUX),
        Guest("debian12_64Guest", "Debian GNU/Linux 12 (64-bit)", LINUX),
        Guest("debian11_64Guest", "Debian GNU/Linux 11 (64-bit)", LINUX),
        Guest("rhel9_64Guest", "Red Hat Enterprise Linux 9 (64-bit)", LINUX, 4096, 20),
        Guest("rhel8_64Guest", "Red Hat Enterprise Linux 8 (64-bit)", LINUX, 4096, 20),
        Guest("rockylinux_64Guest", "Rocky Linux (64-bit)", LINUX, 2048, 20),
        Guest("almalinux_64Guest", "AlmaLinux (64-bit)", LINUX, 2048, 20),
        Guest("centos9_64Guest", "CentOS 9 (64-bit)", LINUX, 2048, 20),
        Guest("oracleLinux9_64Guest", "Oracle Linux 9 (64-bit)", LINUX, 2048, 20),
        Guest("sles15_64Guest", "SUSE Linux Enterprise 15 (64-bit)", LINUX),
        Guest("opensuse64Guest", "SUSE openSUSE (64-bit)", LINUX),
        Guest("vmwarePhoton64Guest", "VMware Photon OS (64-bit)", LINUX),
        Guest("fedora64Guest", "Red Hat Fedora (64-bit)", LINUX),
        Guest("amazonlinux3_64Guest", "Amazon Linux 3 (64-bit)", LINUX),
        Guest("other6xLinux64Guest", "Other 6.x or later Linux (64-bit)", LINUX),
        Guest("other5xLinux64Guest", "Other 5.x Linux (64-bit)", LINUX),
        Guest("otherLinux64Guest", "Other Linux (64-bit)", LINUX, 1024, 8),
        Guest("otherLinuxGuest", "Other Linux (32-bit)", LINUX, 512, 8, "bios"),
        Guest("windows2022srvNext_64Guest", "Microsoft Windows Server 2025 (64-bit)", WINDOWS, 4096, 90),
        Guest("windows2019srvNext_64Guest", "Microsoft Windows Server 2022 (64-bit)", WINDOWS, 4096, 90),
        Guest("windows2019srv_64Guest", "Microsoft Windows Server 2019 (64-bit)", WINDOWS, 4096, 90),
        Guest("windows9Server64Guest", "Microsoft Windows Server 2016 (64-bit)", WINDOWS, 4096, 90),
        Guest("windows11_64Guest", "Microsoft Windows 11 (64-bit)", WINDOWS, 4096, 64),
        Guest("windows9_64Guest", "Microsoft Windows 10 (64-bit)", WINDOWS, 4096, 48),
        Guest("freebsd14_64Guest", "FreeBSD 14 (64-bit)", OTHER),
        Guest("freebsd13_64Guest", "FreeBSD 13 (64-bit)", OTHER),
        Guest("solaris11_64Guest", "Oracle Solaris 11 (64-bit)", OTHER, 4096, 24, "bios"),
        Guest("vmkernel8Guest", "VMware ESXi 8.0 or later", OTHER, 8192, 142),
        Guest("otherGuest64", "Other (64-bit)", OTHER, 1024, 8),
        Guest("otherGuest", "Other (32-bit)", OTHER, 512, 8, "bios"),
    )
}
DEFAULT_GUEST = "ubuntu64Guest"


def label(guest_id: str) -> str:
    """What people call this guest; an identifier that the table lacks is shown as it is."""
    guest = GUESTS.get(guest_id)
    return guest.label if guest else guest_id


def prompt(guest_id: str, name: str, *, runs: bool) -> str:
    """What stands on the screen of a machine of this name that is on: nothing while its guest does not run (yet)."""
    guest = GUESTS.get(guest_id)
    if not runs:
        return "_"
    return f"{name} C:\\>" if guest is not None and guest.family == WINDOWS else f"{name} login:"
