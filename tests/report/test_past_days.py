"""Days told after the fact: what they knew then, and what was learnt since."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.report_period import report_periods
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Live
from tests.report.conftest import FINANCE, Mailbag, tell

FRIDAY = date(2026, 7, 31)
LINE = """id,number,customer_id,issue_date,due_date,currency,gross,status
1,INV-1,C1,2026-07-01,2026-07-31,SGD,10.00,open
"""
PAID = "id,customer_id,reference,currency,amount,paid_on,status\n"
LATE = f"{PAID}P1,C1,INV-1,SGD,10.00,2026-07-30,succeeded\n"


def learn(store: PostgresStore, folder: Path, *, payments: str) -> None:
    for name, text in (("erp/invoices.csv", LINE), ("payments/payments.csv", payments)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    source = Live(folder)
    for entity in ("invoices", "payments"):
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)


def publish(store: PostgresStore, day: date, **how: Any) -> None:
    reconcile(store, as_of=day, policy=load_policy(), **how)
    publish_run(store, as_of=day)


def editions(store: PostgresStore, day: date) -> dict[str, str]:
    with store.transaction() as tx:
        return {row["edition"]: row["subject"] for row in tx.rows("editions_of_day", as_of=day)}


def test_a_day_told_again_says_what_it_knew_and_is_restated_where_later_facts_differ(
    store: PostgresStore, tmp_path: Path
):
    learn(store, tmp_path / "then", payments=PAID)
    publish(store, FRIDAY)
    bag = Mailbag()
    assert tell(store, bag, as_of=FRIDAY).edition == "daily"
    learn(store, tmp_path / "later", payments=LATE)
    publish(store, FRIDAY + timedelta(days=1))
    told = tell(store, bag, as_of=FRIDAY, past=True)
    assert (told.edition, told.mailed, len(bag.reports)) == ("restated", (), 1)
    assert "SGD 10.00 open" in bag.reports[0].subject
    assert editions(store, FRIDAY)["restated"].startswith("2026-07-31 ties, restated: 0 payments applied")
    mailing = load_policy()
    told_aloud = mailing.model_copy(
        update={"reporting": mailing.reporting.model_copy(update={"mail_past_days": True})}
    )
    for expected in (("finance@example.com",), ()):
        assert tell(store, bag, as_of=FRIDAY, past=True, policy=told_aloud).mailed == expected
    assert "1 of payments" in bag.reports[1].text
    assert "was SGD 10.00, is SGD 0.00" in bag.reports[1].text


def test_a_week_and_a_month_are_told_once_on_their_last_business_day(store: PostgresStore, tmp_path: Path):
    learn(store, tmp_path / "then", payments=LATE)
    for day in (FRIDAY - timedelta(days=1), FRIDAY):
        publish(store, day)
    bag = Mailbag()

    def told(day: date, **how: Any) -> list[str]:
        found = report_periods(store, bag, as_of=day, recipients=[FINANCE], policy=load_policy(), **how)
        return [f"{one.edition} {len(one.mailed)}" for one in found]

    assert told(FRIDAY - timedelta(days=1)) == []
    assert told(FRIDAY, past=True) == ["weekly 0", "month_end 0"]
    assert told(FRIDAY) == ["weekly 1", "month_end 1"]
    assert told(FRIDAY) == ["weekly 0", "month_end 0"]
    assert [report.subject.partition(":")[0] for report in bag.reports] == [
        "Week to 2026-07-31",
        "Month to 2026-07-31",
    ]
    assert "100.0\N{NO-BREAK SPACE}% of 1 payment applied by rule" in bag.reports[0].subject
    assert "2 days published" in bag.reports[0].text
    assert set(bag.reports[1].attachments) == {"2026-07-31-month-end.xlsx", "2026-07-31-month-end.html"}
    assert set(editions(store, FRIDAY)) == {"weekly", "month_end"}


@pytest.mark.parametrize(("known_by", "seen"), [("2026-08-01 00:00", 1), (None, 3), ("2026-01-01 00:00", 3)])
def test_a_past_day_knows_what_had_landed_when_every_source_was_complete_through_it(
    store: PostgresStore, database_url: str, known_by: str | None, seen: int
):
    with psycopg.connect(database_url) as connection:
        # The bank was connected on the fifth: nobody waited for it before.
        for system, landed, complete in (
            ("erp", "2026-08-01 00:20", "2026-08-01 00:10"),
            ("erp", "2026-08-03 09:00", "2026-08-02 00:10"),
            ("bank", "2026-08-05 09:00", "2026-08-05 00:10"),
        ):
            connection.execute("INSERT INTO ops.batches (recorded_at) VALUES (%s)", (landed,))
            connection.execute(
                "INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, "
                "source_amounts, held_amounts, proven, complete_until, checked_at) "
                "VALUES (%s, 'rows', '{}', 0, 0, '{}', '{}', '{}', true, %s, %s)",
                (system, complete, landed),
            )
    with store.transaction() as tx:
        [known] = tx.rows("take_snapshot", as_of=FRIDAY, known_by=known_by)
    assert (known["batch_through"], known["proof_through"]) == (seen, seen)
