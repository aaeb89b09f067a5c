"""What could not be read is told by file and line, field, rule and value; what is personal is not shown."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include import version
from include.connectors.world.client import WorldSource
from include.connectors.world.translate import FILES
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.retry_quarantined import retry_quarantined
from include.ports import Translated
from include.store.postgres import PostgresStore
from tests.flows.conftest import Live, results

INVOICE = "id,number,customer_id,issue_date,due_date,currency,net,tax,gross"
SUBSCRIPTION = "id,customer_id,start_date,end_date,currency,quantity,unit_price,interval"
LONG = "Ada" + "x" * 10_000


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (
            "erp/invoices.csv",
            f"{INVOICE}\n1,INV-1,C1,2026-01-01,2026-01-31,SGD,100.00,9.00,108.00",
            "erp/invoices.csv, line 2: column gross: not net + tax: '108.00'",
        ),
        (
            "erp/subscriptions.csv",
            f"{SUBSCRIPTION}\n1,C1,2026-01-01,2025-12-31,SGD,1,5.00,month",
            "erp/subscriptions.csv, line 2: column end_date: not after start_date: '2025-12-31'",
        ),
        (
            "fx/rates.csv",
            "date,from,to,rate\n2026-01-01,USD,SGD,0",
            "fx/rates.csv, line 2: column rate: not above zero: '0'",
        ),
        (
            "salesforce/Contact.csv",
            f"Id,AccountId,Email\n1,2,{LONG}",
            "salesforce/Contact.csv, line 2: column Email: longer than 10,000 characters: a personal value",
        ),
        (
            "payments/payments.csv",
            f"id,currency,amount,paid_on,payer_text\n1,SGD,1.00,2026-01-01,{LONG}",
            "payments/payments.csv, line 2: column payer_text: longer than 10,000 characters: a personal value",
        ),
        (
            "bank/lines.csv",
            f"id,account,value_date,currency,amount\n1,{LONG},2026-01-01,SGD,1.00",
            "bank/lines.csv, line 2: column account: longer than 10,000 characters: a personal value",
        ),
    ],
)
def test_a_bad_row_is_told_whole_and_without_what_is_personal(
    tmp_path: Path, store: PostgresStore, file: str, text: str, says: str
) -> None:
    [entity] = [name for name, path in FILES.items() if path == file]
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(f"{text}\n")
    pull_changes(WorldSource(tmp_path), store, entity=entity)
    assert land_records(WorldSource(tmp_path), store, entity=entity).complaints == [says]
    [found] = results(store, "2026-03-31").breaks
    assert (found["code"], found["evidence"]) == ("DQ01", says)
    assert "Ada" not in str(found)


class Commas:
    """Reads amounts as their author writes them."""

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        row = dict(super().translate(entity, payload))
        return row | {"gross": (row["gross"] or "").replace(",", "")}


class Mended(Commas, WorldSource):
    """The same files, read by code that knows better."""


class Living(Commas, Live):
    """The same for a system whose rows change."""


@pytest.fixture
def commas(tmp_path: Path, store: PostgresStore) -> Path:
    """A landed file in which one amount is written with a comma, and another row has no date."""
    (tmp_path / "erp").mkdir()
    rows = ('1,INV-1,C1,2026-01-01,2026-01-31,SGD,,,"1,000.00"', '2,INV-2,C1,,2026-01-31,SGD,,,"2,000.00"')
    (tmp_path / "erp/invoices.csv").write_text("\n".join([INVOICE, *rows, ""]))
    pull_changes(WorldSource(tmp_path), store, entity="invoices")
    assert land_records(WorldSource(tmp_path), store, entity="invoices").quarantined == 2
    return tmp_path


def quarantined(url: str) -> list[tuple[str, list[str]]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT native_id, failures FROM canonical.quarantine WHERE released_in IS NULL ORDER BY native_id"
        ).fetchall()
    return [(native_id, [failure["field"] for failure in found["failures"]]) for native_id, found in rows]


def test_what_nobody_could_read_is_read_when_the_code_that_reads_changes(
    commas: Path, store: PostgresStore, database_url: str
) -> None:
    assert quarantined(database_url) == [("1", ["gross"]), ("2", ["issue_date", "gross"])]
    assert retry_quarantined(Mended(commas), store, entity="invoices", reading="mended") == 1
    assert quarantined(database_url) == [("2", ["issue_date"])]
    found = results(store, "2026-03-31")
    assert found.open == {"1": ("1000.00", "31-60")}
    assert found.codes >= {("DQ01", "invoices 2")}


def test_rows_are_tried_once_by_the_same_code(commas: Path, store: PostgresStore, database_url: str) -> None:
    assert retry_quarantined(WorldSource(commas), store, entity="invoices", reading="as before") == 0
    assert retry_quarantined(Mended(commas), store, entity="invoices", reading="as before") == 0
    assert len(quarantined(database_url)) == 2


def test_what_an_earlier_run_knew_stays_what_it_knew(commas: Path, store: PostgresStore) -> None:
    before = results(store, "2026-03-31")
    publish_run(store, as_of=date(2026, 3, 31))
    retry_quarantined(Mended(commas), store, entity="invoices", reading="mended")
    again = results(store, "2026-03-31")
    assert again.run == before.run
    assert again.codes == before.codes


def test_landing_tries_again_what_other_code_could_not_read(
    commas: Path, store: PostgresStore, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE ops.retried SET reading_sha256 = 'yesterday''s'")
    landed = land_records(Mended(commas), store, entity="invoices")
    assert (landed.released, landed.quarantined) == (1, 0)


def test_a_version_that_is_readable_now_takes_the_place_of_the_one_before(
    tmp_path: Path, store: PostgresStore, database_url: str
) -> None:
    (tmp_path / "erp").mkdir()
    for gross in ("1.00", '"2,000.00"'):
        (tmp_path / "erp/invoices.csv").write_text(
            f"{INVOICE}\n1,INV-1,C1,2026-01-01,2026-01-31,SGD,,,{gross}\n"
        )
        pull_changes(Live(tmp_path), store, entity="invoices")
        land_records(Live(tmp_path), store, entity="invoices")
    assert retry_quarantined(Living(tmp_path), store, entity="invoices", reading="mended") == 1
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT gross_minor, superseded_in IS NULL FROM canonical.invoices ORDER BY recorded_in"
        ).fetchall()
    assert rows == [(100, False), (200_000, True)]


def test_an_id_twice_in_one_page_of_a_live_system_is_a_duplicate_and_on_the_next_a_newer_version(
    tmp_path: Path, store: PostgresStore
) -> None:
    row = "1,INV-1,C1,2026-01-01,2026-01-31,SGD,,,"
    (tmp_path / "erp").mkdir()
    for pages, told in (
        (["1.00", "2.00"], ["line 3: column id: a duplicate, first stated in erp/invoices.csv, line 2: '1'"]),
        (["3.00"], []),
    ):
        lines = [INVOICE, *(row + gross for gross in pages)]
        (tmp_path / "erp/invoices.csv").write_text("\n".join(lines) + "\n")
        pull_changes(Live(tmp_path), store, entity="invoices")
        landed = land_records(Live(tmp_path), store, entity="invoices")
        assert (landed.good, landed.complaints) == (1, [f"erp/invoices.csv, {one}" for one in told])


@pytest.mark.parametrize("at_once", [True, False])
def test_a_booking_stated_anew_after_it_could_not_be_read_is_no_duplicate(
    tmp_path: Path, store: PostgresStore, database_url: str, *, at_once: bool
) -> None:
    (tmp_path / "erp").mkdir()
    rows = [f"1,INV-1,C1,2026-01-01,2026-01-31,SGD,,,{gross}" for gross in ("1.0.0", "7.00", "8.00")]
    for portion in [rows] if at_once else [rows[:1], rows]:
        (tmp_path / "erp/invoices.csv").write_text("\n".join([INVOICE, *portion, ""]))
        source = WorldSource(tmp_path)
        pull_changes(source, store, entity="invoices")
        land_records(source, store, entity="invoices")
    found = results(store, "2026-03-31")
    assert found.open == {"1": ("7.00", "31-60")}
    with psycopg.connect(database_url) as connection:
        waiting = connection.execute(
            "SELECT failures -> 'failures' -> 0 ->> 'rule' FROM canonical.quarantine WHERE released_in IS NULL"
        ).fetchall()
    assert waiting == [("a duplicate, first stated in erp/invoices.csv, line 2",)]


def test_rows_are_tried_again_when_what_reads_them_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version.reading_sha256.__wrapped__()
    monkeypatch.setattr(version, "version", lambda _package: "another")
    assert version.reading_sha256.__wrapped__() != before
    assert all((version.ROOT / place).exists() for place in version.READING)
