"""What the audit log is told, by the database itself, in the transaction of what it tells of."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from include.domain.delivery import Message
from include.flows.act_on_break import By as Deciding
from include.flows.ask_approvals import note_person
from include.flows.deliver_outbox import deliver_outbox
from include.flows.put_message import put_message
from include.flows.replay import By, Most, Wanted, hold, replay
from include.flows.resolve_break import assign
from include.policy import load_policy
from include.store.postgres import As, PostgresStore
from tests.flows.conftest import Draw, draw  # noqa: F401 - a fixture
from tests.flows.lives import Days
from tests.flows.peers import Peer

Told = list[dict[str, Any]]


@pytest.fixture
def office(database_url: str) -> Iterator[PostgresStore]:
    with PostgresStore(database_url, who=As("tieout_send", "lane")).keeping() as store:
        yield store


def told(url: str, like: str = "%") -> Told:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(
            "SELECT * FROM audit.events WHERE act LIKE %s AND act <> 'audit began' ORDER BY id", (like,)
        ).fetchall()


def put(store: PostgresStore, name: str) -> None:
    with store.transaction() as tx:
        message = Message(key=name, kind="order", target="erp", subject=f"deals/{name}", body={"name": name})
        put_message(tx, message)


def test_an_effect_is_told_when_it_is_decided_and_when_it_ended(
    office: PostgresStore, database_url: str
) -> None:
    put(office, "A")
    deliver_outbox(office, Peer(), pace=load_policy().delivery.pace)
    decided, confirmed = told(database_url, "message %")
    assert [decided["act"], confirmed["act"]] == ["message decided", "message confirmed"]
    assert {decided["actor"], confirmed["actor"]} == {"program:lane"}
    assert {decided["entity"], confirmed["entity"]} == {"deals/A"}
    assert decided["op_key"] == confirmed["op_key"]
    assert decided["after_sha256"] != confirmed["before_sha256"] != confirmed["after_sha256"]


def test_who_holds_a_message_back_and_sends_it_again_is_told_with_why(
    office: PostgresStore, database_url: str
) -> None:
    put(office, "A")
    with office.transaction() as tx:
        [found] = tx.rows("message_by_key", key="A")
    hold(office, [found["message_id"]], By("Ann", "wait"))
    replay(office, Wanted(key="A"), By("ben", "go on"), Most(9, 9))
    acts = [
        (one["actor"], one["act"], one["why"]) for one in told(database_url) if "program" not in one["actor"]
    ]
    assert acts == [("ann", "message parked", "wait"), ("ben", "message replayed", "go on")]


def test_what_did_not_happen_is_not_told(office: PostgresStore, database_url: str) -> None:
    def fail() -> None:
        with office.transaction() as tx:
            put_message(tx, Message(key="A", kind="order", target="erp", subject="deals/A", body={}))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert told(database_url) == []


def test_what_a_run_finds_is_told_once_a_run_and_what_people_decide_each_time(
    database_url: str,
    draw: Draw,  # noqa: F811
) -> None:
    days = Days(PostgresStore(database_url), database_url, draw)
    days.load(
        invoices="1 INV-1 C 2026-01-01 2026-01-31 SGD 10.00\n2 INV-2 C 2026-01-01 2026-01-31 SGD 20.00",
        payments="P1 - nothing SGD 77.00 2026-01-05\nP2 - nothing SGD 78.00 2026-01-05",
    )
    days.publish("2026-02-01")
    runs = told(database_url, "run %") + told(database_url, "rules changed") + told(database_url, "breaks %")
    assert [one["act"] for one in runs][:1] == ["run computed"]
    assert {"run published", "rules changed", "breaks opened"} <= {one["act"] for one in runs}
    [opened] = told(database_url, "breaks opened")
    assert opened["why"] == f"{len(days.lives())} breaks"
    [published] = told(database_url, "run published")
    assert len(published["after_sha256"]) == 64
    life = next(iter(days.lives().values()))
    assign(days.store, life["break_id"], Deciding(actor="Ann", reason="mine", seen=None), to="ann")
    [assigned] = told(database_url, "break assigned%")
    assert (assigned["actor"], assigned["why"], assigned["entity"]) == (
        "ann",
        "mine",
        f"breaks/{life['break_id']}",
    )


def test_who_comes_to_the_console_is_told_once_a_day_and_when_they_may_do_something_else(
    office: PostgresStore, database_url: str
) -> None:
    for may in (["can_read"], ["can_read"], ["can_read", "can_audit"]):
        note_person(office, "Ann", may)
    assert [one["why"] for one in told(database_url, "console entered")] == [
        "may can_read",
        "may can_audit, can_read",
    ]
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE ops.console_people SET seen_at = seen_at - interval '1 day'")
    note_person(office, "ann", ["can_read", "can_audit"])
    assert len(told(database_url, "console entered")) == 4  # going back a day and coming again


@pytest.mark.parametrize("table", ["audit.events", "audit.seals"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_told_stays_whoever_asks(database_url: str, table: str, statement: str) -> None:
    column = "why" if table == "audit.events" else "signature"
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(errors.RaiseException, match="is refused"),
    ):
        connection.execute(statement.format(table, column, column).encode())


def test_a_thousand_effects_are_told_by_one_statement_each_time(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only) "
            "SELECT 'k' || n, 'order', 'erp', 'deals/' || n, '{}', 'x', false FROM generate_series(1, 1000) AS n"
        )
        moments = connection.execute(
            "SELECT count(*), count(DISTINCT xid), bool_and(actor = 'program:' || session_user) FROM audit.events "
            "WHERE act = 'message decided'"
        ).fetchone()
    assert moments == (1000, 1, True)


WATCHED = """
    SELECT tgrelid::regclass::text, CASE WHEN tgtype & 4 = 4 THEN 'INSERT' ELSE 'UPDATE' END,
        (
            SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
            WHERE attrelid = tgrelid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'
        )
    FROM pg_trigger WHERE tgname LIKE 'is_audited_on_%' ORDER BY 1, 2
"""


def test_what_watches_each_table_can_read_it(database_url: str) -> None:
    """A statement that touches no row has its triggers planned, and tells nothing."""
    with psycopg.connect(database_url) as connection:
        watched = connection.execute(WATCHED).fetchall()
        assert len(watched) > 20
        for table, happening, columns in watched:
            first = columns.partition(",")[0]
            statement = {
                "INSERT": f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE false",
                "UPDATE": f"UPDATE {table} SET {first} = {first} WHERE false",
            }[happening]
            connection.execute(statement.encode())
    assert told(database_url) == []


PEOPLE = """
    SELECT DISTINCT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relkind IN ('r', 'p') AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN (
            'ops', 'recon', 'delivery', 'parity', 'vault', 'canonical', 'raw'))
        AND attname ~ '^(actor|person|maker|checker|approver|signer|.*_by)(_id)?$'
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = attrelid AND tgname LIKE 'is_audited_on_%')
"""
TOLD_ELSEWHERE = {"recon.break_proposals": "break_events", "recon.break_approvals": "break_events"}
"""Tables that keep who did something, and the audited one that each row of theirs is also an event of."""


def test_whatever_keeps_who_did_something_is_audited(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert {name for (name,) in connection.execute(PEOPLE).fetchall()} == TOLD_ELSEWHERE.keys()


def test_the_newest_come_first_when_the_numbers_of_transactions_get_another_digit(
    office: PostgresStore, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        for xid, act in (("99999999", "older"), ("100000000", "newer")):
            connection.execute(
                "INSERT INTO audit.events (xid, actor, act, entity, why) VALUES (%s::text::xid8, 'ann', %s, 'e', 'w')",
                (xid, act),
            )
    wanted = {"every": False, "actor": "ann", "entity": None}
    with office.transaction() as tx:
        rows = tx.rows("console_audit", **wanted, xid=None, id=None, limit=10)
        after = tx.rows("console_audit", **wanted, xid=rows[0]["xid"], id=rows[0]["id"], limit=10)
    assert [row["act"] for row in rows] == ["newer", "older"]
    assert [row["act"] for row in after] == ["older"]
