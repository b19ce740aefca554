"""Answers are hostile until proven otherwise: bounded in size and time, never followed elsewhere, and without our token."""

import time

import pytest

from publishing.confluence import failures, transport
from publishing.confluence.cloud import Cloud
from publishing.confluence.transport import Access, Transport
from tests.registry.feeds.answering import Feed

TOKEN = "very-s3cret"


@pytest.fixture
def server():
    with Feed().running() as server:
        yield server


def ask(server: Feed, **fields: str) -> dict:
    with Transport(Access(server.url, **{"username": "ann@example.com", "secret": TOKEN} | fields)) as site:
        return site.ask("GET", "thing")


def test_a_token_goes_as_bearer_and_with_a_user_name_as_basic(server):
    server.answers("/thing", {"a": 1})

    assert ask(server) == {"a": 1}
    ask(server, username="")

    first, second = (asked.authorization for asked in server.asked)
    assert first.startswith("Basic ")
    assert second == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, failures.Refused),
        (401, failures.SignInRefused),
        (403, failures.NotAllowed),
        (404, failures.NotFound),
        (409, failures.Conflict),
        (410, failures.Gone),
        (413, failures.Refused),
        (429, failures.TooMany),
        (500, failures.Away),
        (503, failures.Away),
    ],
)
def test_every_refusal_has_its_kind_and_a_sentence(server, status, kind):
    server.answers("/thing", {"message": "no"}, status=status)

    with pytest.raises(kind) as failure:
        ask(server)

    assert server.host in failure.value.sentence
    assert str(status) in failure.value.sentence


@pytest.mark.parametrize("said", ["A page with this title already exists: …", "The title already exists"])
def test_a_title_that_is_taken_is_told_apart(server, said):
    server.answers("/thing", {"errors": [{"title": said}]}, status=400)

    with pytest.raises(failures.TitleTaken):
        ask(server)


def test_an_account_that_is_locked_is_told_apart(server):
    server.answers("/thing", "<html>", status=403, X_Authentication_Denied_Reason="CAPTCHA_CHALLENGE; login-url=x")

    with pytest.raises(failures.SignInRefused, match="CAPTCHA"):
        ask(server)


def test_what_confluence_says_is_bounded_and_without_our_token(server):
    server.answers("/thing", {"message": f"bad\n{TOKEN}\u0007 " + "x" * 5000}, status=400)

    with pytest.raises(failures.Refused) as failure:
        ask(server)

    assert "bad ***" in failure.value.sentence
    assert TOKEN not in failure.value.sentence
    assert len(failure.value.sentence) < 500


def test_a_redirect_is_not_followed(server):
    with Feed().running() as other:
        server.moves("/thing", f"{other.url}/thing")

        with pytest.raises(failures.Refused, match="is not asked"):
            ask(server)

        assert other.asked == []


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "[1]", "", "{", "[" * 100_000])
def test_an_answer_that_is_no_object_is_refused(server, body):
    server.answers("/thing", body)

    if not body:
        assert ask(server) == {}
        return
    with pytest.raises(failures.Refused):
        ask(server)


def test_an_answer_without_end_is_not_read_to_its_end(server, monkeypatch):
    monkeypatch.setattr(transport, "ANSWER_MAX_BYTES", 100_000)
    server.answers("/thing", lambda writer: writer.repeat(b"x" * 1000))

    with pytest.raises(failures.Refused, match="more than"):
        ask(server)


def test_an_answer_that_drips_ends_with_the_visit(server):
    server.answers("/thing", lambda writer: writer.drip(b"x" * 100_000))
    began = time.monotonic()

    with Transport(Access(server.url, "", TOKEN), seconds=0.5) as site, pytest.raises(failures.Away, match="in time"):
        site.ask("GET", "thing")

    assert time.monotonic() - began < 5


def test_a_site_that_is_not_there_is_named():
    with Transport(Access("http://127.0.0.1:1", "", TOKEN)) as site, pytest.raises(failures.Away) as failure:
        site.ask("GET", "thing")

    assert failure.value.sentence.startswith("127.0.0.1:1 cannot be reached: nothing answers there.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "../../x"},
        {"id": "1" * 31},
        {"id": "٣"},
        {"id": {"a": 1}},
        {"version": {"number": 0}},
        {"version": {"number": -1}},
        {"version": {"number": 2**40}},
        {"version": {"number": "1"}},
        {"version": [1]},
    ],
)
def test_a_page_that_is_none_is_refused(server, wrong):
    server.answers("/wiki/api/v2/pages/1", {"id": "1", "title": "UI", "version": {"number": 1}} | wrong)

    with Transport(Access(server.url, "ann", TOKEN)) as site, pytest.raises(failures.Refused):
        Cloud(site).page("1")


@pytest.mark.parametrize(
    ("title", "read"),
    [("UI\0", "UI"), ("\ud800UI", "UI"), ("x" * 999, "x" * 255), ("a\nb", "ab"), ({"a": 1}, ""), (None, "")],
)
def test_a_title_that_could_not_be_kept_is_not_believed(server, title, read):
    server.answers("/wiki/api/v2/pages/1", {"id": "1", "title": title, "version": {"number": 1}})

    with Transport(Access(server.url, "ann", TOKEN)) as site:
        assert Cloud(site).page("1").title == read


def test_nobody_sees_the_token_of_an_access():
    assert TOKEN not in repr(Access("https://wiki.example.com", "ann", TOKEN))
