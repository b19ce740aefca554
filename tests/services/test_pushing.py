"""Packages on the real web server and PostgreSQL: large ones, cut off ones, refused ones, and many at once."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPResponse
from pathlib import Path

import psutil
import pytest

from accounts.models import Event
from registry import storage
from registry.models import Artifact, PackageVersion
from releases.models import Release, TriggerEvaluation
from tests.api.callers import a_token, an_account, files_in
from tests.deployments.patience import wait_until
from tests.factories import a_stack, a_trigger
from tests.registry.packages import SCRIPT, a_zip
from tests.services.faults import PATIENCE
from tests.services.web import Web
from tests.services.wire import ADDRESS, BLOCK, Sender, chunk, first_line

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

AT_ONCE = 8  # the server has eight threads
LARGE = 300  # megabytes
GROWTH = 60 * BLOCK  # that a web server may have while it takes in or hands out something large
DOWNLOAD = "/api/v1/packages/ui/versions/1.0.0/download"
LEAVE = "HTTP/1.1 100 Continue"
FORM = "multipart/form-data; boundary=b"
FORM_BEGINS = b'--b\r\nContent-Disposition: form-data; name="file"; filename="ui.1.0.0.tar"\r\n\r\n'
FORM_ENDS = b"\r\n--b--\r\n"


@pytest.fixture(autouse=True)
def store(settings, tmp_path: Path) -> Path:
    """The packages of this very test. Asked for before the web server is started."""
    settings.PACKAGES_DIR = tmp_path / "packages"
    return settings.PACKAGES_DIR


@pytest.fixture
def ci(store: Path, web: Web) -> Sender:
    """A pipeline that may push the package `ui`."""
    a_trigger(a_stack("Shop", {"UI": 1}))
    return Sender(web.port, a_token(an_account("ci", "deployer")))


def a_large_tar(megabytes: int) -> Iterator[bytes]:
    """A package with a script and one file that is mostly of this size, block by block."""
    head = io.BytesIO()
    with tarfile.open(fileobj=head, mode="w") as archive:
        script = tarfile.TarInfo("release.sh")
        script.size = len(SCRIPT)
        archive.addfile(script, io.BytesIO(SCRIPT))
        data = tarfile.TarInfo("data")
        data.size = megabytes * BLOCK
        written = archive.offset
        archive.addfile(data)
    yield head.getvalue()[: written + 512]
    for number in range(megabytes):
        yield number.to_bytes(4, "big") * (BLOCK // 4)
    yield bytes(1024)


def digest_of(answer: HTTPResponse) -> str:
    digest = hashlib.sha256()
    while block := answer.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def incoming(store: Path) -> list[Path]:
    return list((store / "incoming").glob("*"))


def nothing_was_stored(store: Path) -> bool:
    return not PackageVersion.objects.exists() and not files_in(store) and not TriggerEvaluation.objects.exists()


def memory_of(web: Web) -> int:
    """Bytes of all its processes."""
    assert web.process is not None
    parent = psutil.Process(web.process.pid)
    return sum(part.memory_info().rss for part in [parent, *parent.children(recursive=True)])


def open_packages(web: Web, store: Path) -> int:
    """How many stored files the server holds open."""
    assert web.process is not None
    parts = psutil.Process(web.process.pid).children(recursive=True)
    return sum(file.path.startswith(str(store / "sha256")) for part in parts for file in part.open_files())


# -- large ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "begins", "ends"), [("application/octet-stream", b"", b""), (FORM, FORM_BEGINS, FORM_ENDS)]
)
def test_a_large_package_comes_and_goes_in_constant_memory(ci, web, store, content_type, begins, ends):
    digest, size = hashlib.sha256(), 0
    for block in a_large_tar(LARGE):
        digest.update(block)
        size += len(block)
    assert ci.push([a_zip({"release.sh": SCRIPT})], len(a_zip({"release.sh": SCRIPT})), f"{ADDRESS}-warm") == 201
    before = memory_of(web)

    status = ci.push([begins, *a_large_tar(LARGE), ends], len(begins) + size + len(ends), content_type=content_type)
    after_push = memory_of(web)
    with ci.opened(DOWNLOAD) as answer:
        received = digest_of(answer)

    assert status == 201
    assert received == digest.hexdigest() == PackageVersion.objects.get(version="1.0.0").artifact.sha256
    assert after_push - before < GROWTH
    assert memory_of(web) - before < GROWTH
    assert incoming(store) == []


def test_a_download_that_is_broken_off_lets_go_of_the_file(ci, web, store):
    size = sum(len(block) for block in a_large_tar(60))
    assert ci.push(a_large_tar(60), size) == 201

    with ci.opened(DOWNLOAD) as answer:
        answer.read(1000)
        wait_until(lambda: open_packages(web, store) == 1, PATIENCE)

    wait_until(lambda: open_packages(web, store) == 0, PATIENCE)


def test_a_download_goes_on_where_it_was_broken_off(ci):
    whole = b"".join(a_large_tar(3))
    assert ci.push([whole], len(whole)) == 201
    with ci.opened(DOWNLOAD) as first:
        begun, etag = first.read(1_000_000), first.headers["ETag"]

    with ci.opened(DOWNLOAD, Range=f"bytes={len(begun)}-", If_Range=etag) as second:
        status, rest = second.status, second.read()

    assert (status, begun + rest) == (206, whole)


# -- cut off ----------------------------------------------------------------------------------------------------------

HALF = SCRIPT * 10_000  # a script, cut off anywhere, still is a script
CUT_OFF = [
    ({"Content_Length": "10000000"}, HALF),
    ({"Transfer_Encoding": "chunked"}, chunk(HALF)),
    ({"Transfer_Encoding": "chunked"}, chunk(HALF)[:-100]),
    ({"Content_Length": "10000000", "Content_Type": FORM}, FORM_BEGINS + HALF),
    ({"Transfer_Encoding": "chunked", "Content_Type": FORM}, chunk(FORM_BEGINS + HALF)),
]


def left_behind(ci: Sender, store: Path, headers: dict[str, str], sent: bytes) -> bool:
    """Whether anything is left of a sender that goes away once its package has begun to arrive."""
    with ci.begun("/api/v1/packages?name=ui&version=1.0.0&filename=ui.sh", **headers) as connection:
        connection.sendall(sent)
        wait_until(lambda: incoming(store), PATIENCE)
    wait_until(lambda: not incoming(store), PATIENCE)
    return not nothing_was_stored(store)


def test_a_sender_that_is_killed_midway_leaves_nothing(ci, store):
    left = [left_behind(ci, store, headers, sent) for headers, sent in CUT_OFF]

    assert left == [False] * len(CUT_OFF)


def test_a_server_that_is_killed_midway_leaves_nothing_that_could_be_taken_for_a_package(ci, web, store):
    with ci.begun(Content_Length="10000000") as connection:
        connection.sendall(HALF)
        wait_until(lambda: incoming(store), PATIENCE)
        web.kill()

    assert not PackageVersion.objects.exists()
    assert list(storage.digests()) == []
    assert storage.discard_abandoned(timedelta(0)) == 1
    web.start()
    package = a_zip({"release.sh": SCRIPT})
    assert ci.push([package], len(package)) == 201


# -- refused before the body is sent ----------------------------------------------------------------------------------


REFUSED = [
    (ADDRESS, {"Authorization": "Bearer sbx_nobody"}, "401 Unauthorized"),
    ("/api/v1/packages?name=other&version=1", {}, "403 Forbidden"),
    ("/api/v1/packages?name=../ui&version=1", {}, "400 Bad Request"),
    ("/api/v1/packages?name=ui&version=latest", {}, "400 Bad Request"),
    (ADDRESS, {"Content_Length": str(10**13)}, "413 Payload Too Large"),
    (ADDRESS, {"Content_Length": str(10**13), "Content_Type": FORM}, "413 Payload Too Large"),
    (ADDRESS, {"Content_Type": "application/json"}, "415 Unsupported Media Type"),
    (ADDRESS, {"Repr_Digest": "sha-256=nonsense"}, "400 Bad Request"),
]


def answer_to_head(ci: Sender, address: str = ADDRESS, **changes: str) -> str:
    """What somebody is told who waits for leave to send the body."""
    with ci.begun(address, **({"Content_Length": "1000", "Expect": "100-continue"} | changes)) as connection:
        return first_line(connection)


def test_who_waits_for_leave_is_refused_before_the_body_is_sent(web, store):
    ci = Sender(web.port, a_token(an_account("ci", "deployer", project=a_stack("Shop", {"UI": 1}))))

    answers = [answer_to_head(ci, address, **changes) for address, changes, _ in REFUSED]

    assert answers == [f"HTTP/1.1 {status}" for _, _, status in REFUSED]
    assert nothing_was_stored(store)


def test_who_waits_for_leave_gets_it_also_where_the_length_is_not_known(ci):
    package = a_zip({"release.sh": SCRIPT})

    with ci.begun(Expect="100-continue", Transfer_Encoding="chunked") as connection:
        leave = first_line(connection)
        connection.sendall(chunk(package) + chunk(b""))
        answer = first_line(connection)

    assert (answer_to_head(ci), leave, answer) == (LEAVE, LEAVE, "HTTP/1.1 201 Created")


# -- many at once -----------------------------------------------------------------------------------------------------


def pushes(ci: Sender, packages: list[bytes], versions: list[str]) -> list[int]:
    """The statuses of pushes that are sent at the same time, in order."""
    with ThreadPoolExecutor(len(packages)) as pool:
        addresses = [f"/api/v1/packages?name=ui&version={version}" for version in versions]
        bodies = [[package] for package in packages]
        return sorted(pool.map(ci.push, bodies, map(len, packages), addresses))


def test_of_many_who_push_the_same_bytes_as_one_version_one_publishes_it(ci, store):
    package = a_zip({"release.sh": SCRIPT})

    statuses = pushes(ci, [package] * AT_ONCE, ["1.0.0"] * AT_ONCE)

    assert statuses == [200] * (AT_ONCE - 1) + [201]
    assert Event.objects.filter(verb="version.published").count() == 1
    assert files_in(store) == [PackageVersion.objects.get().artifact.sha256]
    assert TriggerEvaluation.objects.count() == Release.objects.filter(project__slug="shop").count() == 1


def test_of_many_who_push_other_bytes_as_one_version_one_publishes_it_and_the_others_are_refused(ci, store):
    packages = [a_zip({"release.sh": SCRIPT, "build": str(number).encode()}) for number in range(AT_ONCE)]

    statuses = pushes(ci, packages, ["1.0.0"] * AT_ONCE)

    assert statuses == [201] + [409] * (AT_ONCE - 1)
    assert storage.verify(PackageVersion.objects.get().artifact.sha256)
    assert incoming(store) == []


def test_many_who_push_the_same_bytes_as_different_versions_all_publish_theirs(ci, store):
    package = a_zip({"release.sh": SCRIPT})

    statuses = pushes(ci, [package] * AT_ONCE, [f"1.0.{number}" for number in range(AT_ONCE)])

    assert statuses == [201] * AT_ONCE
    assert PackageVersion.objects.count() == AT_ONCE
    assert files_in(store) == [Artifact.objects.get().sha256]
    assert storage.verify(Artifact.objects.get().sha256)
