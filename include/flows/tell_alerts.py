"""Tells people by each channel what changed since they were told last: at least once, in messages that say the same.

What to say is decided from what got through, so that a channel that was away is told what is true when it is back, and
not all that happened meanwhile. So a bulletin that was surely not taken is never sent again: the next look writes its
own, which says the same only as long as the same is true.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from include.domain.alert_words import Said, Words, told_now
from include.domain.alerts import Bulletin, Channel, Entry, to_say
from include.flows.raise_alerts import alert_of, clock_of
from include.policy import Policy
from include.ports import Fatal, Herald, Partly, Retryable, Row, Stop, Store, Transaction, Uncertain

log = logging.getLogger(__name__)

LEASE_S = 120
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=30)
UNCERTAIN_MAX = 5
"""Tries of one bulletin whose fate is unknown; then what is still true is said in another. Who is owed one that others
have is tried as often, and then it counts as a failure of the channel."""
NOTHING = "nothing to say"


@dataclass(frozen=True)
class Mute:
    """A channel that cannot be used, and why: it fails at whatever it is to tell, so that another one tells of it."""

    channel: Channel
    why: str

    def tell(self, bulletin: Bulletin) -> None:
        """Raises Fatal."""
        raise Fatal(f"{self.why}; {bulletin.key} is not told")


@dataclass(frozen=True)
class _Turn:
    """One attempt on one channel: who has it, and how often it failed before."""

    channel: str
    fence: int
    failures: int


@dataclass(frozen=True)
class _Made:
    """A bulletin that is kept, and on its way; how often it was tried before."""

    bulletin_id: int
    bulletin: Bulletin
    attempts: int
    owed: bool


Find = Callable[[Transaction, _Turn, datetime], _Made | None]
"""What is to be sent now, if anything."""


def tell_alerts(
    store: Store, heralds: Iterable[Herald], policy: Policy, words: Words, *, now: datetime | None = None
) -> dict[str, str]:
    """What became of each channel: sent, nothing to say, waits, or what stopped it.

    Nothing is raised for one that fails: the others go on, and tell of it.
    """
    return {herald.channel: _tell(store, herald, policy, words, now) for herald in heralds}


def deaf(store: Store, heralds: Iterable[Herald], policy: Policy) -> bool:
    """Whether there are channels, and none of them has worked for as many tries as policy allows."""
    with store.transaction() as tx:
        rows = tx.rows("failing_channels", channel_failures=policy.alerts.limits.channel_failures)
    channels = {herald.channel for herald in heralds}
    return bool(channels) and channels <= {row["channel"] for row in rows}


def _tell(store: Store, herald: Herald, policy: Policy, words: Words, now: datetime | None) -> str:
    """What some are still owed first, so that nobody hears the end before the beginning; then what is new."""

    def owed(tx: Transaction, turn: _Turn, _at: datetime) -> _Made | None:
        return _kept(turn.channel, tx.rows("owed_bulletin", channel=turn.channel))

    def news(tx: Transaction, turn: _Turn, at: datetime) -> _Made | None:
        return _unfinished(tx, turn) or _new(tx, herald, policy, words, at)

    caught_up = _attempt(store, herald, owed, now)
    said = _attempt(store, herald, news, now)
    return caught_up if said == NOTHING else said


def _attempt(store: Store, herald: Herald, find: Find, now: datetime | None) -> str:
    with store.transaction() as tx:
        at = now or clock_of(tx)
        claimed = tx.rows("claim_channel", channel=herald.channel, now=at, lease_s=LEASE_S)
        if not claimed:
            return "waits"
        turn = _Turn(herald.channel, **claimed[0])
        made = find(tx, turn, at)
        if made is None:
            _free(tx, turn, failures=turn.failures, next_at=at, at=at)
            return NOTHING
    stop = _handed_over(herald, made.bulletin)
    with store.transaction() as tx:
        at = now or clock_of(tx)
        return _ended(tx, turn, made, stop, at)


def _handed_over(herald: Herald, bulletin: Bulletin) -> Stop | None:
    try:
        herald.tell(bulletin)
    except Stop as stop:
        return stop
    except Exception as error:  # what is wrong with one channel keeps nothing from the others
        log.exception("a bulletin could not be made or sent")
        return Uncertain(f"{herald.channel}: {type(error).__name__}; see the log of the dag watch")
    return None


def _ended(tx: Transaction, turn: _Turn, made: _Made, stop: Stop | None, at: datetime) -> str:
    last = made.attempts + 1 >= UNCERTAIN_MAX
    has_it = stop is None or made.owed or isinstance(stop, Partly)
    doubtful = isinstance(stop, Uncertain) and not last
    state = "sent" if has_it else "uncertain" if doubtful else "dropped"
    owed = has_it and stop is not None and not last
    reached = stop.reached if isinstance(stop, Partly) else made.bulletin.reached
    end = {
        "detail": str(stop or ""),
        "fence": turn.fence,
        "now": at,
        "reached": sorted(reached),
        "owed": owed,
    }
    if not tx.run("end_bulletin", bulletin_id=made.bulletin_id, state=state, **end):
        return "too late: another had the channel"
    failures = 0 if stop is None else turn.failures if owed else turn.failures + 1
    next_at = at if has_it else at + _wait(failures, stop)  # who can be reached waits for nobody
    _free(tx, turn, failures=failures, next_at=next_at, at=at, stop=stop, sent=has_it and not made.owed)
    return str(stop or "sent")


def _wait(failures: int, stop: Stop | None) -> timedelta:
    """As long as the channel asks for, else longer with every failure."""
    if stop is None:
        return timedelta()
    asked = getattr(stop, "after_s", 0) if isinstance(stop, Retryable) else 0
    doubled: timedelta = min(FIRST_WAIT * 2 ** min(failures - 1, 10), LONGEST_WAIT)
    return max(doubled, min(timedelta(seconds=asked), LONGEST_WAIT))


def _free(
    tx: Transaction,
    turn: _Turn,
    *,
    failures: int,
    next_at: datetime,
    at: datetime,
    stop: Stop | None = None,
    sent: bool = False,
) -> None:
    tx.run(
        "free_channel",
        channel=turn.channel,
        fence=turn.fence,
        next_at=next_at,
        failures=failures,
        detail=str(stop or ""),
        tried=sent or stop is not None,
        sent=sent,
        now=at,
    )


def _unfinished(tx: Transaction, turn: _Turn) -> _Made | None:
    """What may have arrived, and is said again in the same words under the same key."""
    return _kept(turn.channel, tx.rows("unfinished_bulletin", channel=turn.channel))


def _new(tx: Transaction, herald: Herald, policy: Policy, words: Words, now: datetime) -> _Made | None:
    rules = policy.alerts.rules
    said: list[Said] = []
    for row in tx.rows("standing_alerts", channel=herald.channel, now=now):
        alert = alert_of(row)
        rule = rules.get(alert.fact.kind)
        says = to_say(alert, rule, channel=herald.channel, now=now) if rule else None
        if rule and says:
            said.append((says, alert, rule))
    if not said:
        tx.run("caught_up", channel=herald.channel, now=now)
        return None
    listed = told_now(said)
    written = words.bulletin(listed, left=len(said) - len(listed), key="", now=now)
    row = tx.rows(
        "make_bulletin",
        channel=herald.channel,
        subject=written.subject,
        entries={"entries": [asdict(one) for one in written.entries]},
        now=now,
    )[0]
    for says, alert, _ in listed:  # what is only counted is not told: it has its turn in the next
        tx.run(
            "keep_telling",
            bulletin_id=row["bulletin_id"],
            alert_id=alert.alert_id,
            says=says,
            severity=alert.fact.severity,
            count=alert.fact.count,
            amounts=dict(alert.fact.amounts),
        )
    return _kept(herald.channel, tx.rows("unfinished_bulletin", channel=herald.channel))


def _kept(channel: str, rows: Sequence[Row]) -> _Made | None:
    if not rows:
        return None
    row = rows[0]
    bulletin = Bulletin(
        key=f"alerts/{channel}/{row['bulletin_id']}",
        subject=row["subject"],
        entries=[Entry(**one) for one in row["entries"]["entries"]],
        written_at=row["made_at"],
        reached=frozenset(row["reached"]),
    )
    return _Made(row["bulletin_id"], bulletin, row["attempts"], row["owed"])
