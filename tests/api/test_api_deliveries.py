"""The delivery log over the API: for administrators, each of what they administer."""

import pytest
from django.utils import timezone

from accounts.models import Event, Role
from publishing.models import Delivery
from tests.api.callers import an_account, calling
from tests.deployments.rows import a_bare_release, a_row
from tests.factories import a_channel, a_delivery, a_lone_project, a_notice, a_stack, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator():
    return calling(an_account("root", Role.ADMINISTRATOR))


def subjects(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["subject"] for item in answer.json()["items"]]


def test_a_delivery_says_what_went_where_and_what_became_of_it(administrator):
    row = a_row()
    now = timezone.now()
    delivery = a_delivery(a_notice(row, subject="Live"), a_user("vera"), state="sent", sent_at=now, tries=2)

    (item,) = administrator.get("/api/v1/deliveries").json()["items"]

    assert item["id"] == delivery.pk
    assert (item["person"], item["channel"], item["state"], item["tries"]) == ("vera", None, "sent", 2)
    assert item["url"].endswith(f"/deployments/{row.pk}/")
    assert item["next_at"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["To Hook", "To vera"]),
        ("?state=waiting", ["To Hook"]),
        ("?state=given_up", []),
        ("?channel=hook", ["To Hook"]),
        ("?person=vera", ["To vera"]),
        ("?channel=nowhere", []),
    ],
)
def test_the_list_is_narrowed(administrator, query, expected):
    row = a_row()
    a_delivery(a_notice(row, subject="To vera"), a_user("vera"), state="skipped", problem="Closed.")
    a_delivery(a_notice(row, subject="To Hook"), a_channel())

    assert subjects(administrator.get(f"/api/v1/deliveries{query}")) == expected


def test_no_state_of_that_name_is_a_problem(administrator):
    assert administrator.get("/api/v1/deliveries?state=lost").status_code == 400


def test_who_administers_one_project_sees_what_is_about_it():
    shop = a_stack("Shop")
    website = a_row(release=a_bare_release(a_lone_project("Website")))
    a_delivery(a_notice(a_row(release=a_bare_release(shop)), subject="Shop"), a_user("vera"))
    a_delivery(a_notice(website, subject="Website"), a_user("vera"))
    everything = a_notice(website, subject="All", project=None, environment=None, deployment=None, data={"hold": 1})
    a_delivery(everything, a_user("vera"))
    narrow = calling(an_account("narrow", Role.ADMINISTRATOR, project=shop))

    assert subjects(narrow.get("/api/v1/deliveries")) == ["Shop"]
    assert len(subjects(calling(an_account("wide", Role.ADMINISTRATOR)).get("/api/v1/deliveries"))) == 3


def test_one_is_sent_again(administrator):
    delivery = a_delivery(a_notice(a_row()), a_channel(), state="given_up", problem="Gone.", tries=9)

    answer = administrator.post(f"/api/v1/deliveries/{delivery.pk}/send-again", content_type="application/json")

    assert (answer.status_code, answer.json()["state"], answer.json()["tries"]) == (200, "waiting", 0)
    assert Delivery.objects.get().repeats == 1
    assert Event.objects.filter(verb="message.sent_again").exists()


def test_what_is_not_there_is_not_sent(administrator):
    answer = administrator.post("/api/v1/deliveries/9/send-again", content_type="application/json")

    assert answer.status_code == 404
    assert "There is no delivery 9" in answer.json()["sentence"]
