import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pytest

from include.flows.report_day import report_day
from include.ports import Fatal, Retryable
from include.store.postgres import PostgresStore
from tests.report.conftest import DAY, Mailbag

FINANCE = ["finance@example.com"]


def test_the_subject_is_the_verdict_and_the_body_names_what_needs_somebody(published: PostgresStore):
    bag = Mailbag()
    report_day(published, bag, as_of=DAY, recipients=FINANCE)
    (report,) = bag.reports
    assert report.subject == "2026-03-31 ties: 1 payment applied, 1 held, SGD 250.50 open, 1 row quarantined"
    assert "AR: Apply or refund" in report.text
    assert "due_date" in report.text


def test_a_run_is_sent_once(published: PostgresStore):
    bag = Mailbag()
    first = report_day(published, bag, as_of=DAY, recipients=FINANCE)
    second = report_day(published, bag, as_of=DAY, recipients=["other@example.com"])
    assert (first.sent, second.sent, len(bag.reports)) == (True, False, 1)
    assert second.recipients == tuple(FINANCE)


def test_of_two_tasks_at_once_the_second_waits_and_does_not_send(published: PostgresStore, database_url: str):
    inside, proceed = threading.Event(), threading.Event()

    def slowly() -> None:
        inside.set()
        assert proceed.wait(timeout=30)

    first_bag, second_bag = Mailbag(slowly), Mailbag()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(report_day, published, first_bag, as_of=DAY, recipients=FINANCE)
        assert inside.wait(timeout=30)
        second = pool.submit(report_day, published, second_bag, as_of=DAY, recipients=FINANCE)
        while not second.done() and not somebody_waits(database_url):
            time.sleep(0.02)
        proceed.set()
        assert (first.result(timeout=60).sent, second.result(timeout=60).sent) == (True, False)
    assert second_bag.reports == []


def somebody_waits(database_url: str) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database_url) as connection:
        return connection.execute(query).fetchone() is not None


def test_a_report_that_could_not_be_sent_is_kept_and_goes_out_unchanged_later(published: PostgresStore):
    def refuse() -> None:
        raise Retryable("mail: away")

    with pytest.raises(Retryable):
        report_day(published, Mailbag(refuse), as_of=DAY, recipients=FINANCE)
    with published.transaction() as tx:
        kept = tx.rows("report_of_day", as_of=DAY)[0]
    bag = Mailbag()
    assert report_day(published, bag, as_of=DAY, recipients=FINANCE).sent
    assert kept["sent_at"] is None
    assert bag.reports[0].html == kept["html"]


def test_a_crash_after_sending_sends_the_same_message_again(published: PostgresStore, database_url: str):
    bag = Mailbag()
    report_day(published, bag, as_of=DAY, recipients=FINANCE)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE recon.reports SET sent_at = NULL")
    report_day(published, bag, as_of=DAY, recipients=FINANCE)
    assert bag.reports[0] == bag.reports[1]


def test_a_run_that_is_not_published_is_not_reported(reconciled: PostgresStore):
    with pytest.raises(Fatal, match="no run of 2026-03-31 is published"):
        report_day(reconciled, Mailbag(), as_of=DAY, recipients=FINANCE)


def test_a_day_that_never_ran_is_not_reported(store: PostgresStore):
    with pytest.raises(Fatal, match="reconcile and publish the day first"):
        report_day(store, Mailbag(), as_of=date(2026, 1, 1), recipients=FINANCE)


def test_the_open_items_and_the_breaks_are_attached(published: PostgresStore):
    bag = Mailbag()
    report_day(published, bag, as_of=DAY, recipients=FINANCE)
    attached = bag.reports[0].attachments
    assert set(attached) == {"2026-03-31-breaks.csv", "2026-03-31-aging.csv"}
    assert b"SGD,250.50,24,1-30" in attached["2026-03-31-aging.csv"]


def test_markup_in_an_id_arrives_as_text(published: PostgresStore):
    bag = Mailbag()
    report_day(published, bag, as_of=DAY, recipients=FINANCE)
    assert "<script" not in bag.reports[0].html
    assert "&lt;script&gt;P2" in bag.reports[0].html
