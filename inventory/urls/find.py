"""The advanced search."""

from django.urls import path

from inventory.views import find

urlpatterns = [
    path("find/", find.start, name="find-start"),
    path("find/saved/<int:pk>/forget/", find.forget, name="find-forget"),
    path("vc/<uuid:vc>/find/<slug:tab>/", find.page, name="find"),
    path("vc/<uuid:vc>/find/<slug:tab>/form/", find.form, name="find-form"),
    path("vc/<uuid:vc>/find/<slug:tab>/save/", find.save, name="find-save"),
    path("vc/<uuid:vc>/find/<slug:tab>/grid/", find.fragment, name="find-grid"),
    path("vc/<uuid:vc>/find/<slug:tab>/grid/columns/", find.columns, name="find-columns"),
    path("vc/<uuid:vc>/find/<slug:tab>/grid/export.csv", find.export, name="find-export"),
]
