"""Dialogs and wizards, and the pickers inside them."""

from django.urls import path

from inventory.views import dialogs, pickers

urlpatterns = [
    path("vc/<uuid:vc>/<moref:moref>/dialog/<slug:name>/", dialogs.dialog, name="dialog"),
    path("vc/<uuid:vc>/pick/<slug:what>/", pickers.children, name="pick"),
]
