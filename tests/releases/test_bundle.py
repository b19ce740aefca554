"""What a bundle of a release holds, and when there is none."""

import hashlib
import json
import tracemalloc
from itertools import islice

import pytest

from projects.models import Variable
from registry.actions import withdraw
from registry.models import Feed, Package, PackageVersion
from registry.receiving import BLOCK
from registry.storage import ArtifactDamaged
from releases import bundle
from releases.actions import ReleaseRefused
from releases.bundle import tar
from releases.bundle.tar import Member, WrongSize
from tests.factories import a_lone_project, a_release, a_stack, a_user, an_environment
from tests.registry.packages import SCRIPT, a_zip
from tests.releases.bundles import a_portal, a_portal_release, content_of, files_in, released, stored

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path / "packages"


def a_variable(name: str, value: str, *, project=None, environment: str = "", sensitive: bool = False) -> None:
    variable = Variable(name=name, project=project, environment=an_environment(environment) if environment else None)
    variable.set_value(value, sensitive=sensitive)
    variable.save()


def one_elsewhere() -> Package:
    """A package in an outside store, with a version that was seen there."""
    outside = Feed.objects.create(slug="exchange", name="Exchange", kind="maven", url="https://exchange.example")
    package = outside.packages.create(name="com.example:patient-api")
    about = {"format": "reference", "members": 0, "unpacked_bytes": 0, "published_by": a_user("ci")}
    package.versions.create(version="1.4.114", sort_key="1", original="1.4.114", digest="sha1:abc", **about)
    return package


def variables_of(release) -> str:
    """The example without the explanation at its top."""
    return files_in(release)["variables.example"].decode().partition("\n\n")[2]


# -- what it holds ----------------------------------------------------------------------------------------------------


def test_it_holds_the_packages_and_everything_to_run_them():
    assert list(files_in(a_portal_release())) == [
        "run.sh",
        "README.md",
        "manifest.json",
        "order",
        "variables.example",
        "SHA256SUMS",
        "packages/desired-state.1.0.0.tar.gz",
        "packages/patient-ui.2.1.0.zip",
        "packages/notice.1.0.0.sh",
    ]


def test_its_packages_are_exactly_those_that_were_published():
    files = files_in(a_portal_release())

    digests = {hashlib.sha256(data).hexdigest() for path, data in files.items() if path.startswith("packages/")}

    assert digests == set(PackageVersion.objects.values_list("artifact__sha256", flat=True))


def test_its_files_lie_in_a_directory_of_its_name():
    prepared = bundle.prepare(a_portal_release())

    assert (prepared.name, prepared.filename) == ("patient-portal-1.0.1", "patient-portal-1.0.1.tar")
    assert all(member.path.startswith("patient-portal-1.0.1/") for member in prepared.members)


def test_its_manifest_says_what_is_run_in_which_order():
    manifest = json.loads(files_in(a_portal_release())["manifest.json"])

    assert (manifest["project"], manifest["number"]) == ("patient-portal", "1.0.1")
    assert [
        (item["stage"], item["component"], item["package"], item["version"], item["file"], item["entry_point"])
        for item in manifest["components"]
    ] == [
        (1, "desired-state", "desired-state", "1.0.0", "packages/desired-state.1.0.0.tar.gz", "release.sh"),
        (2, "patient-ui", "patient-ui", "2.1.0", "packages/patient-ui.2.1.0.zip", "ui/release.sh"),
        (2, "notice", "notice", "1.0.0", "packages/notice.1.0.0.sh", "release.sh"),
    ]


def test_its_manifest_says_for_which_environments_a_package_was_made():
    website = a_lone_project("Website")
    stored("website", a_zip({"release.sh": SCRIPT, "propertiesForLocalTasks/DEV": b"x=1"}))

    (item,) = json.loads(files_in(released(website))["manifest.json"])["components"]

    assert item["environments"] == PackageVersion.objects.get().targets
    assert item["sha256"] == PackageVersion.objects.get().artifact.sha256


def test_its_checksums_are_those_of_every_other_file():
    files = files_in(a_portal_release())

    sums = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").decode().splitlines())

    assert sums == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}


def test_its_readme_lists_the_packages():
    readme = files_in(a_portal_release())["README.md"].decode()

    assert readme.startswith("# Patient Portal 1.0.1\n")
    assert "| 2 | Patient UI | patient-ui | 2.1.0 |" in readme


def test_the_same_release_gives_the_same_bytes_again():
    release = a_portal_release()

    assert content_of(release) == content_of(release)


def test_it_is_as_long_as_it_says():
    release = a_portal_release()

    assert len(content_of(release)) == bundle.prepare(release).size


def test_a_project_on_its_own_is_bundled_like_a_stack():
    website = a_lone_project("Website")
    stored("website", a_zip({"release.sh": SCRIPT}))

    assert "packages/website.1.0.0.zip" in files_in(released(website))


def test_a_package_that_no_step_runs_comes_along():
    website = a_lone_project("Website")
    website.project_packages.create(package=stored("texts", a_zip({"texts": b"Hello"})).package, position=2)
    stored("website", a_zip({"release.sh": SCRIPT}))

    run, held = bundle.items_of(released(website))

    assert (run.step, held.step) == ("Run the release package", "")
    assert held.file == "packages/texts.1.0.0.zip"


def test_what_the_process_names_goes_before_what_the_package_says():
    website = a_lone_project("Website")
    stored("website", a_zip({"release.sh": SCRIPT, "deploy/go.sh": SCRIPT}))
    website.process.steps.update(settings={"entry_point": "deploy/go.sh"})

    (item,) = bundle.items_of(released(website))

    assert item.entry_point == "deploy/go.sh"


def test_every_step_has_a_line_of_its_own():
    website = a_lone_project("Website")
    stored("website", a_zip({"release.sh": SCRIPT, "smoke.sh": SCRIPT}))
    website.process.steps.create(
        position=2, name="Smoke test", settings={"package": "WEBSITE", "entry_point": "smoke.sh"}
    )

    assert [(item.step, item.entry_point) for item in bundle.items_of(released(website))] == [
        ("Run the release package", "release.sh"),
        ("Smoke test", "smoke.sh"),
    ]


# -- variables --------------------------------------------------------------------------------------------------------


def test_variables_come_with_the_values_that_hold_everywhere():
    portal = a_portal()
    a_variable("TZ", "UTC")
    a_variable("URL", "https://cloudhub.example", project=portal.components.get(slug="desired-state"))
    a_variable("SITE_ROOT", "/srv/sites", project=portal)

    assert variables_of(released(portal)) == (
        "SITE_ROOT=/srv/sites\nTZ=UTC\n\n[desired-state]\nURL=https://cloudhub.example\n"
    )


def test_a_value_that_holds_in_one_environment_only_is_left_empty():
    portal = a_portal()
    a_variable("BRANCH", "main", project=portal, environment="PROD")
    a_variable("BRANCH", "test", project=portal, environment="TEST")

    assert variables_of(released(portal)) == "# BRANCH has a value of its own in prod, test\nBRANCH=\n"


def test_what_holds_everywhere_else_is_given():
    portal = a_portal()
    a_variable("BRANCH", "main", project=portal, environment="PROD")
    a_variable("BRANCH", "test")

    assert variables_of(released(portal)).endswith("\nBRANCH=test\n")


def test_of_several_values_that_of_the_component_itself_is_given():
    portal = a_portal()
    a_variable("URL", "shared"), a_variable("URL", "of the stack", project=portal)
    a_variable("URL", "its own", project=portal.components.get(slug="notice"))

    text = variables_of(released(portal))

    assert "[desired-state]\nURL=of the stack\n" in text
    assert "[notice]\nURL=its own\n" in text


def test_a_sensitive_value_is_in_no_file_of_a_bundle():
    portal = a_portal()
    a_variable("TOKEN", "s3cret-token", project=portal, sensitive=True)
    release = released(portal)

    text = variables_of(release)

    assert text == "# TOKEN is secret\nTOKEN=\n"
    assert b"s3cret-token" not in content_of(release)
    assert b"gAAAA" not in content_of(release)


def test_a_value_of_several_lines_is_left_to_a_file():
    portal = a_portal()
    a_variable("KEY", "first\nINJECTED=second", project=portal)

    assert variables_of(released(portal)) == (
        "# KEY has several lines: name a file that holds them after NAME<\nKEY=\n"
    )


def test_whoever_runs_it_is_told_which_variables_are_empty_and_why():
    portal = a_portal()
    a_variable("TOKEN", "s3cret", project=portal, sensitive=True)
    a_variable("BRANCH", "main", project=portal.components.get(slug="patient-ui"), environment="PROD")
    a_variable("TZ", "UTC")

    assert [(blank.name, blank.components, blank.why) for blank in bundle.blanks(released(portal))] == [
        ("BRANCH", ["patient-ui"], "It has a value of its own in prod."),
        ("TOKEN", ["desired-state", "patient-ui", "notice"], "It is secret."),
    ]


# -- when there is none -----------------------------------------------------------------------------------------------


def test_a_release_with_a_withdrawn_version_is_refused():
    release = a_portal_release()
    withdraw(PackageVersion.objects.get(package__name="notice"), by=a_user("rita"), reason="It leaks.")

    with pytest.raises(ReleaseRefused) as refusal:
        bundle.prepare(release)

    assert (refusal.value.code, refusal.value.sentence) == (
        "withdrawn",
        "notice 1.0.0 was withdrawn and is never run again: It leaks.",
    )


def test_a_release_with_a_removed_version_is_refused():
    release = a_portal_release()
    notice = PackageVersion.objects.filter(package__name="notice")
    notice.update(removed_at=release.created_at, removed_reason="a mistake")

    with pytest.raises(ReleaseRefused, match="Push the same package again to bring it back") as refusal:
        bundle.prepare(release)

    assert refusal.value.code == "removed"


def test_a_step_that_runs_what_the_release_does_not_hold_is_refused():
    website = a_lone_project("Website")
    stored("website", a_zip({"release.sh": SCRIPT}))
    website.process.steps.update(settings={"package": "elsewhere"})

    with pytest.raises(
        ReleaseRefused, match="holds no package elsewhere, which its step “Run the release package” runs"
    ):
        bundle.prepare(released(website))


def test_a_version_in_another_store_is_listed_and_not_contained():
    portal = a_portal()
    component = portal.components.get(slug="notice")
    package = one_elsewhere()
    component.project_packages.create(package=package, position=2)
    release = released(portal)

    files = files_in(release)

    item = json.loads(files["manifest.json"])["components"][-1]
    assert (item["package"], item["contained"], item["file"], item["digest"], item["feed"]) == (
        "com.example:patient-api",
        False,
        None,
        "sha1:abc",
        "exchange",
    )
    assert "lies in another store: com.example:patient-api 1.4.114." in files["README.md"].decode()


def test_without_a_name_a_step_runs_the_first_package_that_lies_here():
    website = a_lone_project("Website")
    package = one_elsewhere()
    website.project_packages.update(position=2)
    website.project_packages.create(package=package, position=1)
    stored("website", a_zip({"release.sh": SCRIPT}))

    run, elsewhere = bundle.items_of(released(website))

    assert (run.version.package.name, run.entry_point) == ("website", "release.sh")
    assert (elsewhere.version.package, elsewhere.step, elsewhere.file) == (package, "", "")


def test_bytes_that_are_missing_are_said_before_anything_is_sent():
    release = a_release(a_stack("Shop", components={"UI": 1}))

    with pytest.raises(ArtifactDamaged, match=r"is missing\. Push the same package again"):
        bundle.prepare(release)


def test_bytes_that_were_changed_break_the_download_off():
    release = a_portal_release()
    path = PackageVersion.objects.get(package__name="patient-ui").artifact.path
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    prepared, given = bundle.prepare(release), []

    with pytest.raises(ArtifactDamaged, match="was changed in the storage"):
        given.extend(prepared.stream())

    assert sum(map(len, given)) < prepared.size
    assert b"notice.1.0.0.sh" not in b"".join(given).partition(b"<p>")[2]


# -- the tar itself ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"more than ten bytes", b"fewer"])
def test_a_member_of_another_size_than_announced_breaks_the_archive_off(content):
    members = [Member("a", 10, lambda: [content])]

    with pytest.raises(WrongSize):
        list(tar.stream(members, 0))


def test_a_large_package_passes_through_in_small_pieces():
    website = a_lone_project("Website")
    stored("website", a_zip({"release.sh": SCRIPT, "large": bytes(range(256)) * 40_000}, compression=0))
    prepared = bundle.prepare(released(website))
    tracemalloc.start()

    longest = max(len(chunk) for chunk in prepared.stream())

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert longest == BLOCK
    assert peak < 10 * BLOCK


def test_nothing_of_a_package_is_read_before_it_is_its_turn():
    prepared = bundle.prepare(a_portal_release())
    stream = prepared.stream()
    first = list(islice(stream, 3))
    PackageVersion.objects.get(package__name="notice").artifact.path.unlink()

    with pytest.raises(ArtifactDamaged):
        list(stream)

    assert first[1].startswith(b"#!/usr/bin/env bash")
