"""A finance user, a controller and an auditor in real headless Chromium."""

import json
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from include.flows.put_message import put_message
from include.local.home import PROJECT
from include.store.postgres import PostgresStore
from tests.console.conftest import message
from tests.console.people import know_our_roles
from tests.console.serving import served
from tests.console.test_parity_page import compare_days

PYTHON = PROJECT / "var" / "browser" / "bin" / "python"
JOURNEY = PROJECT / "tests" / "console" / "browser" / "journey.py"
PATIENCE_S = 1200
"""Also where the machine has much else to do; alone it takes some minutes."""


TOLD = """
WITH newest AS (SELECT run_id, as_of FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC LIMIT 1), told AS (
    INSERT INTO recon.reports (run_id, as_of, subject, html, plain, recipients)
    SELECT run_id, as_of, 'it ties', '<p>the report</p>', 'the report', '{}' FROM newest
), checked AS (
    INSERT INTO recon.quality_checks (run_id, checking_s, rendering_s, not_held)
    SELECT run_id, 1, 1, '{extract_bank}' FROM newest RETURNING run_id
)
INSERT INTO recon.quality_results (run_id, suite, expectation, place, verdict, sentence, observed, owner)
SELECT run_id, 'freshness', verdict, place, verdict, 'What was expected.', '1', 'AR'
FROM checked, unnest('{pass,warn,unjudged}'::text[]) WITH ORDINALITY AS found (verdict, place);
"""
"""The newest day was reported, and its data judged."""
STOPPED = """
WITH refused AS (
    INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state)
    SELECT gen_random_uuid(), max(as_of) + 1, max(batch_through), max(proof_through), 'rules', 'code', 'refused'
    FROM recon.runs WHERE state = 'published' RETURNING run_id
)
INSERT INTO recon.breaks (run_id, break_id, recon, code, key, severity, age_days, owner, action, evidence)
SELECT run_id, gen_random_uuid(), 'all', 'DQ02', 'erp part ' || n, 'S1', 0, 'Data', 'read it', 'it is incomplete'
FROM refused, generate_series(1, 25) AS n;
"""
"""The day after was refused, for more than Today shows at once."""


@pytest.fixture
def address(tied: PostgresStore, tied_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not PYTHON.exists():
        pytest.skip(
            "no headless Chromium is set up for this test; `make browser` does it where one is installed"
        )
    know_our_roles(monkeypatch)
    compare_days(tied_url)
    with psycopg.connect(tied_url) as connection:
        connection.execute(TOLD)
        connection.execute(STOPPED)
    with PostgresStore(tied_url).transaction() as tx:
        put_message(tx, message(99))
    with served(lambda: tied) as found:
        yield found


def test_a_write_off_is_proposed_approved_and_audited_and_every_page_is_for_everybody(address: str) -> None:
    done = subprocess.run(
        [PYTHON, JOURNEY, address], capture_output=True, text=True, check=False, timeout=PATIENCE_S
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
    pages = "a match and its record, a payout, a message, a day of parity, of reports and of quality"
    assert seen["details"] == 8, f"{pages}, and what stops a day are looked at too"
    assert seen["asked"].startswith("Asked for. Somebody else")
    assert seen["refused"].startswith("Refused. Its messages stay parked")
    assert seen["answer"] == "refused by ben: not before the customer answers"
    assert seen["findings"] == []
