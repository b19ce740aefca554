"""Taking a release away through the API: as long as announced, or visibly broken off."""

import io
import tarfile
from contextlib import closing
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

import pytest

from registry.actions import withdraw
from registry.models import PackageVersion
from tests.api.callers import a_token, an_account, as_
from tests.factories import a_release, a_stack, a_user
from tests.releases.bundles import a_portal_release

pytestmark = pytest.mark.django_db
BUNDLE = "/api/v1/projects/patient-portal/releases/1.0.1/bundle"


def test_a_release_is_downloaded_as_one_tar_whose_length_is_known_beforehand():
    a_portal_release()

    answer = as_("viewer").get(BUNDLE)

    content = b"".join(answer.streaming_content)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="patient-portal-1.0.1.tar"'
    assert int(answer.headers["Content-Length"]) == len(content)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert "patient-portal-1.0.1/packages/patient-ui.2.1.0.zip" in archive.getnames()


def test_a_release_that_may_not_be_run_any_more_is_refused_with_its_sentence():
    a_portal_release()
    withdraw(PackageVersion.objects.get(package__name="notice"), by=a_user("rita"), reason="It leaks.")

    answer = as_("viewer").get(BUNDLE)

    assert (answer.status_code, answer.json()["code"]) == (409, "withdrawn")
    assert "never run again: It leaks." in answer.json()["sentence"]


def test_missing_bytes_are_refused_before_anything_is_sent():
    a_release(a_stack("Patient Portal", components={"UI": 1}))

    answer = as_("viewer").get(BUNDLE)

    assert (answer.status_code, answer.json()["code"]) == (409, "artifact-damaged")


@pytest.mark.django_db(transaction=True)
def test_a_download_is_broken_off_where_stored_bytes_were_changed(live_server, caplog):
    a_portal_release()
    path = PackageVersion.objects.get(package__name="notice").artifact.path
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    headers = {"Authorization": f"Bearer {a_token(an_account('reader', 'viewer'))}", "Connection": "close"}

    with closing(HTTPConnection(urlsplit(live_server.url).netloc, timeout=30)) as connection:
        connection.request("GET", BUNDLE, headers=headers)
        with connection.getresponse() as answer, pytest.raises(IncompleteRead) as broken:
            answer.read()

    assert answer.status == 200
    assert len(broken.value.partial) < int(answer.headers["Content-Length"])
    assert "the download of patient-portal-1.0.1.tar was broken off" in caplog.text
