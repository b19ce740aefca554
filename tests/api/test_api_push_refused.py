"""Everything that is wrong with a push: the sentence, and that nothing was stored."""

import base64
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from registry.models import Package, PackageVersion
from releases.models import TriggerEvaluation
from tests.api.callers import a_token, an_account, as_, files_in, pushed, with_token
from tests.factories import a_stack, a_trigger
from tests.registry.packages import SCRIPT, a_zip
from tests.registry.test_hostile_archives import HOSTILE, ONE_OF_EACH

pytestmark = pytest.mark.django_db

PACKAGE = a_zip({"release.sh": SCRIPT})
RAW = "application/octet-stream"


@pytest.fixture(autouse=True)
def stack(db):
    """A stack whose trigger would notice whatever came through."""
    stack = a_stack("Shop", {"UI": 1})
    a_trigger(stack)
    return stack


@pytest.fixture
def ci() -> Client:
    return as_("deployer")


def nothing_was_stored(store: Path) -> bool:
    rows = PackageVersion.objects.count() + TriggerEvaluation.objects.count()
    return rows == 0 and files_in(store) == [] and list(Package.objects.values_list("name", flat=True)) == ["ui"]


def cut_off(client: Client, data: bytes, content_type: str = RAW, announced: int = 10_000):
    """A push that announces more bytes than arrive."""
    return client.generic(
        "POST",
        "/api/v1/packages?name=ui&version=1.0.0",
        content_type=content_type,
        CONTENT_TYPE=content_type,
        CONTENT_LENGTH=str(announced),
        **{"wsgi.input": io.BytesIO(data)},
    )


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("", 400, "The file name (none) ends in none of"),
        ("name=ui", 400, "The file name (none) ends in none of"),
        ("version=1.0.0", 400, "The file name (none) ends in none of"),
        ("filename=ui.zip", 400, "does not say both a name and a version. State both"),
        ("filename=ui-1.4.17.zip", 400, "can be read as version 1.4.17 of ui or as"),
        ("filename=patient-ui-1.4.17.tar.gz", 400, "can be read as"),
        ("name=../ui&version=1.0.0", 400, "cannot be the name of a package"),
        ("name=u%00i&version=1.0.0", 400, "cannot be the name of a package"),
        ("name=" + "u" * 101 + "&version=1.0.0", 400, "longer than 100 characters"),
        ("name=ui&version=latest", 400, "“latest” is not a version. State 1 to 4 numbers"),
        ("name=ui&version=1.2.3.4.5", 400, "has 5 numbers. State at most 4"),
        ("name=ui&version=1.0.0-01", 400, "leading zero"),
        ("name=ui&version=" + "1" * 201, 400, "longer than 200 characters"),
    ],
)
def test_a_push_that_does_not_say_what_it_is_is_refused(ci, store, query, status, sentence):
    answer = pushed(ci, PACKAGE, query)

    assert answer.status_code == status
    assert sentence in answer.json()["sentence"]
    assert nothing_was_stored(store)


def test_other_bytes_under_the_same_version_are_refused(ci, store):
    first = pushed(ci, PACKAGE).json()["sha256"]

    answer = pushed(ci, a_zip({"release.sh": SCRIPT, "more": b"x"}))

    assert (answer.status_code, answer.json()["code"]) == (409, "version-taken")
    assert answer.json()["sentence"].endswith("Push the new content under a new version.")
    assert files_in(store) == [first]
    assert PackageVersion.objects.get().artifact.sha256 == first


def test_another_spelling_of_the_same_version_is_the_same_version(ci):
    pushed(ci, PACKAGE, "name=ui&version=1.0.0")

    answer = pushed(ci, a_zip({"release.sh": b"#!/bin/sh\n"}), "name=UI&version=v1.0")

    assert answer.status_code == 409


@pytest.mark.parametrize(("data", "sentence"), ONE_OF_EACH.values(), ids=ONE_OF_EACH.keys())
def test_a_hostile_archive_is_refused(ci, store, settings, data, sentence):
    settings.PACKAGE_MAX_UNPACKED_BYTES, settings.PACKAGE_MAX_MEMBERS = 3_000_000, 50
    settings.PACKAGE_MAX_RATIO = 50

    answer = pushed(ci, data)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["sentence"].endswith(".")
    assert nothing_was_stored(store)


def test_an_archive_that_would_write_outside_its_directory_is_named(ci):
    data, _ = HOSTILE["zip: parent directory"]

    answer = pushed(ci, data)

    assert answer.json()["code"] == "package-refused"
    assert answer.json()["sentence"] == (
        "The archive holds “../evil”, which would be written outside its directory. Build it without “..”."
    )


@pytest.mark.parametrize("announced", [len(PACKAGE) + 1, 10_000])
def test_a_body_that_is_cut_off_is_refused(ci, store, announced):
    answer = cut_off(ci, PACKAGE, announced=announced)

    assert (answer.status_code, answer.json()["code"]) == (400, "upload-truncated")
    assert answer.json()["sentence"] == f"Only {len(PACKAGE)} of {announced:,} bytes arrived. Push the package again."
    assert nothing_was_stored(store)


def test_a_connection_that_breaks_is_the_senders_matter(ci, store):
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise ConnectionResetError

    answer = ci.generic(
        "POST",
        "/api/v1/packages?name=ui&version=1.0.0",
        CONTENT_TYPE=RAW,
        CONTENT_LENGTH="100",
        **{"wsgi.input": Broken()},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "upload-truncated")
    assert nothing_was_stored(store)


def test_an_empty_file_is_refused(ci, store):
    answer = pushed(ci, b"")

    assert (answer.status_code, answer.json()["sentence"]) == (422, "The file is empty. Push the finished package.")
    assert nothing_was_stored(store)


def test_what_announces_too_much_is_refused_before_a_byte_is_read(ci, store, settings):
    settings.PACKAGE_MAX_BYTES = 1000

    answer = cut_off(ci, b"", announced=1001)

    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")
    assert "PACKAGE_MAX_BYTES" in answer.json()["sentence"]
    assert nothing_was_stored(store)


def test_what_grows_too_large_on_the_way_is_refused(ci, store, settings):
    settings.PACKAGE_MAX_BYTES = 1000

    answer = ci.post("/api/v1/packages?name=ui&version=1", {"file": SimpleUploadedFile("ui.zip", b"x" * 1001)})

    assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")
    assert nothing_was_stored(store)


def test_a_form_far_too_large_is_refused_before_a_byte_is_read(ci, store, settings):
    settings.PACKAGE_MAX_BYTES = 1000

    answer = cut_off(ci, b"", "multipart/form-data; boundary=b", announced=1_000_000)

    assert answer.status_code == 413
    assert nothing_was_stored(store)


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_another_content_type_is_refused(ci, store, content_type):
    answer = pushed(ci, PACKAGE, content_type=content_type)

    assert answer.status_code == 415
    assert answer.json()["sentence"].endswith(f"not as {content_type}.")
    assert nothing_was_stored(store)


OTHER_DIGEST = "0" * 64
IN_BASE64 = base64.b64encode(bytes(32)).decode()
DIFFERS = [
    ("Content-Digest", f"sha-256=:{IN_BASE64}:"),
    ("Repr-Digest", f"sha-256=:{IN_BASE64}:"),
    ("Digest", f"sha-256={IN_BASE64}"),
    ("X-Checksum-Sha256", OTHER_DIGEST),
]


@pytest.mark.parametrize(("header", "value"), DIFFERS)
def test_other_bytes_than_the_sender_says_are_refused_with_both_digests(ci, store, header, value):
    answer = ci.generic("POST", "/api/v1/packages?name=ui&version=1", PACKAGE, RAW, headers={header: value})

    assert (answer.status_code, answer.json()["code"]) == (422, "digest-differs")
    assert answer.json()["sentence"] == (
        f"The header {header} states the SHA-256 {OTHER_DIGEST}, and what arrived has"
        f" {hashlib.sha256(PACKAGE).hexdigest()}. Nothing of it was kept; push the package again."
    )
    assert nothing_was_stored(store)


@pytest.mark.parametrize(("header", "value"), DIFFERS)
def test_another_form_than_the_sender_says_is_refused(ci, store, header, value):
    body = form(FILE + PACKAGE)

    answer = ci.generic("POST", "/api/v1/packages", body, "multipart/form-data; boundary=b", headers={header: value})

    assert (answer.status_code, answer.json()["code"]) == (422, "digest-differs")
    assert nothing_was_stored(store)


def test_a_digest_that_cannot_be_read_is_refused_before_a_byte_is_read(ci, store):
    answer = ci.generic(
        "POST",
        "/api/v1/packages?name=ui&version=1.0.0",
        content_type=RAW,
        headers={"Repr-Digest": "sha-256=nonsense"},
        CONTENT_LENGTH="100",
        **{"wsgi.input": Unreadable()},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "digest-malformed")
    assert nothing_was_stored(store)


class Unreadable(io.BytesIO):
    """A body that must not be asked for."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("read")


def test_a_form_that_says_beforehand_whose_it_is_is_refused_before_its_file_is_stored(stack, store):
    fields = b'Content-Disposition: form-data; name="name"\r\n\r\nui'

    answer = pushed(as_("viewer"), form(fields, FILE), "", "multipart/form-data; boundary=b")

    assert answer.status_code == 403  # an empty file would be refused with 422
    assert nothing_was_stored(store)


def test_a_disk_without_room_is_told_in_a_sentence(ci, store, settings):
    settings.PACKAGES_SPARE_BYTES = 2**60

    answer = pushed(ci, PACKAGE)

    assert (answer.status_code, answer.json()["code"]) == (507, "storage-full")
    assert answer.json()["sentence"].startswith("There is no room for this package")
    assert nothing_was_stored(store)


def test_a_form_that_finds_no_room_is_refused_before_a_byte_is_read(ci, store, settings):
    settings.PACKAGES_SPARE_BYTES, settings.PACKAGE_MAX_BYTES = 0, 2**62

    answer = cut_off(ci, b"", "multipart/form-data; boundary=b", announced=2**61)

    assert (answer.status_code, answer.json()["code"]) == (507, "storage-full")
    assert nothing_was_stored(store)


# -- forms ------------------------------------------------------------------------------------------------------------


def form(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


FILE = b'Content-Disposition: form-data; name="file"; filename="ui.1.0.0.zip"\r\n\r\n'


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (form(FILE + PACKAGE, end=b""), 400, "or its end is missing"),
        (form(FILE + PACKAGE)[:-4], 400, "or its end is missing"),
        (form(), 400, "The form has no file"),
        (form(b'Content-Disposition: form-data; name="name"\r\n\r\nui'), 400, "The form has no file"),
        (form(FILE + PACKAGE, FILE + PACKAGE), 400, "more than one file"),
        (form(FILE + PACKAGE, FILE.replace(b'"file"', b'"other"') + b"x"), 400, "unknown field “other”"),
        (form(b'Content-Disposition: form-data; name="nmae"\r\n\r\nui', FILE + PACKAGE), 400, "unknown field “nmae”"),
        (
            form(FILE + PACKAGE, b'Content-Disposition: form-data; name="name"\r\n\r\n' + b"u" * 2000),
            400,
            "longer than",
        ),
        (
            form(FILE.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + b"eA=="),
            400,
            "cannot be read",
        ),
        (form(FILE), 422, "The file is empty"),
        (form(FILE + b"hello"), 422, "no package that Signalbox knows"),
        (b"no form at all", 400, "its end is missing"),
    ],
)
def test_a_form_that_is_not_in_order_is_refused(ci, store, body, status, sentence):
    answer = pushed(ci, body, "name=ui&version=1.0.0", "multipart/form-data; boundary=b")

    assert answer.status_code == status
    assert sentence in answer.json()["sentence"]
    assert nothing_was_stored(store)


def test_a_form_that_is_cut_off_is_refused_although_its_file_looks_complete(ci, store):
    answer = cut_off(ci, form(FILE + PACKAGE), "multipart/form-data; boundary=b", announced=10_000)

    assert (answer.status_code, answer.json()["code"]) == (400, "upload-truncated")
    assert nothing_was_stored(store)


def test_a_form_without_a_boundary_is_refused(ci, store):
    answer = pushed(ci, form(FILE + PACKAGE), content_type="multipart/form-data")

    assert answer.status_code == 400
    assert "boundary" in answer.json()["sentence"]
    assert nothing_was_stored(store)


def test_a_form_names_a_package_that_may_not_be_pushed(stack, store):
    answer = as_("viewer").post("/api/v1/packages", {"file": SimpleUploadedFile("ui.1.0.0.zip", PACKAGE)})

    assert answer.status_code == 403
    assert nothing_was_stored(store)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_push_the_same_version_at_once_one_publishes_it(store):
    secret = a_token(an_account("ci", "deployer"))
    packages = [a_zip({"release.sh": SCRIPT, "build": str(n).encode()}) for n in range(2)]

    with ThreadPoolExecutor() as pushers:
        answers = list(pushers.map(partial(_pushed_alone, secret), packages))

    assert sorted(answers) == [201, 409]
    assert PackageVersion.objects.get().artifact.sha256 in files_in(store / "sha256")
    assert files_in(store / "incoming") == []


def _pushed_alone(secret: str, data: bytes) -> int:
    """The status of a push in a thread of its own, with a database connection of its own."""
    try:
        return pushed(with_token(secret), data).status_code
    finally:
        connection.close()
