"""What was live when, what was pushed and what came of it, and taking a version out of use."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from deployments.models import LiveVersion
from projects.models import Project
from registry.actions import withdraw
from registry.models import Artifact, PackageVersion
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import went_live
from tests.deployments.scenes import a_manager, pushed
from tests.factories import a_component, a_package, a_release, a_stack, a_trigger, a_user, a_version, an_administrator


@pytest.fixture
def shop(db: None) -> Project:
    return a_stack("Shop", components={"API": 1, "UI": 2})


@pytest.fixture
def manager(client: Client, db: None) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


def opened(client: Client, name: str, *args: str, **query: str) -> str:
    response = client.get(reverse(f"portal:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_history_shows_what_was_live_from_when_until_when(client, manager, shop):
    went_live(a_release(shop, ui="1.0.0"))
    went_live(a_release(shop, ui="1.1.0"))

    page = opened(client, "history", "test")

    assert page.count('scope="row"') == LiveVersion.objects.count() == 5
    assert page.count("Live now") == 3


def test_the_history_narrows_to_one_project(client, manager, shop):
    went_live(a_release(shop))

    page = opened(client, "history", "test", project="ui")

    assert page.count('scope="row"') == 1
    assert "What was live in TEST: UI" in page


def test_the_history_keeps_to_the_projects_of_the_reader(client, shop):
    went_live(a_release(shop))
    went_live(a_release(a_stack("Bank", components={"Vault": 1})))
    client.force_login(a_user("vera", role="viewer", project=shop))

    page = opened(client, "history", "test")

    assert "Shop" in page
    assert "Bank" not in page
    assert "Vault" not in page


def test_an_environment_that_none_of_my_projects_goes_to_does_not_exist(client, shop):
    client.force_login(a_user("stranger"))

    assert client.get(reverse("portal:history", args=["test"])).status_code == 404


def test_the_environments_lead_to_their_histories(client, manager, shop):
    page = opened(client, "environments")

    assert reverse("portal:history", args=["prod"]) in page


def test_the_packages_show_their_newest_version_in_use(client, manager, shop):
    a_version("ui", "1.0.0")
    newest = a_version("ui", "1.10.0")
    client.post(reverse("portal:withdraw-version", args=["ui", newest.version]), {"reason": "Broken"})
    a_version("ui", "1.9.0")

    page = opened(client, "packages")

    assert '<td role="cell" data-label="Newest"><span class="ver">1.9.0</span></td>' in page


def test_a_version_tells_where_it_is_live_and_which_releases_use_it(client, manager, shop):
    release = a_release(shop, ui="1.4.0")
    went_live(release)

    page = opened(client, "version", "ui", "1.4.0")

    assert "UI 1.4.0" in page
    assert str(release) in page
    assert "TEST" in page


def test_a_version_shows_its_digest_and_its_manifest(client, manager, shop):
    version = a_version("ui", "2.0.0", contents={"patient-api": "1.4.114", "<b>": "1"}, targets=["TEST"])

    page = opened(client, "version", "ui", "2.0.0")

    assert version.artifact.sha256 in page
    assert '<th scope="row" role="rowheader">patient-api</th>' in page
    assert "&lt;b&gt;" in page


def test_a_version_is_withdrawn_with_a_reason_and_restored(client, manager, shop):
    version = a_version("ui", "1.0.0")

    withdrawn = client.post(reverse("portal:withdraw-version", args=["ui", "1.0.0"]), {"reason": "It leaks."})
    page = client.get(withdrawn.url).content.decode()
    client.force_login(an_administrator())
    client.post(reverse("portal:restore-version", args=["ui", "1.0.0"]), {"reason": "It does not."})

    version.refresh_from_db()
    assert "It leaks." in page
    assert version.withdrawn_at is None


def test_only_an_administrator_is_offered_to_put_a_version_back_into_use(client, manager, shop):
    withdraw(a_version("ui", "1.0.0"), by=manager, reason="It leaks.")

    page = opened(client, "version", "ui", "1.0.0")
    refused = client.post(reverse("portal:restore-version", args=["ui", "1.0.0"]), {"reason": "It does not."})

    assert "Put it back into use" not in page
    assert "Only an administrator can put it back into use." in page
    assert refused.status_code == 403


def test_putting_back_takes_an_administrator_of_every_project_that_holds_the_package(client, manager, shop):
    withdraw(a_version("ui", "1.0.0"), by=manager, reason="It leaks.")
    a_component(a_stack("Bank"), "Teller", package="ui")
    client.force_login(a_user("ada", role="administrator", project=shop))

    response = client.post(reverse("portal:restore-version", args=["ui", "1.0.0"]), {"reason": "It does not."})

    assert response.status_code == 403
    assert "You may not put a withdrawn version back into use for Teller" in response.content.decode()


def test_a_removed_version_says_when_why_and_how_it_comes_back(client, manager, shop):
    a_version("ui", "1.0.0", removed_at=timezone.now(), removed_reason="no release holds it")

    page = opened(client, "version", "ui", "1.0.0")
    versions = opened(client, "package", "ui")

    assert "no release holds it. It stays on record. Push the same package again to bring it back." in page
    assert "Removed" in versions


def test_withdrawing_takes_a_reason(client, manager, shop):
    a_version("ui", "1.0.0")

    response = client.post(reverse("portal:withdraw-version", args=["ui", "1.0.0"]), {"reason": ""})

    assert response.status_code == 422
    assert '<a href="#id_reason">Say why.</a>' in response.content.decode()


def test_withdrawing_twice_is_refused_with_a_sentence(client, manager, shop):
    a_version("ui", "1.0.0")
    url = reverse("portal:withdraw-version", args=["ui", "1.0.0"])
    client.post(url, {"reason": "It leaks."})

    response = client.post(url, {"reason": "It leaks."})

    assert response.status_code == 422
    assert "has been withdrawn already" in response.content.decode()


def test_withdrawing_takes_the_role_in_every_project_that_holds_the_package(client, shop):
    a_version("ui", "1.0.0")
    a_component(a_stack("Bank"), "Teller", package="ui")
    client.force_login(a_user("mo", role="release_manager", project=shop))

    response = client.post(reverse("portal:withdraw-version", args=["ui", "1.0.0"]), {"reason": "It leaks."})

    assert response.status_code == 403
    assert "Withdraw it" not in opened(client, "version", "ui", "1.0.0")


def test_a_package_of_other_projects_does_not_exist(client, shop):
    a_version("vault", "1.0.0")
    a_stack("Bank", components={"Vault": 1})
    client.force_login(a_user("vera", role="viewer", project=shop))

    assert client.get(reverse("portal:package", args=["vault"])).status_code == 404
    assert "vault" not in opened(client, "packages")


@pytest.mark.parametrize("version", ["9.9.9", "not-a-version", "1.0.0 "])
def test_a_version_that_there_is_not_is_not_found(client, manager, shop, version):
    a_package("ui")

    assert client.get(reverse("portal:version", args=["ui", version])).status_code == 404


def test_every_push_shows_what_it_led_to_or_why_not(client, manager, shop):
    a_trigger(shop)
    pushed("api", "1.0.0")
    pushed("ui", "1.0.0")
    pushed("stray", "1.0.0")

    page = opened(client, "evaluations")

    assert "No release was created: UI has no package yet that could be deployed." in page
    assert "ui 1.0.0 led to Shop 1.0.1." in page
    assert "No trigger watches this package, so that it created no release." in page


def test_the_pushes_narrow_to_the_triggers_of_one_project(client, manager, shop):
    a_trigger(shop)
    pushed("api", "1.0.0")
    pushed("stray", "1.0.0")

    page = opened(client, "evaluations", project="shop")

    assert "api" in page
    assert "stray" not in page


def test_business_is_told_that_packages_take_another_role(client, shop):
    client.force_login(a_user("bea", role="business_viewer", project=shop))

    response = client.get(reverse("portal:packages"))

    assert response.status_code == 403
    assert "Your roles do not open packages, logs and workers." in response.content.decode()


# -- the package itself -----------------------------------------------------------------------------------------------


def a_pushed_version() -> PackageVersion:
    pushed("ui", "1.0.0")
    return PackageVersion.objects.get(package__name="ui")


@pytest.fixture
def version(settings, tmp_path, manager, shop) -> PackageVersion:
    """A version with its bytes, which the reader may see."""
    settings.PACKAGES_DIR = tmp_path / "packages"
    return a_pushed_version()


DOWNLOAD = "/packages/ui/1.0.0/download/"


def test_the_page_of_a_version_leads_to_the_package_itself(client, version):
    page = opened(client, "version", "ui", "1.0.0")
    answer = client.get(DOWNLOAD)

    assert f'href="{DOWNLOAD}"' in page
    assert b"".join(answer.streaming_content) == version.bytes.path.read_bytes()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ui.zip"'
    assert answer.headers["ETag"] == f'"{version.bytes.sha256}"'


def test_a_part_of_a_package_is_handed_out_and_one_beyond_its_end_is_not(client, version):
    part = client.get(DOWNLOAD, headers={"Range": "bytes=0-1"})
    beyond = client.get(DOWNLOAD, headers={"Range": "bytes=999999-"})

    assert (part.status_code, b"".join(part.streaming_content)) == (206, b"PK")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{version.bytes.size}")


def test_head_says_how_large_a_package_is(client, version):
    assert client.head(DOWNLOAD).headers["Content-Length"] == str(version.bytes.size)


def test_a_package_whose_bytes_are_missing_is_explained_on_its_page(client, version):
    version.bytes.path.unlink()

    answer = client.get(DOWNLOAD)

    assert answer.status_code == 409
    assert "The stored bytes of ui 1.0.0 are missing. Push the same package again" in answer.content.decode()
    assert "<h1>ui" in answer.content.decode()


def test_a_package_that_was_removed_is_explained_on_its_page(client, version):
    PackageVersion.objects.update(removed_at=timezone.now(), removed_reason="older than a year")

    answer = client.get(DOWNLOAD)

    assert answer.status_code == 410
    assert "(“older than a year”). Push the same package again to bring them back." in answer.content.decode()
    assert f'href="{DOWNLOAD}"' not in answer.content.decode()


@pytest.mark.parametrize(
    ("problem", "heading"), [("missing", "Its stored bytes are missing"), ("damaged", "Its stored bytes were changed")]
)
def test_the_page_of_a_damaged_version_says_so_and_what_to_do(client, version, problem, heading):
    Artifact.objects.update(problem=problem, checked_at=timezone.now())

    page = opened(client, "version", "ui", "1.0.0")

    assert heading in page
    assert "Push the same package again, byte for byte" in page


def test_the_page_of_a_sound_version_speaks_of_no_problem(client, version):
    assert "stored bytes" not in opened(client, "version", "ui", "1.0.0")
