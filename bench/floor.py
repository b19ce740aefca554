"""The floor: what the same work costs in plain shell loops, without a portal around it."""

import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

# Only external programs that the work itself takes: no mktemp, no subshell, nothing that would make the floor higher.
LOOP = r"""
set -e
archive=$1 digest=$2 base=$3 count=$4
for ((i = 0; i < count; i++)); do
    mkdir "$base/$i"
    sha256sum --check --status "$digest"
    unzip -q "$archive" -d "$base/$i"
    cd "$base/$i"
    bash release.sh BENCH 1.0.0 </dev/null >"$base/out" 2>&1
    cd "$base"
    rm -r "${base:?}/$i"
done
"""
SCRIPT_LOOP = r"""
set -e
script=$1 count=$2
for ((i = 0; i < count; i++)); do bash "$script" BENCH 1.0.0 </dev/null >/dev/null 2>&1; done
"""


@dataclass(frozen=True)
class Taken:
    """What something took for each of its parts, in milliseconds of the clock and of the processors."""

    wall: float
    cpu: float


class Floor:
    """Shell loops over one package in a directory of their own."""

    def __init__(self, home: Path, archive: Path, script: Path, sha256: str) -> None:
        self.home, self.archive, self.script = home, archive, script
        home.mkdir(parents=True, exist_ok=True)
        self.digest = home / "digest"
        self.digest.write_text(f"{sha256}  {archive}\n", encoding="ascii")

    def run(self, count: int, loops: int = 1) -> Taken:
        """Carry the package out `count` times in each of so many loops side by side; what one of them took."""
        directories = [self.home / f"loop{number}" for number in range(loops)]
        for directory in directories:
            directory.mkdir(exist_ok=True)
        commands = [
            ["bash", "-c", LOOP, "floor", str(self.archive), str(self.digest), str(directory), str(count)]
            for directory in directories
        ]
        return timed(commands, count * loops)

    def run_script_alone(self, count: int) -> Taken:
        """The part of the floor that is the script itself."""
        return timed([["bash", "-c", SCRIPT_LOOP, "floor", str(self.script), str(count)]], count)

    def run_script_into_file(self) -> float:
        """Seconds that `bash script > file` takes."""
        with (self.home / "out").open("wb") as out:
            began = time.perf_counter()
            subprocess.run(
                ["bash", str(self.script), "BENCH", "1.0.0"], stdin=subprocess.DEVNULL, stdout=out, check=True
            )
            return time.perf_counter() - began


def timed(commands: list[list[str]], parts: int) -> Taken:
    """Run the commands side by side, and divide what they took by so many parts."""
    used, began = _children_cpu(), time.perf_counter()
    processes = [subprocess.Popen(command) for command in commands]
    statuses = [process.wait() for process in processes]
    wall = time.perf_counter() - began
    if any(statuses):
        raise RuntimeError(f"the floor failed: {statuses}")
    return Taken(wall * 1000 / parts, (_children_cpu() - used) * 1000 / parts)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
