"""Making a bundle: which files it has, and the bytes of the packages on their way from the storage into it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from registry import storage
from registry.storage import ArtifactDamaged
from releases.bundle import tar, texts
from releases.bundle.contents import Item, items_of, releases_of
from releases.bundle.tar import Member
from releases.bundle.texts import Blank
from releases.models import Release


@dataclass(frozen=True)
class Bundle:
    """A release as one tar whose members lie in a directory of its name."""

    name: str
    items: list[Item]
    members: list[Member]
    made_at: int  # seconds since 1970

    @property
    def filename(self) -> str:
        return f"{self.name}.tar"

    @property
    def size(self) -> int:
        """In bytes, as `stream` gives them."""
        return tar.size_of(self.members, self.made_at)

    def stream(self) -> Iterator[bytes]:
        """The same bytes for the same release, whenever it is asked for. What is damaged breaks it off: ArtifactDamaged."""
        return tar.stream(self.members, self.made_at)


def prepare(release: Release) -> Bundle:
    """What the bundle of this release is made of; no package is read to its end yet.

    Raises ReleaseRefused with a sentence where the release may not be run any more, ArtifactDamaged where stored bytes
    are missing.
    """
    items = items_of(release)
    stored = {item.file: item.version.bytes for item in items if item.file}
    small = {
        "run.sh": texts.script(),
        "README.md": texts.readme(release, items),
        "manifest.json": texts.manifest(release, items),
        "order": texts.order(release, items),
        "variables.example": texts.variables(components_of(release)),
    }
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in small.items()}
    small["SHA256SUMS"] = texts.sums(digests | {file: artifact.sha256 for file, artifact in stored.items()})
    for artifact in stored.values():
        storage.stream(artifact.sha256).close()  # what is missing is said now, while it can be
    name = f"{release.project.slug}-{release.number}"
    members = [
        *(_small(f"{name}/{path}", text) for path, text in small.items()),
        *(
            Member(f"{name}/{file}", artifact.size, partial(_verified, artifact.sha256))
            for file, artifact in stored.items()
        ),
    ]
    return Bundle(name, items, members, int(release.created_at.timestamp()))


def blanks(release: Release) -> list[Blank]:
    """The variables that whoever runs it has to fill in."""
    return texts.blanks(components_of(release))


def components_of(release: Release) -> dict[str, Release]:
    """The component releases by slug, in order; a project on its own is its own only one."""
    return {held.project.slug: held for _, held in releases_of(release)}


def _small(path: str, text: str) -> Member:
    content = text.encode()
    return Member(path, len(content), lambda: [content], is_executable=path.endswith(".sh"))


def _verified(sha256: str) -> Iterator[bytes]:
    """The stored bytes; the last piece only once all of them are what they should be. Raises ArtifactDamaged."""
    digest, last = hashlib.sha256(), b""
    for chunk in storage.stream(sha256):
        digest.update(chunk)
        if last:
            yield last
        last = chunk
    if digest.hexdigest() != sha256:
        raise ArtifactDamaged(
            f"The stored package with SHA-256 {sha256[:12]}… was changed in the storage. Push the same package again to"
            " restore it."
        )
    yield last
