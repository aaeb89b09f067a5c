"""For everything that is expected of the data there is a row that must not pass, and everything else passes."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from include.domain.entities import ENTITIES
from include.flows.publish_run import publish_run
from include.flows.snapshot import see
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Fatal, HeldInvoice, Retryable
from include.store.postgres import As, PostgresStore, url_as
from include.store.queries import query
from tests.quality.books import AS_OF, BAD, CANARY, GOOD, HOSTILE_CURRENCY, IN_STEP, OUT_OF_STEP, write

# Great Expectations 1.24 imports what Python 3.11 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

_STATED = load_policy()
_DRIFT = _STATED.quality.drift.model_copy(update={"day_least_facts": 1, "least_amounts": 1})
POLICY = _STATED.model_copy(update={"quality": _STATED.quality.model_copy(update={"drift": _DRIFT})})
"""As it is, but for days of so few facts as these books have."""

EVERY = frozenset(spec.system for spec in ENTITIES.values())
LATER = AS_OF + timedelta(days=220)
EARLY = UUID(int=4)


@dataclass
class Books:
    """The database, what each expectation had to find, and the verdicts of both runs by expectation."""

    url: str
    seeded: dict[str, int]
    good: dict[str, dict[str, Any]]
    bad: dict[str, dict[str, Any]]
    recent: set[str]


class Played:
    """A system that holds these invoices."""

    def __init__(self, held: list[HeldInvoice]) -> None:
        self._held = held

    def invoices(self, *, since: date) -> list[HeldInvoice]:
        assert since < AS_OF - timedelta(days=POLICY.quality.agreement.window_days)
        return self._held


@pytest.fixture(scope="module")
def books(server_urls: DatabaseUrls) -> Iterator[Books]:
    # Great Expectations takes seconds to import: only where it is used.
    from include.flows.check_quality import check_quality  # noqa: PLC0415
    from include.validation.suites import Day, suites  # noqa: PLC0415

    day = Day(AS_OF, frozenset(ENTITIES), POLICY.calendars.own, EVERY)
    names = [one.name for one in suites(POLICY.quality, POLICY.freshness, day)]
    recent = {one.name for one in suites(POLICY.quality, POLICY.freshness, day) if one.kind == "recent"}
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        store = PostgresStore(url)
        with store.transaction() as tx:
            see(tx, POLICY, batch=1, as_of=AS_OF)
        with psycopg.connect(url) as connection:
            seeded = write(connection, POLICY, [name for name in names if name not in recent])
            connection.execute("UPDATE recon.runs SET as_of = '2000-01-01' WHERE run_id = %s", (BAD,))
        check_quality(store, url, as_of=AS_OF, policy=POLICY, mirror=Played(IN_STEP))
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE recon.runs SET as_of = %s WHERE run_id = %s", (AS_OF, BAD))
        app = PostgresStore(url, who=As("tieout_app"))  # and its role of the database is enough
        check_quality(app, url_as(url, "tieout_app"), as_of=AS_OF, policy=POLICY, mirror=Played(OUT_OF_STEP))
        yield Books(url, seeded, _verdicts(url, GOOD), _verdicts(url, BAD), recent)


def _verdicts(url: str, run_id: Any) -> dict[str, dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT * FROM recon.quality_results WHERE run_id = %s", (run_id,)
        ).fetchall()
    return {row["expectation"]: row for row in rows}


def test_good_books_meet_everything_whatever_landed_since(books: Books) -> None:
    unmet = {name: row["sentence"] for name, row in books.good.items() if row["verdict"] != "pass"}
    assert unmet == {}
    assert set(books.good) == set(books.seeded) | books.recent


def test_every_expectation_finds_the_rows_that_were_made_to_break_it_and_no_others(books: Books) -> None:
    found = {name: books.bad[name]["unexpected_count"] for name in books.seeded}
    assert found == books.seeded


@pytest.mark.parametrize(
    ("expectation", "verdict"),
    [("invoices.customer_id is there", "fail"), ("invoices.customer_id names one of the customers", "warn")],
)
def test_policy_says_what_a_broken_expectation_does(books: Books, expectation: str, verdict: str) -> None:
    kind = {"fail": "block", "warn": "warn"}
    assert books.bad[expectation]["verdict"] == verdict
    assert POLICY.quality.kinds["required"].until_mended == kind["fail"]
    assert POLICY.quality.kinds["refers"].until_mended == kind["warn"]


def test_facts_that_stopped_coming_are_found_by_their_age(books: Books) -> None:
    from include.validation.checkpoint import Snapshot, validate  # noqa: PLC0415
    from include.validation.suites import Day, suites  # noqa: PLC0415

    day = Day(LATER, frozenset(ENTITIES), POLICY.calendars.own, EVERY)
    asked = [one for one in suites(POLICY.quality, POLICY.freshness, day) if one.name in books.recent]
    judged = validate(books.url, Snapshot(GOOD, LATER, 1, POLICY.sha256), asked).judged
    assert {one.expected.name for one in judged if not one.met and one.observed} == books.recent
    assert len(books.recent) >= 8


def test_a_database_that_is_away_is_worth_another_try(books: Books) -> None:
    from include.validation.checkpoint import Snapshot, validate  # noqa: PLC0415
    from include.validation.expected import required  # noqa: PLC0415

    with socket.socket() as nobody:  # bound, and listening to nobody
        nobody.bind(("127.0.0.1", 0))
        away = urlsplit(books.url)._replace(netloc=f"a:b@127.0.0.1:{nobody.getsockname()[1]}").geturl()
        with pytest.raises(Retryable, match="Postgres was away"):
            validate(away, Snapshot(GOOD, AS_OF, 1, POLICY.sha256), [required("invoices", "number")])
    with psycopg.connect(books.url, autocommit=True) as other:
        other.execute("ALTER VIEW seen.invoices RENAME TO elsewhere")
        try:
            with pytest.raises(Exception, match="invoices") as stopped:
                validate(books.url, Snapshot(GOOD, AS_OF, 1, POLICY.sha256), [required("invoices", "number")])
        finally:
            other.execute("ALTER VIEW seen.elsewhere RENAME TO invoices")
    assert not isinstance(stopped.value, Retryable), "that is no matter of time"


def test_a_day_whose_data_broke_what_policy_blocks_is_not_published(books: Books) -> None:
    with pytest.raises(Fatal, match=r"not published: .*is not complete to the end of the day"):
        publish_run(PostgresStore(books.url), as_of=AS_OF, policy=POLICY)


def test_sentences_name_what_is_off_in_figures(books: Books) -> None:
    assert books.bad["payouts, sum: platform and bank"]["observed"] == (
        "SGD 2026-06-20: 0 against 11.13; SGD 2026-06-28, like a payout and none: 11 against 0; "
        "SGD 2026-06-18: 11.17 against 11.15"
    )
    assert books.bad["invoices.number is unique"]["sentence"] == (
        "2 of 1,497 invoices share their number with another."
    )
    assert books.bad["invoices.number is unique"]["sentence_figured"] == (
        "{2} of {1497} invoices share their number with another."
    )
    assert books.bad["payouts, sum: platform and bank"]["observed_figured"].startswith(
        "SGD 2026-06-20: {0} against {11.13}; SGD 2026-06-28"
    )
    assert books.bad["extract_fx is complete"]["sentence"].endswith("by minutes: fx_rates: 60 against 0.")


def test_nothing_personal_and_nothing_hostile_leaves_with_the_verdicts(books: Books) -> None:
    with psycopg.connect(books.url) as connection:
        pages = connection.execute(
            "SELECT path, body FROM recon.quality_pages WHERE run_id = %s", (BAD,)
        ).fetchall()
        results = connection.execute("SELECT quality_results::text FROM recon.quality_results").fetchall()
    assert len(pages) == len(ENTITIES) + 1
    assert not [path for path, body in pages if b"Unexpected Value" in bytes(body)], (
        "no value of any row is shown"
    )
    for text in [*(bytes(body).decode() for _, body in pages), *(row for (row,) in results)]:
        assert not any(word in text for word in (*CANARY.split(), "<script", "http", HOSTILE_CURRENCY + " "))


def test_what_the_erp_has_no_more_is_told_of_what_salesforce_holds(books: Books) -> None:
    with psycopg.connect(books.url) as connection:
        held = connection.execute(
            "SELECT measure, observed FROM recon.quality_measures "
            "WHERE run_id = %s AND part = 'SGD unknown to the ERP'",
            (BAD,),
        ).fetchall()
    assert {name: float(number) for name, number in held} == {"invoices, count": 2, "invoices, sum": 16.29}


def test_a_mix_that_moved_is_told_by_the_word_that_moved_most(books: Books) -> None:
    assert "invoices, currencies, percent of JPY: " in books.bad["mix as before"]["observed"]


def asked_of(mirror: Any) -> Any:
    from include.flows.check_quality import _Asked  # noqa: PLC0415

    return _Asked(AS_OF, POLICY, mirror, None)


@pytest.mark.parametrize("stop", [Fatal, Retryable])
def test_a_mirror_that_refuses_us_or_is_away_is_told_and_stops_no_day(stop: type[Exception]) -> None:
    from include.flows.check_quality import _mirrored  # noqa: PLC0415

    class Refusing:
        def invoices(self, *, since: date) -> list[HeldInvoice]:
            raise stop(f"Salesforce refused (400 INVALID_FIELD, {since})")

    assert _mirrored(asked_of(Refusing()), outdated=False) == (
        None,
        ["invoices in Salesforce (Salesforce refused (400 INVALID_FIELD, 2026-02-23))"],
        "Salesforce refused (400 INVALID_FIELD, 2026-02-23)",
    )
    assert _mirrored(asked_of(None), outdated=False)[0] is None


def test_of_a_past_day_the_mirror_is_not_asked_what_it_holds_by_now(books: Books) -> None:
    from include.flows.check_quality import _mirrored  # noqa: PLC0415

    class Never:
        def invoices(self, *, since: date) -> list[HeldInvoice]:
            raise AssertionError(f"asked for what came since {since}")

    with psycopg.connect(books.url, row_factory=dict_row) as connection:
        # What the run does not see came just now, and then: long ago.
        found = []
        for recorded in ("ops.clock()", "ops.clock() - interval '7 hours'"):
            connection.execute(f"UPDATE ops.batches SET recorded_at = {recorded} WHERE batch = 3")
            cursor = psycopg.ClientCursor(connection, row_factory=dict_row)
            found.append(cursor.execute(query("run_to_check"), {"as_of": AS_OF}).fetchone())
        connection.rollback()
    assert [row and row["outdated"] for row in found] == [False, True]
    assert _mirrored(asked_of(Never()), outdated=True) == (
        None,
        ["invoices in Salesforce (of a past day: it holds what it holds by now)"],
        "",
    )


@pytest.mark.parametrize(("refused", "verdict"), [("Salesforce: refused (403)", "warn"), ("", "unjudged")])
def test_what_a_refusing_mirror_leaves_unjudged_is_its_owner_s_to_look_at(refused: str, verdict: str) -> None:
    from include.flows.check_quality import _Measured, _rows  # noqa: PLC0415
    from include.validation.checkpoint import Judged  # noqa: PLC0415
    from include.validation.suites import Day, suites  # noqa: PLC0415

    every = suites(POLICY.quality, POLICY.freshness, Day(AS_OF, frozenset(), POLICY.calendars.own, EVERY))
    judged = [
        Judged(one, met=True, checked=0, unexpected=0, observed=None)
        for one in every
        if one.name == "invoices, sum: ERP and Salesforce"
    ]
    nothing: Any = None
    [row] = _rows(nothing, BAD, judged, POLICY, _Measured({}, [], frozenset(), refused))
    assert row[4] == verdict
    assert ("refused (403)" in row[6]) is bool(refused)


def test_rows_that_came_make_up_for_none_that_are_gone(books: Books) -> None:
    with psycopg.connect(books.url) as connection:
        gone = connection.execute(
            "SELECT part, expected - observed FROM recon.quality_measures "
            "WHERE run_id = %s AND measure = 'held' AND deviation > 0",
            (BAD,),
        ).fetchall()
    assert {part: int(rows) for part, rows in gone}["dispute"] == 2


def test_who_comes_while_somebody_judges_the_day_judges_nothing(books: Books) -> None:
    from include.flows.check_quality import check_quality  # noqa: PLC0415

    store = PostgresStore(books.url)
    with store.alone(f"tieout quality {AS_OF}") as mine:
        assert mine
        with pytest.raises(Retryable, match="somebody else is judging"):
            check_quality(store, books.url, as_of=AS_OF, policy=POLICY)


def test_no_transaction_is_open_while_others_are_asked_and_a_day_reconciled_anew_is_judged_anew(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.flows import check_quality as flow  # noqa: PLC0415
    from include.validation.checkpoint import Validated  # noqa: PLC0415

    open_meanwhile: list[int] = []
    nothing: Any = None
    monkeypatch.setattr(
        flow, "validate", lambda *_: Validated([], nothing)
    )  # seconds, and about something else
    monkeypatch.setattr(flow, "pages", lambda _: {})

    class Slow:
        def invoices(self, *, since: date) -> list[HeldInvoice]:
            assert since < AS_OF
            with psycopg.connect(books.url, autocommit=True) as other:
                row = other.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
                ).fetchone()
                open_meanwhile.append(row[0] if row else -1)
                other.execute("UPDATE recon.runs SET proof_through = 999 WHERE run_id = %s", (BAD,))
            return OUT_OF_STEP

    with pytest.raises(Retryable, match="reconciled anew"):
        flow.check_quality(PostgresStore(books.url), books.url, as_of=AS_OF, policy=POLICY, mirror=Slow())
    assert open_meanwhile == [0]


def test_verdicts_of_who_was_thought_dead_take_the_place_of_no_others(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.flows import check_quality as flow  # noqa: PLC0415
    from include.validation.checkpoint import Validated  # noqa: PLC0415

    nothing: Any = None

    def judged_by_another(*_: object) -> Validated:
        with psycopg.connect(books.url, autocommit=True) as other:
            other.execute("UPDATE recon.runs SET published_at = now() WHERE run_id = %s", (BAD,))
        return Validated([], nothing)

    monkeypatch.setattr(flow, "validate", judged_by_another)
    monkeypatch.setattr(flow, "pages", lambda _: {})
    before = _verdicts(books.url, BAD)
    try:
        with pytest.raises(Retryable, match="somebody else judged"):
            flow.check_quality(PostgresStore(books.url), books.url, as_of=AS_OF, policy=POLICY)
        assert _verdicts(books.url, BAD) == before
    finally:
        with psycopg.connect(books.url) as connection:
            connection.execute("UPDATE recon.runs SET published_at = NULL WHERE run_id = %s", (BAD,))


def test_what_could_not_be_judged_is_neither_met_nor_broken(books: Books) -> None:
    from include.flows.check_quality import _Measured, _rows  # noqa: PLC0415
    from include.flows.measure_quality import measure  # noqa: PLC0415
    from include.validation.checkpoint import Snapshot, validate  # noqa: PLC0415
    from include.validation.suites import Day, suites  # noqa: PLC0415

    early = AS_OF - timedelta(days=180)
    day = Day(early, frozenset(), POLICY.calendars.own, EVERY)
    asked = suites(POLICY.quality, POLICY.freshness, day)
    store = PostgresStore(books.url)
    with psycopg.connect(books.url) as connection:
        connection.execute(
            "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state) "
            "VALUES (%s, %s, 1, 0, %s, '', 'computed')",
            (EARLY, early, POLICY.sha256),
        )
    with store.transaction() as tx:
        run = tx.rows("run_to_check", as_of=early)[0]
        measure(tx, run, as_of=early, policy=POLICY, mirrored=None, read=[("erp", "invoices")])
        measured = {row["measure"]: row["judged"] for row in tx.rows("measures_judged", run_id=EARLY)}
    judged = validate(books.url, Snapshot(EARLY, early, 1, POLICY.sha256), asked).judged
    with store.transaction() as tx:
        rows = list(_rows(tx, EARLY, judged, POLICY, _Measured(measured, [], frozenset())))
    verdicts = {row[2]: row[4] for row in rows}
    assert [row[6] for row in rows if row[2] == "extract_erp is complete"] == ["invoices: never proven"]
    # Nothing was ever proven of the ERP, and nobody says that the others are read: that is no want of history.
    assert {name for name, verdict in verdicts.items() if verdict == "fail"} == {
        name for name in verdicts if name.endswith("is complete")
    }
    assert {verdict for name, verdict in verdicts.items() if not name.endswith("is complete")} == {"unjudged"}


def test_every_reference_is_looked_up_or_has_an_excuse() -> None:
    from include.validation.suites import REFERENCES  # noqa: PLC0415

    excused = {
        ("accounts", "owner_id"): "users are not read",
        ("accounts", "tax_id"): "a number of the tax office's",
        ("customers", "tax_id"): "a number of the tax office's",
        ("opportunities", "owner_id"): "users are not read",
        (
            "payout_items",
            "payment_id",
        ): "a payment, a refund or a dispute: sql/expectations/names_what_moved.sql",
    }
    named = {
        (entity.name, field.name)
        for entity in ENTITIES.values()
        for field in entity.fields
        if field.name.endswith("_id") and field.name != "id"
    }
    looked_up = {(entity, column) for entity, column, _ in REFERENCES}
    assert looked_up | set(excused) == named
    assert looked_up.isdisjoint(excused)
    assert {parent for *_, parent in REFERENCES} <= set(ENTITIES)


def test_a_run_is_checked_once_unless_it_is_kept_from_being_published(books: Books) -> None:
    store = PostgresStore(books.url)
    with store.transaction() as tx:
        assert not tx.rows("run_to_check", as_of=AS_OF)[0]["judged"]
    with psycopg.connect(books.url) as connection:
        connection.execute("UPDATE recon.runs SET published_at = now() WHERE run_id = %s", (BAD,))
    from include.flows.check_quality import check_quality  # noqa: PLC0415

    again = check_quality(store, books.url, as_of=AS_OF, policy=POLICY)
    assert (again.run_id, again.known) == (BAD, True)
    with psycopg.connect(books.url) as connection:
        connection.execute("UPDATE recon.runs SET published_at = NULL WHERE run_id = %s", (BAD,))


def test_pages_are_kept_of_the_newest_days_and_verdicts_of_all(books: Books) -> None:
    with PostgresStore(books.url).transaction() as tx:
        assert tx.run("forget_old_pages", days=1) == 0
        assert tx.run("forget_old_pages", days=0) == 2 * (len(ENTITIES) + 1)
    assert len(_verdicts(books.url, BAD)) == len(books.bad)
