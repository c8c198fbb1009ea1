"""Names of the admin site; its log-in is the log-in of everybody, with its throttling."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.utils.translation import gettext_lazy as _

admin.site.site_header = _("vSphere Web administration")
admin.site.site_title = _("Administration")
admin.site.index_title = _("Tables")
admin.site.site_url = "/"
admin.site.empty_value_display = "—"
admin.site.login = login_required(admin.site.login)  # type: ignore[method-assign]
