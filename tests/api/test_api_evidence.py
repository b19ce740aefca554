"""Build information and attachments through the machine door."""

import hashlib
import json
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Event
from projects.models import Project
from registry.models import Attachment, BuildInformation, Package
from tests.api.callers import an_account, as_, calling, files_in
from tests.factories import a_lone_project, a_stack, a_version
from tests.registry.documents import CYCLONEDX, STATEMENT, as_bytes, lines

pytestmark = pytest.mark.django_db

BUILD = "/api/v1/packages/ui/versions/1.4.0/build"
ATTACHMENTS = "/api/v1/packages/ui/versions/1.4.0/attachments"
BOM = as_bytes(CYCLONEDX)
DIGEST = hashlib.sha256(BOM).hexdigest()
FACTS = {
    "number": "57",
    "url": "https://ci.example.com/builds/57",
    "branch": "main",
    "commit": "7fd1a60b",
    "commits": [{"id": "7fd1a60b", "message": "Show the ward", "author": "ann"}],
    "work_items": [{"id": "PP-101", "title": "Wards are shown"}],
}


@pytest.fixture(autouse=True)
def shop(db) -> Project:
    return a_stack("Shop", {"UI": 1}, work_item_url="https://tracker.example.com/browse/{id}")


@pytest.fixture
def ci() -> Client:
    return as_("deployer")


def said(client: Client, facts: object = FACTS, address: str = BUILD):
    return client.put(address, json.dumps(facts), content_type="application/json")


def attached(client: Client, data: bytes = BOM, query: str = "?filename=bom.json", kind: str = "application/json"):
    return client.generic("POST", ATTACHMENTS + query, data, content_type=kind)


# -- builds -----------------------------------------------------------------------------------------------------------


def test_a_build_is_kept_and_answered_with_the_addresses_that_it_leads_to(ci):
    answer = said(ci)

    told = answer.json()
    assert answer.status_code == 201
    assert (told["package"], told["version"], told["number"], told["pushed_by"]) == (
        "ui",
        "1.4.0",
        "57",
        "deployer-account",
    )
    assert told["commits"] == [{"id": "7fd1a60b", "message": "Show the ward", "author": "ann", "url": ""}]
    assert told["work_items"] == [
        {"id": "PP-101", "title": "Wards are shown", "url": "https://tracker.example.com/browse/PP-101"}
    ]


def test_the_same_build_again_changes_nothing(ci):
    said(ci)

    answer = said(ci)

    assert (answer.status_code, BuildInformation.objects.count()) == (200, 1)


def test_a_build_is_shown_before_its_version_is_pushed(ci):
    said(ci)

    answer = ci.get("/api/v1/packages/ui/versions/v1.4/build")

    assert (answer.status_code, answer.json()["number"]) == (200, "57")


def test_of_an_unknown_build_is_said_that_it_is_unknown(ci):
    a_version("ui", "1.4.0")

    answer = ci.get(BUILD)

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert answer.json()["sentence"] == "Nothing is known about the build of ui 1.4.0."


@pytest.mark.parametrize(
    ("facts", "status", "code"),
    [
        ({}, 422, "build-refused"),
        ({"url": "ftp://ci.example.com"}, 422, "build-refused"),
        ({"commits": [{"message": "no id"}]}, 400, "shape"),
        ({"commits": [{"id": "a b"}]}, 422, "build-refused"),
        ({"nummer": "57"}, 400, "shape"),
        ({"number": "5\u00007"}, 400, "shape"),
        ([], 400, "shape"),
    ],
)
def test_what_is_no_build_is_refused(ci, facts, status, code):
    answer = said(ci, facts)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not BuildInformation.objects.exists()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/api/v1/packages/u%20i/versions/1/build", "name-refused"),
        ("/api/v1/packages/ui/versions/latest/build", "version-refused"),
    ],
)
def test_a_build_of_no_package_or_version_is_refused(ci, address, code):
    answer = said(ci, address=address)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_body_that_is_too_large_is_refused_with_a_sentence(ci):
    answer = said(ci, {"number": "5" * 3_000_000})

    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


def test_a_build_takes_the_right_to_push_in_every_project_that_holds_the_package(shop):
    a_lone_project("Website", package="ui")

    answer = said(calling(an_account("ci", "deployer", project=shop)))

    assert answer.status_code == 403
    assert not BuildInformation.objects.exists()


def test_a_build_of_a_package_that_no_project_holds_takes_the_right_for_every_project(shop):
    address = "/api/v1/packages/new/versions/1/build"

    refused = said(calling(an_account("ci", "deployer", project=shop)), address=address)
    accepted = said(calling(an_account("builder", "deployer")), address=address)

    assert (refused.status_code, accepted.status_code) == (403, 201)
    assert Package.objects.filter(name="new").exists()


def test_the_trail_says_who_said_it_from_where(ci):
    ci.put(BUILD, json.dumps(FACTS), content_type="application/json", REMOTE_ADDR="192.0.2.7")

    event = Event.objects.get(verb="build.recorded")
    assert (event.who, event.address) == ("deployer-account", "192.0.2.7")


# -- attachments ------------------------------------------------------------------------------------------------------


@pytest.fixture
def version(shop):
    return a_version("ui", "1.4.0")


def test_an_attachment_is_kept_and_answered(ci, version, store):
    answer = attached(ci)

    told = answer.json()
    row = Attachment.objects.get()
    assert answer.status_code == 201
    assert (told["id"], told["kind"], told["filename"]) == (row.pk, "cyclonedx", "bom.json")
    assert (told["sha256"], told["size"], told["attached_by"]) == (DIGEST, len(BOM), "deployer-account")
    assert told["download"] == f"http://testserver{ATTACHMENTS}/{row.pk}/download"
    assert files_in(store) == [DIGEST]


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/octet-stream",
        "application/vnd.cyclonedx+json",
        "text/plain",
        "application/x-www-form-urlencoded",
    ],
)
def test_an_attachment_is_known_by_its_content_whatever_it_is_called(ci, version, kind):
    assert attached(ci, kind=kind).status_code == 201


def test_a_form_is_received_as_well(ci, version, store):
    answer = ci.post(ATTACHMENTS, {"file": SimpleUploadedFile("ui.intoto.jsonl", lines(STATEMENT, STATEMENT))})

    assert (answer.status_code, answer.json()["kind"], answer.json()["filename"]) == (201, "in-toto", "ui.intoto.jsonl")


def test_the_same_attachment_again_changes_nothing(ci, version):
    attached(ci)

    answer = attached(ci)

    assert (answer.status_code, Attachment.objects.count()) == (200, 1)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"<bom/>", 422, "attachment-refused"),
        (b"{}", 422, "attachment-refused"),
        (b"[" * 100_000, 422, "attachment-refused"),
        (b"", 422, "upload-empty"),
    ],
)
def test_what_is_no_attachment_is_refused_and_nothing_is_left(ci, version, store, data, status, code):
    answer = attached(ci, data)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert files_in(store) == []


def test_what_is_announced_as_too_large_is_refused_before_it_is_read(ci, version, store):
    answer = ci.generic("POST", ATTACHMENTS, BOM, content_type="application/json", CONTENT_LENGTH=str(65 * 1024**2))

    assert (answer.status_code, answer.json()["code"]) == (413, "attachment-too-large")
    assert files_in(store) == []


def test_what_is_cut_off_is_refused(ci, version, store):
    broken = {"CONTENT_LENGTH": str(len(BOM) + 1), "wsgi.input": BytesIO(BOM)}

    answer = ci.generic("POST", ATTACHMENTS, content_type="application/json", **broken)

    assert (answer.status_code, answer.json()["code"]) == (400, "upload-truncated")
    assert answer.json()["sentence"] == "Not all of the attachment arrived. Send it again."
    assert files_in(store) == []


def test_a_version_that_is_not_there_has_no_attachments(ci):
    assert attached(ci).status_code == 404


def test_an_attachment_is_downloaded_as_it_was_sent(ci, version):
    address = attached(ci, query="?filename=b%22om.json").json()["download"]

    answer = ci.get(address)

    assert b"".join(answer.streaming_content) == BOM
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="b\\"om.json"'
    assert answer.headers["ETag"] == f'"{DIGEST}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_attachment_that_is_known_is_not_sent_again(ci, version):
    address = attached(ci).json()["download"]

    assert ci.get(address, headers={"If-None-Match": f'"{DIGEST}"'}).status_code == 304


def test_an_attachment_of_another_version_is_not_there(ci, version):
    a_version("ui", "1.5.0")
    pk = attached(ci).json()["id"]

    answer = ci.get(f"/api/v1/packages/ui/versions/1.5.0/attachments/{pk}/download")

    assert answer.status_code == 404
    assert answer.json()["sentence"] == f"ui 1.5.0 has no attachment {pk}."


def test_lost_bytes_are_said_to_be_lost(ci, version):
    address = attached(ci).json()["download"]
    Attachment.objects.get().artifact.path.unlink()

    answer = ci.get(address)

    assert (answer.status_code, answer.json()["code"]) == (409, "artifact-damaged")


def test_the_attachments_are_listed_in_the_order_in_which_they_came(ci, version):
    attached(ci)
    attached(ci, lines(STATEMENT), "?filename=second.intoto.jsonl")

    first = ci.get(ATTACHMENTS, {"limit": 1}).json()
    second = ci.get(first["next"]).json()

    assert [item["filename"] for item in first["items"]] == ["bom.json"]
    assert [item["filename"] for item in second["items"]] == ["second.intoto.jsonl"]


# -- the version ------------------------------------------------------------------------------------------------------


def test_a_version_tells_its_build_and_its_attachments(ci, version):
    said(ci)
    attached(ci)

    told = ci.get("/api/v1/packages/ui/versions/1.4.0").json()

    assert told["build"]["number"] == "57"
    assert [one["filename"] for one in told["attachments"]] == ["bom.json"]


def test_a_version_of_which_nothing_is_known_says_so(ci, version):
    told = ci.get("/api/v1/packages/ui/versions/1.4.0").json()

    assert (told["build"], told["attachments"]) == (None, [])


def test_addresses_follow_only_projects_that_the_caller_may_look_into(shop, version):
    website = a_lone_project("A website", package="ui", work_item_url="https://secret.example.com/{id}")
    said(as_("deployer"))

    told = calling(an_account("reader", "viewer", project=shop)).get(BUILD).json()

    assert website.work_item_url
    assert told["work_items"][0]["url"] == "https://tracker.example.com/browse/PP-101"
