"""What is past its time goes, portion by portion; what is asked for again stays, and nothing that was told changes."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.connectors.world.client import WorldSource
from include.flows.drain_inbox import Hint
from include.flows.poll_hints import keep_hints
from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.flows.remove_old import REMOVALS, remove_old
from include.flows.verify_run import verify_run
from include.local.home import PROJECT
from include.policy import load_policy
from include.ports import Fatal
from include.store.postgres import As, PostgresStore
from include.store.queries import check
from tests.checks import assert_checks_hold
from tests.flows.conftest import Draw, load_from

ZONE = load_policy().calendars.entity.zone.key
DAY = date(2026, 3, 31)
GUIDE = PROJECT / "docs" / "retention.md"


def asked(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        found = connection.execute(statement.encode(), values or None)
        return found.fetchall() if found.description else []


def stated(url: str) -> dict[str, timedelta]:
    """Of which tables rows go, and when."""
    return dict(asked(url, "SELECT relation, kept FROM ops.retention WHERE kept IS NOT NULL"))


def ids(url: str, table: str, column: str) -> list[Any]:
    return [one for (one,) in asked(url, f"SELECT {column} FROM {table} ORDER BY 1")]


def hint(url: str, event: str, state: str, *, days: int, of: str = "") -> None:
    """A hint that was heard of so long ago, and answered at once if it was."""
    asked(
        url,
        "INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind, sequence, state, received_at, "
        "finished_at, reason) SELECT 'payments', %s, 'payments', %s, 'charge', %s, %s, at, "
        "CASE WHEN %s IN ('done', 'dead') THEN at END, CASE %s WHEN 'dead' THEN 'why' END "
        f"FROM (SELECT now() - interval '{days} days' AS at) AS heard",
        *(event, of or event, event, state, state, state),
    )


def test_hints_go_once_they_were_answered_and_are_old(store: PostgresStore, database_url: str) -> None:
    hint(database_url, "waiting", "new", days=200)
    hint(database_url, "unanswered", "dead", days=200)
    hint(database_url, "failed", "dead", days=100, of="P1")
    hint(database_url, "answered", "done", days=95, of="P1")
    hint(database_url, "old", "done", days=91)
    hint(database_url, "within", "done", days=89)
    done = remove_old(store, zone=ZONE)
    assert (done.rows, done.left) == ({"delivery.inbox": 3}, {})
    assert ids(database_url, "delivery.inbox", "event_id") == ["unanswered", "waiting", "within"]
    assert ids(database_url, "delivery.failed_looks", "event_id") == ["unanswered"]


def test_an_event_told_again_within_its_time_is_still_a_repeat(
    store: PostgresStore, database_url: str
) -> None:
    hint(database_url, "evt_1", "done", days=60)
    remove_old(store, zone=ZONE)
    again = Hint(source="payments", event_id="evt_1", entity="payments", native_id="evt_1", kind="charge")
    with store.transaction() as tx:
        assert keep_hints(tx, [again]) == set()


def test_runs_of_the_lane_go_but_for_the_newest(store: PostgresStore, database_url: str) -> None:
    for days in (40, 29, 35):
        asked(database_url, f"INSERT INTO delivery.lanes (began_at) VALUES (now() - interval '{days} days')")
    remove_old(store, zone=ZONE)
    assert asked(
        database_url, "SELECT now()::date - began_at::date FROM delivery.lanes ORDER BY lane_id"
    ) == [
        (29,),
        (35,),
    ]


def test_sweeps_that_found_nothing_go_but_for_the_newest_of_their_kind(
    store: PostgresStore, database_url: str
) -> None:
    sweeps = [
        ("invoices", 0, 100),
        ("invoices", 2, 99),
        ("invoices", 0, 98),
        ("orders", 0, 97),
        ("orders", 1, 96),
    ]
    for entity, repaired, days in sweeps:
        asked(
            database_url,
            "INSERT INTO ops.sweeps (system, entity, listed_count, gone_count, repaired_count, refreshed_count, "
            f"swept_at) VALUES ('erp', %s, 1, 0, %s, 0, now() - interval '{days} days')",
            *(entity, repaired),
        )
    assert remove_old(store, zone=ZONE).rows == {"ops.sweeps": 1}
    assert ids(database_url, "ops.sweeps", "repaired_count") == [0, 0, 1, 2]


def test_an_alert_that_ended_long_ago_goes_with_what_was_told_of_it_alone(
    store: PostgresStore, database_url: str
) -> None:
    asked(database_url, "INSERT INTO ops.alert_channels (channel) VALUES ('mail')")
    for about, over in (("old", "401 days"), ("newer", "399 days"), ("lasting", None)):
        asked(
            database_url,
            "INSERT INTO ops.alerts (kind, about, severity, since, count, amounts, ids, dag_id, dag_run, detail, "
            "raised_at, seen_at, over_at, mended) SELECT 'flow_late', %s, 'S2', at, 1, '{}', '{}', '', '', '{}', "
            "at, at, now() - %s::interval, %s FROM (SELECT now() - interval '500 days' AS at) AS raised",
            *(about, over, over and True),
        )
    for told in (["old"], ["old", "newer"], ["lasting"]):
        asked(
            database_url,
            "WITH said AS (INSERT INTO ops.bulletins (channel, subject, entries, made_at, state, sent_at) "
            "VALUES ('mail', %s, '[]', now(), 'sent', now()) RETURNING bulletin_id) "
            "INSERT INTO ops.tellings (bulletin_id, alert_id, says, severity) "
            "SELECT bulletin_id, alert_id, 'raised', 'S2' FROM said, ops.alerts WHERE about = ANY (%s)",
            *(" ".join(told), told),
        )
    assert remove_old(store, zone=ZONE).rows == {"ops.alerts": 1, "ops.tellings": 2, "ops.bulletins": 1}
    assert ids(database_url, "ops.alerts", "about") == ["lasting", "newer"]
    assert ids(database_url, "ops.bulletins", "subject") == ["lasting", "old newer"]


def test_rows_go_by_the_portion_and_what_went_is_kept_and_audited(
    store: PostgresStore, database_url: str
) -> None:
    asked(
        database_url,
        "INSERT INTO ops.day_runs (as_of, dag_run, began_at) SELECT '2024-01-01', run, now() - interval '401 days' "
        "FROM generate_series(1, 5) AS run",
    )
    remove_old(store, zone=ZONE, rows_at_once=2)
    assert asked(database_url, "SELECT relation, rows FROM ops.removals ORDER BY removal_no") == [
        ("ops.day_runs", 2),
        ("ops.day_runs", 2),
        ("ops.day_runs", 1),
    ]
    assert asked(
        database_url, "SELECT DISTINCT act, entity FROM audit.events WHERE act = 'rows removed'"
    ) == [("rows removed", "tables/ops.day_runs")]


def test_what_there_is_no_time_for_is_said(store: PostgresStore, database_url: str) -> None:
    hint(database_url, "old", "done", days=91)
    done = remove_old(store, zone=ZONE, enough=timedelta())
    assert (done.rows, done.left.keys()) == ({}, REMOVALS.keys())
    assert ids(database_url, "delivery.inbox", "event_id") == ["old"]


def test_what_somebody_holds_is_left_and_the_rest_goes(store: PostgresStore, database_url: str) -> None:
    hint(database_url, "held", "done", days=91)
    asked(
        database_url,
        "INSERT INTO delivery.lanes (began_at) SELECT now() - interval '31 days' FROM generate_series(1, 2)",
    )
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM delivery.inbox FOR UPDATE")
        done = remove_old(store, zone=ZONE)
    assert done.rows == {"delivery.lanes": 1}
    assert list(done.left) == ["delivery.inbox"]
    assert "lock timeout" in done.left["delivery.inbox"]


# --- what a run rests on


def tied_out(store: PostgresStore, world: Path) -> Any:
    load_from(WorldSource(world), store)
    return reconcile(store, as_of=DAY, policy=load_policy())


def test_the_results_of_a_run_that_was_never_published_go_and_those_that_were_stay_as_they_are(
    draw: Draw, store: PostgresStore, database_url: str
) -> None:
    refused = tied_out(
        store,
        draw(
            invoices="1 INV-1 C 2026-01-01 2026-01-31 SGD 10.00\n2 INV-2 C 2026-01-01 2026-01-31 SGD 20.00",
            payments="P1 C INV-1 SGD 10.00 2026-01-05\nP2 - nothing SGD 78.00 2026-01-05",
            customers="C Customer",
        ),
    )
    others = load_policy().model_copy(update={"sha256": "wiser"})
    told = reconcile(store, as_of=DAY, policy=others)
    asked(
        database_url,
        "UPDATE recon.runs SET computed_at = now() - interval '91 days' WHERE run_id = %s",
        refused.run_id,
    )
    assert remove_old(store, zone=ZONE).rows == {}, "no run of the day is published yet"
    publish_run(store, as_of=DAY, policy=others)
    done = remove_old(store, zone=ZONE)
    gone = {"matches", "breaks", "open_invoices", "unapplied_payments", "customer_balances"}
    assert (done.rows.keys(), done.left) == ({f"recon.{results}" for results in gone}, {})
    assert ids(database_url, "recon.matches", "DISTINCT run_id") == [told.run_id]
    assert asked(
        database_url,
        "SELECT certificate ->> 'certificate_sha256' FROM recon.runs WHERE run_id = %s",
        refused.run_id,
    ) == [(refused.certificate_sha256,)]
    assert remove_old(store, zone=ZONE).rows == {}
    assert reconcile(store, as_of=DAY, policy=others).certificate_sha256 == told.certificate_sha256


def test_a_published_run_is_verified_and_computed_again_when_all_it_rests_on_is_old(
    draw: Draw, store: PostgresStore, database_url: str
) -> None:
    world = draw(
        invoices="1 INV-1 C 2026-01-01 2026-01-31 SGD 10.00", payments="P1 C INV-1 SGD 10.00 2026-01-05"
    )
    run = tied_out(store, world)
    publish_run(store, as_of=DAY)
    for _ in range(3):  # windows in which nothing came
        load_from(WorldSource(world), store)
    for table, column in (("ops.proofs", "checked_at"), ("recon.runs", "computed_at")):
        asked(database_url, f"UPDATE {table} SET {column} = {column} - interval '5 years'")
    assert remove_old(store, zone=ZONE).rows["ops.proofs"] > 0
    assert verify_run(store, run.run_id)[1] == []
    assert reconcile(store, as_of=DAY, policy=load_policy()).certificate_sha256 == run.certificate_sha256


BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


def proofs_at_random(url: str, dice: random.Random) -> list[int]:
    """Proofs of two entities in their order, and runs between them; up to where each run knows."""
    at, runs = BEGAN, list[int]()
    with psycopg.connect(url) as connection:
        for number in range(1, 121):
            at += timedelta(minutes=dice.choice([10, 10, 10, 200]))
            source, proven = dice.choice([0, 0, 0, 3]), dice.random() > 0.1
            connection.execute(
                "INSERT INTO ops.proofs (system, entity, cursor_after, cursor_until, source_count, held_count, "
                "missing, source_amounts, held_amounts, proven, complete_until, checked_at) "
                "VALUES ('erp', %s, %s, '{}', %s, 0, '{}', %s, '{}', %s, %s, %s)",
                (
                    *(dice.choice(["invoices", "orders"]), None if dice.random() < 0.1 else "{}", source),
                    *(
                        '{"SGD": "1"}' if source else "{}",
                        proven,
                        at - timedelta(minutes=dice.choice([2, 90])),
                        at,
                    ),
                ),
            )
            if dice.random() < 0.1:
                connection.execute(
                    "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, "
                    "state) VALUES (gen_random_uuid(), %s, 0, %s, '', '', 'refused')",
                    (at.date(), number),
                )
                runs.append(number)
        numbers = {
            number: place
            for place, (number,) in enumerate(
                connection.execute("SELECT proof_id FROM ops.proofs ORDER BY 1").fetchall(), start=1
            )
        }
        first = min(numbers) - 1
        connection.execute("UPDATE recon.runs SET proof_through = proof_through + %s", (first,))
    return [number + first for number in runs]


def told_by_proofs(store: PostgresStore, knowing: Sequence[int]) -> list[Any]:
    """All that is ever asked of proofs: up to where a run knows, by now, and of a day that is yet to be computed."""
    said: list[Any] = []
    with store.transaction() as tx:
        for through in knowing:
            said.append(tx.rows("latest_proofs", proof_through=through))
            said.append(
                tx.rows(
                    "parity_proven_through", proof_through=through, entities=["invoices", "orders"], far=BEGAN
                )
            )
        for days in range(1, 8):
            known_by = datetime(2025, 1, 1, 16, tzinfo=UTC) + timedelta(days=days)
            snapshot = tx.rows("take_snapshot", as_of=date(2001, 1, 1), known_by=known_by)[0]["proof_through"]
            said.append(
                [(row["entity"], row["proven"]) for row in tx.rows("latest_proofs", proof_through=snapshot)]
            )
        for entity in ("invoices", "orders"):
            of = {"system": "erp", "entity": entity}
            said += [tx.rows("last_proven", **of), tx.rows("newest_proof", **of)]
        said.append(tx.rows("complete_sources", until=BEGAN))
    return said


SUMS = """
    SELECT entity, sum(source_count), sum((source_amounts ->> 'SGD')::numeric), min(checked_at)
    FROM ops.proofs WHERE proven AND proof_id <= %s GROUP BY entity ORDER BY entity
"""


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_asked_of_proofs_is_answered_as_before(
    store: PostgresStore, database_url: str, seed: int
) -> None:
    knowing = proofs_at_random(database_url, random.Random(seed))  # noqa: S311  # a world, not a secret
    before = told_by_proofs(store, knowing), [asked(database_url, SUMS, through) for through in knowing]
    assert remove_old(store, zone=ZONE).rows["ops.proofs"] > 0
    assert (
        told_by_proofs(store, knowing),
        [asked(database_url, SUMS, through) for through in knowing],
    ) == before


# --- who may, and what is said


def test_who_removes_may_touch_no_evidence_and_nobody_else_may_remove(database_url: str) -> None:
    asked(
        database_url, "SELECT ops.grant_roles()"
    )  # a copied database has its schema's grants, and none of its own
    hint(database_url, "old", "done", days=91)
    remover = PostgresStore(database_url, who=As("tieout_remover", "remove_old"))
    with pytest.raises(Fatal, match="permission denied"):
        remove_old(PostgresStore(database_url, who=As("tieout_app", "x")), zone=ZONE)
    assert remove_old(remover, zone=ZONE).rows == {"delivery.inbox": 1}
    assert asked(database_url, "SELECT actor FROM audit.events WHERE act = 'rows removed'") == [
        ("program:remove_old",)
    ]
    assert_checks_hold(database_url)


def test_every_table_with_a_time_is_one_that_rows_are_removed_of(
    store: PostgresStore, database_url: str
) -> None:
    with store.transaction() as tx:
        named = {
            row["relation"]
            for removal in REMOVALS.values()
            for row in tx.rows(removal, grace=timedelta(), zone=ZONE, most=1)
        }
    assert named == stated(database_url).keys() >= REMOVALS.keys()


def test_what_people_read_of_it_is_what_is_stated(database_url: str) -> None:
    goes = asked(
        database_url,
        "SELECT format('| `%s` | %s | %s | %s |', relation, kept, of_age, says) FROM ops.retention "
        'WHERE kept IS NOT NULL ORDER BY relation COLLATE "C"',
    )
    stays = asked(
        database_url,
        "SELECT format('| `%s` | %s | %s |', relation, why, says) FROM ops.retention "
        'WHERE kept IS NULL ORDER BY relation COLLATE "C"',
    )
    rows = [line for line in GUIDE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [line for (line,) in [*goes, *stays]]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("CREATE TABLE ops.unspoken_for ()", ("ops.unspoken_for", "not stated")),
        ("DROP TABLE ops.day_runs", ("ops.day_runs", "no table")),
        (
            "INSERT INTO ops.retention (relation, why, kept, of_age, says) SELECT 'x', 'news', '90 days', 'at', 'x'",
            ("x", "no table"),
        ),
        (
            (
                "ALTER TABLE ops.retention DISABLE TRIGGER USER; "
                "UPDATE ops.retention SET kept = '90 days', of_age = 'at' WHERE relation = 'delivery.attempts'"
            ),
            ("delivery.attempts", "is history, and its rows have a time"),
        ),
    ],
)
def test_a_table_that_nobody_speaks_for_is_found(
    database_url: str, change: str, wrong: tuple[str, str]
) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute(check("retention_is_stated")).fetchall() == []
        connection.execute(change.encode())
        assert connection.execute(check("retention_is_stated")).fetchall() == [wrong]
        connection.rollback()


def test_how_long_rows_are_kept_is_nobodys_to_change(database_url: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="refused"):
        asked(database_url, "UPDATE ops.retention SET kept = '30 days' WHERE kept IS NOT NULL")
