"""A finance user, a controller and an auditor in real headless Chromium."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from include.local.home import PROJECT
from include.store.postgres import PostgresStore
from tests.console.people import know_our_roles
from tests.console.serving import served
from tests.console.test_parity_page import compare_days

PYTHON = PROJECT / "var" / "browser" / "bin" / "python"
JOURNEY = PROJECT / "tests" / "console" / "browser" / "journey.py"


@pytest.fixture
def address(tied: PostgresStore, tied_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not PYTHON.exists():
        pytest.skip(
            "no headless Chromium is set up for this test; `make browser` does it where one is installed"
        )
    know_our_roles(monkeypatch)
    compare_days(tied_url)
    with served(lambda: tied) as found:
        yield found


def test_a_write_off_is_proposed_approved_and_audited_and_every_page_is_for_everybody(address: str) -> None:
    done = subprocess.run(
        [PYTHON, JOURNEY, address], capture_output=True, text=True, check=False, timeout=300
    )
    if "there is no Chromium" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["why"]
    assert seen["decides"]
    assert "must approve" in seen["told"]
    assert seen["proposed"].startswith("Proposed.")
    assert "it takes the role Tie-out Controller" in seen["own"]
    assert seen["approved"] == "Approved."
    latest, before = seen["audit"]
    assert "ben break approved: write off" in latest
    assert "ann break proposed: write off" in before
    assert seen["details"] == 4, "a match, a payout, a message and a day of parity are looked at too"
    assert seen["findings"] == []
