"""Roles, sessions and the audit log."""

from django.urls import path

from inventory.views import administration

urlpatterns = [
    path("roles/", administration.roles, name="roles"),
    path("vc/<uuid:vc>/roles/new/", administration.new_role, name="role-new"),
    path("vc/<uuid:vc>/roles/<int:pk>/", administration.role, name="role"),
    path("vc/<uuid:vc>/roles/<int:pk>/delete/", administration.delete_role, name="role-delete"),
    path("sessions/", administration.open_sessions, name="sessions"),
    path("sessions/<slug:handle>/end/", administration.end_session, name="session-end"),
    path("audit/", administration.audit, name="audit"),
]
