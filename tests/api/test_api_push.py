"""A package comes in: what is answered, what is stored, what follows."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Event, Membership
from deployments.models import Deployment
from registry.models import Package, PackageVersion
from tests.api.callers import an_account, as_, calling, files_in, pushed
from tests.factories import a_component, a_lone_project, a_rule, a_source, a_stack, a_trigger, a_version
from tests.registry.packages import SCRIPT, a_tar, a_zip

pytestmark = pytest.mark.django_db

PACKAGE = a_zip({"release.sh": SCRIPT, "manifest": b"patient-api=1.4.113\n"})
DIGEST = hashlib.sha256(PACKAGE).hexdigest()


def test_a_new_version_is_published_and_its_digest_is_answered(store):
    a_stack("Shop", {"UI": 1})

    answer = pushed(as_("deployer"), PACKAGE)

    assert answer.status_code == 201
    assert answer.json() == {
        "package": "ui",
        "version": "1.0.0",
        "sha256": DIGEST,
        "size": len(PACKAGE),
        "created": True,
        "evaluations": [],
        "deployments": [],
    }
    assert files_in(store) == [DIGEST]


def test_the_same_bytes_again_change_nothing(store):
    a_stack("Shop", {"UI": 1})
    client = as_("deployer")
    pushed(client, PACKAGE)

    answer = pushed(client, PACKAGE)

    assert (answer.status_code, answer.json()["created"]) == (200, False)
    assert PackageVersion.objects.count() == 1
    assert files_in(store) == [DIGEST]


def test_a_manifest_that_names_what_no_store_can_hold_is_published_all_the_same():
    a_stack("Shop", {"UI": 1})
    Package.objects.filter(name="ui").update(manifest_file="state.json", manifest_form="json")
    a_source(Package.objects.get(name="ui"))

    answer = pushed(as_("deployer"), a_zip({"release.sh": SCRIPT, "state.json": b'{"a/b": "1.0.0"}'}))

    assert answer.status_code == 201
    assert PackageVersion.objects.get().contents == {"a/b": "1.0.0"}


def test_a_push_answers_with_its_evaluations_and_the_deployments_that_it_asked_for():
    stack = a_stack("Shop", {"UI": 1})
    stack.lifecycle.phases.first().places.update(automatic=True)
    a_rule("Release manager opens TEST", ["TEST"], roles=["release_manager"])
    a_trigger(stack)

    answer = pushed(as_("deployer"), PACKAGE).json()

    deployment = Deployment.objects.get()
    assert [(found["project"], found["outcome"], found["release"]) for found in answer["evaluations"]] == [
        ("shop", "created", "1.0.1")
    ]
    assert answer["evaluations"][0]["sentence"] == "ui 1.0.0 led to Shop 1.0.1."
    assert answer["deployments"] == [
        {
            "id": deployment.pk,
            "project": "shop",
            "environment": "test",
            "status": "requested",
            "url": f"http://testserver/api/v1/deployments/{deployment.pk}",
        }
    ]


def test_an_evaluation_that_created_nothing_is_answered_with_its_reason():
    a_trigger(a_stack("Shop", {"UI": 1, "API": 2}))

    answer = pushed(as_("deployer"), PACKAGE).json()

    assert [(found["outcome"], found["release"]) for found in answer["evaluations"]] == [("nothing", None)]
    assert "API has no package yet" in answer["evaluations"][0]["sentence"]


def test_name_and_version_are_read_from_the_file_name():
    a_stack("Shop", {"UI": 1})

    answer = pushed(as_("deployer"), PACKAGE, "filename=ui.1.4.17.zip")

    assert (answer.json()["package"], answer.json()["version"]) == ("ui", "1.4.17")


@pytest.mark.parametrize("first", ["file", "fields"])
def test_a_form_is_received_whatever_the_order_of_its_fields(store, first):
    a_stack("Shop", {"UI": 1})
    fields = {"name": "ui", "version": "2.0.0"}
    file = {"file": SimpleUploadedFile("build.zip", PACKAGE)}

    answer = as_("deployer").post("/api/v1/packages", file | fields if first == "file" else fields | file)

    assert (answer.status_code, answer.json()["version"], answer.json()["sha256"]) == (201, "2.0.0", DIGEST)
    assert files_in(store) == [DIGEST]


def test_the_file_name_of_a_form_says_name_and_version():
    a_stack("Shop", {"UI": 1})

    answer = as_("deployer").post("/api/v1/packages", {"file": SimpleUploadedFile("ui.3.0.0.zip", PACKAGE)})

    assert (answer.json()["package"], answer.json()["version"]) == ("ui", "3.0.0")
    assert PackageVersion.objects.get().filename == "ui.3.0.0.zip"


def test_a_form_is_received_byte_by_byte_as_it_was_sent():
    a_stack("Shop", {"UI": 1})
    tricky = a_tar({"release.sh": SCRIPT, "data": b"\r\n--\r\n--Bo\r\n" * 20_000})

    answer = as_("deployer").post("/api/v1/packages?name=ui&version=1", {"file": SimpleUploadedFile("x.tar", tricky)})

    assert answer.json()["sha256"] == hashlib.sha256(tricky).hexdigest()


def test_a_body_without_length_is_read_where_the_server_marks_its_end():
    a_stack("Shop", {"UI": 1})
    answer = as_("deployer").generic(
        "POST",
        "/api/v1/packages?name=ui&version=1",
        content_type="application/octet-stream",
        headers={"Transfer-Encoding": "chunked"},
        **{"wsgi.input": BytesIO(PACKAGE), "wsgi.input_terminated": True},
    )

    assert (answer.status_code, answer.json()["sha256"]) == (201, DIGEST)


def test_what_does_not_say_itself_where_it_ends_takes_a_checksum_where_it_has_no_length():
    a_stack("Shop", {"UI": 1})
    package = a_tar({"release.sh": SCRIPT})
    checksum = {"X-Checksum-Sha256": hashlib.sha256(package).hexdigest()}

    unsure, sure = chunked(package), chunked(package, checksum)

    assert (unsure.status_code, unsure.json()["code"]) == (411, "length-missing")
    assert "as X-Checksum-Sha256" in unsure.json()["sentence"]
    assert sure.status_code == 201


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_what_is_compressed_says_itself_where_it_ends(kind):
    a_stack("Shop", {"UI": 1})
    package = a_tar({"release.sh": SCRIPT}, kind)

    cut, whole = chunked(package[:-9]), chunked(package)

    assert (cut.status_code, cut.json()["code"]) == (422, "package-refused")
    assert whole.status_code == 201


def chunked(data: bytes, headers: dict[str, str] | None = None, content_type: str = "application/octet-stream"):
    """A push whose length is not known beforehand."""
    return as_("deployer").generic(
        "POST",
        "/api/v1/packages?name=ui&version=1",
        content_type=content_type,
        CONTENT_TYPE=content_type,
        headers={"Transfer-Encoding": "chunked"} | (headers or {}),
        **{"wsgi.input": BytesIO(data), "wsgi.input_terminated": True},
    )


def test_a_form_without_length_is_received_up_to_its_last_boundary():
    a_stack("Shop", {"UI": 1})
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="ui.zip"\r\n\r\n' + PACKAGE
    boundary = "multipart/form-data; boundary=b"

    whole, cut = chunked(file + b"\r\n--b--\r\n", content_type=boundary), chunked(file, content_type=boundary)

    assert (whole.status_code, whole.json()["sha256"]) == (201, DIGEST)
    assert (cut.status_code, cut.json()["code"]) == (400, "upload-truncated")


# -- what the sender says about its bytes -----------------------------------------------------------------------------

IN_BASE64 = base64.b64encode(bytes.fromhex(DIGEST)).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Digest": f"sha-256=:{IN_BASE64}:"},
        {"Repr-Digest": f"sha-256=:{IN_BASE64}:"},
        {"Digest": f"SHA-256={IN_BASE64}"},
        {"X-Checksum-Sha256": DIGEST},
        {"Content-Digest": "sha-512=:AAAA:"},
    ],
)
def test_a_push_with_the_right_digest_is_taken(headers):
    a_stack("Shop", {"UI": 1})

    answer = as_("deployer").generic(
        "POST", "/api/v1/packages?name=ui&version=1", PACKAGE, "application/octet-stream", headers=headers
    )

    assert answer.status_code == 201


def test_the_digests_of_a_form_are_about_the_form_and_the_checksum_is_about_the_file():
    a_stack("Shop", {"UI": 1})
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="ui.1.0.zip"\r\n\r\n'
        + PACKAGE
        + b"\r\n--b--\r\n"
    )
    in_base64 = base64.b64encode(hashlib.sha256(body).digest()).decode()
    headers = {"Content-Digest": f"sha-256=:{in_base64}:", "X-Checksum-Sha256": DIGEST}

    answer = as_("deployer").generic(
        "POST", "/api/v1/packages", body, "multipart/form-data; boundary=b", headers=headers
    )

    assert answer.status_code == 201


def test_the_trail_says_who_pushed_from_where():
    a_stack("Shop", {"UI": 1})

    as_("deployer").generic(
        "POST", "/api/v1/packages?name=ui&version=1", PACKAGE, "application/octet-stream", REMOTE_ADDR="192.0.2.7"
    )

    event = Event.objects.get(verb="version.published")
    assert (event.who, event.address) == ("deployer-account", "192.0.2.7")


# -- what it costs ----------------------------------------------------------------------------------------------------


# Savepoints; and the lock of a stack, which SQLite, locked as a whole, does not need.
NOT_COUNTED = ("SAVEPOINT", "RELEASE SAVEPOINT", 'SELECT "id" FROM "projects_project"')


@pytest.fixture
def looks() -> Callable[[int], AbstractContextManager[object]]:
    """How many statements are sent in this block, besides those that begin and end transactions in it."""

    @contextmanager
    def counting(expected: int) -> Iterator[None]:
        with CaptureQueriesContext(connection) as sent:
            yield
        statements = [query["sql"] for query in sent if not query["sql"].startswith(NOT_COUNTED)]
        assert len(statements) == expected

    return counting


def test_a_push_that_nothing_follows_sends_a_fixed_number_of_statements(looks):
    a_stack("Shop", {"UI": 1})
    client = as_("deployer")
    pushed(client, PACKAGE, "name=ui&version=1")

    with looks(13):
        answer = pushed(client, a_zip({"release.sh": SCRIPT, "more": b"x"}), "name=ui&version=2")

    assert (answer.status_code, answer.json()["evaluations"]) == (201, [])


def test_the_same_bytes_again_send_a_fixed_number_of_statements(looks):
    a_trigger(a_stack("Shop", {"UI": 1}))
    client = as_("deployer")
    first = pushed(client, PACKAGE)

    with looks(10):
        answer = pushed(client, PACKAGE)

    assert (answer.status_code, answer.json()["evaluations"]) == (200, first.json()["evaluations"])


@pytest.mark.parametrize("components", [1, 2, 12])
def test_a_push_that_creates_a_release_sends_as_many_statements_however_many_components_there_are(looks, components):
    stack = a_stack("Shop", {f"C{number}": 1 + number % 3 for number in range(components)})
    [a_version(f"c{number}", "1.0.0") for number in range(components)]
    a_trigger(stack)
    client = as_("deployer")
    pushed(client, PACKAGE, "name=c0&version=1.1")

    with looks(32):
        answer = pushed(client, a_zip({"release.sh": SCRIPT, "more": b"x"}), "name=c0&version=1.2")

    assert [(found["outcome"], found["release"]) for found in answer.json()["evaluations"]] == [("created", "1.0.2")]


def test_a_push_whose_release_is_requested_sends_a_fixed_number_of_statements(looks):
    stack = a_stack("Shop", {"UI": 1, "API": 1, "Docs": 2})
    [a_version(package, "1.0.0") for package in ("api", "docs")]
    stack.lifecycle.phases.first().places.update(automatic=True)
    a_rule("Release manager opens TEST", ["TEST"], roles=["release_manager"])
    a_trigger(stack)
    client = as_("deployer")
    pushed(client, PACKAGE, "name=ui&version=1")

    with looks(46):
        answer = pushed(client, a_zip({"release.sh": SCRIPT, "more": b"x"}), "name=ui&version=2")

    assert [found["status"] for found in answer.json()["deployments"]] == ["requested"]


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_in_a_transaction_for_the_disk(monkeypatch):
    a_stack("Shop", {"UI": 1})
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(connection.in_atomic_block), sync(file)))

    pushed(as_("deployer"), PACKAGE)

    assert set(synced) == {False}


# -- who may ----------------------------------------------------------------------------------------------------------


def test_a_grant_that_is_withdrawn_while_the_bytes_arrive_opens_nothing(store):
    a_stack("Shop", {"UI": 1})

    class Arriving(BytesIO):
        def read(self, *size: int) -> bytes:
            Membership.objects.all().delete()
            return super().read(*size)

    answer = as_("deployer").generic(
        "POST",
        "/api/v1/packages?name=ui&version=1",
        CONTENT_TYPE="application/octet-stream",
        CONTENT_LENGTH=str(len(PACKAGE)),
        **{"wsgi.input": Arriving(PACKAGE)},
    )

    assert (answer.status_code, files_in(store)) == (403, [])


def test_a_package_of_two_projects_takes_the_right_in_both(store):
    stack, other = a_stack("Shop", {"UI": 1}), a_lone_project("Website", package="ui")
    pusher = an_account("ci", "deployer", project=stack)
    an_account("ci", "viewer", project=other)

    answer = pushed(calling(pusher), PACKAGE)

    assert answer.status_code == 403
    assert answer.json()["sentence"].startswith("You may not push its packages for Website.")
    assert files_in(store) == []


def test_a_package_that_also_belongs_to_a_project_out_of_sight_is_refused():
    stack = a_stack("Shop", {"UI": 1})
    a_lone_project("Website", package="ui")

    answer = pushed(calling(an_account("ci", "deployer", project=stack)), PACKAGE)

    assert answer.status_code == 403
    assert "a project that you may not see" in answer.json()["sentence"]
    assert "Website" not in answer.content.decode()


def test_a_package_that_no_project_holds_takes_the_right_for_every_project():
    stack = a_stack("Shop", {"UI": 1})

    refused = pushed(calling(an_account("ci", "deployer", project=stack)), PACKAGE, "name=new&version=1")
    accepted = pushed(calling(an_account("builder", "deployer")), PACKAGE, "name=new&version=1")

    assert refused.status_code == 403
    assert refused.json()["sentence"].startswith("No project of yours holds the package new. An administrator adds it")
    assert accepted.status_code == 201


def test_a_token_for_one_project_pushes_nothing_of_another():
    shop, bank = a_stack("Shop", {"UI": 1}), a_stack("Bank", {"Ledger": 1})
    client = calling(an_account("ci", "deployer"), project=shop)

    own = pushed(client, PACKAGE, "name=ui&version=1")
    foreign = pushed(client, PACKAGE, "name=ledger&version=1")

    assert (own.status_code, foreign.status_code) == (201, 403)
    assert bank.slug not in foreign.content.decode()


def test_a_grant_for_a_component_opens_the_push_of_its_package():
    stack = a_stack("Shop", {"UI": 1})
    component = a_component(stack, "Worker", package="worker")

    answer = pushed(calling(an_account("ci", "deployer", project=component)), PACKAGE, "name=worker&version=1")

    assert answer.status_code == 201


def test_an_older_version_may_be_pushed_later():
    a_stack("Shop", {"UI": 1})
    a_version("ui", "2.0.0")

    answer = pushed(as_("deployer"), PACKAGE, "name=ui&version=1.5")

    assert (answer.status_code, answer.json()["version"]) == (201, "1.5.0")
