"""What the tables of the admin site have in common: nobody adds, edits or deletes behind the services' back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model
from django.forms import CharField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from domain.faults import MethodFault
from inventory.admin.links import client_link, joined, rows_link
from inventory.models import Event, Permission, TagAssignment, Task
from inventory.words import fault_sentence


class ReadOnlyAdmin(admin.ModelAdmin):
    """A table to look at: no add, no edit, no delete. Rows change by the actions of a subclass."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whoever may see the table may try its actions: the services decide."""
        return self.has_view_permission(request)


class TextActionForm(ActionForm):
    """Some actions need a word: where to, how it is called from now on, why."""

    text = CharField(label=_("Destination, name or reason:"), required=False, max_length=200)


class ObjectAdmin(ReadOnlyAdmin):
    """A managed object: links to its page in the client, its tasks, events, permissions and tags."""

    search_fields: ClassVar[Any] = ("name", "=moref")
    list_filter: ClassVar[Any] = ("vcenter", "overall_status")
    list_select_related: ClassVar[Any] = ("vcenter",)
    action_form = TextActionForm
    related: ClassVar[tuple[tuple[type[Model], Any, str], ...]] = ()  # (model, label, its column that points here)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (client_link, self.belongs, self.history)

    @admin.display(description=_("belongs to it"))
    def belongs(self, row: Any) -> SafeString:
        return joined(
            [rows_link(model, label, **{f"{column}__id__exact": row.pk}) for model, label, column in self.related]
        )

    @admin.display(description=_("history and rights"))
    def history(self, row: Any) -> SafeString:
        where = {"vcenter__id__exact": row.vcenter_id, "entity": row.moref}
        tables = ((Task, _("Tasks")), (Event, _("Events")), (Permission, _("Permissions")), (TagAssignment, _("Tags")))
        return joined([rows_link(model, label, **where) for model, label in tables])


class ThroughServices(admin.ModelAdmin):
    """A table that may be edited, where `save_model` and `delete_model` call services: a fault takes all back."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._told(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._told(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._told(request, super().changelist_view, *args, **kwargs)

    def _told(self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer: HttpResponse = view(request, *args, **kwargs)
        except MethodFault as fault:
            messages.error(request, fault_sentence(fault.to_dict()))
            return HttpResponseRedirect(request.get_full_path())
        return answer

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self.delete_model(request, row)
