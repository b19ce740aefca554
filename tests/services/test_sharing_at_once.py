"""Administrators who switch the sharing of one stack at the same instant leave one link, the one that is on record last."""

from contextlib import suppress

import pytest

from accounts.models import Event, User
from projects.models import Project
from publishing import sharing
from publishing.models import SharedPage
from publishing.sharing import SharingRefused
from tests.factories import a_stack, an_administrator
from tests.services.test_at_once import at_once

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
ROUNDS = range(3)


def verbs() -> list[str]:
    return list(Event.objects.filter(verb__startswith="sharing.").order_by("pk").values_list("verb", flat=True))


def switching_on(shop: Project, name: str):
    """A first switch, yet to be made, by this administrator."""
    by = an_administrator(name)
    return lambda: sharing.switch_on(shop, by=by, names_people=False)


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_who_switch_it_on_get_the_same_link(round_):
    shop = a_stack("Shop")

    at_once(switching_on(shop, "ada"), switching_on(shop, "bea"))

    assert verbs() == ["sharing.switched_on"]
    assert SharedPage.objects.get().is_on


def renewing(shop: Project, by: User):
    """A new link, yet to be made, unless it is switched off by then."""

    def renew() -> None:
        with suppress(SharingRefused):
            sharing.renew(shop, by=by)

    return renew


@pytest.mark.parametrize("round_", ROUNDS)
def test_switched_off_means_off_whoever_asks_for_a_new_link_meanwhile(round_):
    shop, ada = a_stack("Shop"), an_administrator("ada")
    sharing.switch_on(shop, by=ada, names_people=False)

    at_once(renewing(shop, ada), lambda: sharing.switch_off(shop, by=ada))

    assert not SharedPage.objects.get().is_on
    assert verbs()[-1] == "sharing.switched_off"
