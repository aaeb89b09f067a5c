"""Sends parked messages again, by key, subject or window, when what refused them was mended; or holds some back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from include.domain.break_life import NotAllowed, identity
from include.flows.reasons import need_reason
from include.policy import Policy
from include.ports import Rejected, Row, Store, Transaction

A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)

OVER_LIMIT = "OVER_LIMIT"
"""Why an order is parked that one person alone does not let go."""

End = Literal["withdrawn", "refused"]
"""How what was asked for ends without being sent: by whoever asked, or by somebody else."""

_TWO = "Nothing was sent: ask (page Delivery, or `tieout delivery replay … --ask`), and let somebody else approve it"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which parked messages; everything given must hold."""

    key: str | None = None  # or its first twelve characters or more
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
    need_reason(by.reason)
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


@dataclass(frozen=True)
class Most:
    """How many messages are sent again by people within an hour, and how many by one person who asks nobody."""

    hourly: int
    alone: int


def most_of(policy: Policy) -> Most:
    """What policy lets people."""
    return Most(policy.delivery.replayed_hourly_max, policy.delivery.replayed_alone_max)


def replay(store: Store, wanted: Wanted, by: By, most: Most) -> Counter[str]:
    """Put them back on their way: how many will be tried, and how many a newer message has replaced.

    All of them, or none. Raises Rejected when nothing is wanted (all of the parked messages are never meant) or a
    window that ends before it begins, without a name or a reason, also when none fitted, when more would be sent again
    within an hour than policy lets people, and when it takes two: for more than one may alone, and for an order over
    the limit.
    """
    with store.transaction() as tx:
        tx.run("one_replay_at_a_time")
        found = _found(tx, wanted)
        last = _refuse_flood(tx, len(found), by, most)
        if last["by_them"] + len(found) > most.alone:
            raise Rejected(
                f"{len(found):,} messages, after {last['by_them']:,} of yours within the last hour, are more than the "
                f"{most.alone:,} that one person sends again alone. {_TWO}"
            )
        if large := [row["subject"] for row in found if row["reason"] == OVER_LIMIT]:
            raise Rejected(f"{', '.join(large[:3])} is over the limit of amounts. {_TWO}")
        return _send_again(tx, found, by)


def _found(tx: Transaction, wanted: Wanted) -> Sequence[Row]:
    if wanted == Wanted():
        raise Rejected("say which parked messages to replay: by key, subject or window")
    if wanted.since and wanted.until and wanted.until <= wanted.since:
        window = f"until {wanted.until:%Y-%m-%d %H:%M} and since {wanted.since:%Y-%m-%d %H:%M} UTC"
        raise Rejected(f"no message was decided {window}: a window begins before it ends")
    return tx.rows("messages_to_replay", **vars(wanted))


def _refuse_flood(tx: Transaction, asked: int, by: By, most: Most) -> Row:
    [last] = tx.rows("replayed_since", span=AN_HOUR, actor=person_of(by))
    if last["replayed"] + asked <= most.hourly:
        return last
    free = max(0, most.hourly - last["replayed"])
    when = f"wait until {last['free_from']:%H:%M} UTC, or " if last["replayed"] else ""
    raise Rejected(
        f"{asked:,} messages would be sent again, and {last['replayed']:,} were within the last hour: more than the "
        f"{most.hourly:,} an hour that policy allows (delivery.yaml: replayed_hourly_max). Nothing was sent. "
        f"Mend what refuses them and try a few first; then {when}choose at most {free:,} by key, subject or window"
    )


def _send_again(tx: Transaction, found: Sequence[Row], by: By) -> Counter[str]:
    gone = tx.rows("replay_messages", messages=[row["message_id"] for row in found])
    _keep(tx, "replayed", [row["message_id"] for row in gone], by)
    return Counter("superseded" if row["state"] == "superseded" else "replayed" for row in gone)


def preview(store: Store, wanted: Wanted) -> list[Row]:
    """What sending them again would say: each message with `changes`, what it says otherwise than was confirmed last.

    Nothing is changed. Raises Rejected when nothing is wanted.
    """
    with store.transaction() as tx:
        numbers = [row["message_id"] for row in _found(tx, wanted)]
        rows = tx.rows("replay_preview", messages=numbers)
    return [{**row, "changes": _changes(row["said"] or {}, row["says"])} for row in rows]


def _changes(said: Mapping[str, Any], says: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Name -> what was said and what would be, of all that is otherwise."""
    names = dict.fromkeys([*said, *says])
    return {name: (said.get(name), says.get(name)) for name in names if said.get(name) != says.get(name)}


class Asked(NamedTuple):
    """What waits for a second person now: the number to approve, and how many messages it is about."""

    number: int
    messages: int


def ask_replay(store: Store, wanted: Wanted, by: By, *, lives: timedelta, hourly: int) -> Asked:
    """Ask for a second person to send them again, for so long.

    Raises Rejected, also where none fits, or more than anybody could approve: than are sent again within an hour.
    """
    actor = person_of(by)
    with store.transaction() as tx:
        numbers = [row["message_id"] for row in _found(tx, wanted)]
        if not numbers:
            raise Rejected("no parked message fits: there is nothing to ask for")
        if len(numbers) > hourly:
            raise Rejected(
                f"{len(numbers):,} messages are more than the {hourly:,} an hour that anybody can approve: "
                "ask for fewer at once, by key, subject or window"
            )
        told = {"messages": numbers, "actor": actor, "reason": by.reason, "lives": lives}
        [row] = tx.rows("ask_replay", **told)
        return Asked(row["replay_id"], len(numbers))


def asked(store: Store) -> list[Row]:
    """What waits for a second person, newest first: who asks, why, and what of it is parked as it was then.

    Last what waits no more though nobody sent it: its `stage` is refused or lapsed, and it can be asked for again.
    """
    with store.transaction() as tx:
        return tx.rows("replays_asked")


def approve_replay(store: Store, replay_id: int, by: By, most: Most) -> Counter[str]:
    """Send again, as somebody else, what was asked for and is parked since before that.

    Raises Rejected when it is asked for no more, by who asked, and when policy lets people send no more this hour.
    """
    actor = person_of(by)
    with store.transaction() as tx:
        wanted = _waiting(tx, replay_id)
        if wanted["actor_id"] == actor:
            raise Rejected(f"{actor} asked for replay {replay_id}: somebody else approves it")
        found = tx.rows("messages_to_replay", **vars(Wanted(messages=wanted["messages"])))
        _refuse_flood(tx, len(found), by, most)
        told = {"replay_id": replay_id, "asked_by": wanted["actor_id"], "actor": actor, "reason": by.reason}
        tx.run("approve_replay", **told)
        return _send_again(tx, found, by)


def end_replay(store: Store, replay_id: int, by: By, *, ended: End) -> None:
    """Ask for it no more. Raises Rejected when it is over, or somebody else's to withdraw, or one's own to refuse."""
    actor = person_of(by)
    with store.transaction() as tx:
        wanted = _waiting(tx, replay_id)
        if (wanted["actor_id"] == actor) != (ended == "withdrawn"):
            theirs = "nobody else withdraws it: refuse it" if ended == "withdrawn" else "withdraw it instead"
            raise Rejected(f"{wanted['actor_id']} asked for replay {replay_id}: {theirs}")
        told = {"replay_id": replay_id, "asked_by": wanted["actor_id"], "actor": actor, "reason": by.reason}
        tx.run("end_replay", **told, ended=ended)


def _waiting(tx: Transaction, replay_id: int) -> Row:
    """What is asked for, until this transaction ends it."""
    tx.run("one_replay_at_a_time")
    found = tx.rows("replay_asked", replay_id=replay_id)
    if not found:
        raise Rejected(f"nobody asked for a replay {replay_id}; `tieout delivery list` names what waits")
    [wanted] = found
    if wanted["stage"] == "lapsed":
        raise Rejected(
            f"replay {replay_id} has lapsed: {wanted['actor_id']} asked for it at {wanted['asked_at']:%Y-%m-%d %H:%M}, "
            f"for until {wanted['lapses_at']:%Y-%m-%d %H:%M} UTC. Look at its messages, and ask for them again"
        )
    if wanted["ended_by"]:
        raise Rejected(
            f"replay {replay_id} was {wanted['stage']} by {wanted['ended_by']}: {wanted['ended_why']}"
        )
    if wanted["stage"] == "approved" or not wanted["messages"]:
        raise Rejected(
            f"replay {replay_id} waits for nobody: its messages are on their way, or parked anew since"
        )
    return wanted


def hold(store: Store, message_ids: Sequence[int], by: By) -> int:
    """Park what has surely had no effect yet, until somebody replays it; how many were held.

    What is on its way, or may have happened, cannot be held back. Raises Rejected when nobody says why.
    """
    with store.transaction() as tx:
        return hold_in(tx, message_ids, by)


def hold_in(tx: Transaction, message_ids: Sequence[int], by: By) -> int:
    """The same, within a transaction."""
    held = tx.rows("hold_messages", messages=list(message_ids))
    _keep(tx, "parked", [row["message_id"] for row in held], by)
    return len(held)


def _keep(tx: Transaction, action: str, message_ids: Sequence[int], by: By) -> None:
    tx.run("keep_acts", action=action, actor=person_of(by), reason=by.reason, messages=list(message_ids))
