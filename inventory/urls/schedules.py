"""What is done to scheduled tasks with one click."""

from django.urls import path

from inventory.views import schedules

urlpatterns = [
    path("vc/<uuid:vc>/<moref:moref>/schedule/<int:pk>/<slug:verb>/", schedules.verb, name="schedule-verb"),
]
