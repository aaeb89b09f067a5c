"""Asks a source what changed and keeps that as hints, for whoever was told nothing of it.

With every webhook lost this finds the same objects a second or two later; with none lost it finds what is known.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from include.flows.drain_inbox import Hint
from include.flows.pull_changes import read_cursor
from include.flows.tell_steps import tell_received
from include.ports import Sign, Store, Transaction, Watch

MOST_NEW = 200
"""Of very many deals that changed at once: each costs calls to look at, and the ten-minute read takes the rest."""


def poll_hints(watch: Watch, store: Store) -> int:
    """Glance once; how many hints were news. Safe to repeat and to run several times at once.

    Hints and cursor commit together: a crash repeats a glance, never skips one. Raises Retryable, Fatal.
    """
    cursor = read_cursor(store, system=watch.system, entity=watch.name)
    glance = watch.glance(cursor)
    hints, began_at = [_hint(watch.system, sign) for sign in glance.signs], datetime.now(UTC)
    with store.transaction() as tx:
        news = keep_hints(
            tx,
            hints,
            only_known=[sign.only_known for sign in glance.signs],
            only_new=[sign.only_new for sign in glance.signs],
        )
        # Whoever moved the cursor meanwhile read the same: what we kept is kept, and the cursor stays theirs.
        tx.run(
            "move_cursor" if cursor else "start_cursor",
            system=watch.system,
            entity=watch.name,
            seen=dict(cursor or {}),
            position=dict(glance.next_cursor),
        )
        if news:  # what its webhook, where it has one, did not tell
            tx.run("note_glanced", source=watch.system, count=len(news))
    tell_received(hints, news, began_at=began_at)
    return len(news)


def keep_hints(
    tx: Transaction,
    hints: Sequence[Hint],
    *,
    only_known: Sequence[bool] = (),
    only_new: Sequence[bool] = (),
) -> set[str]:
    """Keep many hints; the ids of the events that were news. `only_known`, `only_new`, one a hint: see `Sign`."""
    if not hints:
        return set()
    told: dict[str, Any] = {
        "sources": [hint.source for hint in hints],
        "event_ids": [hint.event_id for hint in hints],
        "entities": [hint.entity for hint in hints],
        "native_ids": [hint.native_id for hint in hints],
        "kinds": [hint.kind for hint in hints],
        "sequences": [hint.sequence for hint in hints],
        "times": [hint.occurred_at for hint in hints],
    }
    if any(only_known) or any(only_new):
        nothing = [False] * len(hints)
        told |= {"only_known": list(only_known) or nothing, "only_new": list(only_new) or nothing}
        rows = tx.rows("keep_hints", **told, most_new=MOST_NEW)
    else:
        rows = tx.rows("keep_every_hint", **told)
    return {row["event_id"] for row in rows}


def _hint(source: str, sign: Sign) -> Hint:
    return Hint(
        source=source,
        event_id=sign.event_id,
        entity=sign.entity,
        native_id=sign.native_id,
        kind=sign.kind,
        sequence=sign.sequence,
        occurred_at=sign.occurred_at,
    )
