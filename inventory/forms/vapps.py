"""vApps: making and cloning one, its start order, and what it says of its product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.limits import DEFAULT_LIMITS
from domain.morefs import FolderKind
from domain.vapps import LONGEST_DELAY_S, MOST_GROUPS, Entity, StartAction, StopAction
from inventory import selectors, words
from inventory.forms.allocation import FIELDS, NewPool, PoolForm
from inventory.forms.base import DialogForm, VersionedForm, say_limits
from inventory.forms.dialog import Dialog, VersionedDialog, dialog
from inventory.forms.fields import WithUnit, name_field
from inventory.forms.offers import OfferField
from inventory.forms.pickers import TreeField, folder_of, place_of
from inventory.forms.steps import offer_of_stores, stores_of
from inventory.services import vapps
from inventory.vapps import Content


class VAppForm(PoolForm):
    """A pool's figures and a place among virtual machines and templates."""

    @property
    def first_fields(self) -> list[Any]:
        return [self[name] for name in ("name", "folder") if name in self.fields]


@dialog("new-vapp")
class NewVApp(NewPool):
    verb = gettext_lazy("New vApp")
    form_class = VAppForm

    def initial(self) -> dict[str, Any]:
        place = place_of(self.obj)
        inside = place.pool.folder if place.pool.is_vapp and place.pool.folder else None
        home = inside if inside is not None and not inside.fixed else place.cluster.datacenter
        return {**super().initial(), "folder": home.moref}

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        if not place_of(self.obj).pool.is_vapp:  # a child vApp is shown in the one around it
            label = _("Folder for VMs and Templates")
            asks = (vapps.CREATE,)
            form.fields["folder"] = TreeField("vm-folder", self.user, self.vcenter, asks=asks, label=label)
        return form

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        return vapps.create(
            self.user, place_of(self.obj).pool, data["name"], data.get("folder"), **{n: data[n] for n in FIELDS}
        )


# --- the start order -------------------------------------------------------------------------------------------------
COLUMNS = ("group", "start_action", "start_delay_s", "wait_for_tools", "stop_action", "stop_delay_s")
HEADS = {
    "group": gettext_lazy("Group"),
    "start_action": gettext_lazy("Startup action"),
    "start_delay_s": gettext_lazy("Startup delay"),
    "wait_for_tools": gettext_lazy("Continue when guest tools are ready"),
    "stop_action": gettext_lazy("Shutdown action"),
    "stop_delay_s": gettext_lazy("Shutdown delay"),
}


def _field(column: str, name: str) -> forms.Field:
    label = f"{name}: {HEADS[column]}"
    match column:
        case "group":
            return forms.IntegerField(label=label, min_value=1, max_value=MOST_GROUPS)
        case "start_action":
            return forms.ChoiceField(label=label, choices=words.choices(StartAction))
        case "stop_action":
            return forms.ChoiceField(label=label, choices=words.choices(StopAction))
        case "wait_for_tools":
            return forms.BooleanField(label=label, required=False)
    return WithUnit(label=label, unit=_("s"), min_value=0, max_value=LONGEST_DELAY_S)


@dataclass(frozen=True)
class OrderRow:
    """One member with its fields, in the order of the heads."""

    member: Any
    fields: list[Any]


class OrderForm(VersionedForm):
    """Six fields per member, named after its reference."""

    def __init__(self, *args: Any, content: Content, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.content = content
        for one in content.entities:
            for column in COLUMNS:
                field = _field(column, content.members[one.moref].name)
                field.widget.attrs["aria-label"] = field.label
                say_limits(field)
                self.fields[f"{one.moref}-{column}"] = field

    @property
    def rows(self) -> list[OrderRow]:
        return [
            OrderRow(self.content.members[one.moref], [self[f"{one.moref}-{column}"] for column in COLUMNS])
            for one in self.content.entities
        ]

    def entities(self) -> list[Entity]:
        data = self.cleaned_data
        return [
            Entity(one.moref, **{column: data[f"{one.moref}-{column}"] for column in COLUMNS})
            for one in self.content.entities
        ]


@dialog("vapp-order")
class EditOrder(VersionedDialog):
    verb = gettext_lazy("Edit Start Order")
    template = "inventory/dialogs/vapp_order.html"
    size = "xl"

    def current(self) -> dict[str, Any]:
        """Looked up each time: after somebody else's change it has to be theirs."""
        entities = Content(self.obj).entities
        return {f"{one.moref}-{column}": value for one in entities for column, value in one.settings().items()}

    def form(self, data: Any = None) -> Any:
        return OrderForm(data, initial=self.initial(), content=Content(self.obj))

    def context(self, form: Any) -> dict[str, Any]:
        return {"heads": [HEADS[column] for column in COLUMNS]}

    def submit(self, form: Any) -> Any:
        wanted = form.entities()
        if wanted == form.content.entities:
            return None
        return vapps.configure(self.user, self.obj, entities=wanted, expected_version=form.cleaned_data["version"])


# --- the product -----------------------------------------------------------------------------------------------------
def _text(label: Any, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=vapps.PRODUCT_LENGTH, **more)


class ProductForm(VersionedForm):
    name = _text(gettext_lazy("Product name"))
    vendor = _text(gettext_lazy("Vendor"))
    version_ = _text(gettext_lazy("Version"))
    full_version = _text(gettext_lazy("Full version"))
    product_url = _text(gettext_lazy("Product URL"), help_text=gettext_lazy("It begins with http:// or https://."))
    vendor_url = _text(gettext_lazy("Vendor URL"))
    notes = forms.CharField(
        label=gettext_lazy("Notes"), required=False, max_length=DEFAULT_LIMITS.notes_length,
        widget=forms.Textarea(attrs={"rows": 5}),
    )  # fmt: skip


# A form's "version" is the one of the object that it was opened on.
KEYS = {"version_" if key == "version" else key: key for key in vapps.PRODUCT}


@dialog("vapp-product")
class EditProduct(VersionedDialog):
    verb = gettext_lazy("Edit Product")
    form_class = ProductForm

    def current(self) -> dict[str, Any]:
        product = (self.obj.vapp_options or {}).get("product") or {}
        return {field: product.get(key, "") for field, key in KEYS.items()}

    def submit(self, form: Any) -> Any:
        wanted = {key: form.cleaned_data[field] for field, key in KEYS.items()}
        if {field: form.cleaned_data[field] for field in KEYS} == self.current():
            return None
        return vapps.configure(self.user, self.obj, product=wanted, expected_version=form.cleaned_data["version"])


# --- a copy ----------------------------------------------------------------------------------------------------------
class CloneForm(DialogForm):
    name = name_field()


@dialog("clone-vapp")
class CloneVApp(Dialog):
    verb = gettext_lazy("Clone")
    submit_label = gettext_lazy("Clone")
    form_class = CloneForm

    def initial(self) -> dict[str, Any]:
        home = self.obj.folder
        name = _("%(name)s copy") % {"name": self.obj.name}
        shown = self.obj.cluster.datacenter if home is None or home.fixed else home
        return {"name": name[: DEFAULT_LIMITS.name_length], "folder": shown.moref}

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        label = _("Folder for VMs and Templates")
        asks = vapps.arriving(self.obj)
        form.fields["folder"] = TreeField("vm-folder", self.user, self.vcenter, asks=asks, label=label)
        stores = stores_of(self.user, self.vcenter, place_of(self.obj))
        offer = offer_of_stores(self.user, stores).after(("", _("Same datastores as the source")))
        form.fields["datastore"] = OfferField(offer=offer, label=_("Datastore"), required=False)
        return form

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        store = selectors.datastore_for(self.user, self.vcenter, data["datastore"]) if data["datastore"] else None
        folder = data["folder"] or folder_of(self.obj.cluster.datacenter, FolderKind.VM)
        return vapps.clone(self.user, self.obj, data["name"], folder=folder, datastore=store)
