"""System checks of the deployment; run by `manage.py check --deploy` and by the production commands."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from vsphere_web.env import env

DEPLOYMENT_VARIABLES = ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL")


@register(Tags.security, deploy=True)
def required_variables(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """vsphere_web.E001: a variable that production cannot do without is missing."""
    return [
        Error(f"{name} is not set.", hint=f"Set {name} in the environment; see deploy/.", id="vsphere_web.E001")
        for name in DEPLOYMENT_VARIABLES
        if not env.str(name, default="")
    ]


@register(Tags.security, deploy=True)
def lab_mode(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """vsphere_web.E002: a lab's settings are no protection on a network."""
    if settings.PRODUCTION:
        return []
    hint = "Set SECRET_KEY, or VSPHERE_WEB_MODE=production."
    return [Error("This process runs with the settings of a lab.", hint=hint, id="vsphere_web.E002")]


@register(Tags.database, deploy=True)
def several_writers(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """vsphere_web.W001: SQLite lets one process write at a time."""
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        return []
    hint = "Point DATABASE_URL at PostgreSQL."
    return [Warning("Production on SQLite: every write waits for the others.", hint=hint, id="vsphere_web.W001")]
