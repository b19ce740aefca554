"""Stands in for CloudHub: accepts, lists and serves applications per environment, over HTTP.

    python -m standins.cloudhub --port 8002 --data cloudhub.json

    PUT    /environments/TEST/applications/patient-api   {"version", "settings_hash", "release", "settings": {…}}
    GET    /environments/TEST/applications               {"items": […]}
    GET    /environments/TEST/applications/patient-api
    DELETE /environments/TEST/applications/patient-api
    GET    /                                             a page for people: what runs where
    …      /api/v3/…                                     Anypoint Exchange, see `standins.exchange`

Errors are `application/problem+json` with a `sentence`. It knows nothing of MuleSoft's own protocol.
"""

import argparse
import json
import re
import threading
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from standins import exchange, keeping
from standins.serving import QuietHandler, Refused, listen, serve

Application = dict[str, Any]
State = dict[str, dict[str, Application]]

LARGEST_REQUEST = 64 * 1024  # bytes
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")
ROUTE = re.compile(r"/environments/(?P<environment>[^/]+)/applications(?:/(?P<name>[^/]+))?/?")
PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = """\
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
caption { text-align: left; font-weight: 650; padding-bottom: .5rem; }
th, td { text-align: left; padding: .5rem .75rem; border-bottom: 1px solid #8884; }
code { font-size: .875em; }
"""


class Applications:
    """What runs where, kept in one JSON file that is replaced as a whole on every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._state: State = keeping.read(path)

    def everything(self) -> State:
        """A copy of environment → name → application."""
        with self._lock:
            return {environment: dict(found) for environment, found in sorted(self._state.items())}

    def in_environment(self, environment: str) -> list[Application]:
        """The applications of one environment by name; empty where nothing was ever deployed."""
        with self._lock:
            return [application for _, application in sorted(self._state.get(environment, {}).items())]

    def one(self, environment: str, name: str) -> Application:
        """The application, or Refused(404)."""
        with self._lock:
            found = self._state.get(environment, {}).get(name)
        if found is None:
            raise Refused(404, f"{name} does not run in {environment}.")
        return found

    def put(self, environment: str, application: Application) -> bool:
        """Store `application`; true when it was not there before."""
        with self._lock:
            before = self._state.get(environment, {})
            after = {**before, application["name"]: application}
            self._write({**self._state, environment: after})
            return application["name"] not in before

    def remove(self, environment: str, name: str) -> None:
        """Forget the application, or Refused(404)."""
        self.one(environment, name)
        with self._lock:
            left = {key: value for key, value in self._state.get(environment, {}).items() if key != name}
            self._write({**self._state, environment: left})

    def _write(self, state: State) -> None:
        """Replace the file first, and what is served only if that worked."""
        keeping.write(self._path, state)
        self._state = state


class Exchange:
    """The assets that were published, kept in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._assets: exchange.Assets = keeping.read(path)

    def everything(self) -> exchange.Assets:
        return self._assets

    def publish(self, path: str, content: bytes) -> None:
        """Take one version in, or Refused."""
        with self._lock:
            assets = exchange.published(self._assets, path, content)
            keeping.write(self._path, assets)
            self._assets = assets


def application_from(environment: str, name: str, body: bytes, now: datetime) -> Application:
    """The application that a PUT describes, or Refused(400 or 422) with what is wrong with it."""
    try:
        stated = json.loads(body)
    except ValueError as error:
        raise Refused(400, "The body is not JSON. Send an object with version, settings_hash and release.") from error
    if not isinstance(stated, dict):
        raise Refused(400, "The body is not a JSON object. Send version, settings_hash and release.")
    if unknown := sorted(set(stated) - {"version", "settings_hash", "release", "settings"}):
        raise Refused(422, f"Unknown field {unknown[0]!r}. Send version, settings_hash, release and settings only.")
    settings = stated.get("settings", {})
    if not isinstance(settings, dict) or not all(isinstance(value, str) for value in settings.values()):
        raise Refused(422, "settings must be an object whose values are strings.")
    return {
        "environment": environment,
        "name": name,
        "version": _matching(stated, "version", VERSION, "a version such as 1.4.113"),
        "settings_hash": _matching(stated, "settings_hash", SHA256, "64 lower-case hexadecimal digits"),
        "release": _matching(stated, "release", NAME, "a release number such as 2026.11.1"),
        "settings": settings,
        "updated_at": now.isoformat(timespec="seconds"),
    }


def _matching(stated: dict[str, Any], field: str, pattern: re.Pattern[str], wanted: str) -> str:
    value = stated.get(field)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Refused(422, f"{field} must be {wanted}.")
    return value


def page(state: State, assets: exchange.Assets) -> str:
    """The page for people."""
    tables = "".join(_table(environment, found) for environment, found in state.items() if found)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CloudHub stand-in</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>'
        "<body><h1>CloudHub stand-in</h1><p>What runs where, as the desired-state packages left it.</p>"
        f"{tables or '<p>Nothing runs here yet.</p>'}"
        f"<h2>Exchange stand-in</h2><p>What may run here: the versions that were published, last first.</p>"
        f"<ul>{_assets(assets) or '<li>Nothing is published yet.</li>'}</ul></body></html>"
    )


def _assets(assets: exchange.Assets) -> str:
    return "".join(
        f"<li>{escape(key)}: {escape(', '.join(reversed(held)))}</li>" for key, held in sorted(assets.items())
    )


def _table(environment: str, found: dict[str, Application]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(a["version"])}</td><td>{escape(a["release"])}</td>'
        f"<td><time>{escape(a['updated_at'])}</time></td><td><code>{escape(a['settings_hash'][:12])}</code></td></tr>"
        for name, a in sorted(found.items())
    )
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Application", "Version", "Release", "Since", "Settings")
    )
    return (
        f"<table><caption>{escape(environment)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


class Handler(QuietHandler):
    """Translates HTTP into calls of Applications."""

    server_version = "CloudHubStandIn"
    applications: Applications
    exchange: Exchange

    def do_GET(self) -> None:  # noqa: N802 - the standard library looks for this name
        self._carry_out(self._get)

    def do_PUT(self) -> None:  # noqa: N802
        self._carry_out(self._put)

    def do_DELETE(self) -> None:  # noqa: N802
        self._carry_out(self._delete)

    def _get(self) -> None:
        if self.path == "/":
            body = page(self.applications.everything(), self.exchange.everything()).encode()
            return self.answer(200, "text/html; charset=utf-8", body, Content_Security_Policy=PAGE_POLICY)
        if self.path == "/style.css":
            return self.answer(200, "text/css; charset=utf-8", STYLE.encode())
        if self.path.startswith(exchange.PREFIX):
            return self.answer(200, *exchange.answer(self.exchange.everything(), self.path))
        environment, name = self._route()
        if name is None:
            return self._json(200, {"items": self.applications.in_environment(environment)})
        return self._json(200, self.applications.one(environment, name))

    def _put(self) -> None:
        if self.path.startswith(exchange.PREFIX):
            self.exchange.publish(self.path, self._content())
            return self._json(201, {"published": self.path})
        environment, name = self._named_route()
        application = application_from(environment, name, self._body(), datetime.now(UTC))
        return self._json(201 if self.applications.put(environment, application) else 200, application)

    def _delete(self) -> None:
        environment, name = self._named_route()
        self.applications.remove(environment, name)
        self._json(200, {"environment": environment, "name": name})

    def _route(self) -> tuple[str, str | None]:
        match = ROUTE.fullmatch(self.path)
        if match is None:
            raise Refused(404, "There is nothing here. Applications are under /environments/ENVIRONMENT/applications.")
        environment, name = match["environment"], match["name"]
        if not NAME.fullmatch(environment) or (name is not None and not NAME.fullmatch(name)):
            raise Refused(
                422,
                "Names consist of letters, digits, dots, hyphens and underscores, and start with a letter or digit.",
            )
        return environment, name

    def _named_route(self) -> tuple[str, str]:
        environment, name = self._route()
        if name is None:
            raise Refused(405, "State the application: /environments/ENVIRONMENT/applications/NAME.")
        return environment, name

    def _body(self) -> bytes:
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "Send Content-Type: application/json.")
        return self._content()

    def _content(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise Refused(411, "State the length of the body in Content-Length.")
        if int(length) > LARGEST_REQUEST:
            raise Refused(413, f"The body is larger than {LARGEST_REQUEST:,} bytes.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refused(400, "The body ended early. Send it again.")
        return body

    def _json(self, status: int, content: dict[str, Any], content_type: str = "application/json") -> None:
        self.answer(status, content_type, json.dumps(content).encode())

    def _carry_out(self, verb: Any) -> None:
        try:
            verb()
        except Refused as refusal:
            self.close_connection = True  # what is left of the request was not read
            problem = {"status": refusal.status, "title": "Refused", "sentence": str(refusal)}
            self._json(refusal.status, problem, "application/problem+json")


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped; state is kept in the file given with --data."""
    parser = argparse.ArgumentParser(prog="python -m standins.cloudhub", description="Stands in for CloudHub.")
    parser.add_argument("--port", type=int, default=8002, help="port to listen on; 0 picks a free one (default: 8002)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--data", type=Path, required=True, help="file that keeps what is deployed")
    stated = parser.parse_args(arguments)
    kept = Exchange(stated.data.with_name("exchange.json"))
    handler = type("BoundHandler", (Handler,), {"applications": Applications(stated.data), "exchange": kept})
    server = listen(stated.port, handler, stated.host)
    serve(server, f"CloudHub stand-in: http://{stated.host}:{server.server_port}/ (state in {stated.data})")


if __name__ == "__main__":
    main()
