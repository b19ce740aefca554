"""Who takes part, what each has to do, and how it did: Signalbox's registry, its peers, and the floor."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from bench.payloads import Payload
from portal.children import Child

RAW, FORM = "raw", "form"  # Signalbox: the package is the body, or a field of a form
DEVPI, PYPISERVER, DOCKER = "devpi", "pypiserver", "docker-registry"
PEERS = (DEVPI, PYPISERVER, DOCKER)
FLOOR = "floor"
SMALL, PARALLEL, LARGE = "small", "parallel", "large"
LOADS = (SMALL, PARALLEL, LARGE)  # in the order in which they are measured
PATIENCE = 120.0  # seconds that an answer may take

Act = Callable[[HTTPConnection, Payload], None]


@dataclass(frozen=True)
class Contender:
    """A registry that runs.

    part    its processes
    store   the directory below which it keeps what was pushed
    push    publishes one version over the connection; returns when the registry has accepted it
    fetch   takes that version back
    before  what comes before the first push of a package, once: not on the clock
    """

    name: str
    port: int
    part: Child
    store: Path
    push: Act
    fetch: Act
    before: Act = lambda connection, payload: None

    def connection(self) -> HTTPConnection:
        """A client's connection, which stays open for as long as the server allows."""
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)


@dataclass(frozen=True)
class Load:
    """What is pushed in one round, and fetched again.

    clients    how many there are at once; each has one connection and does one thing after another
    make       gives, for the name of a contender and the number of the round, what each client pushes
    megabytes  of the one large package. None: the packages are small, and it is their number that counts
    """

    name: str
    clients: int
    make: Callable[[str, int], list[list[Payload]]]
    megabytes: float | None = None

    @property
    def is_large(self) -> bool:
        return self.megabytes is not None


@dataclass
class Score:
    """What one contender did in all rounds, in seconds for each package, or the error that ended it.

    cpu     processor time of the server for each push
    growth  megabytes that the server held more than before, at its most, while a large package was pushed
    """

    pushes: list[float] = field(default_factory=list)
    fetches: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    growth: list[float] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def push(self) -> float:
        return median(self.pushes)

    @property
    def fetch(self) -> float:
        return median(self.fetches)
