"""What a release package built by CDAF says about itself (CDAF 3.0.2: package.sh, buildPackage.sh and localTasks.sh).

It is a directory `TasksLocal` in an archive, or a single release.sh that carries it: a tar.gz in base64, between
`base64 -d << EOF | tar -xzf -` and `EOF`. Its manifest.txt tells what was built; the files in its directories of
properties, one for each target, tell where it can be deployed.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

DIRECTORY = "TasksLocal"
MANIFEST = "manifest.txt"
MOST_SCRIPT = 16 * 1024 * 1024
"""Bytes of a release.sh that is looked into; what CDAF builds is a thousand times smaller."""

_SETTINGS = ("propertiesForLocalTasks", "propertiesForRemoteTasks", "propertiesForContainerTasks")
_TOLD = {
    "SOLUTION": "solution",
    "BUILDNUMBER": "build_number",
    "REVISION": "revision",
    "artifactPrefix": "artifact_prefix",
}
_MOST_VALUE = 200
_BEGINNING = re.compile(
    rb"^[ \t]*base64 +(?:-d|-D|--decode) *<< *(['\"]?)(?P<end>\w+)\1 *\| *tar -xzf -[^\n]*\n", re.MULTILINE
)
_SOLUTION = re.compile(rb"^SOLUTION=(['\"]?)(?P<solution>[^\n'\"]+)\1[ \t\r]*$", re.MULTILINE)
_VERSION = re.compile(rb"Launching release\.sh \((?P<version>[^()\n]+)\)")


@dataclass(frozen=True)
class Carried:
    """What a self-extracting release.sh holds."""

    packed: bytes | None
    """The tar.gz; None where its base64 is damaged."""
    about: dict[str, str]
    """Its solution and version, as its own first lines say."""


def carried(script: bytes) -> Carried | None:
    """What this script carries, if it is a self-extracting one. Nothing of it is run."""
    beginning = _BEGINNING.search(script)
    if beginning is None:
        return None
    end = script.find(b"\n" + beginning["end"] + b"\n", beginning.end() - 1)
    payload = script[beginning.end() : end if end >= 0 else len(script)]
    try:
        packed = base64.b64decode(payload.translate(None, b"\r\n"), validate=True)
    except binascii.Error:
        packed = None
    return Carried(packed, _said_by(script[: beginning.start()]))


def target(parts: tuple[str, ...]) -> str | None:
    """The target that this file of a package holds properties for, if it does."""
    inner = parts[1:] if parts[0] == DIRECTORY else parts
    is_one = len(inner) == 2 and inner[0] in _SETTINGS and not inner[1].startswith(".")
    return inner[1] if is_one else None


def about(manifest: bytes) -> dict[str, str]:
    """What the lines of a manifest.txt say: solution, build_number, revision, artifact_prefix and version, or some.

    `#` begins a comment; of several lines about the same the first counts, which CDAF itself has written.
    """
    found: dict[str, str] = {}
    for line in manifest.decode("utf-8", "replace").splitlines():
        key, _, value = (part.strip() for part in line.partition("#")[0].partition("="))
        if key in _TOLD and _is_plain(value):
            found.setdefault(_TOLD[key], value)
    if "artifact_prefix" in found and "build_number" in found:
        found["version"] = f"{found['artifact_prefix']}.{found['build_number']}"  # as CDAF puts them together
    return found


def is_its_own(parts: tuple[str, ...], manifest: bytes) -> bool:
    """Whether this manifest.txt is CDAF's own and no list of components."""
    if parts[-1] != MANIFEST:
        return False
    return parts[-2:-1] == (DIRECTORY,) or {"solution", "build_number"} <= about(manifest).keys()


def targets_for(environment: str, targets: Sequence[str]) -> list[str]:
    """Those of a package's targets that a delivery to `environment` would take: all whose name begins with it.

    Upper and lower case count, as in the `find -name "$ENVIRONMENT*"` of CDAF. TEST therefore takes TEST2 as well.
    """
    return [target for target in targets if target.startswith(environment)]


def _said_by(head: bytes) -> dict[str, str]:
    matches = (_SOLUTION.search(head), _VERSION.search(head))
    said = {name: value for match in matches if match for name, value in match.groupdict().items()}
    texts = {name: value.decode("utf-8", "replace").strip() for name, value in said.items()}
    return {name: text for name, text in texts.items() if _is_plain(text)}


def _is_plain(value: str) -> bool:
    return 0 < len(value) <= _MOST_VALUE and value.isprintable()
