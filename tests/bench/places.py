"""Where benchmarks keep things, and what they were measured with."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.local.home import PROJECT, Home

BENCH = PROJECT / "var" / "bench"
WORLDS = BENCH / "worlds"
VENV = BENCH / "venv"
HOME = Home(BENCH / "home")

GENERATING = ("include/twin/generate",)
LANDING = (
    "include/connectors",
    "include/domain",
    "include/validation",
    "include/store",
    "include/flows/pull_changes.py",
    "include/flows/check_completeness.py",
    "include/flows/land_records.py",
    "sql/schema",
    "sql/queries/extraction.sql",
    "sql/queries/landing.sql",
)
"""What can change a landed row: a cached database is of no use once any of this has changed."""


def code_hash(places: Iterable[str]) -> str:
    """Eight hex digits over the files below the places, by name and content."""
    digest = hashlib.sha256()
    for place in places:
        root = PROJECT / place
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.suffix in {".py", ".sql"}:
                digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:8]


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Write var/bench/<name>.json: the figures with machine, commit and day."""
    path = BENCH / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**about(), **figures}, indent=2, default=str) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def about() -> dict[str, str]:
    """The machine, how busy it was over five minutes, the commit and the day of a measurement."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "include", "sql")
    return {
        "machine": f"{os.cpu_count()} cores ({_cpu()}), {_memory_gib()} GiB, {platform.system()}",
        "commit": _git("rev-parse", "--short", "HEAD") + (" with changes" if changed else ""),
        "date": datetime.now(tz=UTC).date().isoformat(),
        "load": f"{os.getloadavg()[1]:.1f}",
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
