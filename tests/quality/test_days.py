"""The newest business day against its like: a day that is dead, doubled or a hundred times as high is told at once."""

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from include.flows.measure_quality import like_days, measure, same_day_of_months
from include.flows.snapshot import see
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.store.postgres import PostgresStore

POLICY = load_policy()
DAY = date(2026, 9, 1)  # a Tuesday, and the first of its month
DRIFT = POLICY.quality.drift
_FACTS = {
    # entity: day, money, other columns that are required, and how many and how high on the newest day
    "payments": ("paid_on", "amount_minor", {"reference_tokens": "'{}'", "reference_keys": "'{}'",
                 "names_a_document": "false"}, (44, 1)),
    "orders": ("order_date", "amount_minor", {"number": "id", "customer_id": "'c'"}, (0, 1)),
    "bank_lines": ("value_date", "amount_minor", {"account": "'a'"}, (80, 1)),
    "refunds": ("created_on", "amount_minor", {"payment_id": "'p'"}, (4000, 1)),
    "credit_notes": ("issue_date", "gross_minor", {"number": "id", "customer_id": "'c'"}, (38, 100)),
    "payouts": ("arrival_date", "net_minor", {}, (41, 0.01)),
    "invoices": ("issue_date", "gross_minor", {"number": "id", "customer_id": "'c'", "due_date": "'2027-01-01'",
                 "number_key": "id", "number_digits": "'{}'"}, (400, 1)),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(server_urls: DatabaseUrls) -> Iterator[dict[str, dict[str, float]]]:
    """Deviations by measure and part, of books with forty facts a business day, and ten times as many invoices on the
    first days of months."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        store = PostgresStore(url)
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
            for entity, (day, money, more, (newest, factor)) in _FACTS.items():
                peak = (
                    "CASE WHEN extract(day FROM day) <= 2 THEN 10 ELSE 1 END" if entity == "invoices" else "1"
                )
                columns = {
                    "native_id": "id", "id": "id", "version": "'1'", "place": "''", "row_hash": "''",
                    "recorded_in": "1", "currency": "'SGD'", day: "day", **more,
                    money: f"(1000 + 37 * n % 900) * CASE WHEN day = DATE '{DAY}' THEN {factor} ELSE 1 END",
                }  # fmt: skip
                connection.execute(
                    f"INSERT INTO canonical.{entity} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM ("
                    "SELECT day::date, n, day::date || '-' || n AS id FROM generate_series("
                    f"DATE '{DAY}' - 196, DATE '{DAY}', interval '1 day') AS day, generate_series(1, CASE "
                    f"WHEN day = DATE '{DAY}' THEN {newest} WHEN extract(isodow FROM day) > 5 THEN 0 "
                    f"ELSE (35 + (extract(doy FROM day)::int * 7919) % 11) * {peak} END) AS n) AS facts"
                )
            connection.execute(
                "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, "
                "state) VALUES (gen_random_uuid(), %s, 1, 0, %s, '', 'computed')",
                (DAY, POLICY.sha256),
            )
        with store.transaction() as tx:
            see(tx, POLICY, batch=1, as_of=DAY)
            run = tx.rows("run_to_check", as_of=DAY)[0]
            measure(tx, run, as_of=DAY, policy=POLICY, mirrored=None, read=[])
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT measure, part, deviation FROM recon.quality_measures WHERE measure LIKE 'day %'"
            ).fetchall()
        deviations: dict[str, dict[str, float]] = {"day volume": {}, "day amounts": {}}
        for name, part, deviation in rows:
            deviations[name][part] = deviation
        yield deviations


@pytest.mark.parametrize(
    ("entity", "too"),
    [
        ("payments", None),
        ("orders", "few"),  # a dead day
        ("bank lines", "many"),  # a doubled one
        ("refunds", "many"),  # a hundredfold one
        ("credit notes", None),
        ("invoices", None),  # what comes each first of a month
    ],
)
def test_a_day_has_as_many_facts_as_its_like(
    found: dict[str, dict[str, float]], entity: str, too: str | None
) -> None:
    deviation = found["day volume"][entity]
    told = abs(deviation) > DRIFT.day_volume_percent
    assert ("few" if deviation < 0 else "many") == too if told else too is None


def test_a_day_whose_amounts_are_a_hundred_times_as_high_or_low_is_told(
    found: dict[str, dict[str, float]],
) -> None:
    deviations = {
        part: deviation for part, deviation in found["day amounts"].items() if deviation is not None
    }
    assert deviations.pop("credit notes, SGD") > DRIFT.day_amount_percent
    assert deviations.pop("payouts, SGD") < -DRIFT.day_amount_percent
    assert deviations
    assert max(map(abs, deviations.values())) < DRIFT.day_amount_percent


def test_days_alike_are_business_days_and_months_end_where_they_end() -> None:
    calendar = POLICY.calendars.own
    fridays = list(like_days(date(2026, 4, 10), weeks=3, calendar=calendar))
    assert fridays == [date(2026, 3, 27), date(2026, 3, 20)]  # without Good Friday
    assert list(same_day_of_months(date(2026, 3, 31), months=3)) == [
        date(2026, 2, 28),
        date(2026, 1, 31),
        date(2025, 12, 31),
    ]
