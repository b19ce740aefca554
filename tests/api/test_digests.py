"""What a sender says the SHA-256 of its body is."""

import base64
import hashlib

import pytest

from api.digests import stated_digests
from api.problems import ApiRefused

DIGEST = hashlib.sha256(b"x").hexdigest()
B64 = base64.b64encode(bytes.fromhex(DIGEST)).decode()
OTHER = base64.b64encode(hashlib.sha512(b"x").digest()).decode()


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize(
    "value",
    [
        f"sha-256=:{B64}:",
        f"sha-512=:{OTHER}:, sha-256=:{B64}:",
        f"sha-256=:{B64}:,sha-512=:{OTHER}:",
        f"sha-256=:AAAA{B64[4:]}:, sha-256=:{B64}:",  # of a key that is there twice the last one counts (RFC 9651)
        f"  sha-256=:{B64}:  ",
        f"sha-256=:{B64}:;from=ci",
        f"new-one=12, sha-256=:{B64}:",
    ],
)
def test_a_structured_digest_is_read(name, value):
    assert stated_digests({name: value}) == {name: DIGEST}


@pytest.mark.parametrize(
    "value",
    [
        f"sha-256={B64}",
        f"SHA-256={B64}",
        f"md5=HUXZLQLMuI/KZ5KDcJPcOA==, sha-256={B64}",
        f"unixsum=30637,SHA-256={B64}",
    ],
)
def test_an_older_digest_is_read(value):
    assert stated_digests({"Digest": value}) == {"Digest": DIGEST}


@pytest.mark.parametrize("value", [DIGEST, DIGEST.upper(), f" {DIGEST} "])
def test_a_plain_checksum_is_read(value):
    assert stated_digests({"X-Checksum-Sha256": value}) == {"X-Checksum-Sha256": DIGEST}


def test_everything_that_is_stated_counts():
    headers = {"Repr-Digest": f"sha-256=:{B64}:", "Digest": f"sha-256={B64}", "X-Checksum-Sha256": "0" * 64}

    assert stated_digests(headers) == {"Repr-Digest": DIGEST, "Digest": DIGEST, "X-Checksum-Sha256": "0" * 64}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Digest": ""},
        {"Content-Digest": f"sha-512=:{OTHER}:"},
        {"Digest": "md5=HUXZLQLMuI/KZ5KDcJPcOA=="},
        {"Want-Repr-Digest": "sha-256=10"},
    ],
)
def test_other_algorithms_say_nothing(headers):
    assert stated_digests(headers) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Digest", "nonsense"),
        ("Content-Digest", f"sha-256={B64}"),
        ("Content-Digest", "sha-256=::"),
        ("Content-Digest", f"sha-256=:{B64[:-4]}:"),
        ("Content-Digest", f"sha-256=:{OTHER}:"),
        ("Content-Digest", f"sha-256=:{B64}"),
        ("Content-Digest", f"sha-256=:{B64[:-1]}:"),
        ("Content-Digest", "sha-256=:!!!!:"),
        ("Repr-Digest", "SHA-256=:x:"),
        ("Repr-Digest", f"sha-256=:{DIGEST}:"),
        ("Digest", "sha-256"),
        ("Digest", f"sha-256=:{B64}:"),
        ("Digest", f"sha-256={DIGEST}"),
        ("Digest", "sha-256=x"),
        ("X-Checksum-Sha256", ""),
        ("X-Checksum-Sha256", DIGEST[:-1]),
        ("X-Checksum-Sha256", B64),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(name, value):
    with pytest.raises(ApiRefused, match=f"The header {name} cannot be read") as refused:
        stated_digests({name: value})

    assert (refused.value.status, refused.value.code) == (400, "digest-malformed")
    assert "State " in refused.value.sentence
