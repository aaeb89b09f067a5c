"""Looks at what is true now and keeps it as alerts: raised once, seen while they last, ended when they are not seen.

What ended because its cause is gone is mended; what is so still, and only too old to be looked at, is not.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any

from include.domain.alerts import Alert, Fact, Says, Told, changes
from include.flows.gather_facts import gather_facts, lasts
from include.flows.keep_limits import keep_limits
from include.flows.watch_promises import WATCH, keep_promises
from include.policy import Policy
from include.ports import Row, Store, Transaction


def raise_alerts(
    store: Store, policy: Policy, *, connected: Collection[str] = (), now: datetime | None = None
) -> Counter[str]:
    """How many alerts were raised, were seen again, ended. `now`: by default the database's own.

    `connected`: the systems that need a place named for them and have one; of others nothing is promised before they
    were read. Leaves a beat, without which nobody watches, and the limits that proposals are judged by. Who comes
    while another looks leaves it to them.
    """
    with store.transaction() as tx:
        now = now or clock_of(tx)
        tx.run("beat", flow=WATCH, now=now)
        keep_promises(tx, policy, connected=connected, now=now)
        keep_limits(tx, policy)
    with store.transaction() as tx:
        if not tx.rows("lock_alerts")[0]["mine"]:
            return Counter()
        found = gather_facts(tx, policy, now=now)
        return _keep(tx, found, policy, now)


def clock_of(tx: Transaction) -> datetime:
    """The database's clock, the only one that counts."""
    now: datetime = tx.rows("alert_clock")[0]["now"]
    return now


def alert_of(row: Row) -> Alert:
    """An alert as the database keeps it."""
    said: Says | None = row.get("told_says")
    told = (
        Told(said, row["told_severity"], row["told_at"], row["told_count"], row["told_amounts"])
        if said
        else None
    )
    fact = Fact(
        kind=row["kind"],
        about=row["about"],
        since=row["since"],
        newest_at=row["newest_at"],
        severity=row["severity"],
        count=row["count"],
        amounts=row["amounts"],
        ids=tuple(row["ids"]),
        dag_id=row["dag_id"],
        dag_run=row["dag_run"],
        detail=row["detail"],
    )
    return Alert(
        alert_id=row["alert_id"],
        fact=fact,
        raised_at=row["raised_at"],
        seen_at=row["seen_at"],
        over_at=row["over_at"],
        mended=row["mended"] is not False,
        told=told,
    )


def _keep(tx: Transaction, found: list[Fact], policy: Policy, now: datetime) -> Counter[str]:
    known = [alert_of(row) for row in tx.rows("open_alerts")]
    changed = changes(found, known, now=now, patience=policy.alerts.patience)
    for fact in changed.raised:
        tx.run("raise_alert", now=now, **_kept(fact))
    for fact in changed.seen:
        tx.run("see_alert", now=now, **_kept(fact))
    for alert in changed.over:
        mended = not lasts(tx, policy, alert.fact, now=now)
        tx.run("end_alert", now=now, alert_id=alert.alert_id, mended=mended)
    return Counter(raised=len(changed.raised), seen=len(changed.seen), over=len(changed.over))


def _kept(fact: Fact) -> dict[str, Any]:
    return {
        "kind": fact.kind,
        "about": fact.about,
        "severity": fact.severity,
        "since": fact.since,
        "newest_at": fact.newest_at,
        "count": fact.count,
        "amounts": dict(fact.amounts),
        "ids": list(fact.ids),
        "dag_id": fact.dag_id,
        "dag_run": fact.dag_run,
        "detail": dict(fact.detail),
    }
