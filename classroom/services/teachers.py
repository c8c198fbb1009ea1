"""Teachers administer every lab of their course."""

from __future__ import annotations

from typing import Any

from classroom.models import Course, Lab
from domain.privileges import ADMINISTRATOR
from inventory import live
from inventory.models import Permission, Role, VCenter


def of_course(course: Course) -> list[Any]:
    """The teacher first, then the co-teachers by name."""
    return [course.teacher, *course.co_teachers.order_by("username")]


def admit(vcenter: VCenter, people: list[Any]) -> None:
    """Give exactly these people the role Administrator on a lab; whoever had it as a teacher before loses it."""
    role = Role.objects.get(vcenter=None, name=ADMINISTRATOR)
    given = Permission.objects.filter(vcenter=vcenter, entity=vcenter.moref, role=role, user__isnull=False)
    given.exclude(user__in=people).delete()
    there = set(given.values_list("user", flat=True))
    for person in people:
        if person.pk not in there and person.pk != vcenter.owner_id:
            Permission.objects.update_or_create(
                vcenter=vcenter, entity=vcenter.moref, user=person, defaults={"role": role, "propagate": True}
            )


def admit_to_all(course: Course) -> None:
    """After the circle of teachers has changed."""
    people = of_course(course)
    for lab in Lab.objects.filter(course=course).select_related("vcenter"):
        admit(lab.vcenter, people)
        live.publish(lab.vcenter, [("permissions.changed",)])
