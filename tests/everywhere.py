"""Every place of a running lab that a person can open, derived from what there is.

The lab tells it in a process of its own: `manage.py shell -c "from tests import everywhere; everywhere.tell()"`.
Objects bring their tabs, sections and dialogs (tests/pages.py). All other views come from the table of addresses; what
each answers says what it is. So a new view is in the list by itself, and one that does not answer is told as a fault.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from time import time
from typing import Any, NamedTuple

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from classroom.exercises import attempts
from classroom.models import Assignment, Course, Lab
from classroom.sabotage.cards import KINDS
from classroom.services import courses, labs, templates
from inventory.actions import Context
from inventory.charts import kind_of
from inventory.models import Cluster, Datacenter, Datastore, Folder, Host, Network, ResourcePool, Role, VCenter
from inventory.models import VirtualMachine as VM
from inventory.pages import sections_for, tabs_for
from inventory.pages.registry import SUMMARY
from tests.pages import dialog_address, dialogs_of

PAGE, ALONE, DIALOG, FRAGMENT, ELSEWHERE, FAULT = "page", "page alone", "dialog", "fragment", "elsewhere", "fault"
SEEN = (PAGE, ALONE, DIALOG)
# Who looks: one who may do everything, a student in a lab of the class, one with a second factor, and one who has
# given the password but not yet the code.
TEACHER, STUDENT, HOLDER, STRANGER = "administrator", "student", "holder-of-a-code", "stranger"
COURSE, LESSON, PASSWORD = "Every page", "dpm-day", "a-long-own-password-7"
NOT_OURS = ("admin", "djdt")  # name spaces
OF_OBJECTS = {"object", "object-tab", "object-section", "vcenter", "dialog"}  # views that `of_objects` knows better
NOT_SEEN = {"scheduler:drs-curves"}  # figures of something that the lab does not have yet
QUERIES = {
    "scheduler:migrate-many": "?on={vm}+{vm_2}", "inventory:bulk": "?on={vm}+{vm_2}&action=power-off",
    "inventory:bulk-menu": "?on={vm}+{vm_2}", "inventory:pick": "?node={moref}&field=pool",
}  # fmt: skip


class Place(NamedTuple):
    """`name` is said where something is wrong, and names the picture; a picture of a template is like any other."""

    what: str
    who: str
    name: str
    address: str


# What pages say in another way when it is asked for.
VARIANTS = (
    "/search/?q=e", "/search/?q=e&kind=VirtualMachine", "/search/?q=nothing-is-called-so", "/tasks/?show=failed",
)  # fmt: skip
NOT_THERE = Place(ALONE, TEACHER, "not found", "/no-such-page/")


def tell() -> None:
    """Print the list and the sessions of those who look. What is made for it `forget` takes away."""
    lab = a_class()
    people = looking()
    places = [
        *of_views(lab, people),
        *of_objects(VCenter.objects.earliest("pk")),
        *(Place(PAGE, TEACHER, address, address) for address in VARIANTS),
        NOT_THERE,
        *(Place(PAGE, STUDENT, f"of a student {at}", at) for at in ("/", "/classroom/", f"/vc/{lab.vcenter.uuid}/")),
    ]
    sessions = {who: client.cookies[settings.SESSION_COOKIE_NAME].value for who, client in people.items()}
    sys.stdout.write(json.dumps({"places": places, "sessions": sessions}))


def forget() -> None:
    """Delete what was made, where it is there."""
    people = get_user_model().objects
    for lab in Lab.objects.filter(course__name=COURSE):
        labs.delete(lab, people.get(username=TEACHER))
    Course.objects.filter(name=COURSE).delete()
    people.filter(username=HOLDER).delete()


# --- what is made ----------------------------------------------------------------------------------------------------
def a_class() -> Lab:
    """A course with a template, a co-teacher, a student, a lab and a lesson that the student has begun."""
    people = get_user_model().objects
    teacher, student = people.get(username=TEACHER), people.get(username=STUDENT)
    course = courses.create(teacher, name=COURSE)
    courses.join(student, course.code)
    courses.add_co_teacher(teacher, course, "operator")
    template = templates.save(teacher, course, name="Three hosts", plan={"hosts": 3, "vms": 4})
    lab = labs.make(teacher, course, template, student)
    Assignment.objects.create(course=course, lesson=LESSON, order=1)
    attempts.begin(student, lab, LESSON)
    return lab


def looking() -> dict[str, Client]:
    """The people, each with a session; the password was just given, as what guards second factors wants."""
    holder = get_user_model().objects.create_user(HOLDER, password=PASSWORD)
    TOTP.activate(holder, generate_totp_secret())
    RecoveryCodes.activate(holder)
    found = {who: Client(SERVER_NAME="127.0.0.1") for who in (TEACHER, STUDENT, HOLDER, STRANGER)}
    for who in (TEACHER, STUDENT, HOLDER):
        found[who].force_login(get_user_model().objects.get(username=who), "django.contrib.auth.backends.ModelBackend")
        session = found[who].session
        session["account_authentication_methods"] = [{"method": "password", "at": time(), "username": who}]
        session.save()
    found[STRANGER].post(reverse("inventory:login"), {"username": HOLDER, "password": PASSWORD})
    return found


# --- objects ---------------------------------------------------------------------------------------------------------
def objects(vcenter: VCenter) -> Iterator[tuple[str, Any]]:
    """One object of each kind that has pages of its own; a kind that the lab has none of is missing."""
    yield "vcenter", vcenter
    for kind, rows in {
        "datacenter": Datacenter.objects.all(),
        "cluster": Cluster.objects.filter(standalone=False),
        "host": Host.objects.filter(cluster__standalone=False),
        "standalone-host": Host.objects.filter(cluster__standalone=True),
        "pool": ResourcePool.objects.filter(is_vapp=False, parent__isnull=False),
        "vapp": ResourcePool.objects.filter(is_vapp=True),
        "vm": VM.objects.filter(template=False, power_state="poweredOn"),
        "vm-off": VM.objects.filter(template=False, power_state="poweredOff"),
        "template": VM.objects.filter(template=True),
        "datastore": Datastore.objects.all(),
        "network": Network.objects.all(),
        "folder": Folder.objects.filter(folder_kind="vm", fixed=False),
    }.items():
        if (obj := rows.filter(vcenter=vcenter).order_by("pk").first()) is not None:
            yield kind, obj


def of_objects(vcenter: VCenter) -> Iterator[Place]:
    """Everything that objects show. What several kinds have from one template is shown by the first of them."""
    user, seen = get_user_model().objects.get(username=TEACHER), set[Any]()
    for kind, obj in objects(vcenter):
        base = f"/vc/{vcenter.uuid}/{obj.moref}/"
        for tab in tabs_for(obj):
            sections = sections_for(obj, tab)
            for at, drawn_by in [(f"{tab}/{one.slug}/", one.template) for one in sections] or [(f"{tab}/", tab)]:
                # The cards of a Summary depend on the kind, the targets of a chart on whose figures it shows.
                depends = kind if tab == SUMMARY else kind_of(obj) if at == "monitor/advanced/" else ""
                shape = (depends, at, drawn_by)
                if shape not in seen:
                    seen.add(shape)
                    yield Place(PAGE, TEACHER, f"{kind} {at}", f"{base}{at}")
        for action in dialogs_of(obj):
            name = action.dialog or action.key
            if name not in seen and not action.why_not(Context(user, obj)):
                seen.add(name)
                yield Place(DIALOG, TEACHER, f"{kind} dialog {name}", f"{base}{dialog_address(action)}")


# --- views -----------------------------------------------------------------------------------------------------------
def of_views(lab: Lab, people: dict[str, Client]) -> Iterator[Place]:
    """What else the table of addresses knows, for the first person who sees something; second factors for all."""
    for name, address in addresses(lab):
        every, found = name.startswith("mfa_"), FAULT
        for who, client in people.items():
            if every and who == STUDENT:
                continue  # as the teacher's
            found = is_what(client.get(address))
            if found in SEEN:
                yield Place(found, who, f"{name} {who}" if every else name, address)
            if found in (*SEEN, FRAGMENT) and not every:
                break
        if found == FAULT and name not in NOT_SEEN:
            yield Place(FAULT, TEACHER, f"{name} answers nobody", address)


def is_what(answer: Any) -> str:
    """A page in the shell or without it, a dialog, a part of a page, something for others, or what should not be."""
    if answer.status_code in (200, 401) and answer.get("Content-Type", "").startswith("text/html"):
        text = answer.content.decode()
        if "<html" in text:
            return PAGE if 'id="workspace"' in text else ALONE
        return DIALOG if "<dialog" in text else FRAGMENT
    return {200: FRAGMENT, 204: FRAGMENT, 405: FRAGMENT, 302: ELSEWHERE}.get(answer.status_code, FAULT)


def addresses(lab: Lab) -> Iterator[tuple[str, str]]:
    """(name, address) of every view of ours."""
    values = arguments(lab)
    for name, parameters in names(get_resolver()):
        if name.partition(":")[2] not in OF_OBJECTS:
            given = {key: values.get(f"{name} {key}") or values[key] for key in parameters}
            yield name, reverse(name, kwargs=given) + QUERIES.get(name, "").format(**values)


def names(resolver: Any, space: str = "") -> Iterator[tuple[str, list[str]]]:
    """(name, names of its arguments) of every address."""
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            if one.namespace not in NOT_OURS:
                yield from names(one, f"{space}{one.namespace}:" if one.namespace else space)
        elif one.name and not one.name.startswith("openid_connect"):
            yield space + one.name, list(one.pattern.converters)


def arguments(lab: Lab) -> dict[str, Any]:
    """What stands for each argument of an address.

    Views that only take what is sent (405) are never asked further: any word does for them.
    """
    vcenter, course = VCenter.objects.earliest("pk"), lab.course
    vms = VM.objects.filter(vcenter=vcenter, template=False, power_state="poweredOn").order_by("pk")
    role = Role.objects.earliest("pk").pk
    moref_of = {"scheduler:what-if-host-fails moref": Host.objects.filter(vcenter=vcenter).earliest("pk").moref,
                "scheduler:motion moref": vms[0].moref}  # fmt: skip
    exercise = {f"classroom:{name} vc": lab.vcenter.uuid for name in ("exercise", "exercise-again", "exercise-give-up",
                                                                      "notes")}  # fmt: skip
    return moref_of | exercise | {
        "vc": vcenter.uuid, "vm": vms[0].moref, "vm_2": vms[1].moref,
        "moref": Cluster.objects.filter(vcenter=vcenter, standalone=False).earliest("pk").moref,
        "pk": course.pk, "lab": lab.pk, "code": course.code, "user": course.co_teachers.get().pk,
        "template": lab.template_id, "member": course.memberships.get().pk, "lesson": LESSON,
        "classroom:labs verb": "reset", "classroom:lab verb": "reset", "verb": "any",
        "kind": next(iter(KINDS)), "tab": "vms", "what": "compute", "switch": "on",
        "inventory:role pk": role, "inventory:role-delete pk": role,
        "card": 1, "batch": 1, "replay": 1, "step": "any", "handle": "any", "action": "any", "snapshot": "snapshot-1",
    }  # fmt: skip
