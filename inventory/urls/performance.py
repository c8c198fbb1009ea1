"""What charts fetch."""

from django.urls import path

from inventory.views import performance

urlpatterns = [
    path("vc/<uuid:vc>/<moref:moref>/performance/data/", performance.data, name="performance-data"),
    path("vc/<uuid:vc>/<moref:moref>/performance/export/", performance.export, name="performance-export"),
    path("vc/<uuid:vc>/<moref:moref>/performance/objects/", performance.objects, name="performance-objects"),
    path("vc/<uuid:vc>/<moref:moref>/performance/views/", performance.save_view, name="chart-view-save"),
    path(
        "vc/<uuid:vc>/<moref:moref>/performance/views/<int:pk>/delete/",
        performance.delete_view,
        name="chart-view-delete",
    ),
]
