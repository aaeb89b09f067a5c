from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from include.connectors.mail.client import compose
from include.domain.recipients import Scope
from include.flows import day_facts
from include.ports import Row
from include.store.postgres import PostgresStore
from tests.report.conftest import Mailbag, tell
from tests.report.many import keep_many_breaks

RUN = UUID(int=1)


@pytest.fixture
def keep_breaks(store: PostgresStore, database_url: str) -> Any:
    """Keep a run with breaks given as (key, code, severity, currency, minor units)."""

    def keep(*breaks: Sequence[Any]) -> PostgresStore:
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "INSERT INTO recon.runs VALUES (%s, '2026-01-01', 0, 0, '', '', 'computed')", (RUN,)
            )
            for number, (key, code, severity, currency, minor) in enumerate(breaks):
                connection.execute(
                    "INSERT INTO recon.breaks VALUES (%s, %s, 'R3', %s, %s, %s, %s, %s, 0, 'AR', '', '')",
                    (RUN, UUID(int=number), code, key, currency, minor, severity),
                )
        return store

    return keep


def worst_first(store: PostgresStore, rates: dict[str, Decimal]) -> list[str]:
    with store.transaction() as tx:
        worths = {"currencies": list(rates), "worths": list(rates.values())}
        tx.run("create_day_breaks", run_id=RUN, opening=None, published_at=None)
        day_facts.enter_scope(tx, Scope())
        return [row["key"] for row in tx.rows("report_top_breaks", run_id=RUN, limit=10, **worths)]


def test_a_day_of_ten_thousand_breaks_makes_a_mail_of_a_sane_size(store: PostgresStore, database_url: str):
    with psycopg.connect(database_url) as connection:
        keep_many_breaks(connection, RUN, 10_000)
    bag = Mailbag()
    tell(store, bag, as_of=date(2026, 1, 1))
    (report,) = bag.reports
    assert "10,000 need somebody" in report.subject
    assert report.html.count("old: ") == 10
    assert len(compose(report, sender="t@example.com", to=bag.to).as_bytes()) < 10 * 2**20


def test_breaks_stand_by_severity_then_by_value_in_one_currency(keep_breaks: Any):
    store = keep_breaks(
        ("small", "CA01", "S2", "JPY", 2000),
        ("big", "CA01", "S2", "SGD", 1000),
        ("negative", "DQ06", "S2", "SGD", -1500),
        ("worse", "CA01", "S1", "SGD", 1),
        ("unrated", "CA01", "S2", "XYZ", 99999),
        ("no money", "DQ05", "S2", None, None),
        ("quarantined", "DQ01", "S1", "SGD", 5),
    )
    rates = {"SGD": Decimal(1), "JPY": Decimal("0.4")}
    assert worst_first(store, rates) == ["worse", "negative", "big", "small", "unrated", "no money"]


def test_without_rates_breaks_stand_by_their_amount(keep_breaks: Any):
    store = keep_breaks(("less", "CA01", "S2", "USD", 1), ("more", "CA01", "S2", "USD", 2))
    assert worst_first(store, {}) == ["more", "less"]


def test_a_minor_unit_is_worth_what_its_currency_makes_of_it():
    def rows(_name: str, **_params: Any) -> list[Row]:
        return [{"from_currency": "JPY", "to_currency": "SGD", "rate": Decimal("0.009")}]

    played: Any = SimpleNamespace(rows=rows)
    worths = day_facts._worths(played)
    assert dict(zip(worths["currencies"], worths["worths"], strict=True)) == {
        "JPY": Decimal("0.9"),  # 1 yen = 0.009 dollars = 0.9 cents
        "SGD": Decimal(1),
    }


def test_of_a_day_reconciled_anew_the_last_published_run_is_shown(store: PostgresStore, database_url: str):
    runs = (("first", "published"), ("second", "published"), ("third", "refused"))
    with psycopg.connect(database_url) as connection:
        for number, (subject, state) in enumerate(runs):
            certificate = '{"inputs": {"unproven_sources": {"count": 0}}}'
            connection.execute(
                "INSERT INTO recon.runs VALUES (%s, '2026-01-01', 0, 0, '', '', %s, %s)",
                (UUID(int=number), state, certificate),
            )
            connection.execute(
                "INSERT INTO recon.reports VALUES (%s, '2026-01-01', %s, '', '', '{}')",
                (UUID(int=number), subject),
            )
    with store.transaction() as tx:
        (listed,) = tx.rows("list_reports", limit=10)
        (shown,) = tx.rows("report_of_day", as_of=date(2026, 1, 1))
        (newest,) = tx.rows("report_run", as_of=date(2026, 1, 1))
    assert (listed["subject"], shown["subject"], newest["run_id"]) == ("second", "second", UUID(int=1))


def test_a_country_sees_the_breaks_of_its_customers_and_of_nobody_else(keep_breaks: Any, database_url: str):
    store = keep_breaks(
        ("P-DE", "CA01", "S2", "EUR", 100),
        ("P-SG", "CA01", "S2", "EUR", 200),
        ("P-nobody's", "CA02", "S2", "EUR", 300),
    )
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        for country in ("DE", "SG"):
            connection.execute(
                "INSERT INTO canonical.customers (native_id, version, place, row_hash, recorded_in, id, name, country) "
                "VALUES (%(c)s, '', '', '', 1, %(c)s, %(c)s, %(c)s)",
                {"c": country},
            )
            connection.execute(
                "INSERT INTO canonical.payments (native_id, version, place, row_hash, recorded_in, id, customer_id, "
                "currency, amount_minor, paid_on, status, reference_tokens, "
                "reference_keys, names_a_document) "
                "VALUES (%(p)s, '', '', '', 1, %(p)s, %(c)s, 'EUR', 100, '2026-01-01', 'succeeded', '{}', '{}', false)",
                {"p": f"P-{country}", "c": country},
            )
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        tx.run("create_day_breaks", run_id=RUN, opening=None, published_at=None)
        tx.run("place_day_breaks")
        seen = {}
        for scope in (Scope(countries=frozenset({"DE"})), Scope(currencies=frozenset({"USD"})), Scope()):
            day_facts.enter_scope(tx, scope)
            found = tx.rows("workbook_breaks", run_id=RUN)
            seen[scope.countries or scope.currencies] = sorted(row["key"] for row in found)
    assert list(seen.values()) == [["P-DE"], [], ["P-DE", "P-SG", "P-nobody's"]]


def test_of_a_day_published_late_breaks_stand_as_before_later_facts_came(keep_breaks: Any, database_url: str):
    store = keep_breaks(("P1", "CA01", "S2", "EUR", 100))
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches (recorded_at) VALUES ('2026-01-02 03:00Z')")
        connection.execute("SET session_replication_role = replica")
        for version, before, state, at in (
            (1, "NEW", "OPEN", "01:00Z"),
            (2, "OPEN", "ASSIGNED", "02:00Z"),
            (3, "ASSIGNED", "RESOLVED", "09:00Z"),
        ):
            connection.execute(
                "INSERT INTO recon.break_events (break_id, version, action, actor, happened_at, reason, from_state, "
                "to_state, severity, code) VALUES (%s, %s, 'commented', 'mei', %s, 'seen', %s, %s, 'S2', 'CA01')",
                (UUID(int=0), version, f"2026-01-02 {at}", before, state),
            )
    with store.transaction() as tx:
        tx.run("create_day_breaks", run_id=RUN, opening=None, published_at="2026-06-01 00:00Z")
        day_facts.enter_scope(tx, Scope())
        assert [row["state"] for row in tx.rows("workbook_breaks", run_id=RUN)] == ["ASSIGNED"]
