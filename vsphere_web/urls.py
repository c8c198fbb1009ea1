"""Every address of the site; each app keeps its own under its own module."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

from vsphere_web import views

APPS_WITH_PAGES = ("classroom", "scheduler", "inventory")

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("vsphere_web.signin_urls")),
    *(path("", include(f"{app}.urls")) for app in APPS_WITH_PAGES if find_spec(f"{app}.urls")),
]
