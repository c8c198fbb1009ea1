"""What live pages ask where there is no socket."""

from django.urls import path

from inventory.views import live

urlpatterns = [path("vc/<uuid:vc>/live/", live.poll, name="live")]
