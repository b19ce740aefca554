"""What a sender says the SHA-256 of its body is: Content-Digest and Repr-Digest (RFC 9530), which are the same here because no
coding is accepted, Digest (RFC 3230), which older clients send, and X-Checksum-Sha256, which package repositories know.

Pure: header values in, digests out. Other algorithms are passed over, as both RFCs ask.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

from api.problems import ApiRefused

SHA256 = "sha-256"
FIELD = "X-Checksum-Sha256"
STRUCTURED = ("Content-Digest", "Repr-Digest")
LEGACY = "Digest"
OF_THE_BODY = (*STRUCTURED, LEGACY)
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=(\S.*)")
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):\s*(?:;.*)?")
_INSTANCE = re.compile(r"([A-Za-z0-9_-]+)=(\S+)")
_HEX = re.compile(r"[0-9A-Fa-f]{64}")


def stated_digests(headers: Mapping[str, str]) -> dict[str, str]:
    """Header → the SHA-256 that it states, as 64 lower-case hexadecimal digits. Raises ApiRefused (400) for what cannot be
    read."""
    found = {}
    for name in STRUCTURED:
        for algorithm, value in _members(name, headers.get(name), _MEMBER):
            if algorithm == SHA256:
                found[name] = _decoded(name, value, _BYTES.fullmatch(value))
    for algorithm, value in _members(LEGACY, headers.get(LEGACY), _INSTANCE):
        if algorithm.lower() == SHA256:
            found[LEGACY] = _decoded(LEGACY, value, re.fullmatch(r"([A-Za-z0-9+/]*={0,2})", value))
    if (stated := headers.get(FIELD)) is not None:
        if not _HEX.fullmatch(stated.strip()):
            raise _malformed(FIELD, stated, "64 hexadecimal digits")
        found[FIELD] = stated.strip().lower()
    return found


def _members(name: str, header: str | None, form: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Algorithm and value, as the header lists them."""
    for part in (header or "").split(","):
        if member := part.strip():
            match = form.fullmatch(member)
            if match is None:
                raise _malformed(name, member, _example(name))
            yield match[1], match[2]


def _decoded(name: str, value: str, match: re.Match[str] | None) -> str:
    try:
        digest = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise _malformed(name, value, _example(name))
    return digest.hex()


def _example(name: str) -> str:
    colon = ":" if name in STRUCTURED else ""
    return f"{SHA256}={colon}BASE64{colon} with the 32 bytes of the digest in base64"


def _malformed(name: str, stated: str, form: str) -> ApiRefused:
    return ApiRefused(400, "digest-malformed", f"The header {name} cannot be read: “{stated[:100]}”. State {form}.")
