"""Mistakes somebody could make, to be planted on purpose: a seed must find each, or it is said that none does."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

from include.connectors.salesforce import source as crm_source
from include.connectors.salesforce import writer as crm_writer
from include.connectors.salesforce.client import SalesforceClient
from include.flows import collect_failed as failed
from include.flows import create_order as orders
from include.flows import deliver_outbox as delivering
from include.flows import drain_inbox as inbox
from include.flows import land_records as landing
from include.flows import poll_hints as polling
from include.flows import pull_changes as pulling
from include.flows import sweep_entity as sweeping
from include.flows import tell_landed as landed_telling
from include.ports import Written
from include.store.queries import query
from tests.kills.planted import Blind, OutboxAfterCommit, RandomKeys
from tests.simulation import planted_flows as flawed
from tests.simulation.machine import FREEZE

Plant = Callable[[Any, Any], AbstractContextManager[Any]]
"""(the platform's flaws, its store) -> while it is open the mistake is there."""


def _flaw(**values: Any) -> Plant:
    """A mistake in how the parts are put together."""

    @contextmanager
    def plant(flaws: Any, _store: Any) -> Iterator[None]:
        for name, value in values.items():
            setattr(flaws, name, value)
        yield

    return plant


def _instead(*replaced: tuple[Any, str, Any]) -> Plant:
    """Another function in the place of one."""

    @contextmanager
    def plant(_flaws: Any, _store: Any) -> Iterator[None]:
        with ExitStack() as stack:
            for where, name, value in replaced:
                stack.enter_context(patch.object(where, name, value))
            yield

    return plant


def _says(name: str, change: Callable[[str], str]) -> Plant:
    """Another statement in the place of one of sql/queries."""

    @contextmanager
    def plant(_flaws: Any, store: Any) -> Iterator[None]:
        text = change(query(name))
        assert text != query(name), f"nothing was planted in {name}"
        store.planted = {**store.planted, name: text}
        yield

    return plant


def _after(**states: str) -> Plant:
    """Another state after an outcome."""

    @contextmanager
    def plant(_flaws: Any, _store: Any) -> Iterator[None]:
        with patch.dict(delivering.AFTER, states):
            yield

    return plant


def _all(*plants: Plant) -> Plant:
    @contextmanager
    def plant(flaws: Any, store: Any) -> Iterator[None]:
        with ExitStack() as stack:
            for one in plants:
                stack.enter_context(one(flaws, store))
            yield

    return plant


@contextmanager
def _edge(_flaws: Any, _store: Any) -> Iterator[None]:
    with patch.object(orders, "decide_deals", flawed.Edge()):
        yield


@contextmanager
def _audit_after_commit(flaws: Any, store: Any) -> Iterator[None]:
    store.connection.execute(flawed.AuditAfterCommit.SILENCED)
    flaws.wrap_store = flawed.AuditAfterCommit
    yield


def _bare(system: str) -> Plant:
    """A target without the guard around it."""
    return _flaw(bare=lambda targets: {**targets, system: targets[system]._target._target})


def _without(pattern: str, by: str = "") -> Callable[[str], str]:
    return lambda text: re.sub(pattern, by, text, count=1, flags=re.DOTALL)


def _by_chance(kind: str, *facts: object) -> str:
    return real_key(kind, *facts, next(_CHANCE))


_CHANCE = count()
real_key = orders.key_of

SKIPS_REPLACED = """ops.clock() AND NOT (newest_only AND EXISTS (
    SELECT FROM delivery.outbox AS newer WHERE newer.target = message.target AND newer.subject = message.subject
        AND newer.kind = message.kind AND newer.message_id > message.message_id))"""

CURSOR_FIRST = _instead((pulling, "_commit", flawed.cursor_first))

PLANTED: Mapping[str, Plant] = {
    "the cursor before its rows": CURSOR_FIRST,
    "the cursor before its rows, and a sweep that counts nothing": _all(
        CURSOR_FIRST, _instead((sweeping, "sweep_rows", flawed.swept_in_silence))
    ),
    "an event confirmed before it is kept": _flaw(confirms_unheard=True),
    "a glance's cursor before its hints": _instead((polling, "poll_hints", flawed.glanced_first)),
    "a hint done before what follows is decided": _instead((inbox, "_decide", flawed.done_first)),
    "a landing marked before its rows are written": _instead((landing, "land_records", flawed.marked_first)),
    "a place told before it is told": _instead((landed_telling, "tell_landed", flawed.told_first)),
    "the message after the commit of its decision": _flaw(wrap_store=OutboxAfterCommit),
    "what is told the audit log after the commit": _audit_after_commit,
    "marked as sent before it is sent": _instead((delivering, "deliver_outbox", flawed.marked_first_of_all)),
    "another key for each attempt": _flaw(wrap=RandomKeys),
    "another key for each decision": _instead((orders, "key_of", _by_chance), (failed, "key_of", _by_chance)),
    "sent again without looking first": _flaw(wrap=Blind),
    "a lost answer counts as done": _after(uncertain="confirmed"),
    "a lost answer counts as nothing done": _after(uncertain="queued"),
    "one answer for a whole batch": _instead(
        (crm_writer, "_outcome", lambda key, _answer: Written(key=key, native_id="?"))
    ),
    "an order when it is heard of, not while it is missing": _edge,
    "what follows an order only where it was confirmed": _flaw(forgets_orders=True),
    "sent although the deal has changed": _bare("erp"),
    "charged although it is paid": _bare("payments"),
    "what is stale is forgotten": _instead((delivering, "decide_again", lambda *_: None)),
    "an older look replaces a newer one": _says("keep_look", _without(r"WHERE known\.look < excluded\.look")),
    "a look that was stopped ends its hint": _instead((inbox, "_stopped", flawed.given_up)),
    "pages by time alone": _instead((crm_source, "_beyond", flawed.beyond_time)),
    "the source's safe point is ignored": _instead((SalesforceClient, "horizon", lambda *_, now: now)),
    "the count of rows is not compared": _instead((SalesforceClient, "query", flawed.uncounted)),
    "no fence when it is finished": _says(
        "finish_messages", _without(r" AND message\.fence = done\.fence AND message\.state = 'called'")
    ),
    "the target is not told which of two is older": _says(
        "take_messages", _without(r"\(extract\(epoch FROM ops\.clock\(\)\) \* 1000\)::bigint", "NULL::bigint")
    ),
    "messages about one thing in any order": _says(
        "take_messages", _without(r"AND message_id = \(.*?LIMIT 1\s*\)")
    ),
    "what is replaced is skipped and never closed": _all(
        _says("supersede_older", lambda _text: "SELECT 1 WHERE %(keys)s::text[] IS NULL"),
        _says("take_messages", _without(r"\(SELECT ops\.clock\(\)\)", SKIPS_REPLACED)),
    ),
    "what is held is kept again": _says(
        "keep_records", _without(r"WHERE NOT EXISTS \(", "WHERE true OR NOT EXISTS (")
    ),
    "the cursor goes wherever the last one says": _says(
        "move_cursor", _without(r" AND position = %\(seen\)s(::jsonb)?", " AND %(seen)s::jsonb IS NOT NULL")
    ),
    "a lease of no length": _says("take_messages", _without(r"%\(lease\)s", "%(lease)s * 0")),
    "deals are not locked": _says(
        "lock_objects",
        lambda _text: (
            "SELECT 1 WHERE (%(sources)s::text[], %(entities)s::text[], %(native_ids)s::text[]) IS NULL"
        ),
    ),
}

READS, TELLS = ("reads", "all"), ("hears", "watches")
RUNS_IN: Mapping[str, tuple[str, ...]] = {
    "the cursor before its rows": READS[:1],
    "the cursor before its rows, and a sweep that counts nothing": READS[:1],
    "an event confirmed before it is kept": ("hears",),
    "a glance's cursor before its hints": TELLS,
    "a hint done before what follows is decided": TELLS,
    "a landing marked before its rows are written": READS[:1],
    "a place told before it is told": READS[:1],
    "an order when it is heard of, not while it is missing": TELLS,
    "what follows an order only where it was confirmed": TELLS,
    "what is stale is forgotten": TELLS,
    "an older look replaces a newer one": TELLS,
    "a look that was stopped ends its hint": TELLS,
    "pages by time alone": READS[:1],
    "the source's safe point is ignored": READS[:1],
    "the count of rows is not compared": READS[:1],
    "what is held is kept again": READS[:1],
    "the cursor goes wherever the last one says": READS[:1],
}
"""The lanes in which nothing else makes up for a mistake; where none are named, those that are told."""

STRIKES: Mapping[str, Sequence[tuple[int, str]]] = {
    "an older look replaces a newer one": ((1, FREEZE), (2, FREEZE)),
    "the target is not told which of two is older": ((1, FREEZE), (2, FREEZE)),
}
"""How often something strikes, and what very often, where usual seeds find nothing: who is late must be very late."""

HARMLESS: Mapping[str, str] = {
    "a lease of no length": "keys, looks and fences keep effects single; the lease only saves work",
    "deals are not locked": "workers take turns between transactions here, so that nobody waits for a lock",
}
"""What no seed is expected to find, and why."""
