"""Menus, and what is done without a dialog."""

from django.urls import path

from inventory.views import actions

urlpatterns = [
    path("vc/<uuid:vc>/<moref:moref>/menu/", actions.menu, name="menu"),
    path("vc/<uuid:vc>/<moref:moref>/palette/", actions.palette, name="palette"),
    path("vc/<uuid:vc>/<moref:moref>/do/<slug:action>/", actions.do, name="do"),
    path("vc/<uuid:vc>/bulk/menu/", actions.bulk_menu, name="bulk-menu"),
    path("vc/<uuid:vc>/bulk/", actions.bulk, name="bulk"),
]
