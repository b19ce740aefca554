"""Outside stores: how they are, what is newest there beside what is deployed, and what a release needs from them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from projects.models import Project
from registry.models import Feed, Listing
from registry.outside import watch
from releases.models import Release
from tests.api.callers import as_
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import went_live
from tests.factories import a_lone_project, a_package, a_release, a_source, a_version, an_outside_feed

pytestmark = pytest.mark.django_db
API = "com:patient-api"


@pytest.fixture
def state() -> Project:
    """A project whose package names APIs that lie in Exchange."""
    project = a_lone_project("State", package="state")
    a_source(a_package("state"), "*-api", "com:{component}")
    return project


@pytest.fixture
def release(state: Project) -> Release:
    a_version("state", "1.0.0", contents={"patient-api": "1.4.113"})
    return a_release(state, state="1.0.0")


def listed(*versions: str, **fields: object) -> Listing:
    """What Exchange listed of the Patient API, highest version first."""
    package = watch(an_outside_feed(), API)
    lines = [[version, version, "sha1:abc", ""] for version in versions]
    Listing.objects.filter(package=package).update(**({"versions": lines, "checked_at": timezone.now()} | fields))
    return Listing.objects.get(package=package)


def items(client, path: str) -> list[dict[str, object]]:
    return client.get(f"/api/v1/{path}").json()["items"]


def test_a_store_that_does_not_answer_says_why_and_since_when(release):
    listed("1.4.113")
    since = timezone.now()
    Feed.objects.filter(slug="exchange").update(problem="exchange.example is down.", failing_since=since)

    [feed] = items(as_("viewer"), "feeds")

    assert (feed["slug"], feed["kind"], feed["packages"]) == ("exchange", "maven", 1)
    assert feed["problem"] == "exchange.example is down."
    assert feed["failing_since"] is not None


def test_no_answer_tells_the_stores_password(release):
    listed("1.4.113")
    feed = an_outside_feed()
    feed.username = "ann"
    feed.set_secret("s3cret word")
    feed.save()

    answers = [as_("viewer").get(f"/api/v1/{path}") for path in ("feeds", "feeds/exchange/packages")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert not [answer for answer in answers if b"s3cret" in answer.content or feed.secret.encode() in answer.content]


def test_the_newest_version_stands_beside_the_deployed_ones(release):
    listed("1.5.0", "1.4.114", "1.4.113")
    went_live(release)

    [line] = items(as_("viewer"), "feeds/exchange/packages")

    assert (line["name"], line["newest"]) == (API, "1.5.0")
    assert line["deployed"] == [
        {"environment": "test", "versions": ["1.4.113"], "behind": 2},
        {"environment": "prod", "versions": [], "behind": 0},
    ]


def test_a_store_that_there_is_not_is_named(release):
    answer = as_("viewer").get("/api/v1/feeds/nowhere/packages")

    assert answer.status_code == 404
    assert "There is no store “nowhere”" in answer.json()["detail"]


def test_whoever_asks_again_brings_the_next_look_forward(release):
    listing = listed("1.4.112", next_at=timezone.now() + timedelta(hours=1))

    answer = as_("release_manager").post("/api/v1/feeds/exchange/ask")

    listing.refresh_from_db()
    assert answer.status_code == 200
    assert listing.next_at <= timezone.now()


def test_what_a_release_needs_is_said_with_the_coordinates_in_the_store(release):
    listed("1.4.113")

    [need] = items(as_("viewer"), "projects/state/releases/1.0.0/needs")

    assert (need["component"], need["version"], need["state"]) == ("patient-api", "1.4.113", "found")
    assert (need["feed"], need["package"], need["digest"]) == ("exchange", API, "sha1:abc")
    assert need["sentence"].startswith("patient-api 1.4.113 is in Anypoint Exchange (checked")


def test_who_sees_no_technical_details_is_told_how_it_stands_and_nothing_else(release):
    listed("1.4.112")

    [need] = items(as_("business_viewer"), "projects/state/releases/1.0.0/needs")

    assert (need["state"], need["package"], need["digest"]) == ("missing", None, None)
    assert need["sentence"].startswith("patient-api 1.4.113 is not in Anypoint Exchange")


def test_looking_again_for_what_a_release_needs_looks_up_what_was_never_looked_up(release):
    answer = as_("release_manager").post("/api/v1/projects/state/releases/1.0.0/needs/ask")

    assert answer.json()["items"][0]["state"] == "unknown"
    assert Listing.objects.get().package.name == API
