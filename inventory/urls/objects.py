"""The pages of objects; last, because a tab is any word."""

from django.urls import path

from inventory.views import objects

urlpatterns = [
    path("vc/<uuid:vc>/", objects.page, {"moref": "group-d1"}, name="vcenter"),
    path("vc/<uuid:vc>/<moref:moref>/", objects.page, name="object"),
    path("vc/<uuid:vc>/<moref:moref>/<slug:tab>/", objects.page, name="object-tab"),
    path("vc/<uuid:vc>/<moref:moref>/<slug:tab>/<slug:section>/", objects.page, name="object-section"),
]
