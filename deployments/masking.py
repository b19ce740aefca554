"""Hides secrets in a stream of output, wherever the stream happens to be cut."""

import re
from collections.abc import Iterable

MASK = b"******"
SHORTEST = 4  # shorter values would blacken half of every log


class Masker:
    """Bytes in, bytes out. Holds back only a tail that could be the beginning of a secret or of a UTF-8 sequence.

    Masking in pieces gives what masking the whole text gives, and every piece handed out ends between characters.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        words = {line for secret in secrets for line in (secret, *secret.splitlines()) if len(line) >= SHORTEST}
        self._secrets = sorted((word.encode() for word in words), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None
        self._held = b""

    def feed(self, data: bytes, *, last: bool = False) -> tuple[bytes, int]:
        """Take the next bytes; `last` says that nothing follows.

        Returns the masked bytes that are certain now, and how many raw bytes they stand for.
        """
        whole = self._held + data
        cut = len(whole) if last else self._safe_cut(whole)
        ready, self._held = whole[:cut], whole[cut:]
        masked = self._pattern.sub(MASK, ready) if self._pattern else ready
        return masked, len(ready)

    def _safe_cut(self, whole: bytes) -> int:
        held = max(self._beginning_of_a_secret(whole), _beginning_of_a_character(whole))
        cut = len(whole) - held
        if held and self._pattern:
            for match in self._pattern.finditer(whole):
                if match.start() < cut < match.end():  # never through the middle of a complete secret
                    return match.start()
        return cut

    def _beginning_of_a_secret(self, whole: bytes) -> int:
        """The length of the longest tail that is a proper beginning of some secret."""
        longest = 0
        for secret in self._secrets:
            for length in range(min(len(secret) - 1, len(whole)), longest, -1):
                if whole.endswith(secret[:length]):
                    longest = length
                    break
        return longest


def _beginning_of_a_character(whole: bytes) -> int:
    """The length of an incomplete UTF-8 sequence at the end (RFC 3629: the lead byte tells how many bytes follow)."""
    for length in range(1, min(4, len(whole) + 1)):
        byte = whole[-length]
        if byte < 0x80:
            return 0
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return length if length < needed else 0
    return 0
