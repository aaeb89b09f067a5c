"""A twin of a small Salesforce, for clients that nobody here wrote."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from include.local.home import PROJECT
from include.twin.server import TwinKeys, running
from tests.twin.conftest import write_world

KEYS = TwinKeys("the-client", "the-secret", "the-erp-key", "sk_test_twin")
JSFORCE = Path(__file__).parent / "jsforce"
INSTALL_TIMEOUT_S = 300
LEADS = 4500
ACCOUNT = "0012o00003OBzVSAA1"
TABLES = {
    "salesforce/Account": [{"Id": ACCOUNT, "Name": "Acme"}],
    "salesforce/Lead": [{"Id": f"00Q{number:06d}", "Name": f"Lead {number}"} for number in range(LEADS)],
    "salesforce/Opportunity": [
        {"Id": "006A", "Name": "a", "AccountId": ACCOUNT[:15], "StageName": "Open"},
        {"Id": "006B", "Name": "b", "AccountId": ACCOUNT, "StageName": "Open", "IsDeleted": "true"},
        {"Id": "006C", "Name": "c", "AccountId": ACCOUNT, "StageName": "Open"},
    ],
}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the twin's Salesforce listens."""
    world = write_world(tmp_path / "world", TABLES)
    with running(world=world, mailbox=tmp_path / "mailbox", keys=KEYS) as ports:
        yield f"http://127.0.0.1:{ports.salesforce}"


@pytest.fixture
def to_twin(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whatever a client sends to salesforce.com or over https arrives at the twin; nothing else is changed."""
    send = HTTPAdapter.send

    def redirected(adapter: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        here = urlsplit(address)
        request.url = urlsplit(request.url or "")._replace(scheme="http", netloc=here.netloc).geturl()
        return send(adapter, request, **(options | {"proxies": {}}))

    monkeypatch.setattr(HTTPAdapter, "send", redirected)
    return address


@pytest.fixture(scope="session")
def jsforce() -> Callable[..., str]:
    """Runs a script with jsforce, which is installed below var/ from the lock file when it is not there yet."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine; jsforce needs them")
    home = PROJECT / "var" / "contract" / "jsforce"
    lock = (JSFORCE / "package-lock.json").read_bytes()
    installed = home / "installed-lock.json"
    if not installed.exists() or installed.read_bytes() != lock:
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JSFORCE / name, home / name)
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            install, cwd=home, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
        if done.returncode:
            pytest.skip(f"npm could not install jsforce: {done.stderr[-300:]}")
        installed.write_bytes(lock)

    def run(script: str, *arguments: str) -> str:
        shutil.copy(JSFORCE / script, home / script)
        done = subprocess.run(
            ["node", script, *arguments], cwd=home, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
