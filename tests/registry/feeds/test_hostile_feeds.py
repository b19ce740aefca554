"""A feed is a stranger: whatever it sends, we are done in time, keep our memory and our credentials, and say what to do."""

import contextlib
import gzip
import socket
import threading
import time
import traceback
import zlib

import pytest

from registry import feeds
from registry.feeds import Access, FeedFailed, Limits
from tests.registry.feeds.answering import Asked, Reply, Writer, basic
from tests.servers import free_port

PATIENT = "/patient"
BILLION_LAUGHS = """<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><metadata>&c;</metadata>"""

WITH_DTD = '<!DOCTYPE metadata SYSTEM "http://feed.invalid/metadata.dtd"><metadata/>'


def asked(access: Access, limits: Limits | None = None, name: str = "patient") -> feeds.Listing | None:
    """npm's question: one request, one answer."""
    return feeds.list_versions("npm", access, name, limits=limits or Limits())


def failure(access: Access, limits: Limits | None = None, name: str = "patient") -> FeedFailed:
    with pytest.raises(FeedFailed) as refused:
        asked(access, limits, name)
    return refused.value


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "feed-refused"),
        (403, "feed-refused"),
        (404, "package-unknown"),
        (410, "package-unknown"),
        (429, "feed-busy"),
        (500, "feed-busy"),
        (503, "feed-busy"),
        (204, "feed-unreadable"),
        (302, "feed-unreadable"),
        (304, "feed-unreadable"),
        (400, "feed-unreadable"),
        (418, "feed-unreadable"),
    ],
)
def test_every_status_that_is_no_success_has_its_code_and_a_sentence_with_the_host(feed, access, status, code):
    feed.answers(PATIENT, status=status)

    refused = failure(access)

    assert refused.code == code
    assert feed.host in refused.sentence
    assert refused.sentence.endswith(".")


def test_a_package_that_is_not_there_is_named(feed, access):
    assert "“patient”" in failure(access).sentence


def test_who_is_refused_without_credentials_is_told_to_enter_some(feed, access, signed_in):
    feed.answers(PATIENT, status=401)

    assert "Enter a user name" in failure(access).sentence
    assert "does not accept the credentials" in failure(signed_in).sentence


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "120"}, 120),
        ({"Retry_After": "999999999"}, 86400),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-5"}, None),
        ({"Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"X_RateLimit_Reset": "1000"}, 0),
        ({}, None),
    ],
)
def test_a_busy_feed_says_when_it_wants_to_be_asked_again(feed, access, headers, seconds):
    feed.answers(PATIENT, status=429, **headers)

    assert failure(access).retry_after == seconds


@pytest.mark.parametrize("headers", [{"X_RateLimit_Remaining": "0"}, {"Retry_After": "60"}])
def test_a_used_up_share_is_not_taken_for_bad_credentials(feed, access, headers):
    feed.answers(PATIENT, status=403, **headers)

    assert failure(access).code == "feed-busy"


def test_a_feed_that_never_falls_silent_and_never_ends_is_left_when_the_time_is_up(feed, access):
    feed.answers(PATIENT, lambda writer: writer.drip(b" " * 1000))
    began = time.monotonic()

    refused = failure(access, Limits(total_seconds=0.4))

    assert refused.code == "feed-slow"
    assert "0.4 seconds" in refused.sentence
    assert time.monotonic() - began < 3


def failure_of(answer: bytes, *, drip: float, limits: Limits) -> FeedFailed:
    """What becomes of a question to somebody who answers with these bytes. drip: seconds between two of them."""
    over = threading.Event()

    def respond() -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            for byte in answer:
                over.wait(drip)
                connection.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=respond)
        thread.start()
        refused = failure(Access(f"http://127.0.0.1:{server.getsockname()[1]}"), limits)
        over.set()
        thread.join()
    return refused


def test_headers_that_come_byte_by_byte_are_left_when_the_time_is_up():
    headers = b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 50

    assert failure_of(headers, drip=0.02, limits=Limits(total_seconds=0.4)).code == "feed-slow"


def test_a_silent_feed_is_left_after_its_silence(feed, access):
    feed.answers(PATIENT, Writer.hold)

    refused = failure(access, Limits(read_seconds=0.2))

    assert refused.code == "feed-slow"
    assert "0.2 seconds" in refused.sentence


def test_a_feed_that_falls_silent_in_its_body_is_left_too(feed, access):
    def half(writer: Writer) -> None:
        writer.write(b'{"versions"')
        writer.hold()

    feed.answers(PATIENT, half)

    assert failure(access, Limits(read_seconds=0.2)).code == "feed-slow"


def test_an_endless_body_is_not_read_to_its_end(feed, access, small):
    feed.answers(PATIENT, lambda writer: writer.repeat(b" " * 10_000))

    refused = failure(access, small)

    assert refused.code == "feed-too-large"
    assert feed.host in refused.sentence


def test_a_body_that_is_announced_as_huge_is_not_read_to_its_end(feed, access, small):
    feed.answers(PATIENT, lambda writer: writer.repeat(b" " * 10_000), Content_Length="9" * 15)

    assert failure(access, small).code == "feed-too-large"


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_body_counts_as_what_it_unpacks_to(feed, access, small, encoding, pack):
    feed.answers(PATIENT, pack(b" " * 5_000_000), Content_Encoding=encoding)

    assert failure(access, small).code == "feed-too-large"


def test_what_cannot_be_unpacked_is_unreadable(feed, access):
    feed.answers(PATIENT, b"no gzip at all", Content_Encoding="gzip")

    assert failure(access).code == "feed-unreadable"


def test_a_body_that_breaks_off_is_no_answer(feed, access):
    feed.answers(PATIENT, lambda writer: writer.write(b'{"versions": {}}'), Content_Length="1000")

    refused = failure(access)

    assert refused.code == "feed-unreachable"
    assert "broke off" in refused.sentence


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"versions": ' + b"9" * 10_000 + b"}",
        b"<html>Please sign in</html>",
        b'{"versions": []}',
        b'{"versions": null}',
        b'{"error": "nothing"}',
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_answer_of_this_kind_of_feed_is_unreadable(feed, access, body):
    feed.answers(PATIENT, body, Content_Type="application/json")

    refused = failure(access)

    assert refused.code == "feed-unreadable"
    assert feed.host in refused.sentence


@pytest.mark.parametrize(
    "body",
    [BILLION_LAUGHS, WITH_DTD, "<metadata>", "<html></html>", "", "{}", '<?xml version="1.0" encoding="klingon"?><a/>'],
)
def test_what_is_no_plain_xml_is_unreadable(feed, access, body):
    feed.answers("/example/patient/maven-metadata.xml", body)

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("maven", access, "example:patient")

    assert refused.value.code == "feed-unreadable"


def test_a_feed_that_is_not_there_is_unreachable_with_the_reason():
    port = free_port()

    refused = failure(Access(f"http://127.0.0.1:{port}"))

    assert refused.code == "feed-unreachable"
    assert f"127.0.0.1:{port} cannot be reached: connection refused" in refused.sentence


@pytest.mark.parametrize(
    "host", ["feed.invalid", "a" * 64 + ".invalid", "*.invalid", ".invalid", "a%2fb.invalid", "999.1.1.1"]
)
def test_a_host_that_nobody_knows_is_unreachable(host):
    refused = failure(Access(f"https://{host}"))

    assert refused.code == "feed-unreachable"
    assert f"{host} cannot be reached: " in refused.sentence


def test_what_does_not_speak_http_is_unreachable():
    assert failure_of(b"220 mail.example ready\r\n", drip=0, limits=Limits()).code == "feed-unreachable"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_origin_is_never_asked_in_place_of_the_feed(feed, stranger, signed_in, status):
    feed.moves(PATIENT, f"{stranger.url}/patient", status)
    stranger.answers(PATIENT, {"versions": {"9.9.9": {}}})

    refused = failure(signed_in)

    assert refused.code == "feed-redirected"
    assert feed.host in refused.sentence
    assert stranger.host in refused.sentence
    assert feed.asked[0].authorization == basic("reader", "sesame")
    assert stranger.asked == []


def test_nor_is_it_without_credentials(feed, stranger, access):
    feed.moves(PATIENT, f"{stranger.url}/patient")

    assert failure(access).code == "feed-redirected"
    assert stranger.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "//127.0.0.2/patient",
        "https://{host}/patient",
        "http://reader:sesame@{host}/patient",
        "http://{host}\\@feed.invalid/",
        "http://{host}@feed.invalid/",
        "http://[::1/",
        "file:///etc/passwd",
        "ftp://{host}/patient",
        "javascript:alert(1)",
        "http://{host}:99999/",
    ],
)
def test_addresses_that_only_look_like_the_feeds_own_are_not_asked(feed, signed_in, target):
    feed.moves(PATIENT, target.format(host=feed.host))

    refused = failure(signed_in)

    assert refused.code in ("feed-redirected", "feed-unreadable")
    assert len(feed.asked) == 1


def test_within_the_feed_a_redirect_is_followed_with_its_credentials(feed, signed_in):
    feed.moves(PATIENT, "/moved?to=here")
    feed.moves("/moved?to=here", f"{feed.url}/there")
    feed.answers("/there", {"versions": {"1.0.0": {}}})

    listing = asked(signed_in)

    assert [listed.version for listed in listing.versions] == ["1.0.0"]
    assert {request.authorization for request in feed.asked} == {basic("reader", "sesame")}


def test_a_redirect_to_itself_ends(feed, access):
    feed.moves(PATIENT, PATIENT)

    refused = failure(access)

    assert refused.code == "feed-redirected"
    assert len(feed.asked) == 4


def test_the_body_of_a_redirect_is_not_read(feed, access, quick):
    feed.decides(PATIENT, lambda _: Reply(lambda writer: writer.repeat(b" " * 10_000), 302, {"Location": "/there"}))
    feed.answers("/there", {"versions": {}})

    assert asked(access, quick).versions == ()


def test_the_body_of_a_refusal_is_not_read(feed, access, quick):
    feed.decides(PATIENT, lambda _: Reply(lambda writer: writer.repeat(b" " * 10_000), 500))

    assert failure(access, quick).code == "feed-busy"


def test_nothing_of_a_netrc_is_sent(feed, access, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    feed.answers(PATIENT, {"versions": {}})

    asked(access)

    assert feed.asked[0].authorization == ""


def test_a_proxy_of_the_environment_is_used(feed, monkeypatch):
    monkeypatch.setenv("http_proxy", feed.url)
    feed.answers("http://feed.invalid/patient", {"versions": {"1.0.0": {}}})

    listing = asked(Access("http://feed.invalid"))

    assert [listed.version for listed in listing.versions] == ["1.0.0"]


def test_a_token_without_a_user_name_is_sent_as_bearer(feed):
    feed.answers(PATIENT, {"versions": {}})

    asked(Access(feed.url, secret="t0ken"))

    assert feed.asked[0].authorization == "Bearer t0ken"


@pytest.mark.parametrize("url", ["{url}", "http://127.0.0.1:1", "https://feed.invalid"])
def test_no_secret_is_in_what_goes_wrong(feed, url, monkeypatch):
    feed.answers(PATIENT, status=401)
    access = Access(url.format(url=feed.url), "reader", "s3same")

    refused = failure(access)

    told = "".join(traceback.format_exception(refused)) + repr(refused) + repr(refused.args) + repr(access)
    assert "s3same" not in told
    assert basic("reader", "s3same") not in told


def test_a_secret_that_cannot_be_sent_is_not_told_either(feed):
    refused = failure(Access(feed.url, secret="s3same\nX-More: yes"))

    assert refused.code == "feed-refused"
    assert "s3same" not in "".join(traceback.format_exception(refused))
    assert feed.asked == []


def test_pages_that_never_end_are_given_up(feed, access):
    path = "/repos/example/patient/releases?per_page=100"
    feed.answers(path, [], Link=f'<{feed.url}{path}>; rel="next"')

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("github", access, "example/patient", limits=Limits(pages=3))

    assert refused.value.code == "feed-too-large"
    assert len(feed.asked) == 3


@pytest.mark.parametrize("address", ["{url}/more", "https://feed.invalid/more"])
def test_a_next_page_with_somebody_else_is_not_asked_for(feed, stranger, access, address):
    next_page = address.format(url=stranger.url)
    feed.answers("/repos/example/patient/releases?per_page=100", [], Link=f'<{next_page}>; rel="next"')

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("github", access, "example/patient")

    assert refused.value.code == "feed-redirected"
    assert stranger.asked == []


def test_all_pages_together_are_bounded_in_size(feed, access, small):
    path = "/repos/example/patient/releases?per_page=100"
    feed.answers(path, b"[]" + b" " * 60_000, Link=f'<{path}>; rel="next"')

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("github", access, "example/patient", limits=small)

    assert refused.value.code == "feed-too-large"
    assert len(feed.asked) == 2


def test_all_pages_together_are_bounded_in_time(feed, access):
    path = "/repos/example/patient/releases?per_page=100"

    def slowly(_: Asked) -> Reply:
        return Reply(lambda writer: writer.drip(b"[]" + b" " * 8), headers={"Link": f'<{path}>; rel="next"'})

    feed.decides(path, slowly)

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("github", access, "example/patient", limits=Limits(total_seconds=0.6, pages=1000))

    assert refused.value.code == "feed-slow"


def test_a_page_made_to_be_parsed_for_hours_is_read_in_a_moment(feed, access):
    feed.answers("/patient/", '<a href="patient-1.0.tar.gz">' + "<a " * 20_000, Content_Type="text/html")
    began = time.monotonic()

    listing = feeds.list_versions("pypi", access, "patient")

    assert [listed.version for listed in listing.versions] == ["1.0"]
    assert time.monotonic() - began < 10
