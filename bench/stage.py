"""What the figures of one setup share: the installation, its workers by pool, and the floors."""

from __future__ import annotations

from pathlib import Path

from bench import workload
from bench.floor import Floor
from bench.installation import Installation
from bench.package import archive_of, digest_of, release_sh
from portal.children import Child


class Stage:
    """One setup under measurement.

    name    "embedded" or "services", the first word of every figure
    times   how many times the floor a deployment may cost here
    rounds  of floor and engine in turn; the median counts
    """

    def __init__(self, name: str, times: float, rounds: int, home: Path, installation: Installation) -> None:
        self.name, self.times, self.rounds = name, times, rounds
        self.home, self.installation = home, installation
        home.mkdir()
        self._workers: dict[str, Child] = {}
        self._floors: dict[str, Floor] = {}
        self._web: Child | None = None

    def worker(self, pool: str, slots: int) -> Child:
        """The worker of this pool, started when it is first needed."""
        if pool not in self._workers:
            workload.environment(pool)
            self._workers[pool] = self.installation.worker(pool, slots)
        return self._workers[pool]

    def web(self) -> Child:
        """The web server, started when it is first needed."""
        self._web = self._web or self.installation.web()
        return self._web

    def floor(self, script: str) -> Floor:
        """The shell loops that carry out the same archive as the deployments of this script."""
        if script not in self._floors:
            home = self.home / f"floor{len(self._floors)}"
            home.mkdir()
            data = archive_of(script)
            (home / "package.zip").write_bytes(data)
            (home / "release.sh").write_text(release_sh(script))
            self._floors[script] = Floor(home / "runs", home / "package.zip", home / "release.sh", digest_of(data))
        return self._floors[script]
