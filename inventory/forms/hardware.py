"""The virtual hardware of a VM as a form, shared by New Virtual Machine and Edit Settings.

Devices come and go while the form is open: `<prefix>disks` and `<prefix>nics` list the rows by key ("2000 new1"), and
each row has fields under its own prefix.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.guests import FAMILIES, GUESTS
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.states import BusSharing, DiskProvisioning, SharesLevel
from inventory import words
from inventory.forms.base import DialogForm
from inventory.forms.bound import BoundForm
from inventory.forms.devices import CLIENT, HOST, MODES, DiskForm, NicForm, values_of
from inventory.forms.fields import GIB, MIB, LimitField, SizeField, WithUnit
from inventory.forms.offers import Offer
from inventory.models import VirtualDisk, VirtualMachine
from inventory.retell import retell

Text = str | Promise
ARCHETYPES: tuple[tuple[str, Text], ...] = (
    ("idle", gettext_lazy("Idle")),
    ("web", gettext_lazy("Web server: follows the day")),
    ("db", gettext_lazy("Database: steady, memory-hungry")),
    ("batch", gettext_lazy("Batch: long jobs with a backlog")),
    ("vdi", gettext_lazy("Desktop: bursts in office hours")),
    ("ci", gettext_lazy("Build server: short bursts")),
)
FIRMWARE: tuple[tuple[str, Text], ...] = (("efi", gettext_lazy("EFI (recommended)")), ("bios", "BIOS"))
HOT = gettext_lazy("Power the virtual machine off to change this.")
HOT_CPU = gettext_lazy("CPU hot add is off: power the virtual machine off to change this.")
HOT_MEMORY = gettext_lazy("Memory hot add is off: power the virtual machine off to change this.")
DEFAULTS = {
    "vcpus": 1, "cores_per_socket": 1, "memory": 2 * GIB, "cpu_reservation_mhz": 0, "cpu_limit_mhz": -1,
    "cpu_shares_level": "normal", "cpu_shares": 1000, "memory_reservation_mib": 0, "memory_limit_mib": -1,
    "memory_shares_level": "normal", "memory_shares": 20_480, "firmware": "efi", "boot_delay_ms": 0,
    "archetype": "web", "tools_installed": True, "passthrough": "", "bus_sharing": BusSharing.NONE.value,
}  # fmt: skip


def guest_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Guest systems in the groups of the wizard."""
    return [(label, [(g.id, g.label) for g in GUESTS.values() if g.family == key]) for key, label in FAMILIES.items()]


class HardwareForm(BoundForm):
    """Mixed into a form; `prepare` is called once the form knows its VM, its datastores and its networks."""

    vcpus = forms.IntegerField(
        label=gettext_lazy("CPU"), min_value=1, max_value=LIMITS.vcpus_per_vm,
        widget=forms.NumberInput(attrs={"data-refresh": True}),
    )  # fmt: skip
    cores_per_socket = forms.IntegerField(
        label=gettext_lazy("Cores per socket"), min_value=1, max_value=LIMITS.cores_per_socket, widget=forms.Select
    )
    cpu_hot_add = forms.BooleanField(label=gettext_lazy("Enable CPU hot add"), required=False)
    cpu_hot_remove = forms.BooleanField(label=gettext_lazy("Enable CPU hot remove"), required=False)
    cpu_reservation_mhz = WithUnit(label=gettext_lazy("Reservation"), unit="MHz", min_value=0, max_value=2**31 - 1)
    cpu_limit_mhz = LimitField(label=gettext_lazy("Limit"), unit="MHz")
    cpu_shares_level = forms.ChoiceField(label=gettext_lazy("Shares"), choices=words.choices(SharesLevel))
    cpu_shares = forms.IntegerField(label=gettext_lazy("Shares value"), min_value=1, max_value=LIMITS.shares)

    memory = SizeField(label=gettext_lazy("Memory"), least=4 * MIB, most=LIMITS.memory_mib_per_vm * MIB)
    memory_hot_add = forms.BooleanField(label=gettext_lazy("Enable memory hot add"), required=False)
    memory_reservation_mib = WithUnit(label=gettext_lazy("Reservation"), unit="MB", min_value=0, max_value=2**31 - 1)
    memory_limit_mib = LimitField(label=gettext_lazy("Limit"), unit="MB")
    memory_shares_level = forms.ChoiceField(label=gettext_lazy("Shares"), choices=words.choices(SharesLevel))
    memory_shares = forms.IntegerField(label=gettext_lazy("Shares value"), min_value=1, max_value=2**31 - 1)

    cd_datastore = forms.ChoiceField(label=gettext_lazy("CD/DVD drive"), required=False)
    cd_path = forms.CharField(label=gettext_lazy("Image file"), required=False, max_length=255)
    cd_connected = forms.BooleanField(label=gettext_lazy("Connected"), required=False)

    notes = forms.CharField(
        label=gettext_lazy("Notes"), required=False, max_length=LIMITS.notes_length,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    tools_installed = forms.BooleanField(label=gettext_lazy("Guest tools are installed"), required=False)
    firmware = forms.ChoiceField(label=gettext_lazy("Firmware"), choices=FIRMWARE)
    boot_delay_ms = WithUnit(label=gettext_lazy("Boot delay"), unit="ms", min_value=0, max_value=10_000)
    enter_bios_setup = forms.BooleanField(
        label=gettext_lazy("Enter the firmware setup at the next boot"), required=False
    )
    archetype = forms.ChoiceField(label=gettext_lazy("Workload"), choices=ARCHETYPES)

    disks = forms.CharField(widget=forms.HiddenInput, required=False)
    nics = forms.CharField(widget=forms.HiddenInput, required=False)

    vm: VirtualMachine | None = None
    no_new_disk = no_new_nic = ""  # why no disk, or adapter, can be added

    def prepare(self, stores: Offer, networks: Offer, rows: dict[str, str]) -> None:
        """Fill the choices and make the rows of devices; `rows` = keys of the disks and adapters to begin with."""
        self.stores, self.networks = stores, networks
        for resource in ("cpu", "memory"):
            self.fields[f"{resource}_shares"].when = f"{resource}_shares_level=custom"  # type: ignore[attr-defined]
        self.fields["cores_per_socket"].widget.choices = self._sockets()
        _choices(self, "cd_datastore", [("", _("Client device")), (HOST, _("Host device")), *stores.choices])
        for kind, keys in rows.items():
            self.initial.setdefault(kind, keys)
        self.disk_forms = [self._disk_form(key) for key in self.row_keys("disks")]
        self.nic_forms = [self._nic_form(key) for key in self.row_keys("nics")]
        self._lock()
        name_controls((self,), "vcpus", "memory", "cd_datastore")
        name_controls(self.disk_forms, "capacity")
        name_controls(self.nic_forms, "network")

    # --- rows of devices ---------------------------------------------------------------------------------------------
    def row_keys(self, kind: str) -> list[str]:
        text = self.data.get(self.add_prefix(kind), "") if self.is_bound else self.initial.get(kind, "")
        return [key for key in str(text).split() if key.isalnum()][: LIMITS.disks_per_vm]

    def _row_prefix(self, kind: str, key: str) -> str:
        return self.add_prefix(f"{kind}-{key}")

    def _disk_form(self, key: str) -> DiskForm:
        disk = self._device("disks", key)
        initial = {
            "capacity": disk.capacity_bytes if disk else self.initial.get("disk_bytes", 16 * GIB),
            "datastore": self._home(),
            "provisioning": self.initial.get("provisioning", "thin"),
            "mode": "dependent",
        }
        prefix = self._row_prefix("disks", key)
        return DiskForm(disk, self.stores, self._row_data("disks", key), prefix=prefix, initial=initial)

    def _nic_form(self, key: str) -> NicForm:
        nic = self._device("nics", key)
        initial = {"network": self.networks.first, "connected": True, "start_connected": True, "adapter": "vmxnet3"}
        if nic is not None:
            initial = {name: getattr(nic, name) for name in ("connected", "start_connected", "adapter")}
            initial["network"] = nic.network.moref if nic.network else ""
        prefix = self._row_prefix("nics", key)
        return NicForm(nic, self.networks, self._row_data("nics", key), prefix=prefix, initial=initial)

    def _row_data(self, kind: str, key: str) -> Any:
        """A row that was just added has nothing in the data yet: it starts with its initial values."""
        start = f"{self._row_prefix(kind, key)}-"
        return self.data if self.is_bound and any(k.startswith(start) for k in self.data) else None

    def _device(self, kind: str, key: str) -> Any:
        if self.vm is None or not key.isdecimal():
            return None
        return next((d for d in self._devices(kind) if d.key == int(key)), None)

    def _devices(self, kind: str) -> list[Any]:
        kept = self.__dict__.setdefault("_kept_devices", {})
        if kind not in kept and self.vm is not None:
            related = "datastore" if kind == "disks" else "network"
            kept[kind] = list(getattr(self.vm, kind).select_related(related))
        return list(kept.get(kind, ()))

    def _home(self) -> str:
        return str(self.initial.get("datastore") or self.stores.first)

    def handle(self, go: str, data: QueryDict) -> QueryDict:
        """The buttons ADD NEW DEVICE and the cross of a row."""
        verb, _dash, rest = go.partition("-")
        kind, _dash, key = rest.partition("-")
        if kind not in ("disks", "nics"):
            return data
        name = self.add_prefix(kind)
        keys = str(data.get(name, "")).split()
        if verb == "add":
            keys.append(next(f"new{n}" for n in range(1, 999) if f"new{n}" not in keys))
        elif verb == "remove":
            keys = [k for k in keys if k != key]
        data[name] = " ".join(keys)
        return data

    # --- what may change now -----------------------------------------------------------------------------------------
    def _lock(self) -> None:
        """While the VM is on, only what hot add permits can be changed; the rest is greyed and says why."""
        vm = self.vm
        if vm is None or vm.power_state == "poweredOff":
            return
        locked: dict[str, Text] = dict.fromkeys(COLD, HOT)
        if not vm.cpu_hot_add:
            locked["vcpus"] = HOT_CPU
        if not vm.memory_hot_add:
            locked["memory"] = HOT_MEMORY
        for name, why in locked.items():
            self.fields[name].disabled = True
            self.fields[name].help_text = str(why)

    def _now(self, name: str) -> int:
        value = self.data.get(self.add_prefix(name)) if self.is_bound else self.initial.get(name)
        return int(str(value)) if str(value).isdecimal() else 1

    def _sockets(self) -> list[tuple[int, str]]:
        """Cores per socket divide the CPUs; each is said with the number of sockets that it makes."""
        cpus = max(1, min(self._now("vcpus"), LIMITS.vcpus_per_vm))
        fits = [n for n in range(1, min(cpus, LIMITS.cores_per_socket) + 1) if cpus % n == 0]
        if self.initial.get("cores_per_socket") not in fits and not self.is_bound:
            self.initial["cores_per_socket"] = 1
        return [(n, _("%(cores)s (sockets: %(sockets)s)") % {"cores": n, "sockets": cpus // n}) for n in fits]

    # --- drawing -----------------------------------------------------------------------------------------------------
    CPU = (
        "cores_per_socket", "cpu_hot_add", "cpu_hot_remove", "cpu_reservation_mhz", "cpu_limit_mhz",
        "cpu_shares_level", "cpu_shares", "cpu_affinity",
    )  # fmt: skip
    MEMORY = (
        "memory_reservation_mib", "memory_limit_mib", "memory_shares_level", "memory_shares", "memory_hot_add",
    )  # fmt: skip
    OPTIONS = ("guest_id", "notes", "tools_installed", "firmware", "boot_delay_ms", "enter_bios_setup")

    def _fields_of(self, names: Iterable[str]) -> list[Any]:
        return [self[name] for name in names if name in self.fields]

    @property
    def cpu_fields(self) -> list[Any]:
        return self._fields_of(self.CPU)

    @property
    def memory_fields(self) -> list[Any]:
        return self._fields_of(self.MEMORY)

    @property
    def option_fields(self) -> list[Any]:
        return self._fields_of(self.OPTIONS)

    @property
    def advanced_fields(self) -> list[Any]:
        return self._fields_of(("archetype",))

    @property
    def cd_open(self) -> bool:
        return bool(self["cd_path"].errors)

    @property
    def cpu_open(self) -> bool:
        return any(field.errors for field in self.cpu_fields)

    @property
    def memory_open(self) -> bool:
        return any(field.errors for field in self.memory_fields)

    @property
    def active_tab(self) -> str:
        """The tab that is open; one with a fault comes to the front."""
        for tab, fields in (("tab-options", self.option_fields), ("tab-advanced", self.advanced_fields)):
            if any(field.errors for field in fields):
                return tab
        chosen = self.data.get(self.add_prefix("tab"), "") if self.is_bound and not self.errors else ""
        return chosen if chosen in ("tab-options", "tab-advanced") else "tab-hardware"

    @property
    def disk_rows(self) -> list[dict[str, Any]]:
        keys = self.row_keys("disks")
        return [self._row(k, f, f.disk, _("New hard disk")) for k, f in zip(keys, self.disk_forms, strict=True)]

    @property
    def nic_rows(self) -> list[dict[str, Any]]:
        keys = self.row_keys("nics")
        return [self._row(k, f, f.nic, _("New network adapter")) for k, f in zip(keys, self.nic_forms, strict=True)]

    def why_not(self, kind: str, verb: str) -> str:
        """Why devices of a kind ("disks", "nics") cannot be added or removed here; "" where they can."""
        return ""

    def _row(self, key: str, form: Any, device: Any, new: str) -> dict[str, Any]:
        label = retell(device.label) if device else new
        why = self.why_not("disks" if isinstance(device, VirtualDisk) else "nics", "remove") if device else ""
        row: dict[str, Any] = {"key": key, "form": form, "label": label, "new": device is None, "why": why}
        if isinstance(device, VirtualDisk):
            row["provisioning"] = words.of(DiskProvisioning, device.provisioning)
            row["mode"] = dict(MODES)["independent" if device.independent else "dependent"]
        return row

    # --- checks ------------------------------------------------------------------------------------------------------
    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        valid = [form.is_valid() for form in (*self.disk_forms, *self.nic_forms) if form.is_bound]
        if not all(valid):
            raise forms.ValidationError(_("Some devices are not valid. They are marked below."))
        if self.no_new_disk and any(form.disk is None for form in self.disk_forms):
            raise forms.ValidationError(self.no_new_disk, code="NoPermission")
        if len(self.nic_forms) > LIMITS.nics_per_vm:
            raise forms.ValidationError(
                _("A virtual machine has at most %(limit)s network adapters."), "LimitExceeded",
                {"limit": LIMITS.nics_per_vm},
            )  # fmt: skip
        self._consistent(data)
        return data

    def _consistent(self, data: dict[str, Any]) -> None:
        vcpus, cores = data.get("vcpus"), data.get("cores_per_socket")
        if vcpus and cores and vcpus % cores:
            self.add_error("cores_per_socket", _("It has to divide the number of CPUs."))
        memory = data.get("memory")
        if memory and memory % (LIMITS.memory_step_mib * MIB):
            self.add_error("memory", _("It has to be a multiple of 4 MB."))
        if data.get("cd_datastore") not in (None, "", HOST) and not data.get("cd_path", "").strip():
            self.add_error("cd_path", _("Say which image file of the datastore the drive reads."))
        if memory and data.get("memory_reservation_mib", 0) > memory // MIB:
            self.add_error("memory_reservation_mib", _("It is more than the memory of the virtual machine."))
        for resource, unit in (("cpu", "mhz"), ("memory", "mib")):
            limit = data.get(f"{resource}_limit_{unit}", -1)
            if limit != -1 and data.get(f"{resource}_reservation_{unit}", 0) > limit:
                self.add_error(f"{resource}_limit_{unit}", _("It is below the reservation."))

        self.check_bound(data, (memory or 0) // MIB)

    def plain(self) -> dict[str, Any]:
        """The fields of the model."""
        data = {k: v for k, v in self.cleaned_data.items() if k in PLAIN}
        return data | {"memory_mib": self.cleaned_data["memory"] // MIB, "cd_path": self._cd_path()}

    def cd_store(self) -> str:
        """The datastore of the drive's image, "" where it is a device."""
        chosen: str = self.cleaned_data["cd_datastore"]
        return "" if chosen == HOST else chosen

    def _cd_path(self) -> str:
        if self.cd_store():
            return str(self.cleaned_data["cd_path"]).strip()
        if self.cleaned_data["cd_datastore"] == HOST:
            return HOST
        return CLIENT if self.cleaned_data["cd_connected"] else ""

    def new_disks(self) -> list[dict[str, Any]]:
        """The disks to make, in the form that the services take."""
        rows = [values_of(form) for form in self.disk_forms if form.disk is None]
        return [
            {
                "capacity_bytes": r["capacity"], "provisioning": r["provisioning"], "datastore": r["datastore"],
                "independent": r["mode"] == "independent",
            }
            for r in rows
        ]  # fmt: skip

    def new_nics(self) -> list[dict[str, Any]]:
        return [values_of(form) for form in self.nic_forms if form.nic is None]


COLD = ("cpu_hot_add", "cpu_hot_remove", "memory_hot_add", "firmware", "cores_per_socket", "bus_sharing")
PLAIN = frozenset(
    {
        "vcpus", "cores_per_socket", "cpu_hot_add", "cpu_reservation_mhz", "cpu_limit_mhz", "cpu_shares_level",
        "cpu_shares", "memory_hot_add", "memory_reservation_mib", "memory_limit_mib", "memory_shares_level",
        "memory_shares", "firmware", "boot_delay_ms", "enter_bios_setup", "archetype", "cd_path", "cd_connected",
        "guest_id", "cpu_hot_remove", "notes", "tools_installed", "cpu_affinity", "passthrough", "bus_sharing",
    }
)  # fmt: skip


def name_controls(rows: Iterable[DialogForm], *names: str) -> None:
    """Controls that are drawn without their label say it themselves."""
    for form in rows:
        for name in names:
            widget = form.fields[name].widget
            first = widget.widgets[0] if isinstance(widget, forms.MultiWidget) else widget
            first.attrs["aria-label"] = str(form.fields[name].label)


def _choices(form: forms.Form, name: str, choices: Iterable[tuple[Any, Any]]) -> None:
    form.fields[name].choices = list(choices)  # type: ignore[attr-defined]
