"""A package goes out: whole, in part, unchanged, from the proxy, from the bucket, or not at all."""

import base64
import hashlib
from datetime import UTC, datetime

import pytest
import requests
from django.test import Client

from registry.models import Artifact, PackageVersion
from tests.api.callers import as_, pushed
from tests.buckets import Bucket
from tests.factories import a_stack
from tests.registry.packages import SCRIPT, a_zip

pytestmark = pytest.mark.django_db

PACKAGE = a_zip({"release.sh": SCRIPT, "data": bytes(range(256)) * 3000}, compression=0)
SIZE = len(PACKAGE)
DIGEST = hashlib.sha256(PACKAGE).hexdigest()
ETAG = f'"{DIGEST}"'
ADDRESS = "/api/v1/packages/ui/versions/1.0.0/download"


@pytest.fixture
def reader(db) -> Client:
    """Somebody who may download what was just pushed."""
    a_stack("Shop", {"UI": 1})
    pushed(as_("deployer"), PACKAGE)
    return as_("viewer")


def content(answer) -> bytes:
    return b"".join(answer.streaming_content)


def test_the_whole_package_says_what_it_is(reader):
    answer = reader.get(ADDRESS)

    assert (answer.status_code, content(answer)) == (200, PACKAGE)
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(DIGEST)).decode()}:"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ui.1.0.0"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_file_name_with_letters_of_anywhere_is_kept(reader):
    pushed(as_("deployer"), PACKAGE, "name=ui&version=2&filename=Überweisung%20%22neu%22.zip")

    answer = reader.get("/api/v1/packages/ui/versions/2/download")

    assert answer.headers["Content-Disposition"] == "attachment; filename*=utf-8''%C3%9Cberweisung%20%22neu%22.zip"
    assert content(answer) == PACKAGE


def test_head_says_the_same_without_the_bytes(reader):
    whole, head = reader.get(ADDRESS), reader.head(ADDRESS, headers={"Range": "bytes=0-9"})

    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.items()) == dict(whole.items())
    assert content(whole) == PACKAGE


def test_a_signed_in_person_may_ask_by_head(reader, client):
    from tests.factories import a_user

    client.force_login(a_user("pat", role="viewer"))

    assert client.head(ADDRESS).status_code == 200


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=300000-599999", slice(300_000, 600_000)),
        (f"bytes={SIZE - 5}-", slice(SIZE - 5, None)),
        ("bytes=-5", slice(SIZE - 5, None)),
        ("bytes=0-", slice(0, None)),
    ],
)
def test_a_part_is_answered_as_such(reader, asked, part):
    answer = reader.get(ADDRESS, headers={"Range": asked})

    first, last, _ = part.indices(SIZE)
    assert (answer.status_code, content(answer)) == (206, PACKAGE[part])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last - 1}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first)
    assert answer.headers["ETag"] == ETAG
    assert base64.b64encode(bytes.fromhex(DIGEST)).decode() in answer.headers["Repr-Digest"]


@pytest.mark.parametrize("asked", ["bytes=0-9,20-29", "bytes=9-0", "items=0-9", "nonsense"])
def test_what_is_not_one_range_is_answered_with_everything(reader, asked):
    answer = reader.get(ADDRESS, headers={"Range": asked})

    assert (answer.status_code, content(answer)) == (200, PACKAGE)
    assert "Content-Range" not in answer.headers


def test_a_part_beyond_the_end_is_refused_with_the_size(reader):
    answer = reader.get(ADDRESS, headers={"Range": f"bytes={SIZE}-"})

    assert (answer.status_code, answer.json()["code"]) == (416, "range-not-satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert f"The package has {SIZE:,} bytes" in answer.json()["sentence"]


@pytest.mark.parametrize(
    ("if_range", "status"), [(ETAG, 206), (f"W/{ETAG}", 200), ('"other"', 200), ("Wed, 21 Oct 2026 07:28:00 GMT", 200)]
)
def test_a_download_goes_on_only_where_it_is_the_same_package(reader, if_range, status):
    answer = reader.get(ADDRESS, headers={"Range": "bytes=0-9", "If-Range": if_range})

    assert answer.status_code == status
    assert len(content(answer)) == {206: 10, 200: SIZE}[status]


def test_an_if_range_of_another_package_makes_no_range_unsatisfiable(reader):
    answer = reader.get(ADDRESS, headers={"Range": f"bytes={SIZE}-", "If-Range": '"other"'})

    assert (answer.status_code, content(answer)) == (200, PACKAGE)


@pytest.mark.parametrize(
    ("condition", "value", "status"),
    [
        ("If-None-Match", ETAG, 304),
        ("If-None-Match", f'"other", W/{ETAG}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 200),
        ("If-Match", ETAG, 200),
        ("If-Match", '"other"', 412),
    ],
)
def test_what_the_caller_has_already_is_not_sent(reader, condition, value, status):
    answer = reader.get(ADDRESS, headers={condition: value})
    answer.close()

    assert answer.status_code == status
    assert answer.headers["ETag"] == ETAG


def test_a_condition_counts_before_a_range(reader):
    answer = reader.get(ADDRESS, headers={"If-None-Match": ETAG, "Range": "bytes=0-9"})

    assert answer.status_code == 304


# -- nothing to be had ------------------------------------------------------------------------------------------------


def test_bytes_that_are_gone_are_missed_with_a_sentence(reader):
    Artifact.objects.get().path.unlink()

    answer = reader.get(ADDRESS)

    assert (answer.status_code, reader.head(ADDRESS).status_code) == (409, 409)
    assert answer.json()["code"] == "artifact-damaged"
    assert answer.json()["sentence"] == (
        "The stored bytes of ui 1.0.0 are missing. Push the same package again to restore them."
    )


def test_bytes_that_are_known_to_be_damaged_are_not_handed_out(reader):
    Artifact.objects.update(problem=Artifact.Problem.DAMAGED, checked_at=datetime.now(UTC))

    answer = reader.get(ADDRESS)

    assert (answer.status_code, answer.json()["code"]) == (409, "artifact-damaged")
    assert "of ui 1.0.0 are damaged. Push the same package again" in answer.json()["sentence"]


def test_bytes_that_were_removed_are_gone_with_a_reason(reader):
    PackageVersion.objects.update(removed_at=datetime(2026, 10, 1, tzinfo=UTC), removed_reason="older than a year")

    answer = reader.get(ADDRESS)

    assert (answer.status_code, answer.json()["code"]) == (410, "version-removed")
    assert answer.json()["sentence"] == (
        "The bytes of ui 1.0.0 were removed on 01 October 2026 (“older than a year”). Push the same package again to"
        " bring them back."
    )


# -- others send it ---------------------------------------------------------------------------------------------------


def test_the_proxy_in_front_is_told_which_file_to_send(reader, settings):
    settings.PACKAGES_ACCEL_PREFIX = "/stored/"

    answer = reader.get(ADDRESS, headers={"Range": "bytes=0-9"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["X-Accel-Redirect"] == f"/stored/sha256/{DIGEST[:2]}/{DIGEST[2:4]}/{DIGEST}"
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_the_proxy_in_front_is_not_sent_after_a_file_that_is_missing(reader, settings):
    settings.PACKAGES_ACCEL_PREFIX = "/stored/"
    Artifact.objects.get().path.unlink()

    assert reader.get(ADDRESS).status_code == 409


def test_a_package_in_a_bucket_is_streamed_through(bucket: Bucket, reader):
    whole, part = reader.get(ADDRESS), reader.get(ADDRESS, headers={"Range": "bytes=5-9"})

    assert (whole.status_code, content(whole)) == (200, PACKAGE)
    assert (part.status_code, content(part)) == (206, PACKAGE[5:10])


def test_the_answer_leads_into_the_bucket_where_that_is_wanted(bucket: Bucket, reader, settings):
    settings.PACKAGES_REDIRECT = True

    answer = reader.get(ADDRESS)
    part = requests.get(answer.headers["Location"], headers={"Range": "bytes=5-9"}, timeout=10)

    assert answer.status_code == 302
    assert "X-Amz-Expires=60&" in answer.headers["Location"]
    assert (part.status_code, part.content) == (206, PACKAGE[5:10])
    assert part.headers["Content-Disposition"] == 'attachment; filename="ui.1.0.0"'


def test_head_never_leads_into_the_bucket(bucket: Bucket, reader, settings):
    settings.PACKAGES_REDIRECT = True

    answer = reader.head(ADDRESS)

    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(SIZE))


def test_a_bucket_that_does_not_answer_is_told_in_a_sentence(bucket: Bucket, reader):
    bucket.lose(DIGEST)
    bucket.client.delete_bucket(Bucket=bucket.name)

    answer = reader.get(ADDRESS)

    assert (answer.status_code, answer.json()["code"]) == (503, "storage-away")
    assert answer.json()["sentence"].startswith("The package storage refuses (NoSuchBucket).")
