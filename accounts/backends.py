"""Opens Django admin to the administrator role, instead of to per-model permissions that nobody would maintain."""

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from accounts.models import Membership, Role, User


class Administrators(BaseBackend):
    """Whoever holds the administrator role on everything has every permission that admin asks for.

    It opens nothing else: who may deploy or approve is decided by `projects.access`, which does not ask here.
    """

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Model | None = None) -> bool:
        return is_administrator(user_obj)

    def has_module_perms(self, user_obj: User | AnonymousUser, app_label: str) -> bool:
        return is_administrator(user_obj)


def is_administrator(user: User | AnonymousUser) -> bool:
    """Whether this account may configure the whole portal (asked once per request and account object)."""
    if not isinstance(user, User) or not user.is_active:
        return False
    if user.is_superuser:
        return True
    if not hasattr(user, "_is_administrator"):
        grants = Membership.objects.held_by(user).filter(role=Role.ADMINISTRATOR, project=None, environment=None)
        user._is_administrator = grants.exists()  # type: ignore[attr-defined]
    return bool(user._is_administrator)  # type: ignore[attr-defined]
