"""Inventories in and out."""

from django.urls import path

from inventory.views import exchange

urlpatterns = [
    path("import/", exchange.take_in, name="import"),
    path("import/take/", exchange.commit, name="import-take"),
    path("vc/<uuid:vc>/export.yaml", exchange.export, name="export"),
    path("vc/<uuid:vc>/compare/", exchange.compare, name="compare"),
]
