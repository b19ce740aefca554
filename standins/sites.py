"""Serves the published sites, one directory per environment, read-only.

    python -m standins.sites --port 8001 --root sites/

`http://127.0.0.1:8001/test/` is `sites/test/index.html`; `/` lists the environments. Names that begin with a dot are
never served, nor is anything that lies outside the root, links included.
"""

import argparse
import json
import mimetypes
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from standins.serving import QuietHandler, listen, serve

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TEXT_TYPES = {"application/json", "application/javascript", "text/javascript", "image/svg+xml"}


class NotThere(Exception):
    """There is nothing to serve under this path."""


def environments(root: Path) -> list[tuple[str, str]]:
    """Name and published version of each environment that has a site; the version is empty where it is not stated."""
    if not root.is_dir():
        return []
    names = sorted(entry.name for entry in root.iterdir() if not entry.name.startswith(".") and entry.is_dir())
    return [(name, _version(root / name / "version.json")) for name in names]


def _version(path: Path) -> str:
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        return f"{stated['component']} {stated['version']}, release {stated['release']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def file_for(root: Path, url_path: str) -> Path:
    """The file below `root` that `url_path` names, index.html for a directory; raises NotThere."""
    parts = [unquote(part, errors="replace") for part in url_path.split("/") if part]
    if any(part.startswith(".") or set(part) & set("/\\\0") for part in parts):
        raise NotThere
    try:
        found = root.joinpath(*parts).resolve(strict=True)
        if found.is_dir():
            found = (found / "index.html").resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise NotThere from error
    if not found.is_relative_to(root.resolve()) or not found.is_file():
        raise NotThere
    return found


def content_of(root: Path, url_path: str) -> tuple[str, bytes]:
    """Content type and bytes of what `url_path` names; raises NotThere."""
    try:
        return _read(file_for(root, url_path))
    except FileNotFoundError:
        # Between finding and reading it, a newer publication took its place.
        return _read_or_not_there(file_for(root, url_path))


def _read(path: Path) -> tuple[str, bytes]:
    return _content_type(path), path.read_bytes()


def _read_or_not_there(path: Path) -> tuple[str, bytes]:
    try:
        return _read(path)
    except OSError as error:
        raise NotThere from error


def _content_type(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind in TEXT_TYPES else kind


def index(root: Path) -> str:
    """The page that lists the environments."""
    items = "".join(
        f'<li><a href="/{quote(name)}/">{escape(name)}</a> {escape(version)}</li>'
        for name, version in environments(root)
    )
    listed = f"<ul>{items}</ul>" if items else "<p>Nothing has been published yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width"><title>Published sites</title></head><body>'
        f"<h1>Published sites</h1>{listed}</body></html>"
    )


class Handler(QuietHandler):
    """GET and HEAD only; every other method is answered 501 by the standard library."""

    server_version = "Sites"
    root: Path

    def do_GET(self) -> None:  # noqa: N802 - the standard library looks for this name
        path = urlsplit(self.path).path
        if path in ("", "/"):
            return self._page(200, index(self.root))
        try:
            kind, body = content_of(self.root, path)
        except NotThere:
            return self._page(404, "<!doctype html><title>Not found</title><p>Nothing has been published here.</p>")
        if not path.endswith("/") and body and self._is_directory(path):
            # One leading slash only: "//host" would send the browser to another machine.
            return self.answer(302, "text/plain; charset=utf-8", b"", Location="/" + path.strip("/") + "/")
        return self.answer(200, kind, body, Content_Security_Policy=POLICY, Referrer_Policy="no-referrer")

    do_HEAD = do_GET  # noqa: N815

    def _is_directory(self, path: str) -> bool:
        return self.root.joinpath(*[unquote(part) for part in path.split("/") if part]).is_dir()

    def _page(self, status: int, html: str) -> None:
        self.answer(status, "text/html; charset=utf-8", html.encode(), Content_Security_Policy=POLICY)


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m standins.sites", description="Serves the published sites.")
    parser.add_argument("--port", type=int, default=8001, help="port to listen on; 0 picks a free one (default: 8001)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--root", type=Path, required=True, help="directory that holds one directory per environment")
    stated = parser.parse_args(arguments)
    try:
        stated.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"Cannot use {stated.root}: {error.strerror}. State another directory with --root.") from error
    server = listen(stated.port, type("BoundHandler", (Handler,), {"root": stated.root}), stated.host)
    serve(server, f"Published sites: http://{stated.host}:{server.server_port}/ (from {stated.root})")


if __name__ == "__main__":
    main()
