"""The lists of related objects."""

from django.urls import path

from inventory.views import grids

urlpatterns = [
    path("vc/<uuid:vc>/<moref:moref>/grid/<slug:tab>/", grids.fragment, name="grid"),
    path("vc/<uuid:vc>/<moref:moref>/grid/<slug:tab>/columns/", grids.columns, name="grid-columns"),
    path("vc/<uuid:vc>/<moref:moref>/grid/<slug:tab>/export.csv", grids.export, name="grid-export"),
]
