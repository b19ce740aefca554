from django.contrib.admin.apps import AdminConfig


class Admin(AdminConfig):
    """Django's own admin, opened by the administrator role instead of by the staff flag."""

    default_site = "config.admin.ConfigurationSite"
