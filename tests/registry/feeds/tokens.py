"""The server that gives out tokens for a registry of containers, which the registry checks by its certificate.

distribution.github.io/distribution/spec/auth/jwt
"""

import base64
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.registry.feeds.answering import Asked, Reply, basic
from tests.registry.feeds.certificates import a_certificate, a_key, as_pem

SERVICE, ISSUER = "registry of the tests", "tests"


class Tokens:
    """Gives a token to whoever signs in as the reader."""

    def __init__(self, directory: Path, username: str, password: str) -> None:
        self._key = a_key()
        self._certificate = a_certificate(self._key)
        self._wanted = basic(username, password)
        self.bundle = directory / "tokens.pem"
        self.bundle.write_bytes(as_pem(self._certificate))

    def section(self, realm: str) -> dict[str, Any]:
        """For the configuration of the registry."""
        return {
            "token": {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self.bundle)},
        }

    def reply(self, asked: Asked) -> Reply:
        if asked.authorization != self._wanted:
            return Reply(b"{}", 401)
        scopes = parse_qs(urlsplit(asked.path).query).get("scope", [])
        access = [_access(scope) for scope in scopes]
        return Reply(json.dumps({"token": self._token(access)}).encode(), headers={"Content-Type": "application/json"})

    def _token(self, access: list[dict[str, Any]]) -> str:
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        times = {"nbf": now - 60, "iat": now, "exp": now + 300}
        claims = {"iss": ISSUER, "aud": SERVICE, "sub": "reader", "jti": "1", "access": access} | times
        signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _access(scope: str) -> dict[str, Any]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
