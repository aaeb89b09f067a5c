from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from include.connectors.mail.message import compose
from include.domain.recipients import Scope
from include.flows import day_facts
from include.policy import load_policy
from include.ports import Row
from include.store.postgres import PostgresStore
from include.store.queries import query
from tests.report.conftest import Mailbag, tell
from tests.report.many import keep_many_breaks

RUN = UUID(int=1)


@pytest.fixture
def keep_breaks(store: PostgresStore, database_url: str) -> Any:
    """Keep a run with breaks given as (key, code, severity, currency, minor units), which saw up to a batch."""

    def keep(*breaks: Sequence[Any], batch: int = 0) -> PostgresStore:
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "INSERT INTO recon.runs VALUES (%s, '2026-01-01', %s, 0, '', '', 'computed')", (RUN, batch)
            )
            for number, (key, code, severity, currency, minor) in enumerate(breaks):
                connection.execute(
                    "INSERT INTO recon.breaks VALUES (%s, %s, 'R3', %s, %s, %s, %s, %s, 0, 'AR', '', '')",
                    (RUN, UUID(int=number), code, key, currency, minor, severity),
                )
        return store

    return keep


def lay_out(tx: Any, published_at: str | None = None) -> None:
    """The breaks of the run."""
    day_facts.lay_out_breaks(tx, {"run_id": RUN, "opening_run_id": None, "published_at": published_at})


def worst_first(store: PostgresStore, rates: dict[str, Decimal]) -> list[str]:
    with store.transaction() as tx:
        worths = {"rated": list(rates), "worths": list(rates.values())}
        lay_out(tx)
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
    assert "No exchange rate is known for JPY, TWD, USD: its breaks stand by their amount" in report.text
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


def test_sums_that_no_integer_holds_are_told_to_the_last_digit(store: PostgresStore, database_url: str):
    most = 999_999_999_999_999_999  # of fifteen digits, in fils
    with psycopg.connect(database_url) as connection:
        keep_many_breaks(connection, RUN, 10)
        connection.execute("UPDATE recon.breaks SET currency = 'KWD', amount_minor = %s", (most,))
        for number in range(10):
            owed = (RUN, f"I{number}", "C1", "KWD", most, "2026-01-01", 0, "current")
            connection.execute(
                "INSERT INTO recon.open_invoices VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", owed
            )
    bag = Mailbag()
    tell(store, bag, as_of=date(2026, 1, 1))
    assert "KWD 9,999,999,999,999,999.990 open" in bag.reports[0].subject
    assert bag.reports[0].text.count("9,999,999,999,999,999.990") > 1


def test_a_minor_unit_is_worth_what_its_currency_makes_of_it():
    def rows(_name: str, **_params: Any) -> list[Row]:
        return [{"from_currency": "JPY", "to_currency": "SGD", "rate": Decimal("0.009")}]

    played: Any = SimpleNamespace(rows=rows)
    worths = day_facts._worths(played)
    assert dict(zip(worths["rated"], worths["worths"], strict=True)) == {
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
        batch=1,
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
        lay_out(tx)
        day_facts.place_breaks(tx)
        seen = {}
        for scope in (Scope(countries=frozenset({"DE"})), Scope(currencies=frozenset({"USD"})), Scope()):
            day_facts.enter_scope(tx, scope)
            found = tx.rows("workbook_breaks", run_id=RUN, limit=9)
            seen[scope.countries or scope.currencies] = sorted(row["key"] for row in found)
    assert list(seen.values()) == [["P-DE"], [], ["P-DE", "P-SG", "P-nobody's"]]


def test_money_that_went_back_and_rows_nobody_could_read_are_their_customer_s(
    keep_breaks: Any, database_url: str
):
    store = keep_breaks(
        ("D-1", "CA14", "S2", "SGD", 100),  # of a payment that names nobody and settled I
        ("R-1", "CA13", "S1", "SGD", 100),  # of a payment of DE
        ("invoices I-9", "DQ01", "S1", "SGD", 100),
        ("payments P-9", "DQ01", "S1", "SGD", 100),  # of nobody that can be read
        batch=1,
    )
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute("UPDATE recon.breaks SET recon = 'all' WHERE code = 'DQ01'")
        keep_rows(connection, "customers", native_id="DE", id="DE", name="DE", country="DE")
        keep_rows(connection, "invoices", native_id="I", id="I", customer_id="DE", **INVOICE)
        moved = {"currency": "SGD", "amount_minor": 1}
        keep_rows(
            connection, "disputes", native_id="D-1", id="D-1", payment_id="nameless", opened_on=SOON, **moved
        )
        keep_rows(
            connection, "refunds", native_id="R-1", id="R-1", payment_id="hers", created_on=SOON, **moved
        )
        for entity, key, customer in (("invoices", "I-9", "DE"), ("payments", "P-9", None)):
            connection.execute(
                "INSERT INTO canonical.quarantine (system, entity, native_id, version, place, customer_id, failures, "
                "quarantined_in) VALUES ('erp', %s, %s, '', '', %s, '{}', 1)",
                (entity, key, customer),
            )
        for key in ("nameless", "hers"):
            keep_payment(connection, key, "2025-12-20")
        connection.execute("UPDATE canonical.payments SET customer_id = 'DE' WHERE native_id = 'hers'")
        keep_match(connection, "nameless")
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        lay_out(tx)
        day_facts.place_breaks(tx)
        day_facts.enter_scope(tx, Scope(countries=frozenset({"DE"})))
        found = tx.rows("workbook_breaks", run_id=RUN, limit=9)
        tx.run("forget_matches", run_id=RUN)
    assert sorted(row["key"] for row in found) == ["D-1", "R-1", "invoices I-9"]


def of_country(tx: Any, country: str) -> list[str]:
    """Keys of the breaks that whoever answers for a country sees."""
    day_facts.enter_scope(tx, Scope(countries=frozenset({country})))
    return sorted(row["key"] for row in tx.rows("workbook_breaks", run_id=RUN, limit=9))


def test_a_break_is_seen_by_all_whose_it_is_also_where_it_is_of_a_word_nobody_maps(
    keep_breaks: Any, database_url: str
):
    store = keep_breaks(
        ("nameless", "CA04", "S2", "SGD", 100),  # settled an invoice of DE and one of SG
        ("invoice I", "DQ05", "S2", None, None),
        ("amendment step", "DQ05", "S2", None, None),
        ("amendment large", "DQ01", "S1", None, None),
        ("refund R", "DQ05", "S2", None, None),
        ("fx THB", "DQ05", "S2", None, None),
        batch=1,
    )
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute("UPDATE recon.breaks SET recon = 'all' WHERE code LIKE 'DQ0_'")
        for country, invoice in (("DE", "I"), ("SG", "J")):
            keep_rows(connection, "customers", native_id=country, id=country, name=country, country=country)
            keep_rows(connection, "invoices", native_id=invoice, id=invoice, customer_id=country, **INVOICE)
            keep_match(connection, "nameless", rule=country, minor=450, invoice=invoice)
        keep_payment(connection, "nameless", "2025-12-20")
        life = {"currency": "SGD", "quantity": 1, "unit_price": 1, "interval": "month", "start_date": SOON}
        keep_rows(connection, "subscriptions", native_id="S", id="S", customer_id="SG", **life)
        step = {"subscription_id": "S", "sequence": 1, "type": "?", "effective_date": SOON}
        for amendment in ("step", "large"):
            keep_rows(connection, "amendments", native_id=amendment, id=amendment, **step)
        moved = {"currency": "SGD", "amount_minor": 1, "created_on": SOON}
        keep_rows(connection, "refunds", native_id="R", id="R", payment_id="nameless", **moved)
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        lay_out(tx)
        day_facts.place_breaks(tx)
        seen = {country: of_country(tx, country) for country in ("DE", "SG")}
        tx.run("forget_matches", run_id=RUN)
    assert seen == {
        "DE": ["invoice I", "nameless", "refund R"],
        "SG": ["amendment large", "amendment step", "nameless", "refund R"],
    }


def test_a_break_is_whose_thing_it_is_about_and_not_whose_id_is_the_same(keep_breaks: Any, database_url: str):
    store = keep_breaks(
        ("7", "CA15", "S2", "SGD", 100),  # invoice 7 is of DE, payment 7 and order 7 of SG
        ("7", "CA01", "S2", "SGD", 200),
        ("7", "OR09", "S2", "SGD", 300),
        ("7", "OR13", "S2", "SGD", 400),
        ("7", "PO01", "S2", "SGD", 500),  # a payout, which is nobody's
        ("7", "OR06", "S2", "SGD", 600),
        ("7", "CA12", "S2", "SGD", 700),  # a credit note of DE
        batch=1,
    )
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute(
            "UPDATE recon.breaks SET evidence = 'Invoice 7 repeats invoice 6' WHERE code = 'OR06'"
        )
        connection.execute(
            "UPDATE recon.breaks SET recon = CASE left(code, 2) WHEN 'OR' THEN 'R2' WHEN 'PO' THEN 'R4' ELSE 'R3' END"
        )
        for country in ("DE", "SG"):
            keep_rows(connection, "customers", native_id=country, id=country, name=country, country=country)
        keep_rows(connection, "invoices", native_id="7", id="7", customer_id="DE", **INVOICE)
        dated = {"currency": "SGD", "amount_minor": 1, "order_date": SOON}
        keep_rows(connection, "orders", native_id="7", id="7", number="7", customer_id="SG", **dated)
        noted = {"number": "7", "currency": "SGD", "gross_minor": 1, "issue_date": SOON}
        keep_rows(connection, "credit_notes", native_id="7", id="7", customer_id="DE", **noted)
        keep_payment(connection, "7", "2025-12-20")
        connection.execute("UPDATE canonical.payments SET customer_id = 'SG'")
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        lay_out(tx)
        day_facts.place_breaks(tx)
        seen = {}
        for country in ("DE", "SG"):
            day_facts.enter_scope(tx, Scope(countries=frozenset({country})))
            seen[country] = sorted(row["code"] for row in tx.rows("workbook_breaks", run_id=RUN, limit=9))
    assert seen == {"DE": ["CA12", "CA15", "OR06", "OR13"], "SG": ["CA01", "OR09"]}


def test_what_closed_is_told_to_whose_it_was_though_its_row_is_gone_or_another_countrys(
    keep_breaks: Any, database_url: str
):
    store, before = keep_breaks(("moved", "CA01", "S2", "SGD", 100), batch=2), UUID(int=2)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute(
            "INSERT INTO recon.runs VALUES (%s, '2025-12-31', 1, 0, '', '', 'computed')", (before,)
        )
        for number, (key, code) in enumerate((("moved", "CA01"), ("gone", "CA01"), ("invoices I-9", "DQ01"))):
            connection.execute(
                "INSERT INTO recon.breaks VALUES (%s, %s, %s, %s, %s, 'SGD', 100, 'S2', 0, 'AR', '', '')",
                (before, UUID(int=number), "all" if code == "DQ01" else "R3", code, key),
            )
        for customer in ("stays", "moves"):
            keep_rows(connection, "customers", native_id=customer, id=customer, name=customer, country="DE")
        for payment, customer in (("moved", "moves"), ("gone", "stays")):
            keep_payment(connection, payment, "2025-12-20")
            connection.execute(
                "UPDATE canonical.payments SET customer_id = %s WHERE native_id = %s", (customer, payment)
            )
        connection.execute("UPDATE canonical.payments SET superseded_in = 2 WHERE native_id = 'gone'")
        connection.execute("UPDATE canonical.customers SET superseded_in = 2 WHERE native_id = 'moves'")
        there = {"native_id": "moves", "id": "moves", "name": "moves", "country": "FR", "recorded_in": 2}
        keep_rows(connection, "customers", **there)
        connection.execute(
            "INSERT INTO canonical.quarantine (system, entity, native_id, version, place, customer_id, failures, "
            "quarantined_in, released_in) VALUES ('erp', 'invoices', 'I-9', '', '', 'stays', '{}', 1, 2)"
        )
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=2, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        day_facts.lay_out_breaks(tx, {"run_id": RUN, "opening_run_id": before, "published_at": None})
        day_facts.place_breaks(tx)
        changed = {}
        for country in ("DE", "FR"):
            day_facts.enter_scope(tx, Scope(countries=frozenset({country})))
            rows = tx.rows("report_changes", run_id=RUN, opening=before)
            changed[country] = {row["change"]: row["breaks"] for row in rows}
        (seen,) = tx.rows("snapshot_seen")
    assert changed == {"DE": {"closed": 3}, "FR": {"opened": 1}}
    assert seen["batch_through"] == 2


@pytest.mark.parametrize(("country", "counted"), [("DE", 1), ("SG", 0)])
def test_a_payment_that_names_nobody_is_of_the_country_whose_invoice_it_settles_or_had_settled(
    keep_breaks: Any, database_url: str, country: str, counted: int
):
    store, before = keep_breaks(), UUID(int=2)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute("UPDATE recon.runs SET state = 'published', certificate = '{}'")
        connection.execute(
            "INSERT INTO recon.runs VALUES (%s, '2025-12-31', 0, 0, '', '', 'published', '{}')", (before,)
        )
        for one in ("DE", "SG"):
            keep_rows(connection, "customers", native_id=one, id=one, name=one, country=one)
        keep_rows(connection, "invoices", native_id="I", id="I", customer_id="DE", **INVOICE)
        for key in ("settles", "had settled", "held"):
            keep_payment(connection, key, "2025-12-20")
        keep_match(connection, "settles")
        keep_match(connection, "had settled", run=before)
        restate(connection, "had settled", before=before)
    part = {"currencies": None, "countries": [country], "rated": ["SGD"], "worths": [Decimal(1)]}
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        tx.run("create_scope_customers", countries=[country])
        span = {"since": date(2025, 12, 1), "until": date(2025, 12, 31)}
        received = tx.rows("period_payments", run_id=RUN, **span, **part)
        posted = tx.rows("report_taken_back", **TAKEN_BACK | part)
        tx.run("forget_matches", run_id=RUN)
    assert [(row["received"], row["applied"]) for row in received] == [(1, 1)] * counted
    assert [(row["payments"], row["taken_back"]) for row in posted] == [(2, 1)] * counted


@pytest.mark.parametrize(
    ("by_order", "by_deal"),
    [("006D000000IqhSLIAZ", None), ("006D000000IqhSL", None), (None, "O"), ("006D000000IqhSLIAZ", "O")],
)
def test_a_deal_is_invoiced_whichever_of_deal_and_order_names_the_other(
    store: PostgresStore, database_url: str, by_order: str | None, by_deal: str | None
):
    deal = "006D000000IqhSLIAZ"
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        keep_rows(connection, "opportunities", native_id=deal, id=deal, erp_order_id=by_deal, **DEAL)
        keep_rows(connection, "orders", native_id="O", id="O", opportunity_id=by_order, **ORDER)
        keep_rows(connection, "invoices", native_id="I", id="I", customer_id="C", order_id="O", **INVOICE)
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        tx.run("create_scope_customers", countries=[])
        span = {"since": date(2025, 12, 1), "until": date(2025, 12, 31), "until_day": date(2026, 1, 1)}
        [found] = tx.rows("period_deals", run_id=RUN, **span, currencies=None, countries=None)
    assert (found["won"], found["invoiced"], int(found["mean_days"])) == (1, 1, 3)


@pytest.mark.parametrize(
    ("says", "ordered_by", "linked", "seen"),
    [
        ("DE", None, (), "DE"),
        (None, None, ("DE",), "DE"),
        ("SG", None, ("DE",), "DE"),  # what was proven counts more than what the account says
        ("DE", None, ("DE", "SG"), "DE"),
        (None, "DE", (), None),  # of the deal's break nobody knows more
        (None, None, (), None),
    ],
)
def test_a_deal_is_of_the_country_of_the_customer_that_its_account_is(
    keep_breaks: Any,
    database_url: str,
    *,
    says: str | None,
    ordered_by: str | None,
    linked: tuple[str, ...],
    seen: str | None,
):
    store = keep_breaks(("D", "OR01", "S1", "SGD", 100), batch=1)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        for one in ("DE", "SG"):
            keep_rows(connection, "customers", native_id=one, id=one, name=one, country=one)
        keep_rows(connection, "accounts", native_id="A", id="A", name="A", erp_customer_id=says)
        keep_rows(connection, "opportunities", native_id="D", id="D", account_id="A", **DEAL)
        if ordered_by:
            ordered = ORDER | {"customer_id": ordered_by}
            keep_rows(connection, "orders", native_id="O", id="O", opportunity_id="D", **ordered)
        for one in linked:
            connection.execute(
                "INSERT INTO recon.matches (run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, "
                "side_b_id, amount_minor, residual_minor, residual_reason, state) "
                "VALUES (%s, %s, 'R1', 'number', 'account', 'A', 'customer', %s, 0, 0, '', 'posted')",
                (RUN, one, one),
            )
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        lay_out(tx)
        day_facts.place_breaks(tx)
        asked = {"run_id": RUN, "since": date(2025, 12, 1), "until": date(2025, 12, 31)}
        breaks, deals = {}, {}
        for country in ("DE", "SG"):
            breaks[country] = of_country(tx, country)
            narrow = {"currencies": None, "countries": [country]}
            [told] = tx.rows("period_deals", until_day=date(2026, 1, 1), **asked, **narrow)
            deals[country] = told["won"]
        tx.run("forget_matches", run_id=RUN)
    assert [one for one, keys in breaks.items() if keys] == ([seen] if seen else [])
    assert [one for one, won in deals.items() if won] == [one for one in [ordered_by or seen] if one]


def test_a_deal_that_waits_for_its_invoice_is_not_counted_as_invoiced_at_once(
    store: PostgresStore, database_url: str
):
    asked = {
        "since": date(2025, 12, 1), "until": date(2025, 12, 31), "until_day": date(2026, 1, 1),
        "run_id": RUN, "currencies": None, "countries": None,
    }  # fmt: skip
    found = []
    for deals, invoices in (("ABC", ""), ("", "A")):
        with psycopg.connect(database_url) as connection:
            connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
            for one in deals:
                keep_rows(connection, "opportunities", native_id=one, id=one, **DEAL)
                keep_rows(connection, "orders", native_id=one, id=one, opportunity_id=one, **ORDER)
            for one in invoices:
                billed = {"customer_id": "C", "order_id": one, **INVOICE}
                keep_rows(connection, "invoices", native_id=one, id=one, **billed)
        with store.transaction() as tx:
            tx.run("see_snapshot", batch=2, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
            tx.run("create_scope_customers", countries=[])
            found += tx.rows("period_deals", **asked)
    assert [(one["won"], one["invoiced"], one["mean_days"], one["median_days"]) for one in found] == [
        (3, 0, None, None),
        (3, 1, 3, 3),
    ]
    assert [int(one["least_mean_days"]) for one in found] == [30, 21]


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
        lay_out(tx, published_at="2026-06-01 00:00Z")
        day_facts.enter_scope(tx, Scope())
        assert [row["state"] for row in tx.rows("workbook_breaks", run_id=RUN, limit=9)] == ["ASSIGNED"]


def test_a_break_that_was_closed_and_opened_again_in_the_period_is_not_closed(
    keep_breaks: Any, database_url: str
):
    keep_breaks()
    life = "OPEN", "RESOLVED", "OPEN", "RESOLVED", "OPEN"
    with psycopg.connect(database_url) as connection:
        # A step a day: of one break the second is the last, of another the fifth, which opens it once more.
        for number, steps in ((1, life[:2]), (2, life[:3]), (3, life[:4]), (4, life)):
            keep_life(connection, number, *(("x", day, state) for day, state in enumerate(steps, 1)))
        closed = [resolved(connection, until=until) for until in (2, 3, 4, 5)]
        connection.rollback()
    assert [row and (row[1], row[2]) for row in closed] == [(4, 1), (1, 1), (3, 3), (2, 1)]


def test_how_long_breaks_take_is_told_of_those_that_policy_did_not_accept_at_once(
    keep_breaks: Any, database_url: str
):
    keep_breaks()
    with psycopg.connect(database_url) as connection:
        for number in (1, 2, 3):
            keep_life(connection, number, ("opened", 1, "OPEN"), ("written_off", 1, "ACCEPTED"))
        assert resolved(connection, until=20) == ("AR", 3, None, None, 3)
        keep_life(connection, 4, ("opened", 1, "OPEN"), ("resolved", 15, "RESOLVED"))
        assert resolved(connection, until=20) == ("AR", 4, 14, 14, 3)
        connection.rollback()


def keep_life(connection: psycopg.Connection, number: int, *steps: tuple[str, int, str]) -> None:
    """Keep a break first seen on 2025-12-01, and its steps: action, day of December, and the state it leads to."""
    connection.execute("SET session_replication_role = replica")
    connection.execute(
        "INSERT INTO recon.break_lives (break_id, recon, family, code, key, severity, owner, since_on, "
        "first_seen_run, first_seen_on, last_seen_run, last_seen_on, state, version) VALUES "
        "(%s, 'R3', 'cash', 'CA01', 'P', 'S2', 'AR', %s, %s, %s, %s, %s, 'OPEN', 1)",
        (UUID(int=number), SOON, RUN, date(2025, 12, 1), RUN, date(2025, 12, 1)),
    )
    before = "NEW"
    for version, (action, day, state) in enumerate(steps, 1):
        connection.execute(
            "INSERT INTO recon.break_events (break_id, version, action, actor, happened_at, reason, "
            "from_state, to_state, severity, code) VALUES (%s, %s, %s, 'mei', %s, 'x', %s, %s, 'S2', 'CA01')",
            (UUID(int=number), version, action, f"2025-12-{day:02} 12:00Z", before, state),
        )
        before = state


def resolved(connection: psycopg.Connection, *, until: int) -> Any:
    """What AR closed in December up to a day, and how long that took."""
    span = {"since": date(2025, 12, 1), "zone": "Asia/Singapore", "whole": True}
    asked = query("period_resolved").replace("(SELECT break_id FROM scope_breaks)", "(NULL)")
    return connection.execute(asked.encode(), span | {"until": date(2025, 12, until)}).fetchone()


SOON = "2025-12-30"
DEAL = {"stage": "Won", "is_won": True, "currency": "SGD", "close_date": "2025-12-02"}
ORDER = {
    "number": "O", "customer_id": "C", "currency": "SGD", "amount_minor": 1, "order_date": "2025-12-03",
}  # fmt: skip
INVOICE = {
    "number": "I", "currency": "SGD", "gross_minor": 1, "issue_date": "2025-12-05", "due_date": SOON,
    "number_key": "", "number_digits": [],
}  # fmt: skip


def keep_rows(connection: psycopg.Connection, entity: str, **facts: Any) -> None:
    """Keep a row of an entity, known since the first batch."""
    row = {"version": "", "place": "", "row_hash": "", "recorded_in": 1} | facts
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    values = sql.SQL(", ").join(map(sql.Placeholder, row))
    insert = sql.SQL("INSERT INTO canonical.{} ({}) VALUES ({})")
    connection.execute(insert.format(sql.Identifier(entity), columns, values), row)


def keep_payment(connection: psycopg.Connection, key: str, paid_on: str, *, minor: int = 1000) -> None:
    connection.execute(
        "INSERT INTO canonical.payments (native_id, version, place, row_hash, recorded_in, id, currency, "
        "amount_minor, paid_on, reference_tokens, reference_keys, names_a_document) "
        "VALUES (%(k)s, '', '', '', 1, %(k)s, 'SGD', %(minor)s, %(on)s, '{}', '{}', false)",
        {"k": key, "on": paid_on, "minor": minor},
    )


def keep_match(
    connection: psycopg.Connection,
    key: str,
    *,
    rule: str = "P1",
    minor: int = 1000,
    run: UUID = RUN,
    invoice: str = "I",
    paid_in: str = "SGD",
) -> None:
    connection.execute(
        "INSERT INTO recon.matches (run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, "
        "currency, amount_minor, residual_minor, residual_reason, state, paid_currency, paid_minor) VALUES "
        "(%(run)s, %(k)s || %(rule)s, 'R3', %(rule)s, 'payment', %(k)s, 'invoice', %(invoice)s, 'SGD', %(minor)s, 0, "
        "'', 'posted', %(paid_in)s, %(minor)s)",
        {"run": run, "k": key, "rule": rule, "minor": minor, "invoice": invoice, "paid_in": paid_in},
    )


def restate(
    connection: psycopg.Connection, key: str, *, minor: int = 1000, run: UUID = RUN, before: UUID = RUN
) -> None:
    connection.execute(
        "INSERT INTO recon.restatements VALUES (%s, %s, 'payment', %s, 'SGD', 0, %s, 'unmatched')",
        (run, before, key, minor),
    )


TAKEN_BACK = {"run_id": RUN, "as_of": date(2026, 1, 1), "days": 90, "currencies": None, "countries": None}


def taken_back(store: PostgresStore) -> Row:
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        tx.run("create_scope_customers", countries=[])
        [found] = tx.rows("report_taken_back", rated=["SGD"], worths=[Decimal(1)], **TAKEN_BACK)
        tx.run("forget_matches", run_id=RUN)  # nobody ruled those by hand
    return found


def test_what_was_taken_back_is_counted_of_what_was_applied_of_late(keep_breaks: Any, database_url: str):
    store = keep_breaks()
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute("UPDATE recon.runs SET state = 'published', certificate = '{}'")
        for key, paid_on in (
            ("kept", "2025-12-20"),
            ("back", "2025-12-21"),
            ("long ago", "2025-06-01"),
            ("manual", "2025-12-22"),
        ):
            keep_payment(connection, key, paid_on)
            if key != "back":
                keep_match(connection, key, rule=key if key == "manual" else "P1")
        restate(connection, "back")
        # What a person matched is not the rules', neither while it stands nor once it is parted.
        restate(connection, "manual")
    found = taken_back(store)
    assert (found["payments"], found["taken_back"], found["taken_back_minor"]) == (2, 1, 1000)
    assert (found["worth_minor"], found["taken_back_worth_minor"]) == (2000, 1000)


def test_of_a_payment_applied_in_part_only_that_part_counts_as_applied_or_taken_back(
    keep_breaks: Any, database_url: str
):
    store = keep_breaks()
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute("UPDATE recon.runs SET state = 'published', certificate = '{}'")
        for key in ("in part", "parted"):
            keep_payment(connection, key, "2025-12-20")
        keep_match(connection, "in part", minor=400)
        keep_match(connection, "in part", rule="manual", minor=500)
        restate(connection, "parted", minor=300)
    found = taken_back(store)
    assert (found["payments"], found["amount_minor"], found["taken_back_minor"]) == (2, 700, 300)


def test_what_was_taken_back_after_a_day_was_told_is_not_in_what_it_tells_later(
    keep_breaks: Any, database_url: str
):
    store, later, break_id = keep_breaks(), UUID(int=2), UUID(int=5)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO ops.batches (recorded_at) VALUES ('2026-01-02 00:10Z'), ('2026-01-03 00:10Z')"
        )
        # Computed by a backfill, long after; it sees the first batch and no ruling.
        connection.execute("UPDATE recon.runs SET state = 'published', certificate = '{}', batch_through = 1")
        connection.execute(
            "INSERT INTO recon.runs VALUES (%s, '2025-12-31', 2, 0, '', '', 'published', '{}')", (later,)
        )
        for key in ("restated later", "parted later", "parted then", "kept"):
            keep_payment(connection, key, "2025-12-20")
            keep_match(connection, key)
        restate(connection, "restated later", run=later, before=RUN)
        connection.execute("SET session_replication_role = replica")
        for number, key in ((7, "parted later"), (3, "parted then")):
            connection.execute(
                "INSERT INTO recon.pairings VALUES "
                "(%s, %s, 'unmatch', 'payment', %s, 'SGD', 1000, '{I}', '{1000}', 'm')",
                (break_id, number, key),
            )
            connection.execute(
                "INSERT INTO recon.rulings (ruling_no, break_id, proposal_no, kind, item_type, item_id, approved_in) "
                "VALUES (%s, %s, %s, 'unmatch', 'payment', %s, 1)",
                (number, break_id, number, key),
            )
    assert taken_back(store)["taken_back"] == 0
    with psycopg.connect(database_url) as connection:
        for key in ("restated later", "parted later", "parted then", "kept"):
            keep_match(connection, key)
        connection.execute("UPDATE recon.runs SET rulings_through = 5 WHERE run_id = %s", (RUN,))
    assert taken_back(store)["taken_back"] == 1


def test_a_payment_that_two_rules_applied_is_counted_once_and_its_money_where_it_went(
    keep_breaks: Any, database_url: str
):
    store = keep_breaks()
    with psycopg.connect(database_url) as connection:
        keep_match(connection, "P", rule="P0", minor=300)
        keep_match(connection, "P", rule="manual", minor=700)
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        tx.run("create_scope_customers", countries=[])
        rows = tx.rows("report_applied", run_id=RUN, currencies=None, countries=None)
        tx.run("forget_matches", run_id=RUN)
    assert {row["rule"]: (row["payments"], row["amount_minor"]) for row in rows} == {
        "P0": (0, 300),
        "manual": (1, 700),
    }


def test_money_paid_in_one_currency_for_an_invoice_in_another_is_listed_for_who_answers_for_either(
    keep_breaks: Any, database_url: str
):
    store = keep_breaks()
    with psycopg.connect(database_url) as connection:
        keep_match(connection, "P", paid_in="USD")
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        tx.run("create_scope_customers", countries=[])
        found = []
        for currency in ("SGD", "USD", "EUR"):
            scope = {"run_id": RUN, "currencies": [currency], "countries": None}
            listed = tx.rows("workbook_matches", limit=10, **scope)
            [counted] = tx.rows("count_workbook_matches", **scope)
            found.append((len(tx.rows("report_applied", **scope)), len(listed), counted["matches"]))
        tx.run("forget_matches", run_id=RUN)
    assert found == [(0, 1, 1), (1, 1, 1), (0, 0, 0)]


def test_work_is_avoided_where_the_rules_applied_every_cent_and_value_is_what_they_applied(
    keep_breaks: Any, database_url: str
):
    store = keep_breaks()
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        for key in ("whole", "in part", "by both", "by hand", "held"):
            keep_payment(connection, key, "2025-12-20")
        keep_match(connection, "whole")
        keep_match(connection, "in part", minor=400)
        keep_match(connection, "by both", minor=600)
        keep_match(connection, "by both", rule="manual", minor=400)
        keep_match(connection, "by hand", rule="manual")
    with store.transaction() as tx:
        tx.run("see_snapshot", batch=1, rulings=0, as_of=date(2026, 1, 1), rules_sha256="")
        span = {"since": date(2025, 12, 1), "until": date(2025, 12, 31)}
        every = {"currencies": None, "countries": None, "rated": ["SGD"], "worths": [Decimal(1)]}
        tx.run("create_scope_customers", countries=[])
        [found] = tx.rows("period_payments", run_id=RUN, **span, **every)
        tx.run("forget_matches", run_id=RUN)
    assert (found["received"], found["applied"]) == (5, 1)
    assert (found["received_minor"], found["applied_minor"], found["applied_worth_minor"]) == (
        5000,
        2000,
        2000,
    )


def test_what_money_is_worth_is_rounded_item_by_item_and_no_sum_again(keep_breaks: Any, database_url: str):
    keep_breaks(*((key, "CA16", "S3", "SGD", 1) for key in "AB"))
    span = {
        "since": date(2026, 1, 1),
        "until": date(2026, 1, 31),
        "rated": ["SGD"],
        "worths": [Decimal("0.5")],
    }
    every = {**span, **TAKEN_BACK}
    seen = {"batch": 1, "rulings": 0, "as_of": date(2026, 1, 1), "rules_sha256": ""}
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
        connection.execute("UPDATE recon.runs SET state = 'published', certificate = '{}'")
        connection.execute(
            "CREATE TEMP TABLE scope_breaks AS "
            "SELECT *, 'OPEN' AS state, true AS holds, 1 AS held_minor FROM recon.breaks"
        )
        for key in "AB":
            keep_payment(connection, key, "2026-01-01", minor=1)
            keep_match(connection, key, minor=1)
        connection.execute(query("see_snapshot").encode(), seen)
        connection.execute(query("create_scope_customers").encode(), {"countries": []})
        [day], [received], [posted] = (
            connection.execute(query(name).encode(), every).fetchall()
            for name in ("period_days", "period_payments", "report_taken_back")
        )
        connection.rollback()
    assert (day["held_worth_minor"], received["received_worth_minor"], posted["worth_minor"]) == (2, 2, 2)
    assert received["applied_worth_minor"] == 2


def test_a_break_that_people_never_followed_leads_to_its_day():
    row = {
        "break_id": UUID(int=5), "code": "CA01", "key": "P", "currency": None, "amount_minor": None, "severity": "S1",
        "age_days": 0, "owner": "AR", "assignee": None, "action": "", "evidence": "",
    }  # fmt: skip
    day: Any = SimpleNamespace(
        as_of=date(2026, 1, 1), link_to="https://a/tieout/breaks/", policy=load_policy()
    )
    links = [day_facts._open_break({**row, "lives": lives}, day).link for lives in (True, False)]
    assert links == [f"https://a/tieout/breaks/{UUID(int=5)}", "https://a/tieout/reports/2026-01-01"]
