"""What `tieout promote` asks of the files here, of git, of the doctor and of the schema."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from include.flows.promote import Gate, passed, shut
from include.local.home import PROJECT, Home
from include.ports import Rejected
from include.version import RUNNING, Release

if TYPE_CHECKING:
    from include.store.postgres import PostgresStore

SHORT = 12
NAMED_MAX = 5
_RUNNING = (*RUNNING, "requirements.txt")
_TIEOUT = (sys.executable, "-m", "include.cli")


def committed() -> Gate:
    """What runs is what git has."""
    changed = [line[3:] for line in git("status", "--porcelain", "--", *_RUNNING).splitlines()]
    if changed:
        more = f" and {len(changed) - NAMED_MAX} more" if len(changed) > NAMED_MAX else ""
        said = f"not as committed: {', '.join(changed[:NAMED_MAX])}{more}"
        return shut("committed", said, "commit or undo them")
    return passed("committed", "everything is as committed")


def tests(what: Release) -> Gate:
    """A result is recorded for exactly this."""
    path = tested_file(what)
    mend = "make test, on exactly these files"
    if not path.exists():
        return shut("tests", f"no result is recorded for {what.sha256[:SHORT]}", mend)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["release"] != what.sha256:
            return shut("tests", f"{path} is about something else", mend)
        return passed("tests", f"{told['what']} passed on {told['at']}")
    except (ValueError, KeyError, TypeError):
        return shut("tests", f"{path} is no result of tests", mend)


def doctor(environment: str, *, from_airflow: bool) -> Gate:
    """As `tieout doctor` would find there, in a process of its own: Airflow keeps what it once looked up."""
    asked = [*_TIEOUT, "doctor", "--json", *(["--from-airflow"] if from_airflow else [])]
    done = subprocess.run(
        asked,
        cwd=PROJECT,
        env=os.environ | {"TIEOUT_ENVIRONMENT": environment},
        capture_output=True,
        text=True,
        check=False,
    )
    mend = f"TIEOUT_ENVIRONMENT={environment} tieout doctor"
    try:
        findings = json.loads(done.stdout)["findings"]
    except (ValueError, KeyError):
        return shut("doctor", (done.stderr.strip() or "it could not be asked")[:300], mend)
    ill = [f"{one['system']} {one['check']}" for one in findings if one["verdict"] == "fail"]
    if ill or done.returncode:
        return shut("doctor", f"{len(ill)} checks fail: {', '.join(ill[:NAMED_MAX])}", mend)
    return passed("doctor", f"{len(findings)} checks, none fails")


def migrations(store: "PostgresStore") -> Gate:
    """What the database has applied is here unchanged, and what is new comes after."""
    from include.store.migrate import MigrationConflict, pending

    try:
        missing = pending(store.url)
    except MigrationConflict as conflict:
        mend = "number what is new higher, and leave what was applied as it is"
        return shut("migrations", str(conflict), mend)
    more = f"; to apply: {', '.join(missing)}" if missing else ""
    return passed("migrations", f"forward only{more}")


def authors(since: str) -> list[str]:
    """The mail addresses of who wrote commits of a range, by .mailmap, and of who wrote them with somebody."""
    told = git("log", "--format=<%aE>%n%(trailers:key=Co-authored-by,valueonly)", since)
    return sorted(set(re.findall(r"<([^<>]+)>", told)))


def tested_file(what: Release) -> Path:
    """Where the result of testing it is kept."""
    folder = Home.from_environment().create() / "tested"
    folder.mkdir(exist_ok=True)
    return folder / f"{what.sha256}.json"


def knows(commit: str) -> bool:
    """Whether a commit lies behind this one."""
    asked = ["git", "merge-base", "--is-ancestor", commit, "HEAD"]
    return subprocess.run(asked, cwd=PROJECT, capture_output=True, check=False).returncode == 0


def commit() -> str:
    """Which commit this is; empty where git does not say, as in a copy without its history."""
    try:
        return git("rev-parse", "HEAD").strip()
    except Rejected:
        return ""


def git(*words: str) -> str:
    """What git says here. Raises Rejected where it says nothing."""
    try:
        done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise Rejected(
            f"git says nothing of this folder ({type(problem).__name__}): promote from a clone"
        ) from None
    return done.stdout
