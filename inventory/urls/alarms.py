"""What is done to alarm definitions with one click."""

from django.urls import path

from inventory.views import alarms

urlpatterns = [
    path(
        "vc/<uuid:vc>/<moref:moref>/alarm-definition/<int:pk>/<slug:switch>/",
        alarms.switch_definition,
        name="alarm-definition",
    ),
]
