"""Container registries: tags are versions, a digest says what a tag is, and tokens are fetched as the registry wants."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import feeds
from registry.feeds import Access, FeedFailed
from tests.registry.feeds.answering import Asked, Feed, Reply, basic
from tests.registry.feeds.programs import HTPASSWD, PASSWORD, READER, DockerRegistry, push_image, running
from tests.registry.feeds.tokens import Tokens

NAME = "patients/api"
TAGS = f"/v2/{NAME}/tags/list?n=1000"
FIRST_TAGS = f"/v2/{NAME}/tags/list?n=1"
MANIFEST = f"/v2/{NAME}/manifests/1.4.17"
DIGEST = "sha256:" + "0f" * 32


def spelled(listing: feeds.Listing | None) -> list[str]:
    assert listing is not None
    return [listed.version for listed in listing.versions]


def failure(access: Access) -> FeedFailed:
    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("oci", access, NAME)
    return refused.value


# -- Debian's docker-registry


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where images lie that were pushed to a registry which is open to everybody."""
    directory = tmp_path_factory.mktemp("images")
    with running(DockerRegistry(tmp_path_factory.mktemp("pushing"), directory, {})) as registry:
        for tag in ("1.4.17", "1.10.0", "v1.9", "2.0.0-rc.1", "latest", "stable"):
            push_image(registry, NAME, tag, content=tag)
    return directory


@pytest.fixture(scope="module")
def open_registry(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with running(DockerRegistry(tmp_path_factory.mktemp("open"), images, {})) as registry:
        yield registry


@pytest.fixture(scope="module")
def closed_registry(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Basic authentication."""
    home = tmp_path_factory.mktemp("closed")
    (home / "htpasswd").write_text(HTPASSWD)
    section = {"htpasswd": {"realm": "tests", "path": str(home / "htpasswd")}}
    with running(DockerRegistry(home, images, section)) as registry:
        yield registry


@pytest.fixture(scope="module")
def registry_with_tokens(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Its tokens come from another port of this machine."""
    home = tmp_path_factory.mktemp("with-tokens")
    tokens = Tokens(home, READER, PASSWORD)
    giver = Feed()
    giver.decides("/token", tokens.reply)
    with running(DockerRegistry(home, images, tokens.section(f"{giver.url}/token"))) as registry, giver.running():
        yield registry


@pytest.mark.docker_registry
def test_the_tags_of_a_real_registry_are_listed_in_the_order_of_versions(open_registry):
    listing = feeds.list_versions("oci", Access(open_registry.url), NAME)

    assert spelled(listing) == ["2.0.0-rc.1", "1.10.0", "v1.9", "1.4.17"]
    assert listing.unreadable == 2


@pytest.mark.docker_registry
def test_a_real_registry_states_the_digest_of_a_tag_and_it_changes_when_the_tag_moves(open_registry):
    access = Access(open_registry.url)
    first = push_image(open_registry, "moving", "3.0.0", content="first")
    stated = feeds.digest_of("oci", access, "moving", "3.0.0")
    second = push_image(open_registry, "moving", "3.0.0", content="second")

    moved = feeds.digest_of("oci", access, "moving", "3.0.0")

    assert [stated, moved] == [first, second]
    assert first != second


@pytest.mark.docker_registry
@pytest.mark.parametrize(
    "question",
    [lambda a: feeds.list_versions("oci", a, "patients/ui"), lambda a: feeds.digest_of("oci", a, NAME, "9.9.9")],
)
def test_what_a_real_registry_does_not_have_is_unknown(open_registry, question):
    with pytest.raises(FeedFailed) as refused:
        question(Access(open_registry.url))

    assert refused.value.code == "package-unknown"


@pytest.mark.docker_registry
@pytest.mark.parametrize("registry", ["closed_registry", "registry_with_tokens"])
def test_a_real_registry_lets_in_whoever_may(registry, request):
    access = Access(request.getfixturevalue(registry).url, READER, PASSWORD)

    feeds.check("oci", access)

    assert "1.10.0" in spelled(feeds.list_versions("oci", access, NAME))
    assert feeds.digest_of("oci", access, NAME, "1.10.0").startswith("sha256:")


@pytest.mark.docker_registry
@pytest.mark.parametrize("registry", ["closed_registry", "registry_with_tokens"])
@pytest.mark.parametrize("credentials", [(), (READER, "wrong"), ("", "t0ken")])
def test_a_real_registry_refuses_everybody_else(registry, credentials, request):
    access = Access(request.getfixturevalue(registry).url, *credentials)

    with pytest.raises(FeedFailed) as refused:
        feeds.check("oci", access)

    assert refused.value.code == "feed-refused"
    assert failure(access).code == "feed-refused"


# -- how a registry asks for a token


def challenging(feed: Feed, challenge: str, *, opens_to: str = "Bearer t0ken") -> None:
    """Everything about the package is behind this challenge."""

    def reply(asked: Asked) -> Reply:
        if asked.authorization == opens_to:
            return Reply(b'{"tags": ["1.4.17"]}', headers={"Docker-Content-Digest": DIGEST})
        return Reply(b"{}", 401, {"WWW-Authenticate": challenge})

    for path in (TAGS, FIRST_TAGS, MANIFEST, "/v2/"):
        feed.decides(path, reply)


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_token_is_fetched_with_the_credentials_and_shown_to_the_registry_only(feed, stranger, signed_in, key):
    challenging(feed, f'Bearer realm="{stranger.url}/token",service="a registry",scope="repository:{NAME}:pull"')
    stranger.answers("/token?service=a+registry&scope=repository%3Apatients%2Fapi%3Apull", {key: "t0ken"})

    listing = feeds.list_versions("oci", signed_in, NAME)

    assert spelled(listing) == ["1.4.17"]
    assert [request.authorization for request in stranger.asked] == [basic("reader", "sesame")]
    assert [request.authorization for request in feed.asked] == ["", "Bearer t0ken"]


def test_a_token_is_fetched_as_nobody_where_there_are_no_credentials(feed, access):
    challenging(feed, f'Bearer realm="{feed.url}/token?for=us",service="a registry"')
    feed.answers("/token?for=us&service=a+registry", {"token": "t0ken"})

    digest = feeds.digest_of("oci", access, NAME, "1.4.17")

    assert digest == DIGEST
    assert feed.asked[1].authorization == ""


@pytest.mark.parametrize(
    "challenge",
    [
        'bearer realm="{realm}"',
        'Basic realm="a registry", Bearer realm="{realm}"',
        'Bearer realm="{realm}", Basic realm="a registry"',
        'Negotiate, Bearer  realm = "{realm}" , error="invalid_token"',
        'Digest realm="say \\"Bearer realm=https://feed.invalid\\"", Bearer realm="{realm}"',
    ],
)
def test_a_challenge_is_understood_however_it_is_written(feed, signed_in, challenge):
    challenging(feed, challenge.format(realm=f"{feed.url}/token"))
    feed.answers("/token", {"token": "t0ken"})

    assert spelled(feeds.list_versions("oci", signed_in, NAME)) == ["1.4.17"]


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Bearer",
        'Bearer realm="',
        "Bearer realm=",
        'Negotiate realm="x"',
        'Bearer realm="not an address"',
        '=,"=,"' * 100,
    ],
)
def test_a_challenge_that_cannot_be_met_ends_in_a_sentence(feed, signed_in, challenge):
    challenging(feed, challenge)

    assert failure(signed_in).code in ("feed-refused", "feed-unreadable")


def test_basic_is_used_where_the_registry_wants_it(feed, signed_in):
    challenging(feed, 'Basic realm="a registry"', opens_to=basic("reader", "sesame"))

    assert spelled(feeds.list_versions("oci", signed_in, NAME)) == ["1.4.17"]


def test_a_token_of_ones_own_is_shown_as_it_is(feed):
    challenging(feed, 'Bearer realm="https://feed.invalid/token"', opens_to="Bearer 0wn")

    assert spelled(feeds.list_versions("oci", Access(feed.url, secret="0wn"), NAME)) == ["1.4.17"]


@pytest.mark.parametrize(
    "realm", ["http://127.0.0.2:{port}/token", "http://feed.invalid/token", "ftp://127.0.0.1/token"]
)
def test_credentials_go_to_no_other_host_without_tls(feed, signed_in, realm):
    challenging(feed, f'Bearer realm="{realm.format(port=feed.host.partition(":")[2])}"')

    refused = failure(signed_in)

    assert refused.code in ("feed-redirected", "feed-unreadable")
    assert {request.authorization for request in feed.asked} == {""}


def test_who_gives_out_tokens_may_not_send_the_credentials_on(feed, stranger, signed_in):
    challenging(feed, f'Bearer realm="{feed.url}/token"')
    feed.moves("/token", f"{stranger.url}/token")
    stranger.answers("/token", {"token": "t0ken"})

    assert failure(signed_in).code == "feed-redirected"
    assert stranger.asked == []


@pytest.mark.parametrize("document", [{}, [], {"token": ""}, {"token": 7}, {"token": "a\r\nX-More: yes"}, "no JSON"])
def test_what_is_no_token_is_unreadable(feed, signed_in, document):
    challenging(feed, f'Bearer realm="{feed.url}/token"')
    feed.answers("/token", document)

    assert failure(signed_in).code == "feed-unreadable"


@pytest.mark.parametrize(("status", "code"), [(401, "feed-refused"), (429, "feed-busy"), (404, "feed-unreadable")])
def test_who_gives_out_tokens_may_refuse(feed, signed_in, status, code):
    challenging(feed, f'Bearer realm="{feed.url}/token"')
    feed.answers("/token", status=status)

    assert failure(signed_in).code == code


# -- lists of tags


def test_the_pages_of_a_long_list_are_put_together(feed, access):
    feed.answers(FIRST_TAGS, {"tags": ["1.0.0"]})
    feed.answers(TAGS, {"tags": ["1.0.0"]}, Link=f'</v2/{NAME}/tags/list?last=1.0.0&n=1000>; rel="next"', ETag='"1"')
    feed.answers(f"/v2/{NAME}/tags/list?last=1.0.0&n=1000", {"tags": ["1.10.0", "1.9.0"]})

    listing = feeds.list_versions("oci", access, NAME)

    assert spelled(listing) == ["1.10.0", "1.9.0", "1.0.0"]
    assert listing.etag == ""


def test_an_unchanged_list_says_so(feed, access):
    feed.answers(FIRST_TAGS, {"tags": ["1.0.0"]})
    feed.decides(TAGS, lambda asked: Reply(status=304 if asked.headers.get("if-none-match") == '"1"' else 500))

    assert feeds.list_versions("oci", access, NAME, etag='"1"') is None


def test_a_package_without_tags_has_no_versions(feed, access):
    feed.answers(FIRST_TAGS, {"tags": None})
    feed.answers(TAGS, {"tags": None})

    assert feeds.list_versions("oci", access, NAME).versions == ()


@pytest.mark.parametrize("digest", ["", "sha256", "sha256:" + "g" * 64, "md5:" + "0" * 32, "sha256:0"])
def test_a_registry_that_states_no_digest_states_none(feed, access, digest):
    feed.answers(MANIFEST, b"{}", Docker_Content_Digest=digest)

    assert feeds.digest_of("oci", access, NAME, "1.4.17") == ""


def test_what_is_no_registry_does_not_pass_for_one(feed, access):
    with pytest.raises(FeedFailed) as refused:
        feeds.check("oci", access)

    assert refused.value.code == "feed-unreadable"
    assert "Check the address" in refused.value.sentence
