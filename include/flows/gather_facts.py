"""What is true now that somebody must be told: flows that are late, days not published, breaks past their deadline.

All of it is read from what work leaves behind: a task that was killed has no last words.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from include.domain.alert_words import SENTENCES
from include.domain.alerts import UNREAD, Fact
from include.domain.breaks import Level
from include.domain.currencies import EXPONENTS
from include.flows.watch_promises import WATCH, promises
from include.policy import Policy
from include.ports import Row, Stop, Transaction
from include.report.figures import Figures

log = logging.getLogger(__name__)

BY_THEIR_WORD = ("collect", "approve_breaks", "sign_parity", "keep_audit", "remove_old")
"""Flows whose work may rightly leave nothing: that they ended well is what they leave."""

MONEY = (
    *("opportunities", "orders", "invoices", "credit_notes"),
    *("payments", "refunds", "disputes", "payouts"),
)
"""What the hourly sweep covers too; a sweep of anything else was the nightly one's."""

URGENT: Sequence[Level] = ("S1", "S2")
"""The severities whose deadlines are told at once."""

EVER = 36_500
"""Days and hours that are longer than anything is kept."""
WINDOWS = (
    *("recent_days", "conflict_days", "dead_days", "mail_days"),
    *("lapsed_hours", "budget_hours", "channel_hours"),
)
"""For how long something is looked at: what ends by one of these ends unmended."""

_FIGURES = Figures("en_SG")


def gather_facts(tx: Transaction, policy: Policy, *, now: datetime) -> list[Fact]:
    """Every fact of now. A kind that cannot be read keeps nothing from the others, and is a fact itself."""
    facts: list[Fact] = []
    for kind in SENTENCES.keys() - {UNREAD}:
        try:
            with tx.apart():
                facts += _read(kind, tx, policy, now)
        except Stop as error:
            log.exception("facts of kind %s cannot be read", kind)
            rule = policy.alerts.facts[UNREAD]
            told = {"error": type(error.__cause__ or error.__context__ or error).__name__}
            facts.append(
                Fact(kind=UNREAD, about=kind, since=now, severity=rule.severity, dag_id=WATCH, detail=told)
            )
    return facts


def lasts(tx: Transaction, policy: Policy, fact: Fact, *, now: datetime) -> bool:
    """Whether it is so still, however long ago it began; also where nobody can tell, but for being able to tell."""
    if fact.kind == UNREAD or fact.kind not in SENTENCES:
        return fact.kind != UNREAD  # of a kind nobody looks for any more nobody knows
    limits = policy.alerts.limits.model_copy(update=dict.fromkeys(WINDOWS, EVER))
    ever = policy.model_copy(update={"alerts": policy.alerts.model_copy(update={"limits": limits})})
    try:
        with tx.apart():
            return any(found.key == fact.key for found in _read(fact.kind, tx, ever, now))
    except Stop:
        log.exception("facts of kind %s cannot be read", fact.kind)
        return True


def moment(at: datetime) -> str:
    """An instant as alerts write it (UTC)."""
    return f"{at:%Y-%m-%d %H:%M}"


def money(minor: int, currency: str) -> str:
    """An amount as alerts write it; of a currency nobody knows, in its own units."""
    return _FIGURES.money(minor, currency) if currency in EXPONENTS else f"{currency} {minor:,} (minor units)"


def _read(kind: str, tx: Transaction, policy: Policy, now: datetime) -> list[Fact]:
    return list(_NOT_ASKED.get(kind, partial(_asked, kind))(tx, policy, now))


def _late_flows(tx: Transaction, policy: Policy, now: datetime) -> Iterator[Fact]:
    """Those whose last work is too long ago.

    Without any, they count from when their place was first seen, or else from when watching began.
    """
    rows = tx.rows("flow_evidence", money=list(MONEY), by_their_word=list(BY_THEIR_WORD))
    evidence = {row["flow"]: row["last_at"] for row in rows}
    began = tx.rows("beat_of", flow=WATCH)
    since_ever, promised = began[0]["first_at"] if began else now, promises(tx, policy)
    for flow, watched in policy.alerts.flows.items():
        last, promise = evidence.get(flow), promised.get(flow)
        if last is None and watched.optional and not (promise and promise.stands):
            continue
        awaited_since = (promise and promise.since) or since_ever
        due = (last or awaited_since) + timedelta(minutes=watched.late_minutes)
        if due <= now:
            yield Fact(
                kind="flow_late",
                about=flow,
                since=due,
                severity=policy.alerts.facts["flow_late"].severity,
                dag_id=flow,
                detail={"last": f"{moment(last)} UTC" if last else "never"},
            )


def _unpublished_days(tx: Transaction, policy: Policy, now: datetime) -> Iterator[Fact]:
    """The days that are over, were due, and are not published; before the first one, those since watching began."""
    zone = policy.calendars.entity.zone
    here = now.astimezone(zone)
    last_due = here.date() - timedelta(days=1 if here.time() >= policy.alerts.day_due else 2)
    days = tx.rows("published_lately", recent_days=policy.alerts.limits.recent_days)[0]
    published: date | None = days["last_on"]
    missing: list[date] = [day for day in days["missing"] if day <= last_due]
    if published is None:
        began = tx.rows("beat_of", flow=WATCH)
        published = (began[0]["first_at"] if began else now).astimezone(zone).date() - timedelta(days=1)
    count = len(missing) + max(0, (last_due - published).days)
    if not count:
        return
    after = [published + timedelta(days=one + 1) for one in range((last_due - published).days)]
    first = missing[0] if missing else published + timedelta(days=1)
    paid = tx.rows("money_of_days", days=[*missing, *after])
    due_at = datetime.combine(first + timedelta(days=1), policy.alerts.day_due, tzinfo=zone)
    run: str = tx.rows("run_of_day", as_of=first)[0]["dag_run"]
    due = f"{policy.alerts.day_due:%H:%M} {zone.key}"
    yield Fact(
        kind="day_unpublished",
        about="tie_out",
        since=due_at.astimezone(now.tzinfo),
        severity=policy.alerts.facts["day_unpublished"].severity,
        count=count,
        amounts={row["currency"]: int(row["minor"]) for row in paid},
        dag_id="tie_out",
        dag_run=run,
        detail={"day": f"{first}", "due": due if run else f"{due} (no run of it has begun)"},
    )


def _late_breaks(tx: Transaction, policy: Policy, now: datetime) -> Iterator[Fact]:
    """The breaks past their first deadline, by code: the newest of them is news, and so is the ladder's next step."""
    opened_by = {f"{level.lower()}_opened_by": policy.desk.opened_by(level, now=now) for level in URGENT}
    shown_max = policy.alerts.limits.shown_max
    for row in tx.rows("fact_breaks_late", shown_max=shown_max, **opened_by):
        opened = {level: (row[f"{level.lower()}_oldest"], row[f"{level.lower()}_newest"]) for level in URGENT}
        passed = policy.desk.passed({level: ends for level, ends in opened.items() if ends[0]}, now=now)
        told = dict(row) | {"newest_at": max(row["became_at"], passed.newest_at)}
        words = _name_of(policy, row["about"]) | {"for": passed.escalated_to}
        yield _fact("breaks_late", told, policy, words)


def _asked(kind: str, tx: Transaction, policy: Policy, now: datetime) -> Iterator[Fact]:
    limits = policy.alerts.limits
    params = limits.model_dump() | {
        "now": now,
        "money": list(MONEY),
        "zone": policy.calendars.entity.zone.key,
    }
    for row in tx.rows(f"fact_{kind}", **params):
        yield _fact(kind, row, policy, _large(policy, row) if kind == "breaks_large" else {})


_NOT_ASKED: Mapping[str, Callable[[Transaction, Policy, datetime], Iterable[Fact]]] = {
    "flow_late": _late_flows,
    "day_unpublished": _unpublished_days,
    "breaks_late": _late_breaks,
}
"""Kinds that need a calendar or a policy for each flow; a query of its name answers every other."""


def _name_of(policy: Policy, code: str) -> dict[str, str]:
    known = policy.breaks.codes.get(code)
    return {"name": known.name if known else "of a code nobody knows any more"}


def _large(policy: Policy, row: Row) -> dict[str, str]:
    limit = money(policy.alerts.limits.large_sgd_minor, "SGD")
    return _name_of(policy, row["about"]) | {
        "limit": f"an unknown sum, or {limit}" if row["unpriced"] else limit
    }


def _fact(kind: str, row: Row, policy: Policy, words: Mapping[str, str]) -> Fact:
    rule = policy.alerts.facts[kind]
    return Fact(
        kind=kind,
        about=row["about"],
        since=row["since"],
        newest_at=row.get("newest_at"),
        severity=row.get("severity") or rule.severity,
        count=row["count"],
        amounts={currency: int(minor) for currency, minor in (row.get("amounts") or {}).items()}
        or _apart(row.get("gaps") or ()),
        ids=tuple(row.get("ids") or ()),
        dag_id=row.get("dag_id") or "",
        dag_run=row.get("dag_run") or "",
        detail=dict(words) | {name: _said(value) for name, value in (row.get("detail") or {}).items()},
    )


def _apart(gaps: Iterable[Sequence[Mapping[str, str]]]) -> dict[str, int]:
    """Currency -> minor units by which two statements of sums in major units differ, all pairs together."""
    found: Counter[str] = Counter()
    for there, here in gaps:
        for currency in (there.keys() | here.keys()) & EXPONENTS.keys():
            apart = abs(Decimal(there.get(currency, "0")) - Decimal(here.get(currency, "0")))
            found[currency] += int(apart.scaleb(EXPONENTS[currency]))
    return {currency: minor for currency, minor in found.items() if minor}


def _said(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
