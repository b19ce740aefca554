"""Where packages lie, seen by somebody who changes what lies there behind the registry's back."""

import os
from pathlib import Path
from typing import Protocol


class Place(Protocol):
    def names(self) -> list[str]: ...

    def overwrite(self, sha256: str, content: bytes) -> None: ...

    def lose(self, sha256: str) -> None: ...


class Files:
    """The file system."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.store)) for path in self.store.glob("sha256/??/??/*"))

    def overwrite(self, sha256: str, content: bytes) -> None:
        """In the same file."""
        path = self._path(sha256)
        path.chmod(0o600)
        path.write_bytes(content)

    def lose(self, sha256: str) -> None:
        self._path(sha256).unlink()

    def age(self, sha256: str, to: float) -> None:
        """Let it have been kept at this time (seconds since 1970)."""
        os.utime(self._path(sha256), (to, to))

    def _path(self, sha256: str) -> Path:
        return self.store / "sha256" / sha256[:2] / sha256[2:4] / sha256
