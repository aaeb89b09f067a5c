"""Alerts: facts that somebody must be told at once. What is raised, what is over, who is told what.

An alert says numbers, amounts and ids of ours; never a name, an address, a reference or another text of a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from include.domain.breaks import Level

Channel = Literal["slack", "mail"]
Says = Literal["raised", "worse", "again", "over", "unwatched"]
ENDS = frozenset({"over", "unwatched"})
"""What is said last of an alert: it is mended, or it is merely too old to be looked at, and nobody says that it is."""

OF_BREAKS = frozenset({"breaks_late", "breaks_large"})
"""Kinds about a reason code: its ids are breaks', and its playbook is the code's."""
NAMES_BREAKS = OF_BREAKS | {"rollback_due", "run_refused"}
"""Kinds whose ids are breaks'."""

OF_MESSAGES = frozenset({"messages_parked", "messages_uncertain", "messages_waiting", "replay_waiting"})
UNREAD = "facts_unread"
"""The kind about a kind that cannot be read; alerts of that one last meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that is true now. `count` of what the kind counts; `amounts`: currency -> minor units.

    `newest_at`: when the newest of them came, where the kind knows.
    """

    kind: str
    about: str
    since: datetime
    severity: Level
    newest_at: datetime | None = None
    count: int = 1
    amounts: Mapping[str, int] = field(default_factory=dict)
    ids: Sequence[str] = ()
    dag_id: str = ""
    dag_run: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What names the alert while the fact lasts."""
        return self.kind, self.about


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A fact that was seen, from when to when; `mended`: its cause is gone. `told`: what its channel was told last."""

    alert_id: int
    fact: Fact
    raised_at: datetime
    seen_at: datetime
    over_at: datetime | None = None
    mended: bool = True
    told: "Told | None" = None


@dataclass(frozen=True)
class Told:
    """What was last said of an alert, and when it went out."""

    says: Says
    severity: Level
    at: datetime
    count: int | None = None
    amounts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Growth:
    """From when on more of the same is news: so many times as much as was told, and not before so long.

    `by_money`: also by its amounts, which are then of what is wrong, and not of what stands beside it.
    """

    factor: int
    after: timedelta
    by_money: bool = True


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """How a kind is told."""

    severity: Level
    channels: Sequence[Channel]
    playbook: str
    remind_after: timedelta
    growth: Growth | None = None


@dataclass(frozen=True)
class Changes:
    """What a look at the facts changes."""

    raised: Sequence[Fact]
    seen: Sequence[Fact]
    over: Sequence[Alert]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One alert in a message: what happened, the facts about it by name, and where to look by name."""

    severity: Level
    what: str
    facts: Mapping[str, str]
    links: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Bulletin:
    """One message. `key` is the same when it is sent again, because nobody knows whether it arrived.

    `reached`: who has it for sure, in the channel's own marks, and does not get it again.
    """

    key: str
    subject: str
    entries: Sequence[Entry]
    written_at: datetime
    reached: frozenset[str] = frozenset()


def changes(facts: Iterable[Fact], alerts: Iterable[Alert], *, now: datetime, patience: timedelta) -> Changes:
    """What is new, what lasts, and what is over because it was not seen for so long. One alert a fact."""
    found = {fact.key: fact for fact in facts}
    unread = {fact.about for fact in found.values() if fact.kind == UNREAD}
    known = {alert.fact.key: alert for alert in alerts}
    return Changes(
        raised=[fact for key, fact in found.items() if key not in known],
        seen=[fact for key, fact in found.items() if key in known],
        over=[
            one
            for key, one in known.items()
            if key not in found and one.fact.kind not in unread and one.seen_at + patience <= now
        ],
    )


def to_say(alert: Alert, rule: AlertRule, *, channel: Channel, now: datetime) -> Says | None:
    """What to say of an alert on a channel now. Of what was never told that it began, nobody is told the end."""
    told = alert.told
    if alert.over_at:
        end: Says = "over" if alert.mended else "unwatched"
        return end if told and told.says not in ENDS else None
    if channel not in rule.channels or alert.fact.key == ("channel_failing", channel):
        return None
    if told is None:
        return "raised"
    if alert.fact.severity < told.severity or _grew(alert.fact, told, rule, now):
        return "worse"
    return "again" if told.at + rule.remind_after <= now else None


def _grew(fact: Fact, told: Told, rule: AlertRule, now: datetime) -> bool:
    """Whether there is much more of it than was told, or one that came since."""
    if rule.growth is None or told.count is None or now < told.at + rule.growth.after:
        return False
    more = [fact.count >= told.count * rule.growth.factor and fact.count > told.count]
    more += [
        minor > 0 and minor >= told.amounts.get(one, 0) * rule.growth.factor
        for one, minor in fact.amounts.items()
        if rule.growth.by_money
    ]
    return any(more) or (fact.newest_at is not None and fact.newest_at > told.at)


def playbook_of(fact: Fact, rule: AlertRule) -> str:
    """The playbook's name: of breaks their code's, where the code is severe enough to have one."""
    return fact.about if fact.kind in OF_BREAKS and fact.severity <= "S2" else rule.playbook
