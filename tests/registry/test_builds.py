"""Which build made a version: said before or after it is published, kept for good, and the last word counts."""

import dataclasses

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Event
from registry import evidence
from registry.builds import Build, BuildRefused, Commit, WorkItem
from registry.filenames import NameRefused
from registry.models import BuildInformation, Package
from registry.versions import VersionRefused
from tests.factories import a_version

pytestmark = pytest.mark.django_db

BUILD = Build(
    number="57",
    url="https://ci.example.com/builds/57",
    server="Example CI",
    branch="main",
    commit="7fd1a60b01f91b314f59955a4e4d4e80d8edf11d",
    repository="https://git.example.com/shop/ui",
    commits=(Commit("7fd1a60b", "Show the ward", "ann"), Commit("533ca7d", "Sort by ward", "bob")),
    work_items=(WorkItem("PP-101", "Wards are shown", "https://tracker.example.com/PP-101"), WorkItem("#12")),
)


def recorded(by, facts: Build = BUILD, version: str = "1.4.0", name: str = "ui") -> tuple[BuildInformation, bool]:
    return evidence.record_build(name, version, facts, by)


def test_everything_that_is_stated_is_kept(pusher):
    row, new = recorded(pusher)

    row.refresh_from_db()
    assert new
    assert (row.package.name, row.version, row.pushed_by) == ("ui", "1.4.0", pusher)
    assert (row.number, row.url, row.server) == ("57", "https://ci.example.com/builds/57", "Example CI")
    assert (row.branch, row.commit, row.repository) == ("main", BUILD.commit, "https://git.example.com/shop/ui")
    assert row.commits == [
        {"id": "7fd1a60b", "message": "Show the ward", "author": "ann"},
        {"id": "533ca7d", "message": "Sort by ward", "author": "bob"},
    ]
    assert row.work_items == [
        {"id": "PP-101", "title": "Wards are shown", "url": "https://tracker.example.com/PP-101"},
        {"id": "#12", "title": "", "url": ""},
    ]


def test_a_build_may_come_before_its_version(pusher):
    recorded(pusher, version="v1.4")

    version = a_version("ui", "1.4.0")

    assert evidence.build_of(version) == BuildInformation.objects.get()
    assert Package.objects.get().name == "ui"


def test_a_build_may_come_after_its_version_whatever_the_spelling(pusher):
    version = a_version("ui", "1.4.0")

    recorded(pusher, version="1.4.0.0+7", name="UI")

    assert evidence.build_of(version) == BuildInformation.objects.get()
    assert Package.objects.count() == 1


def test_the_same_again_changes_nothing(pusher):
    first, _ = recorded(pusher)

    again, new = recorded(pusher, dataclasses.replace(BUILD, number=" 57 "))

    assert (again, new) == (first, False)
    assert BuildInformation.objects.count() == Event.objects.count() == 1


def test_other_content_counts_from_then_on_and_the_first_stays(pusher):
    version = a_version("ui", "1.4.0")
    first, _ = recorded(pusher)

    second, new = recorded(pusher, dataclasses.replace(BUILD, number="58"))

    assert new
    assert evidence.build_of(version) == second
    assert list(BuildInformation.objects.order_by("pk")) == [first, second]


def test_the_first_content_again_counts_again(pusher):
    version = a_version("ui", "1.4.0")
    recorded(pusher)
    recorded(pusher, dataclasses.replace(BUILD, number="58"))

    third, new = recorded(pusher)

    assert new
    assert evidence.build_of(version) == third


def test_it_leaves_one_line_in_the_trail(pusher):
    row, _ = recorded(pusher)

    event = Event.objects.get()
    assert (event.actor, event.verb, event.subject_id) == (pusher, "build.recorded", str(row.pk))
    assert event.sentence == "ci-pipeline said that build 57 made ui 1.4.0."
    assert event.data["version"] == "1.4.0"


def test_a_build_without_a_number_is_told_as_well(pusher):
    recorded(pusher, Build(commit="cafe12"))

    assert Event.objects.get().sentence == "ci-pipeline said that a build made ui 1.4.0."


def test_the_builds_of_many_versions_take_one_query(pusher, django_assert_num_queries):
    first, second, third = a_version("ui", "1.0.0"), a_version("ui", "1.1.0"), a_version("api", "1.1.0")
    recorded(pusher, version="1.0.0")
    newest, _ = recorded(pusher, Build(number="2"), version="1.0.0")
    other, _ = recorded(pusher, version="1.1.0", name="api")
    recorded(pusher, version="9.9.9")

    with django_assert_num_queries(1):
        found = evidence.builds_of([first, second, third])

    assert found == {first.pk: newest, third.pk: other}


def test_the_same_commit_and_work_item_are_kept_once(pusher):
    twice = Build(
        commits=(Commit("a1", "First"), Commit("a1", "Second")), work_items=(WorkItem("S-1"), WorkItem("S-1"))
    )

    row, _ = recorded(pusher, twice)

    assert [commit["message"] for commit in row.commits] == ["First"]
    assert len(row.work_items) == 1


@pytest.mark.parametrize("change", [{"number": "58"}, {"version": "2.0.0"}])
def test_what_was_said_is_never_changed(pusher, change):
    row, _ = recorded(pusher)

    with pytest.raises(IntegrityError, match="part of the record"), transaction.atomic():
        BuildInformation.objects.filter(pk=row.pk).update(**change)


def test_what_was_said_is_never_removed(pusher):
    row, _ = recorded(pusher)

    with pytest.raises(IntegrityError, match="part of the record"), transaction.atomic():
        row.delete()


REFUSED = {
    "nothing": (Build(server=" "), "The build says nothing. State at least its number or its commit."),
    "a long number": (Build(number="1" * 101), "The number of the build is longer than 100 characters."),
    "a long branch": (Build(branch="b" * 256), "The branch of the build is longer than 255 characters."),
    "a script": (Build(url="javascript:alert(1)"), "The address of the build is no address of the web."),
    "a host without a scheme": (Build(url="ci.example.com/57"), "State one that begins with https:// or http://"),
    "no host": (Build(url="https:///57"), "The address of the build is no address of the web."),
    "a broken host": (Build(url="https://[::1/57"), "The address of the build is no address of the web."),
    "blanks in an address": (Build(url="https://ci.example.com/a b"), "is no address of the web"),
    "credentials": (Build(repository="https://ci:s3cret@git.example.com/ui"), "and holds no name or password."),
    "a long address": (Build(url="https://ci.example.com/" + "1" * 1000), "is longer than 1,000 characters"),
    "an SSH address": (Build(repository="git@git.example.com:ui.git"), "The address of the repository is no address"),
    "an odd commit": (Build(commit="<b>"), "“<b>” cannot be the id of a commit: that has 1 to 100 letters and digits"),
    "a commit without id": (Build(commits=(Commit(""),)), "“” cannot be the id of a commit"),
    "a long commit": (Build(commit="a" * 101), "“" + "a" * 60 + "…” cannot be the id of a commit"),
    "only dots": (Build(commit=".."), "“..” cannot be the id of a commit"),
    "a long message": (
        Build(commits=(Commit("a1", "m" * 2001),)),
        "The message of commit a1 is longer than 2,000 characters. Send its first line.",
    ),
    "a long author": (Build(commits=(Commit("a1", "m", "n" * 201),)), "The author of commit a1 is longer than 200"),
    "an odd work item": (Build(work_items=(WorkItem("S 1"),)), "“S 1” cannot be the id of a work item"),
    "a long title": (Build(work_items=(WorkItem("S-1", "t" * 501),)), "The title of work item S-1 is longer than 500"),
    "a work item's script": (
        Build(work_items=(WorkItem("S-1", "", "data:text/html,x"),)),
        "The address of work item S-1 is no address of the web.",
    ),
    "too many commits": (
        Build(commits=tuple(Commit(str(number)) for number in range(201))),
        "The build has 201 commits; 200 are kept at most. Send the newest 200.",
    ),
    "too many work items": (
        Build(work_items=tuple(WorkItem(str(number)) for number in range(201))),
        "The build has 201 work items; 200 are kept at most.",
    ),
}


@pytest.mark.parametrize(("facts", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_a_build_is_refused_with_a_sentence(pusher, facts, sentence):
    with pytest.raises(BuildRefused) as refusal:
        recorded(pusher, facts)

    assert sentence in refusal.value.sentence
    assert not Package.objects.exists()


def test_as_much_as_is_allowed_is_kept(pusher):
    full = Build(
        commits=tuple(Commit(f"{number:040}", "m" * 2000, "a" * 200) for number in range(200)),
        work_items=tuple(WorkItem(f"{number:0100}", "t" * 500, "https://t.example.com/") for number in range(200)),
    )

    row, _ = recorded(pusher, full)

    assert (len(row.commits), len(row.work_items)) == (200, 200)


@pytest.mark.parametrize(
    ("name", "version", "refusal"), [("../ui", "1", NameRefused), ("ui", "latest", VersionRefused)]
)
def test_what_is_no_package_or_version_is_refused(pusher, name, version, refusal):
    with pytest.raises(refusal):
        recorded(pusher, version=version, name=name)
