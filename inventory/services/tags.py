"""Tags with their categories, and custom attributes with their values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from domain import faults
from domain.morefs import Kind
from inventory import audit, rights
from inventory.inverses import note
from inventory.journal import Change, changing
from inventory.models import CustomAttribute, CustomValue, ManagedObject, Tag, TagAssignment, TagCategory, Task, VCenter
from inventory.services.base import check, instant, unique, valid_name

KINDS = frozenset(
    {
        Kind.FOLDER,
        Kind.DATACENTER,
        Kind.CLUSTER,
        Kind.COMPUTE,
        Kind.HOST,
        Kind.POOL,
        Kind.VAPP,
        Kind.VM,
        Kind.DATASTORE,
        Kind.NETWORK,
    }
)
VALUE_LENGTH = 255
Tagged = ManagedObject | VCenter


# --- categories ------------------------------------------------------------------------------------------------------
def create_category(
    user: Any, vcenter: VCenter, name: str, *, description: str = "", multiple: bool = True, kinds: Sequence[str] = ()
) -> TagCategory:
    """A category; `multiple`: an object may have several tags of it; `kinds`: object types, none = all."""
    check(user, "InventoryService.Tagging.CreateCategory", vcenter)
    name = valid_name(name)
    unique(TagCategory.objects.filter(vcenter=vcenter), name)
    values = {"description": description[:255], "multiple": multiple, "kinds": _checked_kinds(kinds)}
    with changing(vcenter, user):
        category = TagCategory.objects.create(vcenter=vcenter, name=name, **values)
        audit.append(user, "Tagging.createCategory", vcenter, {"category": name, **values})
    return category


def edit_category(
    user: Any, category: TagCategory, *, name: str, description: str = "", multiple: bool, kinds: Sequence[str]
) -> TagCategory:
    """Change a category. As in vSphere it can only become wider: from one tag to many, to more types."""
    check(user, "InventoryService.Tagging.EditCategory", category.vcenter)
    name = valid_name(name)
    unique(TagCategory.objects.filter(vcenter=category.vcenter), name, category)
    wanted = _checked_kinds(kinds)
    if category.multiple and not multiple:
        raise faults.NotSupported(reason="a category cannot go back from many tags per object to one")
    if wanted and (not category.kinds or set(category.kinds) - set(wanted)):
        raise faults.NotSupported(reason="object types can be added to a category, not removed")
    with changing(category.vcenter, user):
        category.name, category.description, category.multiple = name, description[:255], multiple
        category.kinds = wanted
        category.save()
        told = {"category": name, "multiple": multiple, "kinds": wanted}
        audit.append(user, "Tagging.editCategory", category.vcenter, told)
    return category


def delete_category(user: Any, category: TagCategory) -> None:
    """Remove a category with its tags, from all objects."""
    check(user, "InventoryService.Tagging.DeleteCategory", category.vcenter)
    with changing(category.vcenter, user):
        audit.append(user, "Tagging.deleteCategory", category.vcenter, {"category": category.name})
        category.delete()


def _checked_kinds(kinds: Iterable[str]) -> list[str]:
    wanted = sorted(set(kinds))
    unknown = set(wanted) - KINDS
    if unknown:
        raise faults.InvalidArgument(property="kinds", reason=f"there is no object type {min(unknown)}")
    return wanted


# --- tags ------------------------------------------------------------------------------------------------------------
def create_tag(user: Any, category: TagCategory, name: str, description: str = "") -> Tag:
    """A tag of a category."""
    check(user, "InventoryService.Tagging.CreateTag", category.vcenter)
    name = valid_name(name)
    unique(Tag.objects.filter(category=category), name)
    with changing(category.vcenter, user):
        tag = Tag.objects.create(category=category, name=name, description=description[:255])
        audit.append(user, "Tagging.createTag", category.vcenter, {"category": category.name, "tag": name})
    return tag


def edit_tag(user: Any, tag: Tag, *, name: str, description: str = "") -> Tag:
    """Rename a tag, or describe it anew."""
    vcenter = tag.category.vcenter
    check(user, "InventoryService.Tagging.EditTag", vcenter)
    name = valid_name(name)
    unique(Tag.objects.filter(category=tag.category), name, tag)
    with changing(vcenter, user):
        told = {"before": tag.name, "after": name}
        tag.name, tag.description = name, description[:255]
        tag.save()
        audit.append(user, "Tagging.editTag", vcenter, told)
    return tag


def delete_tag(user: Any, tag: Tag) -> None:
    """Remove a tag, from all objects."""
    vcenter = tag.category.vcenter
    check(user, "InventoryService.Tagging.DeleteTag", vcenter)
    with changing(vcenter, user):
        audit.append(user, "Tagging.deleteTag", vcenter, {"category": tag.category.name, "tag": tag.name})
        tag.delete()


def assign(user: Any, obj: Tagged, tag: Tag) -> Task | None:
    """Put a tag on an object; None where it already has it."""
    check(user, "InventoryService.Tagging.AttachTag", obj)
    vcenter, category = rights.vcenter_of(obj), tag.category
    if category.vcenter_id != vcenter.pk:
        raise faults.NotFound(what=tag.name)
    if category.kinds and str(obj.kind) not in category.kinds:
        raise faults.InvalidArgument(property="tag", reason=f"“{category.name}” is not for objects of this type")
    with changing(vcenter, user) as change:
        others = TagAssignment.objects.filter(vcenter=vcenter, entity=obj.moref, tag__category=category)
        if not category.multiple and others.exclude(tag=tag).exists():
            raise faults.InvalidArgument(property="tag", reason=f"the object already has a tag of “{category.name}”")
        _assignment, created = TagAssignment.objects.get_or_create(vcenter=vcenter, entity=obj.moref, tag=tag)
        return _tagged(change, "Tagging.attach", obj, tag) if created else None


def unassign(user: Any, obj: Tagged, tag: Tag) -> Task | None:
    """Take a tag off an object; None where it does not have it."""
    check(user, "InventoryService.Tagging.AttachTag", obj)
    vcenter = rights.vcenter_of(obj)
    with changing(vcenter, user) as change:
        gone, _by_type = TagAssignment.objects.filter(vcenter=vcenter, entity=obj.moref, tag=tag).delete()
        return _tagged(change, "Tagging.detach", obj, tag) if gone else None


def _tagged(change: Change, description_id: str, obj: Tagged, tag: Tag) -> Task:
    on = description_id == "Tagging.attach"
    change.changed(obj)
    told = {"category": tag.category.name, "tag": tag.name}
    undo = note("tags", {str(tag.pk): not on}, {str(tag.pk): on})
    return instant(change, description_id, obj, result=told, args=undo)


# --- custom attributes -----------------------------------------------------------------------------------------------
def create_attribute(user: Any, vcenter: VCenter, name: str, kind: str = "") -> CustomAttribute:
    """A custom attribute for one object type, or for all ("")."""
    check(user, "Global.ManageCustomFields", vcenter)
    name = valid_name(name)
    unique(CustomAttribute.objects.filter(vcenter=vcenter), name)
    _checked_kinds([kind] if kind else [])
    with changing(vcenter, user):
        attribute = CustomAttribute.objects.create(vcenter=vcenter, name=name, kind=kind)
        audit.append(user, "CustomFieldsManager.addFieldDefinition", vcenter, {"name": name, "kind": kind})
    return attribute


def rename_attribute(user: Any, attribute: CustomAttribute, name: str) -> CustomAttribute:
    """Give a custom attribute another name; its values stay."""
    check(user, "Global.ManageCustomFields", attribute.vcenter)
    name = valid_name(name)
    unique(CustomAttribute.objects.filter(vcenter=attribute.vcenter), name, attribute)
    with changing(attribute.vcenter, user):
        told = {"before": attribute.name, "after": name}
        attribute.name = name
        attribute.save(update_fields=["name"])
        audit.append(user, "CustomFieldsManager.renameFieldDefinition", attribute.vcenter, told)
    return attribute


def delete_attribute(user: Any, attribute: CustomAttribute) -> None:
    """Remove a custom attribute with all its values."""
    check(user, "Global.ManageCustomFields", attribute.vcenter)
    with changing(attribute.vcenter, user):
        told = {"name": attribute.name}
        audit.append(user, "CustomFieldsManager.removeFieldDefinition", attribute.vcenter, told)
        attribute.delete()


def set_value(user: Any, obj: Tagged, attribute: CustomAttribute, value: str) -> None:
    """Set an attribute of an object; the empty text removes it."""
    check(user, "Global.SetCustomField", obj)
    vcenter = rights.vcenter_of(obj)
    if attribute.vcenter_id != vcenter.pk or (attribute.kind and attribute.kind != str(obj.kind)):
        raise faults.NotFound(what=attribute.name)
    value = value.strip()
    if len(value) > VALUE_LENGTH:
        raise faults.LimitExceeded(property=attribute.name, limit=VALUE_LENGTH)
    with changing(vcenter, user) as change:
        where: dict[str, Any] = {"vcenter": vcenter, "attribute": attribute, "entity": obj.moref}
        if value:
            CustomValue.objects.update_or_create(**where, defaults={"value": value})
        else:
            CustomValue.objects.filter(**where).delete()
        change.changed(obj)
        audit.append(user, "CustomFieldsManager.setField", obj, {"name": attribute.name, "value": value})
