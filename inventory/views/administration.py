"""Administration: roles, sessions, the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from domain.faults import ConcurrentAccess, MethodFault
from domain.privileges import by_group
from inventory import audit as chain
from inventory import rights, selectors, sessions
from inventory.forms.base import VersionedForm
from inventory.models import AuditEntry, Role, VCenter
from inventory.retell import retell
from inventory.services import permissions as services
from inventory.words import fault_sentence

PAGE = 100
ROLE_FIELDS = ("name", "description", "privileges")
READS_AUDIT = "Global.Diagnostics"


# --- roles -----------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    """The roles of one vCenter (`?vc=`, by default the first), with what each allows and how often it is given."""
    vcenters = list(selectors.vcenters_for(request.user))
    chosen = next(
        (one for one in vcenters if str(one.uuid) == request.GET.get("vc")), vcenters[0] if vcenters else None
    )
    context: dict[str, Any] = {"vcenters": vcenters, "vcenter": chosen, "roles": [], "may": False}
    if chosen is not None:
        context["may"] = rights.has(request.user, services.MODIFY_ROLES, chosen)
        given = Count("permissions", filter=Q(permissions__vcenter=chosen))
        context["roles"] = roles_of(chosen).annotate(given=given).order_by("-system", "name")
    return render(request, "inventory/administration/roles.html", context)


def roles_of(vcenter: VCenter) -> QuerySet[Role]:
    """The roles that can be given in a vCenter: everybody's and its own."""
    return Role.objects.filter(Q(vcenter=None) | Q(vcenter=vcenter))


class RoleForm(VersionedForm):
    """Only lengths and types; the rules are the service's. `base` is the role as the page was opened on."""

    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(label=_("Description"), max_length=255, required=False)
    privileges = forms.MultipleChoiceField(
        label=_("Privileges"), required=False,
        choices=lambda: [(one.id, one.label) for entries in by_group().values() for one in entries],
    )  # fmt: skip

    def clean_privileges(self) -> list[str]:
        return sorted(self.cleaned_data["privileges"])


@login_required
@require_http_methods(["GET", "POST"])
def new_role(request: HttpRequest, vc: UUID) -> HttpResponse:
    """A role of one's own, from nothing or (`?from=`) from another one."""
    vcenter = selectors.vcenter_for(request.user, vc)
    number = request.GET.get("from", "")
    model = roles_of(vcenter).filter(pk=number).first() if number.isdecimal() else None
    initial = {"privileges": model.known, "description": model.description} if model else {}

    def save(values: dict[str, Any]) -> None:
        services.create_role(request.user, vcenter, **values)

    return _role_page(request, vcenter, None, initial, save)


@login_required
@require_http_methods(["GET", "POST"])
def role(request: HttpRequest, vc: UUID, pk: int) -> HttpResponse:
    """What a role allows; a role of one's own can be changed here."""
    vcenter = selectors.vcenter_for(request.user, vc)
    row = get_object_or_404(roles_of(vcenter), pk=pk)
    told = retell if row.system else str  # a role of the system says what it is in the person's language
    now = {"name": told(row.name), "description": told(row.description), "privileges": row.known}

    def save(values: dict[str, Any]) -> None:
        services.edit_role(request.user, row, **values)

    return _role_page(request, vcenter, row, {**now, "base": now}, save)


def _role_page(request: HttpRequest, vcenter: VCenter, row: Role | None, initial: Any, save: Any) -> HttpResponse:
    form = RoleForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        now, values = initial.get("base"), {name: form.cleaned_data[name] for name in ROLE_FIELDS}
        if now is not None and form.outdated(now):
            form.merge(now, None, ConcurrentAccess(name=now["name"]))
        elif _tried(form, lambda: save(values)):
            return _all_roles(vcenter)
    return _drawn(request, vcenter, row, form)


def _tried(form: RoleForm, save: Callable[[], None]) -> bool:
    """Do it; a refusal becomes an error of the form, which keeps what was typed."""
    try:
        save()
    except MethodFault as fault:
        form.add_error(None, fault_sentence(fault.to_dict()))
        return False
    return True


def _drawn(request: HttpRequest, vcenter: VCenter, row: Role | None, form: RoleForm) -> HttpResponse:
    may = rights.has(request.user, services.MODIFY_ROLES, vcenter) and not (row and row.system)
    checked = set(form["privileges"].value() or ())
    groups = [(group, entries, any(one.id in checked for one in entries)) for group, entries in by_group().items()]
    context = {"vcenter": vcenter, "role": row, "form": form, "groups": groups, "checked": checked, "may": may}
    return render(request, "inventory/administration/role.html", context, status=422 if form.errors else 200)


def _all_roles(vcenter: VCenter) -> HttpResponse:
    return redirect(f"{reverse('inventory:roles')}?vc={vcenter.uuid}")


@login_required
@require_POST
def delete_role(request: HttpRequest, vc: UUID, pk: int) -> HttpResponse:
    """Remove a role that nobody has; a refusal is told on the role's page."""
    vcenter = selectors.vcenter_for(request.user, vc)
    row = get_object_or_404(roles_of(vcenter), pk=pk)
    form = RoleForm({"name": row.name, "description": row.description, "privileges": row.known})
    form.full_clean()
    removed = _tried(form, lambda: services.delete_role(request.user, row))
    return _all_roles(vcenter) if removed else _drawn(request, vcenter, row, form)


# --- sessions --------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def open_sessions(request: HttpRequest) -> HttpResponse:
    """One's own sessions; a superuser sees and ends those of everybody."""
    context = {"sessions": _reachable(request.user), "own": sessions.handle_of(request.session.session_key or "")}
    return render(request, "inventory/administration/sessions.html", context)


@login_required
@require_POST
def end_session(request: HttpRequest, handle: str) -> HttpResponse:
    """End one session; whoever sits there is asked to log in again."""
    if handle not in {one.handle for one in _reachable(request.user)}:
        raise Http404("session")
    sessions.end(request.user, handle)
    return redirect("inventory:sessions")


def _reachable(user: Any) -> list[sessions.OpenSession]:
    return [one for one in sessions.open_sessions() if user.is_superuser or one.user.pk == user.pk]


# --- audit log -------------------------------------------------------------------------------------------------------
@login_required
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """Who asked for what. `?verify=1` checks the chain, for superusers: it reads every entry."""
    rows = _readable_entries(request.user)
    if words := request.GET.get("q", "").strip()[:100]:
        asked = (Q(**{f"{column}__icontains": words}) for column in ("user_name", "action", "entity_name", "entity"))
        rows = rows.filter(next(asked) | next(asked) | next(asked) | next(asked))
    verdict = chain.verify() if request.GET.get("verify") and request.user.is_superuser else None
    number = request.GET.get("page") or _page_of(verdict, rows)
    page = Paginator(rows.select_related("vcenter"), PAGE).get_page(number)
    context = {"rows": page, "filters": request.GET, "verdict": verdict}
    return render(request, "inventory/administration/audit.html", context)


def _page_of(verdict: chain.Verdict | None, rows: QuerySet[AuditEntry]) -> int:
    """The page with the entry at which the chain is broken; the first page where it is whole. Newest come first."""
    broken = verdict.broken if verdict else None
    return rows.filter(pk__gt=broken).count() // PAGE + 1 if broken else 1


def _readable_entries(user: Any) -> QuerySet[AuditEntry]:
    """Everything for superusers; else what one did oneself, and the vCenters that one may diagnose."""
    if user.is_superuser:
        return AuditEntry.objects.all()
    allowed = [one.pk for one in selectors.vcenters_for(user) if rights.has(user, READS_AUDIT, one)]
    return AuditEntry.objects.filter(Q(vcenter__in=allowed) | Q(user_name=user.get_username()))
