"""What the pages say about builds, what is attached, and what comes with a release."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from projects.models import Project
from registry import evidence
from registry.builds import Build, Commit, WorkItem
from registry.models import Attachment, PackageVersion
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import went_live
from tests.deployments.scenes import a_manager
from tests.factories import a_lone_project, a_release, a_service_account, a_stack, a_user, a_version
from tests.portal.pages import opened, said
from tests.registry.documents import CYCLONEDX, as_bytes, received

pytestmark = pytest.mark.django_db

BOM = as_bytes(CYCLONEDX)
COMMIT = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"
FACTS = Build(
    number="57",
    url="https://ci.example.com/builds/57",
    server="Example CI",
    branch="main",
    commit=COMMIT,
    repository="https://git.example.com/shop/ui",
    commits=(Commit(COMMIT, "Show the ward\n\nFor everybody.", "ann"),),
    work_items=(WorkItem("PP-101", "Wards are <shown>"),),
)


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path / "packages"


@pytest.fixture
def shop() -> Project:
    return a_stack(
        "Shop",
        components={"API": 1, "UI": 2},
        commit_url="https://git.example.com/shop/commit/{commit}",
        work_item_url="https://jira.example.com/browse/{id}",
    )


@pytest.fixture
def manager(client: Client, shop: Project) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def version(shop: Project) -> PackageVersion:
    return a_version("ui", "1.4.0")


def built(package: str = "ui", version: str = "1.4.0", facts: Build = FACTS) -> None:
    evidence.record_build(package, version, facts, a_service_account())


def attached(version: PackageVersion) -> Attachment:
    return evidence.attach(version, received(BOM), "bom.cdx.json", a_service_account())[0]


def page_of(client: Client, name: str, *args: str) -> str:
    return opened(client, name, *args).content.decode()


# -- a version's build ------------------------------------------------------------------------------------------------


def test_a_version_tells_which_build_made_it(client, manager, version):
    built()

    words = said(opened(client, "version", "ui", "1.4.0"))

    assert "Build 57 on Example CI Branch main" in words
    assert f"Commit {COMMIT} Repository https://git.example.com/shop/ui Said by ci, just now" in words
    assert "Work items PP-101 Wards are <shown> 1 commit 7fd1a60b01f9 Show the ward ann" in words
    assert "For everybody." not in words


def test_a_build_leads_to_where_it_can_be_looked_at(client, manager, version):
    built()

    page = page_of(client, "version", "ui", "1.4.0")

    assert '<a href="https://ci.example.com/builds/57" rel="noreferrer">57</a>' in page
    assert f'<a href="https://git.example.com/shop/commit/{COMMIT}" rel="noreferrer">{COMMIT}</a>' in page
    assert '<a href="https://jira.example.com/browse/PP-101" rel="noreferrer">PP-101</a>' in page


def test_without_patterns_nothing_is_linked(client, manager):
    a_lone_project("Site", package="site")
    a_version("site", "1.0.0")
    built("site", "1.0.0")

    page = page_of(client, "version", "site", "1.0.0")

    assert f'<dd class="hash">{COMMIT}</dd>' in page
    assert "<b>PP-101</b> Wards are &lt;shown&gt;" in page


def test_the_pattern_of_a_project_out_of_sight_is_not_told(client, shop, version):
    Project.objects.filter(parent=shop).update(commit_url="https://ui.example.com/{commit}")
    a_lone_project("A secret", package="ui", commit_url="https://secret.example.com/{commit}")
    built()
    client.force_login(a_user("vera", role="viewer", project=shop))

    page = page_of(client, "version", "ui", "1.4.0")

    assert "https://ui.example.com/" in page
    assert "secret" not in page


def test_a_build_that_says_little_is_shown_as_it_is(client, manager, version):
    built(facts=Build(url="https://ci.example.com/builds/9"))

    words = said(opened(client, "version", "ui", "1.4.0"))

    assert "The build that made it Build Open it Said by ci, just now Attachments" in words


def test_a_version_without_a_build_says_so(client, manager, version):
    words = said(opened(client, "version", "ui", "1.4.0"))

    assert "CI has not said which build made it." in words
    assert "CI has attached no bill of materials and no provenance statement." in words


def test_many_work_items_are_folded(client, manager, version):
    built(facts=Build(work_items=tuple(WorkItem(f"S-{number}") for number in range(12))))

    words = said(opened(client, "version", "ui", "1.4.0"))

    assert "S-9 The other 2 work items S-10 S-11" in words


# -- attachments ------------------------------------------------------------------------------------------------------


def test_a_version_lists_what_is_attached(client, manager, version):
    row = attached(version)

    response = opened(client, "version", "ui", "1.4.0")

    assert f"bom.cdx.json CycloneDX bill of materials {len(BOM)} bytes just now by ci" in said(response)
    assert reverse("portal:attachment", args=["ui", "1.4.0", row.pk]) in response.content.decode()


def test_an_attachment_is_downloaded_as_a_file(client, manager, version):
    row = attached(version)

    answer = opened(client, "attachment", "ui", "1.4.0", row.pk)

    assert b"".join(answer.streaming_content) == BOM
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bom.cdx.json"'
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_attachment_of_another_version_is_not_there(client, manager, version):
    a_version("ui", "1.5.0")
    row = attached(version)

    assert opened(client, "attachment", "ui", "1.5.0", row.pk).status_code == 404


def test_lost_bytes_lead_back_with_a_sentence(client, manager, version):
    row = attached(version)
    row.artifact.path.unlink()

    answer = client.get(reverse("portal:attachment", args=["ui", "1.4.0", row.pk]), follow=True)

    assert answer.redirect_chain == [(reverse("portal:version", args=["ui", "1.4.0"]), 302)]
    assert "bom.cdx.json of ui 1.4.0 are missing. Attach the same file again" in answer.content.decode()


# -- what comes with a release ----------------------------------------------------------------------------------------


def test_a_release_tells_what_comes_with_it_where_it_goes_next(client, manager, shop):
    built("ui", "1.3.0", Build(work_items=(WorkItem("S-1", "There already"),)))
    went_live(a_release(shop, "1.0.0", ui="1.3.0"))
    a_version("ui", "1.3.5")
    built("ui", "1.3.5", Build(work_items=(WorkItem("S-2", "In between"),)))
    built()
    a_release(shop, "1.1.0", ui="1.4.0")

    words = said(opened(client, "release", "shop", "1.1.0"))

    assert "New in TEST Since 1.0.0, live there now PP-101 Wards are <shown> S-2 In between 1 commit" in words
    assert "There already" not in words


def test_the_first_release_brings_everything(client, manager, shop):
    built()
    a_release(shop, "1.0.0", ui="1.4.0")

    words = said(opened(client, "release", "shop", "1.0.0"))

    assert "New in TEST Nothing is live there yet PP-101 Wards are <shown>" in words


def test_a_release_of_a_component_tells_its_own(client, manager, shop):
    built()
    a_release(shop, "1.0.0", ui="1.4.0")

    assert "PP-101 Wards are <shown>" in said(opened(client, "release", "ui", "1.4.0"))


def test_commits_without_work_items_are_told(client, manager, shop):
    built(facts=Build(commit=COMMIT))
    a_release(shop, "1.0.0", ui="1.4.0")

    assert "The builds name no work items. 1 commit 7fd1a60b01f9" in said(opened(client, "release", "shop", "1.0.0"))


def test_a_release_of_which_no_build_is_known_says_nothing_about_it(client, manager, shop):
    a_release(shop, "1.0.0", ui="1.4.0")

    assert "New in" not in said(opened(client, "release", "shop", "1.0.0"))


def test_a_way_back_brings_nothing(client, manager, shop):
    built()
    first = a_release(shop, "1.0.0", ui="1.3.0")
    second = a_release(shop, "1.1.0", ui="1.4.0")
    went_live(first)
    went_live(first, "PROD")
    went_live(second)
    went_live(second, "PROD")

    assert "New in" not in said(opened(client, "release", "shop", "1.0.0"))


def test_business_reads_work_items_and_no_commits(client, shop):
    built()
    a_release(shop, "1.0.0", ui="1.4.0")
    client.force_login(a_user("bea", role="business_viewer", project=shop))

    words = said(opened(client, "release", "shop", "1.0.0"))

    assert "PP-101 Wards are <shown>" in words
    assert "1 commit" not in words


# -- the trail --------------------------------------------------------------------------------------------------------


def test_the_activity_tells_builds_and_attachments_to_whoever_sees_packages(client, shop, version):
    built()
    attached(version)
    client.force_login(a_user("vera", role="viewer", project=shop))

    words = said(opened(client, "activity"))

    assert "ci said that build 57 made ui 1.4.0." in words
    assert "ci attached bom.cdx.json (CycloneDX bill of materials) to ui 1.4.0." in words


@pytest.mark.parametrize("role", ["business_viewer", "viewer"])
def test_the_activity_tells_nobody_else(client, shop, version, role):
    built()
    client.force_login(a_user("pat", role=role, project=shop if role == "business_viewer" else a_stack("Bank")))

    assert "build 57" not in said(opened(client, "activity"))
