"""The peers of Signalbox's registry, each fetched and started with its own defaults in a scratch directory."""

import base64
import http.client
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench import scratch, speaking
from bench.contenders import DEVPI, DOCKER, PYPISERVER, Contender
from bench.scratch import CannotCompare
from portal.children import Child
from tests.servers import free_port

DEVPI_REQUIREMENTS = ["devpi-server==6.20.3"]
PYPISERVER_REQUIREMENTS = ["pypiserver==2.4.2", "waitress==3.0.2"]  # with the first choice of its server
START_SECONDS = 60.0
PASSWORD = "bench"  # of a server that nobody else reaches
USER = "root"  # whom devpi-server creates with itself
INDEX = f"/{USER}/bench/"
# Only what has no default: Debian's own configuration, without the accounts, which would cost it time.
DOCKER_CONFIGURATION = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  cache: {{blobdescriptor: inmemory}}
  delete: {{enabled: true}}
  filesystem: {{rootdirectory: {store}}}
http:
  addr: 127.0.0.1:{port}
  secret: bench
"""


def fetched(home: Path) -> dict[str, Path | CannotCompare]:
    """The directory of each peer's programs, or why there is none. Needs the environment in which pip and apt work."""
    return {name: _tried(get, home) for name, get in _FETCHING.items()}


@contextmanager
def running(
    home: Path, programs: Mapping[str, Path | CannotCompare]
) -> Iterator[tuple[list[Contender], dict[str, str]]]:
    """Those that could be fetched and started, and why the others could not; they are ended on leaving."""
    contenders, missing = [], {}
    with ExitStack() as ending:
        for name, found in programs.items():
            try:
                if isinstance(found, CannotCompare):
                    raise found
                contenders.append(_STARTING[name](found, home / name, ending))
            except CannotCompare as reason:
                missing[name] = str(reason)
        yield contenders, missing


def _tried(get: Callable[[Path], Path], home: Path) -> Path | CannotCompare:
    try:
        return get(home)
    except CannotCompare as reason:
        return reason


def _devpi(programs: Path, home: Path, ending: ExitStack) -> Contender:
    home.mkdir()
    port, data = free_port(), home / "data"
    first = ["--serverdir", str(data), "--no-root-pypi", "--root-passwd", PASSWORD]
    scratch.run([str(programs / "devpi-init"), *first], "it could not be set up")
    listen = ["--host", "127.0.0.1", "--port", str(port), "--offline-mode"]
    part = _started([str(programs / "devpi-server"), "--serverdir", str(data), *listen], home, port, ending)
    headers = _devpi_index(port)
    push = partial(speaking.upload, headers=headers, index=INDEX)
    return Contender(DEVPI, port, part, data / "+files", push, partial(speaking.fetch_devpi, index=INDEX))


def _devpi_index(port: int) -> dict[str, str]:
    """Make the index; the headers of whoever may upload into it."""
    session = _asked(port, "POST", "/+login", {"user": USER, "password": PASSWORD}, {})["result"]["password"]
    headers = {"X-Devpi-Auth": base64.b64encode(f"{USER}:{session}".encode()).decode()}
    _asked(port, "PUT", INDEX.rstrip("/"), {"type": "stage", "bases": [], "volatile": False}, headers)
    return headers


def _pypiserver(programs: Path, home: Path, ending: ExitStack) -> Contender:
    store = home / "packages"
    store.mkdir(parents=True)
    port = free_port()
    where = ["--port", str(port), "--interface", "127.0.0.1", "--disable-fallback"]
    anybody = ["--authenticate", ".", "--passwords", "."]
    part = _started([str(programs / "pypi-server"), "run", *where, *anybody, str(store)], home, port, ending)
    push = partial(speaking.upload, headers={}, index="/")
    return Contender(PYPISERVER, port, part, store, push, speaking.fetch_pypiserver)


def _docker(programs: Path, home: Path, ending: ExitStack) -> Contender:
    home.mkdir()
    port, store, settings = free_port(), home / "store", home / "config.yml"
    settings.write_text(DOCKER_CONFIGURATION.format(port=port, store=store), encoding="utf-8")
    part = _started([str(programs / "docker-registry"), "serve", str(settings)], home, port, ending)
    return Contender(DOCKER, port, part, store, speaking.push_blob, speaking.fetch_blob, speaking.push_configuration)


def _started(command: Sequence[str], home: Path, port: int, ending: ExitStack) -> Child:
    """The server, once it answers; it is ended with `ending`."""
    part = Child(
        name=home.name,
        title=home.name,
        command=list(command),
        environment=os.environ,
        log=home / "server.log",
        directory=home,
        ready=lambda: _answers(port),
    )
    ending.callback(part.kill)
    try:
        part.start()
    except OSError as error:
        raise CannotCompare(f"it could not be started: {error}") from error
    if not part.wait_until_ready(START_SECONDS, lambda: False):
        raise CannotCompare(f"it did not start: {' '.join(part.last_words()[-1:])[:200]}")
    return part


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _asked(port: int, method: str, address: str, content: Mapping[str, object], headers: Mapping[str, str]) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        kind = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request(method, address, json.dumps(content), {**headers, **kind})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise CannotCompare(f"it does not answer: {error!r}") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise CannotCompare(f"it refused {method} {address}: {answer.status} {body[:200]!r}")
    found: dict = json.loads(body)
    return found


_FETCHING: dict[str, Callable[[Path], Path]] = {
    DEVPI: lambda home: scratch.installed(home / "devpi-venv", DEVPI_REQUIREMENTS),
    PYPISERVER: lambda home: scratch.installed(home / "pypiserver-venv", PYPISERVER_REQUIREMENTS),
    DOCKER: lambda home: scratch.unpacked(home / "debian", "docker-registry") / "usr" / "bin",
}
_STARTING: dict[str, Callable[[Path, Path, ExitStack], Contender]] = {
    DEVPI: _devpi,
    PYPISERVER: _pypiserver,
    DOCKER: _docker,
}
