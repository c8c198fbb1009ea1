"""The composition root as a Django app: it owns commands and system checks, and no tables."""

from django.apps import AppConfig


class VsphereWebConfig(AppConfig):
    """Connects the Celery app and the system checks when Django starts."""

    name = "vsphere_web"
    verbose_name = "vSphere Web"

    def ready(self) -> None:
        """Import for their side effect: the Celery app becomes current, the checks register themselves."""
        from vsphere_web import celery, checks  # noqa: F401
