"""Sends parked messages again, by key, subject or window, when what refused them was mended; or holds some back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.domain.break_life import NotAllowed, identity
from include.policy import Policy
from include.ports import Rejected, Row, Store, Transaction

A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which parked messages; everything given must hold."""

    key: str | None = None
    subject: str | None = None
    since: datetime | None = None  # of the decision
    until: datetime | None = None
    messages: Sequence[int] | None = None  # by their numbers


@dataclass(frozen=True)
class By:
    """Who acts, a login or mail address, and why: both are kept with the messages."""

    actor: str
    reason: str


def person_of(by: By) -> str:
    """Who acts, by their identity. Raises Rejected without a name or a reason."""
    if not by.reason.strip():
        raise Rejected("a reason is missing: history without one explains nothing")
    try:
        return identity(by.actor)
    except NotAllowed as nobody:
        raise Rejected(str(nobody)) from None


def repairs(store: Store, *, span: timedelta = A_DAY) -> list[Row]:
    """What the sweeps of so long found that every read had missed, by object; it must be nothing."""
    with store.transaction() as tx:
        return tx.rows("repairs_since", span=span)


def queues(store: Store) -> list[Row]:
    """How many messages wait or are parked at each target, in which state, and since when the oldest does."""
    with store.transaction() as tx:
        return tx.rows("delivery_queue")


def parked(store: Store, wanted: Wanted, policy: Policy) -> list[Row]:
    """The parked messages that are wanted, oldest first: what each is, why it is parked, and who mends that."""
    with store.transaction() as tx:
        rows = tx.rows("messages_to_replay", **vars(wanted))
    return [{**row, "mended_by": policy.delivery.reasons[row["reason"]]} for row in rows]


def conflicts(store: Store) -> list[Row]:
    """Keys that were decided a second time with something else to say (S1): what was sent, and what was not."""
    with store.transaction() as tx:
        return tx.rows("key_conflicts")


def replay(store: Store, wanted: Wanted, by: By, *, hourly_max: int) -> Counter[str]:
    """Put them back on their way: how many will be tried, and how many a newer message has replaced.

    All of them, or none. Raises Rejected when nothing is wanted (all of the parked messages are never meant), without a
    name or a reason, also when none fitted, and when more would be sent again within an hour than policy lets people.
    """
    if wanted == Wanted():
        raise Rejected("say which parked messages to replay: by key, subject or window")
    with store.transaction() as tx:
        tx.run("one_replay_at_a_time")
        found = tx.rows("messages_to_replay", **vars(wanted))
        _refuse_flood(tx, len(found), hourly_max)
        gone = tx.rows("replay_messages", messages=[row["message_id"] for row in found])
        _keep(tx, "replayed", [row["message_id"] for row in gone], by)
    return Counter("superseded" if row["state"] == "superseded" else "replayed" for row in gone)


def _refuse_flood(tx: Transaction, asked: int, hourly_max: int) -> None:
    [last] = tx.rows("replayed_since", span=AN_HOUR)
    if last["replayed"] + asked <= hourly_max:
        return
    free = max(0, hourly_max - last["replayed"])
    when = f"wait until {last['free_from']:%H:%M} UTC, or " if last["replayed"] else ""
    raise Rejected(
        f"{asked:,} messages would be sent again, and {last['replayed']:,} were within the last hour: more than the "
        f"{hourly_max:,} an hour that policy allows (delivery.yaml: replayed_hourly_max). Nothing was sent. "
        f"Mend what refuses them and try a few first; then {when}choose at most {free:,} by key, subject or window"
    )


def hold(store: Store, message_ids: Sequence[int], by: By) -> int:
    """Park what has surely had no effect yet, until somebody replays it; how many were held.

    What is on its way, or may have happened, cannot be held back. Raises Rejected when nobody says why.
    """
    with store.transaction() as tx:
        held = tx.rows("hold_messages", messages=list(message_ids))
        _keep(tx, "parked", [row["message_id"] for row in held], by)
    return len(held)


def _keep(tx: Transaction, action: str, message_ids: Sequence[int], by: By) -> None:
    tx.run("keep_acts", action=action, actor=person_of(by), reason=by.reason, messages=list(message_ids))
