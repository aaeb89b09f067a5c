"""Runs the engine in a process of its own, so that its peak memory is its own, and says what it took.

`python -m tests.bench.engine DATABASE_URL AS_OF OUT [WORLD]`: reconciles what is landed and prints a line of
JSON; with a WORLD it first pulls, proves and lands what that world holds beyond the cursors, and that counts too.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic

from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.local.home import PROJECT
from include.offline import write_results
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.bench.landed import land


@dataclass(frozen=True)
class Run:
    """`seconds` are of reconcile and publish alone; `landing_s` of a day landed before, 0 otherwise."""

    seconds: float
    landing_s: float
    peak_mib: int
    breaks: int
    proven: bool
    certificate: str


def run_engine(url: str, *, as_of: date, out: Path, day: Path | None = None) -> Run:
    """Reconcile in a new process; its result files are in `out`. Raises CalledProcessError with what it said."""
    command = [sys.executable, "-m", "tests.bench.engine", url, as_of.isoformat(), str(out)]
    done = subprocess.run(
        command + ([str(day)] if day else []), cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True
    )
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def main(url: str, as_of: str, out: str, day: str = "") -> None:
    store, policy = PostgresStore(url), load_policy()
    landing = land(Path(day), url) if day else 0.0
    started = monotonic()
    run = reconcile(store, as_of=date.fromisoformat(as_of), policy=policy)
    publish_run(store, as_of=run.as_of)
    seconds = monotonic() - started
    took = {
        "seconds": seconds,
        "landing_s": landing,
        "peak_mib": peak_mib(),
        "breaks": run.breaks,
        "proven": run.proven,
        "certificate": run.certificate_sha256,
    }
    write_results(store, run, Path(out))
    print(json.dumps(took))


def peak_mib() -> int:
    """The most memory this program held. (ru_maxrss would count what its parent held before it was started.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise OSError("/proc/self/status has no VmHWM")


if __name__ == "__main__":
    main(*sys.argv[1:])
