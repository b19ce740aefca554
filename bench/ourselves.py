"""Signalbox's own registry among those that are compared. Needs Django to be set up, as `bench.installation` does."""

from functools import partial

from django.conf import settings

from accounts import tokens
from accounts.models import Membership, Role, Scope, User
from bench import speaking
from bench.contenders import FORM, RAW, Contender
from bench.installation import Installation


def contenders(installation: Installation) -> list[Contender]:
    """One web server, with two kinds of clients: those that send the package as the body, and those that send a form."""
    web = installation.web()
    headers = {"Authorization": f"Bearer {_token()}"}
    fetch = partial(speaking.fetch_version, headers=headers)
    return [
        Contender(name, settings.PORT, web, settings.PACKAGES_DIR, partial(push, headers=headers), fetch)
        for name, push in ((RAW, speaking.push_body), (FORM, speaking.push_form))
    ]


def _token() -> str:
    """Of an account that may push every package, as a pipeline's may."""
    account = User.objects.create_user("pipeline", is_service_account=True)
    Membership.objects.create(user=account, role=Role.DEPLOYER)
    return tokens.issue(account, name="bench", scopes=[Scope.PUSH, Scope.READ])[1]
