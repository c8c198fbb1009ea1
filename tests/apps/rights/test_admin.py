"""The admin site: every table opens in few queries, and nothing in it goes behind the services' back."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from domain import faults
from inventory import audit
from inventory.models import AuditEntry, Folder, Host, Permission, Role, TagCategory, Task, VCenter, VirtualMachine
from inventory.services import tags
from tests.builders import SmallLab, make_folder, make_vms
from tests.cast import Cast, grant, system_role

OURS = ("inventory", "scheduler", "classroom")
MODELS = [model for label in OURS for model in apps.get_app_config(label).get_models()]
EDITABLE = {"VCenter", "Role", "Permission", "Preferences", "TagCategory", "Tag", "CustomAttribute",
            "License"}  # fmt: skip


@pytest.fixture
def staff(client: Client, cast: Cast, lab: SmallLab) -> Client:
    client.force_login(cast.teacher)
    return client


def url(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def act(client: Client, action: str, *rows: Any, text: str = "") -> str:
    """Run an action of a list; return the page that tells what became of it."""
    fields = {"action": action, "_selected_action": [row.pk for row in rows], "text": text}
    return client.post(url(type(rows[0]), "changelist"), fields, follow=True).content.decode()


# --- to look at ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_table_is_registered_and_opens(model: type[Model], staff: Client, lab: SmallLab) -> None:
    assert admin.site.is_registered(model)
    assert staff.get(url(model, "changelist"), {"q": "x"}).status_code == 200
    assert staff.get(url(model, "changelist")).status_code == 200
    row = model._base_manager.first()
    if row is not None:
        assert staff.get(url(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", [m for m in MODELS if m._meta.app_label == "inventory"], ids=lambda m: m.__name__)
def test_every_table_has_search_and_filters(model: type[Model]) -> None:
    table = admin.site._registry[model]
    assert table.search_fields
    assert table.list_filter


@pytest.mark.parametrize("model", [m for m in MODELS if m._meta.app_label == "inventory"], ids=lambda m: m.__name__)
def test_what_services_own_is_neither_added_nor_edited_nor_deleted(
    model: type[Model], staff: Client, lab: SmallLab
) -> None:
    if model.__name__ in EDITABLE:
        return
    row = model._base_manager.first()
    pk = row.pk if row is not None else 1
    before = list(model._base_manager.values())
    assert staff.post(url(model, "add"), {"name": "evil"}).status_code == 403
    assert staff.post(url(model, "change", pk), {"name": "evil"}).status_code in (302, 403)
    assert staff.post(url(model, "delete", pk), {"post": "yes"}).status_code in (302, 403)
    fields = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
    staff.post(url(model, "changelist"), fields)
    assert list(model._base_manager.values()) == before


def test_a_long_list_costs_no_query_per_row(staff: Client, lab: SmallLab, django_assert_max_num_queries: Any) -> None:
    make_vms(lab.hosts, 45)
    for model in (VirtualMachine, Host, Folder):
        with django_assert_max_num_queries(15):
            staff.get(url(model, "changelist"))


def test_rows_lead_to_what_belongs_to_them(staff: Client, lab: SmallLab) -> None:
    page = staff.get(url(Host, "change", lab.host.pk)).content.decode()
    for model in (VirtualMachine, Task, Permission):
        assert url(model, "changelist") in page
    for model, condition in ((VirtualMachine, {"host__id__exact": lab.host.pk}), (Task, {"entity": lab.host.moref})):
        assert staff.get(url(model, "changelist"), condition).status_code == 200
    assert f"/vc/{lab.vcenter.uuid}/{lab.host.moref}/" in page


def test_who_is_not_staff_is_sent_to_the_log_in(client: Client, cast: Cast, lab: SmallLab) -> None:
    assert client.get("/admin/").status_code == 302
    client.force_login(cast.student)
    assert client.get(url(VirtualMachine, "changelist")).status_code == 302


# --- actions ---------------------------------------------------------------------------------------------------------
def test_power_goes_through_the_service(staff: Client, cast: Cast, lab: SmallLab) -> None:
    act(staff, "power_on", lab.vms[1], lab.vms[2])
    tasks = Task.objects.filter(description_id="VirtualMachine.powerOn")
    assert {task.entity for task in tasks} == {lab.vms[1].moref, lab.vms[2].moref}
    assert {task.initiator for task in tasks} == {cast.teacher}
    assert audit.verify().intact
    assert AuditEntry.objects.filter(action="VirtualMachine.powerOn").count() == 2


def test_a_refusal_is_told_with_its_reason(staff: Client, lab: SmallLab) -> None:
    page = act(staff, "power_on", lab.vm)
    sentence = faults.InvalidPowerState(
        name=lab.vm.name, existingState="poweredOn", requestedState="poweredOff"
    ).sentence.partition(";")[0]
    assert sentence.split("”")[0].strip("“") in page
    assert not Task.objects.exists()


def test_move_and_rename_need_a_word(staff: Client, lab: SmallLab) -> None:
    vm, folder = lab.vms[1], make_folder(lab.vm_folder)
    act(staff, "move", vm, text=folder.moref)
    assert VirtualMachine.objects.get(pk=vm.pk).folder == folder
    act(staff, "move", vm, text=lab.pool.moref)
    assert VirtualMachine.objects.get(pk=vm.pk).pool == lab.pool
    act(staff, "move", vm, text="group-v9999")
    act(staff, "move", vm, text=lab.datacenter.moref)
    act(staff, "rename", vm, text="new-name")
    vm = VirtualMachine.objects.get(pk=vm.pk)
    assert (vm.folder, vm.pool, vm.name) == (folder, lab.pool, "new-name")


def test_delete_goes_to_the_recycle_bin_and_back(staff: Client, lab: SmallLab) -> None:
    vm = lab.vms[1]
    act(staff, "delete_from_disk", vm)
    assert not VirtualMachine.objects.filter(pk=vm.pk).exists()
    assert vm.name in staff.get(url(VirtualMachine, "changelist"), {"deleted": "yes"}).content.decode()
    fields = {"action": "restore", "_selected_action": [vm.pk], "text": ""}
    staff.post(url(VirtualMachine, "changelist") + "?deleted=yes", fields)
    assert VirtualMachine.objects.filter(pk=vm.pk).exists()


def test_staff_without_rights_in_the_datacenter_is_refused(client: Client, cast: Cast, lab: SmallLab) -> None:
    from django.contrib.auth.models import Permission as TablePermission

    cast.outsider.is_staff = True
    cast.outsider.save()
    cast.outsider.user_permissions.add(TablePermission.objects.get(codename="view_virtualmachine"))
    client.force_login(cast.outsider)
    act(client, "power_on", lab.vms[1])
    assert not Task.objects.exists()


# --- what is edited through services ---------------------------------------------------------------------------------
def test_permissions_are_given_and_taken_through_the_service(staff: Client, cast: Cast, lab: SmallLab) -> None:
    role = system_role("VM user")
    fields = {"vcenter": lab.vcenter.pk, "entity": lab.vm.moref, "user": cast.outsider.pk, "role": role.pk}
    staff.post(url(Permission, "add"), fields)
    given = Permission.objects.get(user=cast.outsider)
    staff.post(url(Permission, "delete", given.pk), {"post": "yes"})
    assert not Permission.objects.filter(user=cast.outsider).exists()
    actions = list(AuditEntry.objects.filter(action__startswith="Authorization").values_list("action", flat=True))
    assert len(actions) == 2


def test_a_permission_on_nothing_is_refused(staff: Client, cast: Cast, lab: SmallLab) -> None:
    before = Permission.objects.count()
    role = system_role("VM user")
    fields = {"vcenter": lab.vcenter.pk, "entity": "vm-9999", "user": cast.outsider.pk, "role": role.pk}
    page = staff.post(url(Permission, "add"), fields, follow=True).content.decode()
    assert "vm-9999" in page
    assert Permission.objects.count() == before


def test_system_roles_are_not_edited_and_own_ones_are(staff: Client, lab: SmallLab) -> None:
    role = system_role("Read-only")
    assert staff.post(url(Role, "change", role.pk), {"name": "evil", "privileges": []}).status_code == 403
    fields = {"vcenter": lab.vcenter.pk, "name": "Own", "privileges": ["VirtualMachine.Interact.PowerOn"]}
    staff.post(url(Role, "add"), fields)
    own = Role.objects.get(name="Own")
    assert "System.Read" in own.privileges
    staff.post(url(Role, "change", own.pk), {"name": "Mine", "privileges": []})
    assert Role.objects.get(pk=own.pk).name == "Mine"
    staff.post(url(Role, "delete", own.pk), {"post": "yes"})
    assert not Role.objects.filter(pk=own.pk).exists()


def test_a_used_role_stays(staff: Client, cast: Cast, lab: SmallLab) -> None:
    role = Role.objects.create(vcenter=lab.vcenter, name="Own", privileges=[])
    grant(cast.outsider, lab.vm, role)
    staff.post(url(Role, "delete", role.pk), {"post": "yes"})
    assert Role.objects.filter(pk=role.pk).exists()


def test_tags_through_the_service(staff: Client, cast: Cast, lab: SmallLab) -> None:
    fields = {"vcenter": lab.vcenter.pk, "name": "Stage", "multiple": "on", "kinds": "[]"}
    staff.post(url(TagCategory, "add"), fields)
    category = TagCategory.objects.get(name="Stage")
    staff.post(url(TagCategory, "change", category.pk), {"name": "Stages", "kinds": "[]"})
    assert TagCategory.objects.get(pk=category.pk).name == "Stage"  # narrowing is refused, and all of the change
    tags.create_tag(cast.student, category, "test")
    staff.post(url(TagCategory, "delete", category.pk), {"post": "yes"})
    assert not TagCategory.objects.exists()


def test_a_vcenter_is_renamed_and_that_is_in_the_audit_log(staff: Client, cast: Cast, lab: SmallLab) -> None:
    fields = {"name": "Renamed", "owner": cast.student.pk, "timezone": "UTC", "active": "on", "seed": 99}
    staff.post(url(VCenter, "change", lab.vcenter.pk), fields)
    row = VCenter.objects.get(pk=lab.vcenter.pk)
    assert (row.name, row.seed) == ("Renamed", lab.vcenter.seed)
    assert AuditEntry.objects.get(action="VCenter.reconfigure").detail["name"] == "Renamed"


def test_beat_intervals_are_editable(staff: Client) -> None:
    from django_celery_beat.models import IntervalSchedule

    schedule = IntervalSchedule.objects.create(every=5, period="seconds")
    inline = {f"periodictask_set-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL")}
    fields = {"every": 7, "period": "seconds", **inline}
    page = reverse("admin:django_celery_beat_intervalschedule_change", args=(schedule.pk,))
    assert staff.post(page, fields).status_code == 302
    schedule.refresh_from_db()
    assert schedule.every == 7
