import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local import cluster
from include.local.home import Home
from include.local.processes import all_pids, wait_for


def processes_of(home: Home) -> list[int]:
    """The processes that have this home in their command line."""
    return [pid for pid in all_pids() if str(home.root) in command_line(pid) and pid != os.getpid()]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.fixture(autouse=True)
def _our_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIEOUT_DATABASE_URL", raising=False)


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """A home that every user can pass through; pytest's own folders are closed to all but their owner."""
    folder = Path(tempfile.mkdtemp(prefix="tieout-test-"))
    folder.chmod(0o755)
    yield Home(folder / "var")
    assert wait_for(lambda: not processes_of(Home(folder / "var")), timeout_s=60)
    shutil.rmtree(folder)


@pytest.fixture
def closed_home(tmp_path: Path) -> Iterator[Home]:
    """A home below a folder closed to other users, like a clone below /root."""
    tmp_path.chmod(0o700)
    closed = Home(tmp_path / "clone" / "var")
    yield closed
    for folder in cluster.SHARED_FOLDER.glob(f"clone-{cluster._digest(str(closed.root))[:12]}"):
        shutil.rmtree(folder)
