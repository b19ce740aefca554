"""What a release package built by CDAF says about itself: the environments it has settings for.

Its delivery takes each file of these directories whose name begins with the environment's name. The single release.sh
that CDAF builds carries them as a tar.gz in base64, between `base64 -d << EOF | tar -xzf -` and `EOF` (CDAF 3.0.2).
"""

import base64
import binascii
import gzip
import io
import re
from pathlib import Path
from typing import IO, cast

from registry.archives.members import CHUNK, Limits, PackageRefused
from registry.archives.paths import Paths
from registry.archives.tars import tar_members

DIRECTORY = "TasksLocal"
_SETTINGS = ("propertiesForLocalTasks", "propertiesForRemoteTasks", "propertiesForContainerTasks")
_MOST_SCRIPT = 16 * 1024 * 1024  # bytes; what CDAF builds is a thousand times smaller
_PAYLOAD = re.compile(
    rb"base64 -d *<< *(?P<quote>['\"]?)(?P<end>\w+)(?P=quote) *\| *tar -xzf -[^\n]*\n"
    rb"(?P<payload>[A-Za-z0-9+/=\n]+?)\n(?P=end)(?:\n|$)"
)


def target(parts: tuple[str, ...]) -> str | None:
    """The environment that this file of a package holds settings for, if it does."""
    inner = parts[1:] if parts[0] == DIRECTORY else parts
    return inner[1] if len(inner) == 2 and inner[0] in _SETTINGS else None


def targets_of_script(path: Path, limits: Limits) -> set[str]:
    """The environments that a self-extracting release.sh holds settings for.

    Empty for any other script: what a script carries and cannot be read is its own affair, it is not unpacked here.
    """
    if path.stat().st_size > _MOST_SCRIPT or (match := _PAYLOAD.search(path.read_bytes())) is None:
        return set()
    try:
        packed = base64.b64decode(match["payload"])
        return _targets(packed, limits)
    except (binascii.Error, PackageRefused):
        return set()


def _targets(packed: bytes, limits: Limits) -> set[str]:
    paths, found = Paths(limits), set()
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        for member in tar_members(cast(IO[bytes], stream), limits, packed_bytes=len(packed)):
            parts = paths.add(member.name, is_directory=member.is_directory)
            if parts and not member.is_directory:
                found.add(target(parts))
            while member.read(CHUNK):
                pass
    return {name for name in found if name}
