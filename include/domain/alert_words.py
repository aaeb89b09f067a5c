"""Alerts in words: what happened, how bad it is in money, since when, in which run, and where to look."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from include.domain.alerts import (
    ENDS,
    NAMES_BREAKS,
    OF_MESSAGES,
    UNREAD,
    Alert,
    AlertRule,
    Bulletin,
    Entry,
    Fact,
    Says,
    playbook_of,
)
from include.domain.breaks import Level

ENTRIES_MAX = 20
"""Alerts told one by one in one message; the rest is counted, and waits for the next."""
ENDS_KEPT = 5
"""Places of a message that ends have, however much else there is to say."""

SILENT = "watch_silent"
"""The playbook of nobody watching: what no alert of ours can tell, for all of them stand in the database."""

Said = tuple[Says, Alert, AlertRule]

SENTENCES: Mapping[str, str] = {
    "day_unpublished": "{day} is not published and was due by {due}; {count} days wait",
    "run_refused": "the run of {day} was refused: {why}",
    "quality_blocks": "{day} is not published: {count} expectations of its data are not met; for {owners}",
    "key_conflict": "{count} keys were decided twice with different content; only the first of each was sent",
    "token_lost": "the {about} gives us no token any more: {why}",
    "fields_vanished": "the source {about} no longer shows us {count} fields of {entities}; reading them has stopped",
    "rollback_due": "going back is due: {what} ({count}); ours by cutover: {flows}",
    "flow_late": "the dag {about} has not done its work; last: {last}",
    "source_unproven": "what {about} says it holds is not what arrived: {entities}",
    "breaks_late": "{count} open breaks {about} ({name}) are past their service level",
    "breaks_large": "{count} open breaks {about} ({name}) are each worth {limit} or more",
    "messages_uncertain": "{count} messages to {about} may have happened; nobody knows yet",
    "messages_waiting": "{count} messages to {about} wait and do not go out",
    "hints_waiting": "{count} events of {about} wait to be looked at, and nothing follows from them",
    "hints_dead": "{count} events of {about} could not be looked at, and nothing followed: {entities}",
    "mail_failed": "{count} mails of the {about} report have not reached their recipient",
    UNREAD: "nobody can see whether {about} is so: reading it failed ({error})",
    "channel_failing": "alerts do not get out by {about}: {count} tries failed in a row",
    "flow_failed": "the dag {about} failed: {tasks} ({error})",
    "messages_parked": "{count} messages are parked: {about}, at {targets}",
    "replay_waiting": "{count} requests to send messages again wait for a second person: the first {stands} UTC",
    "api_budget_low": "{used} of {allowed} API calls {about} allows a day are used",
    "rows_repaired": "sweeps of {about} repaired {count} rows that reading had missed: {entities}",
    "quarantine_growing": "{count} rows of {about} came into quarantine and are still there: {entities}",
    "webhook_refused": "every delivery to the webhook of {about} is refused: {count} so far",
    "webhook_unfed": "the source {about} has sent no webhook, while {count} events happened there",
}
"""Kind -> what happened, filled with the alert's facts. A kind without a sentence is none."""

MONEY_IS: Mapping[str, str] = {
    "day_unpublished": "paid on these days",
    "quality_blocks": "paid on these days",
    "run_refused": "by which its proofs are out",
    "source_unproven": "by which what arrived is out",
    "messages_uncertain": "of the records they are about",
    "messages_waiting": "of the records they are about",
    "messages_parked": "of the records they are about",
    "replay_waiting": "of the records they are about",
    "key_conflict": "of the records they are about",
    "mail_failed": "of the differences in the newest of them",
}
"""Kind -> what its amounts are, where that is not what it counts."""
UNPRICED = "no amount known"

_HEADS: Mapping[Says, str] = {
    "raised": "",
    "worse": "Worse: ",
    "again": "Still: ",
    "over": "Over: ",
    "unwatched": "No longer watched, and not known to be mended: ",
}
_ORDER: Mapping[Says, int] = {"raised": 1, "worse": 0, "again": 2, "unwatched": 3, "over": 4}


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
        facts["money"] = priced(fact, self.money)
        if says not in ENDS and "for" in fact.detail:
            facts["for"] = fact.detail["for"]
        if fact.dag_run:
            facts["run"] = f"{fact.dag_id} {fact.dag_run}"
        if says in ENDS and alert.over_at:
            facts["over" if says == "over" else "watched until"] = f"{self.moment(alert.over_at)} UTC"
        if says != "over" and fact.ids and not self.address:
            facts["largest" if fact.kind in NAMES_BREAKS else "ids"] = ", ".join(fact.ids)
        return Entry(
            severity=fact.severity,
            what=f"{_HEADS[says]}{sentence(fact)}",
            facts=facts,
            links=self._links(fact, playbook_of(fact, rule)),
        )

    def silence(self, *, since: datetime, error: str = "", over_at: datetime | None = None) -> Entry:
        """That nobody can look, with the kind of error; or that somebody can again."""
        said = f"Nobody watches: our own database does not let us look ({error})"
        facts = {"since": f"{self.moment(since)} UTC"}
        if over_at:
            said = "Over: nobody watched; what lasts is told from now on"
            facts["over"] = f"{self.moment(over_at)} UTC"
        playbook = (
            f"{self.address}/tieout/playbooks/{SILENT}" if self.address else f"docs/playbooks/{SILENT}.md"
        )
        return Entry(severity="S1", what=said, facts=facts, links={"playbook": playbook})

    def bulletin(self, said: Sequence[Said], *, left: int = 0, key: str, now: datetime) -> Bulletin:
        """One message of what is said, the worst first. `left`: how many alerts wait for the next one."""
        entries = [self.entry(*one) for one in said]
        if left:
            where = {"all of them": f"{self.address}/tieout/alerts"} if self.address else {}
            worst = min(alert.fact.severity for _, alert, _ in said)
            entries.append(Entry(severity=worst, what=f"And {left} more, told next", facts={}, links=where))
        return Bulletin(key=key, subject=subject(said, left), entries=entries, written_at=now)

    def _links(self, fact: Fact, playbook: str) -> dict[str, str]:
        if not self.address:
            return {"playbook": f"docs/playbooks/{playbook}.md"}
        console = f"{self.address}/tieout"
        links = {"playbook": f"{console}/playbooks/{playbook}"}
        if fact.kind in NAMES_BREAKS:
            links |= {f"break {one[:8]}": f"{console}/breaks/{one}" for one in fact.ids}
        if fact.kind in OF_MESSAGES:
            links |= {f"message {one}": f"{console}/delivery/{one}" for one in fact.ids}
        if fact.dag_id:
            run = f"/runs/{quote(fact.dag_run, safe='')}" if fact.dag_run else ""
            links["run" if run else "dag"] = f"{self.address}/dags/{fact.dag_id}{run}"
        return links


def priced(fact: Fact, money: Callable[[int, str], str]) -> str:
    """How bad it is in money, and which money that is; in words where nobody knows."""
    if not fact.amounts:
        return UNPRICED
    amounts = ", ".join(money(minor, currency) for currency, minor in sorted(fact.amounts.items()))
    return f"{amounts} ({MONEY_IS[fact.kind]})" if fact.kind in MONEY_IS else amounts


def sentence(fact: Fact) -> str:
    """What happened, in one sentence of numbers and words of ours."""
    filled = {**fact.detail, "about": fact.about, "count": f"{fact.count:,}"}
    # Alerts are kept for longer than kinds and their details: of an old one less may be known.
    said = SENTENCES.get(fact.kind, f"{fact.kind} of {{about}}").format_map(defaultdict(lambda: "?", filled))
    if fact.count == 1:
        for plural, single in _SINGULARS:
            said = said.replace(plural, single)
    return said[:1].upper() + said[1:]


def subject(said: Sequence[Said], left: int = 0) -> str:
    """The message in one line: the worst of it, and how many more."""
    says, alert, _ = said[0]
    more = f" (+{len(said) - 1 + left})" if len(said) + left > 1 else ""
    return f"[{alert.fact.severity}] {_HEADS[says]}{sentence(alert.fact)}{more}"


def told_now(said: Sequence[Said]) -> list[Said]:
    """What one message tells, in its order: the worst first, ends last. The rest keeps its turn: nothing of it is told.

    News goes before reminders, and ends have some places whatever else there is, so that neither waits for ever.
    """
    ends = sorted((one for one in said if one[0] in ENDS), key=_rank)
    lasting = sorted(
        (one for one in said if one[0] not in ENDS), key=lambda one: (one[0] == "again", _rank(one))
    )
    news = sum(one[0] != "again" for one in lasting)
    places = min(len(ends), max(ENDS_KEPT, ENTRIES_MAX - news))
    return sorted(lasting[: ENTRIES_MAX - places], key=_rank) + ends[:places]


def _rank(one: Said) -> tuple[Level, int]:
    return one[1].fact.severity, _ORDER[one[0]]


_SINGULARS: Sequence[tuple[str, str]] = (
    ("; 1 days wait", ""),
    ("1 expectations of its data are", "1 expectation of its data is"),
    ("1 keys were", "1 key was"),
    ("1 requests to send messages again wait", "1 request to send messages again waits"),
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
