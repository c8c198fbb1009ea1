"""An RVTools export as a document. Its tables name no resource pool settings, rules or rights; those begin empty.

Column titles changed over the years; each figure is looked for under all the titles that it has had. Rows that make no
sense are left out and named by sheet and line, the rest is taken.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from domain.hardware import DEFAULT_MODEL, SERVER_MODELS
from domain.states import DatastoreKind, HostKind, VmPower
from inventory.exchange.build import Problem
from inventory.exchange.safe import FORMAT, Unreadable
from inventory.exchange.sheets import Row, Sheets, read

SHEETS = ("vInfo", "vCPU", "vMemory", "vDisk", "vHost", "vCluster", "vDatastore", "vNetwork")
MIB = 1024**2
GUESTS = (
    (r"ubuntu", "ubuntu64Guest"), (r"debian", "debian12_64Guest"), (r"red hat|rhel|centos|rocky|alma", "rhel9_64Guest"),
    (r"windows server|win.*20(12|16|19|22)", "windows2019srvNext_64Guest"), (r"windows", "windows11_64Guest"),
)  # fmt: skip
POWER = {"poweredon": VmPower.ON, "poweredoff": VmPower.OFF, "suspended": VmPower.SUSPENDED}
BUILT_IN_FOLDERS = ("vm", "Datacenters")
ONLY_DATACENTER = "Datacenter"


@dataclass
class Reading:
    """What was understood: a document, and the rows that were left out or mended."""

    document: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    text: str = ""  # the file itself where it is YAML: what is wrong with it is named by its line


def document(data: bytes, name: str) -> Reading:
    """Read an export. Raises Unreadable where there is no vInfo or no vHost in it."""
    sheets = read(data, SHEETS)
    for needed in ("vInfo", "vHost"):
        if not sheets.get(needed):
            raise Unreadable(_("it has no table %(needed)s") % {"needed": needed})
    return _Reader(sheets).run(name)


class _Reader:
    def __init__(self, sheets: Sheets) -> None:
        self.sheets = sheets
        self.problems: list[Problem] = []
        self.sites: dict[str, dict[str, Any]] = {}
        self.host_site: dict[str, str] = {}
        self.mounts: dict[str, set[str]] = defaultdict(set)
        self.ports: dict[str, set[str]] = defaultdict(set)
        self.hosts: dict[str, dict[str, Any]] = {}

    def say(self, row: Row, text: str) -> None:
        self.problems.append(Problem(row.where, text))

    def rows(self, sheet: str) -> list[Row]:
        return self.sheets.get(sheet, [])

    def run(self, name: str) -> Reading:
        self._clusters()
        self._hosts()
        self._datastores()
        self._machines()
        for host, entry in self.hosts.items():
            entry["datastores"], entry["networks"] = sorted(self.mounts[host]), sorted(self.ports[host])
        datacenters = [self._finished(site) for _name, site in sorted(self.sites.items())]
        return Reading({"format": FORMAT, "name": name, "datacenters": datacenters}, self.problems)

    def site(self, name: str) -> dict[str, Any]:
        empty: dict[str, Any] = {"clusters": {}, "datastores": {}, "networks": {}, "vms": [], "folders": set()}
        return self.sites.setdefault(name or ONLY_DATACENTER, {"name": name or ONLY_DATACENTER, **empty})

    @staticmethod
    def _finished(site: dict[str, Any]) -> dict[str, Any]:
        folders = [{"path": list(path)} for path in sorted(site["folders"])]
        return {
            "name": site["name"], "folders": {"vm": folders} if folders else {},
            "networks": list(site["networks"].values()), "datastores": list(site["datastores"].values()),
            "clusters": [c for c in site["clusters"].values() if c["hosts"] or not c.get("standalone")],
            "vms": site["vms"],
        }  # fmt: skip

    # --- compute ---
    def _clusters(self) -> None:
        self.settings: dict[str, dict[str, Any]] = {}
        for row in self.rows("vCluster"):
            name = text(row, "Name", "Cluster")
            if not name:
                self.say(row, _("it has no name; left out"))
                continue
            behavior = text(row, "DRS default VM behavior", "DRS vmotion rate behaviour") or "fullyAutomated"
            known = behavior if behavior in ("manual", "partiallyAutomated", "fullyAutomated") else "fullyAutomated"
            self.settings[name] = {
                "drs_enabled": flag(row, "DRS enabled"), "drs_automation": known,
                "ha_enabled": flag(row, "HA enabled"), "dpm_enabled": flag(row, "DPM enabled"),
            }  # fmt: skip

    def _hosts(self) -> None:
        for row in self.rows("vHost"):
            name = text(row, "Host", "Name")
            if not name or name in self.hosts:
                self.say(row, _("it has no name, or the host is there already; left out"))
                continue
            site = self.site(text(row, "Datacenter"))
            cluster = text(row, "Cluster")
            home = site["clusters"].setdefault(cluster or f"\0{name}", {
                "name": cluster or name, **({} if cluster else {"standalone": True}),
                **self.settings.get(cluster, {}), "hosts": [],
            })  # fmt: skip
            entry = self._host(row, name)
            home["hosts"].append(entry)
            self.hosts[name], self.host_site[name] = entry, site["name"]

    def _host(self, row: Row, name: str) -> dict[str, Any]:
        server = SERVER_MODELS[DEFAULT_MODEL]
        sockets = self.number(row, 1, "# CPU")
        cores = self.number(row, server.cores, "# Cores", "# Cores per CPU")
        if text(row, "# Cores") == "" and text(row, "# Cores per CPU"):
            cores *= sockets
        threads = cores * 2 if flag(row, "HT Active", "HT Available") else cores
        return {
            "name": name, "model": DEFAULT_MODEL, "host_kind": str(HostKind.BARE_METAL), "sockets": sockets,
            "cores": cores, "threads": threads, "core_mhz": self.number(row, server.core_mhz, "Speed"),
            "memory_mib": self.number(row, server.memory_mib, "# Memory", "Memory"),
            "vendor": text(row, "Vendor")[:40] or "Lab", "cpu_model": text(row, "CPU Model")[:80],
            "in_maintenance": flag(row, "in Maintenance Mode"),
            "nic_mbps": [10_000] * min(8, max(1, self.number(row, 2, "# NICs"))),
        }  # fmt: skip

    # --- storage ---
    def _datastores(self) -> None:
        for row in self.rows("vDatastore"):
            name = text(row, "Name", "Datastore")
            capacity = self.number(row, 0, "Capacity MiB", "Capacity MB", "Capacity")
            if not name or not 0 < capacity <= 64 * MIB:
                self.say(row, _("it has no name or no capacity; left out"))
                continue
            kind = next((k for k in DatastoreKind if k.value.lower() == text(row, "Type").lower()), DatastoreKind.VMFS)
            hosts = [one for one in re.split(r"[,;]\s*", text(row, "Hosts", "Host")) if one in self.hosts]
            for site in {self.host_site[host] for host in hosts} or list(self.sites)[:1]:
                entry = {"name": name, "store_kind": str(kind), "capacity_bytes": capacity * MIB}
                self.sites[site]["datastores"].setdefault(name, entry)
            for host in hosts:
                self.mounts[host].add(name)

    # --- machines ---
    def _machines(self) -> None:
        details = {sheet: self._by_vm(sheet) for sheet in ("vCPU", "vMemory", "vDisk", "vNetwork")}
        seen: set[tuple[Any, ...]] = set()
        for row in self.rows("vInfo"):
            name, host = text(row, "VM", "Name"), text(row, "Host")
            if not name or host not in self.hosts:
                self.say(row, _("it has no name, or its host is not in vHost; left out"))
                continue
            site = self.sites[self.host_site[host]]
            folder = self._folder(row, site["name"])
            if (site["name"], folder, name) in seen:
                self.say(row, _("%(name)s is there already in this folder; left out") % {"name": name})
                continue
            seen.add((site["name"], folder, name))
            mine = {sheet: rows.get(_vm_key(row), []) for sheet, rows in details.items()}
            site["folders"] |= {folder[: i + 1] for i in range(len(folder))}
            site["vms"].append(self._machine(row, name, host, folder, mine, site))

    def _by_vm(self, sheet: str) -> dict[tuple[str, str], list[Row]]:
        found: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.rows(sheet):
            found[_vm_key(row)].append(row)
        return found

    @staticmethod
    def _folder(row: Row, datacenter: str) -> tuple[str, ...]:
        """`/Seoul/vm/Web/Shop` or `Web/Shop` as names; what every tree has by itself is left out."""
        parts = [part[:80] for part in text(row, "Folder").split("/") if part]
        while parts and (parts[0] in BUILT_IN_FOLDERS or parts[0] == datacenter):
            parts = parts[1:]
        return tuple(parts[:8])

    def _machine(
        self, row: Row, name: str, host: str, folder: tuple[str, ...], mine: dict[str, list[Row]], site: dict[str, Any]
    ) -> dict[str, Any]:
        vcpus = max(1, self.number((mine["vCPU"] or [row])[0], 1, "CPUs"))
        memory = max(4, self.number((mine["vMemory"] or [row])[0], 1024, "Size MiB", "Size MB", "Memory", "Size"))
        template = flag(row, "Template")
        power = VmPower.OFF if template else POWER.get(text(row, "Powerstate", "Power state").lower(), VmPower.OFF)
        guest = text(row, "OS according to the VMware Tools", "OS according to the configuration file", "OS")
        return {
            "name": name[:80], "folder": list(folder), "host": host, "template": template, "power_state": str(power),
            "vcpus": vcpus, "memory_mib": memory, "cpu_shares": 1000 * vcpus, "memory_shares": 10 * memory,
            "guest_id": next((g for p, g in GUESTS if re.search(p, guest, re.I)), "otherGuest64"),
            "notes": text(row, "Annotation", "Notes")[:4096],
            "disks": self._disks(row, mine["vDisk"], host, site), "nics": self._nics(mine["vNetwork"], host, site),
        }  # fmt: skip

    def _disks(self, vm: Row, rows: list[Row], host: str, site: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        for row in rows:
            store = re.match(r"\[([^]]+)\]", text(row, "Path", "Disk Path"))
            name = store.group(1) if store else text(row, "Datastore")
            size = self.number(row, 0, "Capacity MiB", "Capacity MB", "Capacity")
            if name not in site["datastores"] or not 0 < size <= 62 * MIB:
                self.say(row, _("its datastore is not in vDatastore, or it has no capacity; left out"))
                continue
            self.mounts[host].add(name)
            thick = "thin" if flag(row, "Thin") else "thickLazyZeroed"
            entry = {"datastore": name, "capacity_bytes": size * MIB, "provisioning": thick}
            found.append(entry | ({"used_bytes": size * MIB} if thick != "thin" else {}))
        if not found and not rows:
            self.say(vm, _("it has no disk in vDisk"))
        return found

    def _nics(self, rows: list[Row], host: str, site: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        for row in rows[:10]:
            network = text(row, "Network")[:80]
            mac = text(row, "Mac Address", "MAC").lower()
            entry: dict[str, Any] = {"connected": flag(row, "Connected")}
            if network:
                site["networks"].setdefault(network, {"name": network})
                self.ports[host].add(network)
                entry["network"] = network
            if re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", mac):
                entry["mac"] = mac
            found.append(entry)
        return found

    def number(self, row: Row, missing: int, *titles: str) -> int:
        """A whole number as spreadsheets write it; `missing`, and a word about it, where there is none."""
        value = text(row, *titles)
        cleaned = re.sub(r"[\s\u00a0']", "", value)
        if re.fullmatch(r"-?\d{1,3}([,.]\d{3})+", cleaned):
            cleaned = re.sub(r"[,.]", "", cleaned)
        if re.fullmatch(r"\d{1,15}([.,]\d+)?", cleaned):
            return int(float(cleaned.replace(",", ".")))
        if value:
            self.say(
                row,
                _("%(title)s: %(value)s is no number; %(missing)s is taken")
                % {"title": titles[0], "value": value[:40], "missing": missing},
            )
        return missing


def text(row: Row, *titles: str) -> str:
    """The cell under the first of these titles that the sheet has and that says something."""
    return next((row.cells[title] for title in titles if row.cells.get(title)), "")


def flag(row: Row, *titles: str) -> bool:
    return text(row, *titles).lower() in ("true", "yes", "1", "wahr", "vrai", "참")


def _vm_key(row: Row) -> tuple[str, str]:
    """What joins the tables: the VM's own number where there is one, else its name and host."""
    number = text(row, "VM UUID", "VM ID")
    return ("#", number) if number else (text(row, "VM", "Name"), text(row, "Host"))
