"""Sensitive values at rest: encrypted with the installation's keys, decrypted only where they are used."""

import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecrypt(Exception):
    """Carries a sentence: the encryption key of this installation is not the one that the value was written with."""


def encrypt(text: str) -> str:
    """Encrypt with the newest key (Fernet: AES-128-CBC with HMAC-SHA256)."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text that `encrypt` was given. Raises CannotDecrypt with a sentence."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise CannotDecrypt(
            "A sensitive value cannot be decrypted: ENCRYPTION_KEYS does not hold the key that it was written with."
        ) from error


def fingerprint(text: str) -> str:
    """A keyed SHA-256: equal texts have equal fingerprints, and nobody without the key can try guesses against it."""
    return hmac.new(settings.ENCRYPTION_KEYS[-1].encode(), text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
