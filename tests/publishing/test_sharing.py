"""A stack is shared by a link that nobody can guess, and that leads nowhere as soon as it is switched off."""

import hashlib

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Event
from config import encryption
from projects.models import Project
from publishing import sharing
from publishing.models import SharedPage
from publishing.sharing import SharingRefused, page_of, sharing_of
from tests.factories import a_stack, a_user, an_administrator

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Project:
    return a_stack("Shop", components={"UI": 1})


def token_of(project: Project) -> str:
    return sharing_of(project).url.rstrip("/").rpartition("/")[2]


def shared(project: Project, **options: bool) -> str:
    sharing.switch_on(project, by=an_administrator(), **({"names_people": False} | options))
    return token_of(project)


def said() -> list[str]:
    return [event.sentence for event in Event.objects.filter(verb__startswith="sharing.").order_by("pk")]


def test_the_link_opens_the_page_of_its_stack(shop):
    token = shared(shop)

    assert page_of(token).project == shop
    assert len(token) == 43  # 256 bits


def test_only_its_digest_finds_it_and_the_rest_is_encrypted(shop):
    token = shared(shop)
    stored = SharedPage.objects.get()

    assert stored.digest == hashlib.sha256(token.encode()).hexdigest()
    assert token not in stored.token
    assert encryption.decrypt(stored.token) == token


def test_switched_off_it_leads_nowhere_and_nothing_of_it_is_kept(shop):
    token = shared(shop)

    sharing.switch_off(shop, by=an_administrator())

    stored = SharedPage.objects.get()
    assert page_of(token) is None
    assert (stored.digest, stored.token, sharing_of(shop).url) == (None, "", "")


def test_a_new_link_ends_the_old_one(shop):
    old = shared(shop)

    sharing.renew(shop, by=an_administrator())

    assert page_of(old) is None
    assert page_of(token_of(shop)).project == shop


def test_switching_it_on_again_after_it_was_off_makes_another_link(shop):
    old = shared(shop)
    sharing.switch_off(shop, by=an_administrator())

    assert shared(shop) != old
    assert page_of(old) is None


def test_keeping_it_on_keeps_the_link(shop):
    token = shared(shop)

    assert shared(shop, names_people=True) == token
    assert page_of(token).names_people


def test_every_switch_is_on_the_trail_and_the_link_is_not(shop):
    token = shared(shop)
    shared(shop, names_people=True)
    sharing.renew(shop, by=an_administrator())
    sharing.switch_off(shop, by=an_administrator())
    sharing.switch_off(shop, by=an_administrator())

    assert said() == [
        "Whoever has the link may read about Shop, without the names of people.",
        "The shared page of Shop names people from now on.",
        "Shop is shared by a new link. The old one leads nowhere.",
        "Shop is not shared any more. The link leads nowhere.",
    ]
    assert not [event for event in Event.objects.all() if token in f"{event.sentence} {event.data}"]
    assert {event.project for event in Event.objects.filter(verb__startswith="sharing.")} == {shop}


def test_what_is_off_has_no_link_to_renew(shop):
    with pytest.raises(SharingRefused, match=r"is switched off, so that it has no link\. Switch it on\."):
        sharing.renew(shop, by=an_administrator())


def test_a_component_is_shared_with_its_stack(shop):
    with pytest.raises(SharingRefused, match=r"UI is a component: share the page of Shop, which shows it\."):
        sharing.switch_on(shop.components.get(), by=an_administrator(), names_people=False)


@pytest.mark.parametrize("token", ["", "x", "é" * 43, "a" * 43, "a" * 10_000, "\x00", "None"])
def test_whatever_else_is_asked_opens_nothing(shop, token):
    shared(shop)
    sharing.switch_on(a_stack("Kiosk"), by=an_administrator(), names_people=False)
    sharing.switch_off(Project.objects.get(slug="kiosk"), by=an_administrator())

    assert page_of(token) is None


def test_a_link_that_cannot_be_decrypted_any_more_still_works_and_says_so(shop, settings):
    token = shared(shop)
    settings.ENCRYPTION_KEYS = ["q4bWmKZb0zvTlwZ1xn2mYz6Wc0nXk9l8f3u5r7t9v1A="]

    found = sharing_of(shop)

    assert found.is_on
    assert found.trouble.startswith("The link works, but cannot be shown.")
    assert page_of(token) is not None


@pytest.mark.parametrize(
    "columns",
    [
        {"digest": "0" * 64},
        {"token": "gAAAA"},
        {"digest": "0" * 64, "token": "in the clear", "since": timezone.now()},
    ],
)
def test_the_database_keeps_no_half_a_link(shop, columns):
    page = SharedPage.objects.create(project=shop)
    if "since" in columns:
        columns = columns | {"by": a_user()}

    with pytest.raises(IntegrityError), transaction.atomic():
        SharedPage.objects.filter(pk=page.pk).update(**columns)
