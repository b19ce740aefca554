"""Which kind of document a file is, by its content alone. Pure: what it says is neither trusted nor followed.

CycloneDX: `bomFormat`, from 2.0 on `specFormat` (cyclonedx.org). SPDX 2: `spdxVersion`; SPDX 3: the JSON-LD context
(spdx.github.io/spdx-spec). in-toto: the `_type` of a statement, the `payloadType` of a DSSE envelope around it, and
bundles as JSON lines, of which not every line has to be known (github.com/in-toto/attestation, spec/v1); Sigstore's
bundle holds such an envelope (github.com/sigstore/protobuf-specs).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from registry.refusals import RegistryRefused

CYCLONEDX, SPDX, IN_TOTO = "cyclonedx", "spdx", "in-toto"
MAX_BYTES = 64 * 1024**2
PARTS_AT_MOST = 2_000_000
"""Objects and lists: what is read takes up to a hundred times its size in memory, where it holds little else."""

_TELLING = frozenset({"bomFormat", "specFormat", "spdxVersion", "@context", "_type", "payloadType", "dsseEnvelope"})
_STATEMENT = "https://in-toto.io/Statement/"
_PAYLOAD = re.compile(r"application/vnd\.in-toto(?:\.[A-Za-z0-9._-]+)?\+json")
_SPDX_CONTEXT = re.compile(r"https?://spdx\.org/rdf/3\.")
_NOTHING: Mapping[str, Any] = {}


class AttachmentRefused(RegistryRefused):
    """Codes: attachment-refused, attachment-too-large, attachments-full."""

    code = "attachment-refused"


def kind_of(path: Path) -> str:
    """CYCLONEDX, SPDX or IN_TOTO. Raises AttachmentRefused for whatever is none of them, is no JSON or too large."""
    check_size(path.stat().st_size)
    text = _text_of(path)
    if text.lstrip().startswith("<"):
        raise AttachmentRefused(
            "This is XML, and attachments are JSON. Have CycloneDX written as JSON, or convert it: cyclonedx convert"
            " --input-file bom.xml --output-file bom.json"
        )
    kind = next(filter(None, map(_kind, _documents_in(text))), None)
    if kind is None:
        raise AttachmentRefused(
            "This is no document of a kind that is kept. Attach a bill of materials as CycloneDX or SPDX in JSON, or"
            " in-toto attestations: a statement, a DSSE envelope, or JSON lines of them."
        )
    return kind


def check_size(size: int) -> None:
    """Raise AttachmentRefused where so many bytes are too many."""
    if size > MAX_BYTES:
        raise AttachmentRefused(
            f"The attachment has {size:,} bytes; {MAX_BYTES:,} are kept at most. Leave out what nobody needs, such as"
            " the texts of licences.",
            code="attachment-too-large",
        )


def _text_of(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AttachmentRefused("This is not text in UTF-8. Attach the document as JSON in UTF-8.") from error
    if text.count("{") + text.count("[") > PARTS_AT_MOST:
        raise AttachmentRefused(f"This holds more than {PARTS_AT_MOST:,} objects and lists. Attach less at once.")
    return text


def _documents_in(text: str) -> Iterable[object]:
    """The one JSON document of a file, or those of JSON lines. Raises AttachmentRefused."""
    try:
        return [_read(text)]
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise _unreadable(error, error.lineno) from error
    return list(_lines_of(text))


def _lines_of(text: str) -> Iterator[object]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                document = _read(line)
            except json.JSONDecodeError as error:
                raise _unreadable(error, number) from error
            yield document if _kind(document) == IN_TOTO else None


def _read(text: str) -> object:
    """The document without whatever does not tell its kind. Raises json.JSONDecodeError, AttachmentRefused."""
    try:
        return json.loads(text, object_pairs_hook=_what_tells, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise AttachmentRefused("This is nested too deeply to be read. Attach a document as tools write it.") from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise AttachmentRefused("This holds a number that is too long to be read.") from error


def _what_tells(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    return {key: value for key, value in pairs if key in _TELLING} or _NOTHING


def _refuse_constant(name: str) -> NoReturn:
    raise AttachmentRefused(f"This is not JSON: it holds {name}, which JSON does not know.")


def _kind(document: object) -> str | None:
    if not isinstance(document, dict):
        return None
    if "CycloneDX" in (document.get("bomFormat"), document.get("specFormat")):
        return CYCLONEDX
    if _begins(document.get("spdxVersion"), "SPDX-2") or _is_spdx_context(document.get("@context")):
        return SPDX
    envelope = document.get("dsseEnvelope", document)
    payload = envelope.get("payloadType") if isinstance(envelope, dict) else None
    if _begins(document.get("_type"), _STATEMENT) or (isinstance(payload, str) and _PAYLOAD.fullmatch(payload)):
        return IN_TOTO
    return None


def _begins(value: object, beginning: str) -> bool:
    return isinstance(value, str) and value.startswith(beginning)


def _is_spdx_context(context: object) -> bool:
    """One address, or a list that has it among others."""
    named = context if isinstance(context, list) else [context]
    return any(isinstance(one, str) and _SPDX_CONTEXT.match(one) for one in named)


def _unreadable(error: json.JSONDecodeError, line: int) -> AttachmentRefused:
    return AttachmentRefused(f"This cannot be read as JSON (line {line}, column {error.colno}: {error.msg}).")
