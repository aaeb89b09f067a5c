"""What is disturbed too deeply for a cell has a test of its own: those tests, run where everything else is run."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from include.local.home import PROJECT

JOURNEYS: Mapping[str, str] = {
    "a disk that is full, at every step of a day": "tests/flows/test_full_disk.py",
    "who is thought dead goes on after its successor is done": "tests/flows/test_fencing.py",
    "systems that do not answer are spared, and nothing waiting is lost": "tests/flows/test_sparing_systems.py",
    "a backup put back and read forward to a moment": "tests/local/test_restore.py",
    "our database put back to an earlier commit": "tests/kills/test_kills.py",
    "the database of an earlier schema brought forward while others write": "tests/store/test_upgrade.py",
    "eight times the rows in no more memory": "tests/flows/test_bounded_memory.py",
    "alerts raised once, told as they change, and ended": "tests/flows/test_alerting.py",
    "what other tools lose, double, empty or delete": "tests/connectors/test_known_failures.py",
}
"""What is disturbed -> its tests."""

_COUNTED = re.compile(r"(\d+) (passed|failed|skipped|errors?)")


@dataclass(frozen=True)
class Journey:
    """How the tests of one disturbance ended. `said`: the last lines where one failed."""

    what: str
    tests: str
    passed: int
    skipped: int
    wrong: int
    said: str


def journey(what: str) -> Journey:
    """Run its tests in a process of their own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", JOURNEYS[what]]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    counts = {word.rstrip("s"): int(count) for count, word in _COUNTED.findall(done.stdout[-500:])}
    wrong = counts.get("failed", 0) + counts.get("error", 0)
    wrong = wrong or int(done.returncode != 0)
    told = (done.stdout + done.stderr)[-400:] if wrong else ""
    return Journey(what, JOURNEYS[what], counts.get("passed", 0), counts.get("skipped", 0), wrong, told)
