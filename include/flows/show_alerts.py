"""The alerts as people look them up: what lasts, what is over, how the channels are, and whether anybody watches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.domain.alert_words import priced, sentence
from include.domain.alerts import NAMES_BREAKS, OF_MESSAGES, Alert, AlertRule, playbook_of
from include.flows.gather_facts import money
from include.flows.raise_alerts import alert_of, clock_of
from include.flows.watch_promises import WATCH
from include.policy import Policy
from include.ports import Row, Store

BEAT_S_MAX = 15 * 60
"""Three looks missed: nobody watches."""


@dataclass(frozen=True)
class Shown:
    """`beat_at`: when somebody last looked; None when nobody ever did. `silent`: whether that is too long ago.

    `over_count`: how many there are of `over`; 0 where none of them was asked for.
    """

    lasting: Sequence[Mapping[str, Any]]
    over: Sequence[Mapping[str, Any]]
    over_count: int
    channels: Sequence[Row]
    beat_at: datetime | None
    silent: bool
    now: datetime


def show_alerts(store: Store, policy: Policy, *, over: int = 0) -> Shown:
    """What lasts, the worst first, and the newest of what is over."""
    with store.transaction() as tx:
        now = clock_of(tx)
        beats = tx.rows("beat_of", flow=WATCH)
        rules = policy.alerts.rules  # put together anew by whoever asks
        lasting = [_shown(alert_of(row), rules) for row in tx.rows("open_alerts")]
        closed = tx.rows("closed_alerts", limit=over)
        ended = [_shown(alert_of(row), rules) for row in closed]
        channels = tx.rows("alert_channels")
    beat_at: datetime | None = beats[0]["beat_at"] if beats else None
    silent = beat_at is not None and (now - beat_at).total_seconds() > BEAT_S_MAX
    return Shown(lasting, ended, closed[0]["ended"] if closed else 0, channels, beat_at, silent, now)


def _shown(alert: Alert, rules: Mapping[str, AlertRule]) -> Mapping[str, Any]:
    fact = alert.fact
    rule = rules.get(fact.kind)
    return {
        "kind": fact.kind,
        "about": fact.about,
        "severity": fact.severity,
        "what": sentence(fact),
        "since": fact.since,
        "raised_at": alert.raised_at,
        "over_at": alert.over_at,
        "mended": alert.mended,
        "count": fact.count,
        "money": priced(fact, money),
        "breaks": list(fact.ids) if fact.kind in NAMES_BREAKS else [],
        "messages": list(fact.ids) if fact.kind in OF_MESSAGES else [],
        "dag_id": fact.dag_id,
        "dag_run": fact.dag_run,
        "playbook": playbook_of(fact, rule) if rule else "",
    }
