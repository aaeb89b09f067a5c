"""Planted mistakes that are flows of their own: each does what the real one does, in another order or in part."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from simple_salesforce.format import format_soql

from include.connectors.salesforce import client as crm_client
from include.connectors.salesforce.translate import STAMP
from include.domain.entities import ENTITIES
from include.flows import create_order as orders
from include.flows import drain_inbox as inbox
from include.flows import land_records as landing
from include.flows import poll_hints as polling
from include.flows import pull_changes as pulling
from include.flows import sweep_rows as sweeping
from include.flows import tell_landed as landed_telling
from tests.kills.planted import marked_before_sent

_decide_deals, _stopped, _sweep_rows = orders.decide_deals, inbox._stopped, sweeping.sweep_rows


def cursor_first(
    store: Any, source: Any, entity: str, *, seen: Any, asked_at: Any, page: Any, done: Any
) -> Any:
    with store.transaction() as tx:
        pulling._move_cursor(tx, source.system, entity, seen=seen, to=page.next_cursor)
    with store.transaction() as tx:
        new = pulling.keep_page(tx, source, entity, seen=seen, asked_at=asked_at, page=page)
    return pulling.Pulled(done.pages + 1, done.records + len(page.records), done.new + new)


class AuditAfterCommit:
    """A store that commits how messages ended, and only then tells the audit log."""

    SILENCED = """
        CREATE OR REPLACE FUNCTION audit.delivery_outbox_update() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NULL; END'
    """
    ENDED = """
        SELECT 'message ' || state AS act, subject AS entity, key || '#' || revision AS op_key
        FROM delivery.outbox WHERE finished_at IS NOT NULL
    """
    TOLD = """
        INSERT INTO audit.events (actor, act, entity, why, before_sha256, after_sha256, run_id, op_key)
        VALUES ('program:planted', %(act)s, %(entity)s, '', '', '', '', %(op_key)s)
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        ask = self._store.connection.execute
        with self._store.transaction() as tx:
            before = ask(self.ENDED).fetchall()
            yield tx
            ended = [row for row in ask(self.ENDED).fetchall() if row not in before]
        if ended:
            with self._store.transaction():
                for row in ended:
                    ask(self.TOLD, row)


def marked_first_of_all(store: Any, target: Any, *, pace: Any, **_more: Any) -> Any:
    return marked_before_sent(store, target, pace=pace)


def swept_in_silence(*args: Any, **kwargs: Any) -> Any:
    return replace(_sweep_rows(*args, **kwargs), repaired=0, gone=0, refreshed=0)


def glanced_first(watch: Any, store: Any) -> int:
    cursor = pulling.read_cursor(store, system=watch.system, entity=watch.name)
    glance = watch.glance(cursor)
    told = {"system": watch.system, "entity": watch.name, "seen": dict(cursor or {})}
    with store.transaction() as tx:
        tx.run("move_cursor" if cursor else "start_cursor", position=dict(glance.next_cursor), **told)
    with store.transaction() as tx:
        return len(polling.keep_hints(tx, [polling._hint(watch.system, sign) for sign in glance.signs]))


def done_first(drain: Any, sights: Sequence[Any]) -> None:
    with drain.store.transaction() as tx:
        inbox._finish(tx, [(hint, sight.answer) for sight in sights for hint in sight.hints], drain.pace)
    with drain.store.transaction() as tx:
        looks = [inbox._looked(sight) for sight in sights]
        fresh = [
            looked
            for sight, looked in zip(sights, looks, strict=True)
            if inbox.keep_look(tx, sight.look, looked)
        ]
        if fresh:
            drain.decide(tx, fresh)


def marked_first(source: Any, store: Any, *, entity: str) -> None:
    while True:
        with store.transaction() as tx:
            tx.run("lock_landing")
            waiting = tx.rows(
                "claim_pulls", system=source.system, entity=entity, batch_rows=landing.BATCH_ROWS
            )
            pulls = [row["pull_id"] for row in waiting]
            if not pulls:
                return
            batch = tx.rows("open_batch")[0]["batch"]
            tx.run_for("mark_landed", names={"table": f"canonical.{entity}"}, pulls=pulls, batch=batch)
        with store.transaction() as tx:
            landing._land(tx, source, ENTITIES[entity], pulls)


def told_first(store: Any, policy: Any, *, most: int = landed_telling.LANDED_AT_ONCE) -> int:
    with store.transaction() as tx:
        last = landed_telling.last_told(tx, landed_telling.LANDED)
        rows = tx.rows("landed_since", **last, most=most)
    for row in rows:
        place = f"{row['entity']}/{row['native_id']}"
        with store.transaction() as tx:
            tx.run("keep_told", what=landed_telling.LANDED, day=None, batch=row["batch"], place=place)
        with store.transaction() as tx:
            landed_telling.tell_anew(tx, [row], policy)
    return len(rows)


class Edge:
    """Decides about a deal the first time it is heard of as won, whatever becomes of that decision."""

    def __init__(self) -> None:
        self._heard: set[str] = set()

    def __call__(
        self, tx: Any, policy: Any, billing: Any, *, today: Any, opportunities: Sequence[str]
    ) -> Any:
        new = [deal for deal in opportunities if deal not in self._heard]
        won = (
            sorted(str(row["opportunity_id"]) for row in orders.missing_of_deals(tx, policy, new))
            if new
            else []
        )
        self._heard.update(won)
        return _decide_deals(tx, policy, billing, today=today, opportunities=won) if won else {}


def given_up(thing: Any, wrong: Exception) -> Any:
    answer = _stopped(thing, wrong)
    return answer._replace(state="done") if answer.state == "new" else answer


def beyond_time(stamp: str, _native_id: str) -> str:
    return f"{STAMP} > {format_soql('{}', datetime.fromisoformat(stamp))}"


def uncounted(client: Any, soql: str, *, with_deleted: bool = False) -> list[Mapping[str, Any]]:
    page, _ = client.get("queryAll" if with_deleted else "query", q=soql)
    records = list(page["records"])
    while not page["done"]:
        page, _ = client.get(crm_client._next_page(page.get("nextRecordsUrl")))
        records += page["records"]
    return records
