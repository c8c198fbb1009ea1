"""What labs are made from: kept, captured from a running one, forgotten."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from classroom.curbs import for_the_class
from classroom.models import Course, LabTemplate
from classroom.services import base, sources
from domain import faults
from inventory.models import Host, VCenter, VirtualMachine
from inventory.services.base import check, unique, valid_name


def save(user: Any, course: Course, template: LabTemplate | None = None, **values: Any) -> LabTemplate:
    """Make or change a template. Raises LimitExceeded where its labs would be larger than the course allows."""
    base.require_teacher(user, course)
    with transaction.atomic():
        row = template or LabTemplate(course=course)
        if row.pk and row.source != LabTemplate.PLAN:  # what was captured or read stays what it is
            values = {name: values[name] for name in ("name", "description", "speed", "lessons") if name in values}
        for name, value in values.items():
            setattr(row, name, value)
        row.name = valid_name(row.name)
        unique(course.templates, row.name, row if row.pk else None)
        check_size(course, row)
        row.save()
        base.record(user, "saveTemplate", course, {"template": row.name})
    return row


def check_size(course: Course, template: LabTemplate) -> None:
    """Raise LimitExceeded where labs of the template are larger than the course allows."""
    for key, limit in (("hosts", course.max_hosts), ("vms", course.max_vms)):
        if int({**sources.PLAN, **template.plan}[key]) > limit:
            raise faults.LimitExceeded(property=key, limit=limit)


def delete(user: Any, template: LabTemplate) -> None:
    """Labs that were made from it stay."""
    base.require_teacher(user, template.course)
    with transaction.atomic():
        base.record(user, "deleteTemplate", template.course, {"template": template.name})
        template.delete()
        transaction.on_commit(lambda: sources.forget(template))


def may_capture(user: Any, course: Course, vcenter: VCenter, name: str) -> LabTemplate:
    """The template that a vCenter would become, not kept yet.

    Raises:
        NoPermission: the person may not manage that vCenter.
        InvalidName, DuplicateName: as usual.
        LimitExceeded: it is larger than a lab of the course may be.
    """
    base.require_teacher(user, course)
    with for_the_class(user):  # a student's lab is only read
        check(user, "Lab.Manage", vcenter)
    size = {"hosts": Host.objects.filter(vcenter=vcenter).count(),
            "vms": VirtualMachine.objects.filter(vcenter=vcenter).count()}  # fmt: skip
    row = LabTemplate(course=course, plan=size, source=LabTemplate.CAPTURE)
    check_size(course, row)
    unique(course.templates, valid_name(name))
    return row


def capture(user: Any, course: Course, vcenter: VCenter, file: str, **values: Any) -> LabTemplate:
    """A template from a vCenter as it stands now, kept in `file` (`sources.new_file`); it goes on undisturbed.

    Raises:
        NoPermission, InvalidName, DuplicateName, LimitExceeded: as `may_capture` says.
        ResourceInUse: its simulation stayed busy.
    """
    row = may_capture(user, course, vcenter, values["name"])
    row.capture = file
    try:
        sources.capture(vcenter, file)
        return save(user, course, row, **values)
    except Exception:
        sources.forget(row)
        raise


def from_file(user: Any, course: Course, inventory: str, **values: Any) -> LabTemplate:
    """A template from an inventory file (YAML).

    Raises:
        InvalidArgument: the file cannot be read or made; the reason names the place.
        LimitExceeded: it is larger than a lab of the course may be.
    """
    base.require_teacher(user, course)
    size = sources.size_of(inventory)
    return save(user, course, None, **values, inventory=inventory, plan=size, source=LabTemplate.YAML)
