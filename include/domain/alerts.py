"""Alerts: facts that somebody must be told at once. What is raised, what is over, who is told what, in which words.

An alert says numbers, amounts and ids of ours; never a name, an address, a reference or another text of a row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

from include.domain.breaks import Level

Channel = Literal["slack", "mail"]
Says = Literal["raised", "worse", "again", "over", "unwatched"]
ENDS = frozenset({"over", "unwatched"})
"""What is said last of an alert: it is mended, or it is merely too old to be looked at, and nobody says that it is."""

OF_BREAKS = frozenset({"breaks_late", "breaks_large"})
"""Kinds about a reason code: its ids are breaks', and its playbook is the code's."""

OF_MESSAGES = frozenset({"messages_parked", "messages_uncertain", "messages_waiting"})
UNREAD = "facts_unread"
"""The kind about a kind that cannot be read; alerts of that one last meanwhile."""

ENTRIES_MAX = 20
"""Alerts told one by one in one message; the rest is counted."""

SENTENCES: Mapping[str, str] = {
    "day_unpublished": "{day} is not published and was due by {due}; {count} days wait",
    "run_refused": "the run of {day} was refused: {count} proofs do not hold",
    "quality_blocks": "{day} is not published: {count} expectations of its data are not met; for {owners}",
    "key_conflict": "{count} keys were decided twice with different content; only the first of each was sent",
    "fields_vanished": "the source {about} no longer shows us {count} fields of {entities}; reading them has stopped",
    "rollback_due": "going back is due: {what} ({count}); ours by cutover: {flows}",
    "flow_late": "the dag {about} has not done its work; last: {last}",
    "source_unproven": "what {about} says it holds is not what arrived: {entities}",
    "breaks_late": "{count} open breaks {about} ({name}) are past their service level",
    "breaks_large": "{count} open breaks {about} ({name}) are each worth {limit} or more",
    "messages_uncertain": "{count} messages to {about} may have happened; nobody knows yet",
    "messages_waiting": "{count} messages to {about} wait and do not go out",
    "mail_failed": "{count} mails of the {about} report have not reached their recipient",
    UNREAD: "nobody can see whether {about} is so: reading it failed ({error})",
    "channel_failing": "alerts do not get out by {about}: {count} tries failed in a row",
    "flow_failed": "the dag {about} failed: {tasks} ({error})",
    "messages_parked": "{count} messages are parked: {about}, at {targets}",
    "api_budget_low": "{used} of {allowed} API calls {about} allows a day are used",
    "rows_repaired": "sweeps of {about} repaired {count} rows that reading had missed: {entities}",
    "quarantine_growing": "{count} rows of {about} came into quarantine and are still there: {entities}",
    "webhook_refused": "every delivery to the webhook of {about} is refused: {count} so far",
    "webhook_unfed": "the source {about} has sent no webhook, while {count} events happened there",
}
"""Kind -> what happened, filled with the alert's facts. A kind without a sentence is none."""

_HEADS: Mapping[Says, str] = {
    "raised": "",
    "worse": "Worse: ",
    "again": "Still: ",
    "over": "Over: ",
    "unwatched": "No longer watched, and not known to be mended: ",
}
_ORDER: Mapping[Says, int] = {"raised": 1, "worse": 0, "again": 2, "unwatched": 3, "over": 4}


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
    """From when on more of the same is news: so many times as much as was told, and not before so long."""

    factor: int
    after: timedelta


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
    ]
    return any(more) or (fact.newest_at is not None and fact.newest_at > told.at)


@dataclass(frozen=True)
class Words:
    """What the words of an alert need from outside: how money and moments are written, and where pages are.

    `address`: of Airflow, below which the console is; empty where nobody knows it.
    """

    money: Callable[[int, str], str]
    moment: Callable[[datetime], str]
    address: str = ""

    def entry(self, says: Says, alert: Alert, rule: AlertRule) -> Entry:
        """An alert in words."""
        fact = alert.fact
        facts = {"since": f"{self.moment(fact.since)} UTC"}
        if fact.amounts:
            amounts = (self.money(minor, currency) for currency, minor in sorted(fact.amounts.items()))
            facts["money"] = ", ".join(amounts)
        if fact.dag_run:
            facts["run"] = f"{fact.dag_id} {fact.dag_run}"
        if says in ENDS and alert.over_at:
            facts["over" if says == "over" else "watched until"] = f"{self.moment(alert.over_at)} UTC"
        if says != "over" and fact.ids and not self.address:
            facts["largest" if fact.kind in OF_BREAKS else "ids"] = ", ".join(fact.ids)
        return Entry(
            severity=fact.severity,
            what=f"{_HEADS[says]}{sentence(fact)}",
            facts=facts,
            links=self._links(fact, playbook_of(fact, rule)),
        )

    def bulletin(self, said: Sequence[tuple[Says, Alert, AlertRule]], *, key: str, now: datetime) -> Bulletin:
        """One message of all that is to be said, the worst first."""
        ordered = sorted(said, key=lambda one: (one[0] in ENDS, one[1].fact.severity, _ORDER[one[0]]))
        entries = [self.entry(*one) for one in ordered[:ENTRIES_MAX]]
        if left := ordered[ENTRIES_MAX:]:
            where = {"all of them": f"{self.address}/tieout/alerts"} if self.address else {}
            worst = min(alert.fact.severity for _, alert, _ in left)
            entries.append(Entry(severity=worst, what=f"And {len(left)} more", facts={}, links=where))
        return Bulletin(key=key, subject=subject(ordered), entries=entries, written_at=now)

    def _links(self, fact: Fact, playbook: str) -> dict[str, str]:
        if not self.address:
            return {"playbook": f"docs/playbooks/{playbook}.md"}
        console = f"{self.address}/tieout"
        links = {"playbook": f"{console}/playbooks/{playbook}"}
        if fact.kind in OF_BREAKS:
            links |= {f"break {one[:8]}": f"{console}/breaks/{one}" for one in fact.ids}
        if fact.kind in OF_MESSAGES:
            links |= {f"message {one}": f"{console}/delivery/{one}" for one in fact.ids}
        if fact.dag_id:
            run = f"/runs/{quote(fact.dag_run, safe='')}" if fact.dag_run else ""
            links["run" if run else "dag"] = f"{self.address}/dags/{fact.dag_id}{run}"
        return links


def sentence(fact: Fact) -> str:
    """What happened, in one sentence of numbers and words of ours."""
    filled = {**fact.detail, "about": fact.about, "count": f"{fact.count:,}"}
    # Alerts are kept for longer than kinds and their details: of an old one less may be known.
    said = SENTENCES.get(fact.kind, f"{fact.kind} of {{about}}").format_map(defaultdict(lambda: "?", filled))
    if fact.count == 1:
        for plural, single in _SINGULARS:
            said = said.replace(plural, single)
    return said[:1].upper() + said[1:]


def subject(said: Sequence[tuple[Says, Alert, AlertRule]]) -> str:
    """The message in one line: the worst of it, and how many more."""
    says, alert, _ = said[0]
    more = f" (+{len(said) - 1})" if len(said) > 1 else ""
    return f"[{alert.fact.severity}] {_HEADS[says]}{sentence(alert.fact)}{more}"


def playbook_of(fact: Fact, rule: AlertRule) -> str:
    """The playbook's name: of breaks their code's, where the code is severe enough to have one."""
    return fact.about if fact.kind in OF_BREAKS and fact.severity <= "S2" else rule.playbook


_SINGULARS: Sequence[tuple[str, str]] = (
    ("; 1 days wait", ""),
    ("1 proofs do", "1 proof does"),
    ("1 expectations of its data are", "1 expectation of its data is"),
    ("1 keys were", "1 key was"),
    ("1 fields", "1 field"),
    ("1 open breaks ", "1 open break "),
    ("1 messages to", "1 message to"),
    ("1 messages are", "1 message is"),
    ("1 mails of", "1 mail of"),
    ("report have not reached their", "report has not reached its"),
    (" wait and do not go out", " waits and does not go out"),
    (" are past their service level", " is past its service level"),
    (" are each worth", " is worth"),
    ("1 tries failed in a row", "1 try failed"),
    ("1 rows", "1 row"),
    ("came into quarantine and are", "came into quarantine and is"),
    ("1 events", "1 event"),
)
