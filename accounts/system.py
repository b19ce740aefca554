"""The account in whose name Signalbox itself acts where a row has to name somebody."""

from accounts.models import User

USERNAME = "signalbox.watcher"


def account() -> User:
    """The service account that publishes what was seen in outside stores; created where it is missing.

    It has no password, no token and no role, so that nobody can act through it.
    """
    there = User.objects.filter(username=USERNAME).first()
    if there is not None:
        return there
    made = {"first_name": "Signalbox", "is_service_account": True, "password": "!"}
    return User.objects.get_or_create(username=USERNAME, defaults=made)[0]
