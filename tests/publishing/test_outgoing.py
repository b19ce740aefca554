"""Nobody reaches the internal network through Signalbox, and no receiver holds it up."""

import socket
import time

import pytest

from publishing import outgoing
from publishing.outgoing import Refused, Unreachable, post, why_not_address, why_not_reachable
from tests.publishing.receiving import Receiver, drip, endless, hang, lose, raw, status
from tests.registry.feeds.certificates import server_context

INTERNAL = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "fc00::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "::10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2001:0:7f00:1::",
]
NOBODY_S = [
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "::",
    "fe80::1",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]


@pytest.mark.parametrize("address", [*INTERNAL, *NOBODY_S])
def test_an_address_of_the_internal_network_is_refused(address):
    assert why_not_reachable(address, allow_private=False)


@pytest.mark.parametrize("address", NOBODY_S)
def test_no_administrator_can_allow_what_is_no_receiver(address):
    assert "no receiver can have" in str(why_not_reachable(address, allow_private=True))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fc00::1"])
def test_an_administrator_can_allow_the_internal_network(address):
    assert why_not_reachable(address, allow_private=True) is None


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_an_address_of_the_internet_is_not_refused(address):
    assert why_not_reachable(address, allow_private=False) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example/1", "must begin with https://"),
        ("https://", "no address"),
        ("ftp://hooks.example", "no address"),
        ("file:///etc/passwd", "no address"),
        ("hooks.example/1", "no address"),
        ("https://hooks.example/a b", "no address"),
        ("https://hooks.example\\@127.0.0.1/", "no address"),
        ("https://hooks.example:port/", "no address"),
        ("https://[::1/", "no address"),
        ("https://höks.example/", "no address"),
        ("https://ann:sesame@hooks.example/", "Leave user name and password out"),
        ("https://127.0.0.1/", "internal network"),
        ("https://[::1]/", "internal network"),
        ("https://[fe80::1%25eth0]/", "no receiver can have"),
    ],
)
def test_what_is_no_address_is_refused_with_what_to_do(url, words):
    assert words in str(why_not_address(url, allow_private=False))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "0"])
def test_another_way_of_writing_this_machine_is_refused_as_well(host, receiver):
    with pytest.raises((Refused, Unreachable)):
        post(f"https://{host}:{receiver.port}/", b"{}", {})

    assert receiver.arrived == []


def resolving(monkeypatch, *answers: list[str]) -> list[str]:
    """The name server answers so, one look-up after the other. What is looked up is noted."""
    asked: list[str] = []

    def getaddrinfo(host, port, *_, **__):
        asked.append(host)
        places = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in places]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_leads_inside_is_refused(monkeypatch, receiver):
    resolving(monkeypatch, ["127.0.0.1"])

    with pytest.raises(Refused, match=r"hooks.example is not posted to. It leads into the internal network"):
        post(f"https://hooks.example:{receiver.port}/", b"{}", {})

    assert receiver.arrived == []


def test_one_address_inside_among_others_is_enough_to_refuse(monkeypatch):
    resolving(monkeypatch, ["93.184.215.14", "10.0.0.7"])

    with pytest.raises(Refused):
        post("https://hooks.example/", b"{}", {})


def test_the_connection_goes_to_the_very_address_that_was_looked_at(monkeypatch, receiver):
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.7"])

    answer = post(f"http://hooks.example:{receiver.port}/hook", b"{}", {}, allow_private=True)

    assert answer.is_success
    assert asked == ["hooks.example"]
    assert receiver.arrived[0].headers["host"] == f"hooks.example:{receiver.port}"


def test_a_name_that_is_not_known_is_said_so():
    with pytest.raises(Unreachable, match=r"The name nowhere.invalid is not known"):
        post("https://nowhere.invalid/", b"{}", {})


def test_a_redirect_is_not_followed(receiver):
    with Receiver().running() as inside:
        receiver.usual = status(307, Location=inside.url)

        answer = post(receiver.url, b"{}", {}, allow_private=True)

        assert (answer.status, inside.arrived) == (307, [])


def test_nothing_is_taken_from_the_environment(monkeypatch, tmp_path, receiver):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password sesame\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    answer = post(receiver.url, b'{"a": 1}', {"Content-Type": "application/json"}, allow_private=True)

    assert (answer.status, answer.excerpt) == (200, "ok")
    assert receiver.arrived[0].body == b'{"a": 1}'
    assert {"authorization", "cookie"} & set(receiver.arrived[0].headers) == set()


@pytest.mark.parametrize("answering", [hang, drip], ids=["never", "a byte at a time"])
def test_who_does_not_answer_in_time_is_left(answering, receiver):
    receiver.usual = answering
    begun = time.monotonic()

    with pytest.raises(Unreachable, match="did not answer in time"):
        post(receiver.url, b"{}", {}, allow_private=True, seconds=0.5)

    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "answering",
    [
        lose,
        raw(b""),
        raw(b"\x00\xff\x00"),
        raw(b"SSH-2.0-OpenSSH\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300),
    ],
    ids=["gone", "nothing", "garbage", "another protocol", "too many headers"],
)
def test_what_is_no_answer_is_none(answering, receiver):
    receiver.usual = answering

    with pytest.raises(Unreachable, match=r"127.0.0.1 broke off"):
        post(receiver.url, b"{}", {}, allow_private=True)


def test_an_answer_without_an_end_is_cut_off(receiver):
    receiver.usual = endless

    answer = post(receiver.url, b"{}", {}, allow_private=True)

    assert answer.status == 200
    assert len(answer.excerpt) == outgoing.EXCERPT_MAX + 1


def test_nobody_listening_is_said_so(receiver):
    with Receiver().running() as gone:
        url = gone.url

    with pytest.raises(Unreachable, match=r"127.0.0.1 takes no connection"):
        post(url, b"{}", {}, allow_private=True)


def test_whom_nobody_vouches_for_gets_nothing(tmp_path, monkeypatch):
    with Receiver(tls=server_context(tmp_path)).running() as secure:
        with pytest.raises(Unreachable, match="no certificate that this machine trusts"):
            post(secure.url, b"{}", {}, allow_private=True)
        assert secure.arrived == []

        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        assert post(secure.url, b"{}", {}, allow_private=True).is_success


@pytest.mark.parametrize("answering", [lose, hang, raw(b"x")])
def test_no_sentence_holds_the_secret_part_of_an_address(answering, receiver):
    receiver.usual = answering

    with pytest.raises(Unreachable) as failure:
        post(f"{receiver.url}/s3cret", b"{}", {}, allow_private=True, seconds=0.3)

    assert "s3cret" not in str(failure.value)
    assert failure.value.__cause__ is None


@pytest.mark.parametrize(
    ("stated", "seconds"), [("120", 120), ("0", 0), ("999999999999", 86_400), ("soon", None), ("-5", None), ("", None)]
)
def test_when_to_come_back_is_read_within_limits(stated, seconds, receiver):
    receiver.usual = status(429, Retry_After=stated)

    assert post(receiver.url, b"{}", {}, allow_private=True).retry_after == seconds
