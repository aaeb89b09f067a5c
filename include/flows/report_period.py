"""Tells finance what a week or a month came to, once it is over; keeps each edition and mails it once.

Weeks run from Monday to Sunday and months from the first day to the last, so that nothing is in none of them. An
edition goes out with the first day at or after the period's last one that is published as it happens; one that is told
after the fact keeps it, and mails it where policy says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from include.domain.periods import Period, periods_over
from include.domain.recipients import HOME_LOCALE, Recipient, Scope
from include.flows.day_facts import look_at_day, prepare_breaks
from include.flows.period_facts import period_facts
from include.flows.report_day import stored
from include.flows.report_files import Files
from include.flows.send_mailings import Mails, keep_mailings, send_mailings
from include.policy import Policy
from include.ports import LockingStore, Postman, Rejected, Report, Retryable, Store
from include.report.render_period import render_period


@dataclass(frozen=True)
class Told:
    """An edition, and who was mailed it now."""

    edition: str
    mailed: tuple[str, ...]


@dataclass(frozen=True)
class _Kept:
    """An edition that is rendered and kept, and waits to be sent."""

    period: Period
    mails: Mails
    files: Files


def report_periods(
    store: LockingStore,
    postman: Postman,
    *,
    as_of: date,
    recipients: Sequence[Recipient],
    policy: Policy,
    past: bool = False,
    link_to: str = "",
) -> list[Told]:
    """Report the week and the month that are over and that no other day has mailed.

    `past`: the day is told after the fact. All that is due is kept before any of it is sent, and one that cannot be
    sent keeps no other waiting. Raises Fatal when no run of the day is published, and what sending raises, at the end.
    """
    mailed = recipients if not past or policy.reporting.mail_past_days else []
    kept = [
        _keep(store, period, as_of=as_of, recipients=mailed, policy=policy, link_to=link_to)
        for period in _due(store, as_of, past=past)
    ]
    told, stops = [], []
    for one in kept:
        sent: list[str] = []
        try:
            sent = send_mailings(store, postman, one.mails, recipients=mailed, attach=one.files.of)
        except (Retryable, Rejected) as stop:
            stops.append(stop)
        told.append(Told(one.period.edition, tuple(sent)))
    if stops:
        kind = Retryable if any(isinstance(stop, Retryable) for stop in stops) else Rejected
        raise kind("; ".join(str(stop) for stop in stops)) from stops[0]
    return told


def _due(store: Store, as_of: date, *, past: bool) -> list[Period]:
    due = []
    with store.transaction() as tx:
        for period in periods_over(as_of):
            span = {"since": period.since, "until": period.until}
            [found] = tx.rows("edition_is_due", edition=period.edition, as_of=as_of, past=past, **span)
            if found["due"]:
                due.append(period)
    return due


def _keep(
    store: Store,
    period: Period,
    *,
    as_of: date,
    recipients: Sequence[Recipient],
    policy: Policy,
    link_to: str,
) -> _Kept:
    """Render the edition for everybody who has none yet, each part of the books once in each locale, and keep it."""
    with store.transaction() as tx:
        day = look_at_day(tx, as_of=as_of, policy=policy, link_to=link_to)
        tx.run("add_period_breaks", since=period.since, until=period.until)
        prepare_breaks(tx, policy, [one.scope for one in recipients])

        @cache
        def of(scope: Scope, locale: str) -> Report:
            return render_period(period_facts(tx, day, period, scope=scope, locale=locale))

        span = {"since": period.since, "until": period.until}
        tx.run("keep_edition", edition=period.edition, **stored(day, of(Scope(), HOME_LOCALE)), **span)
        mails = Mails(day.run_id, period.edition)
        told = tx.rows("told_by_another_run", until=period.until, **mails.params)
        has = {row["recipient"] for row in told}
        keep_mailings(tx, mails, [one for one in recipients if one.mailbox not in has], of)
    return _Kept(period, mails, Files(day, edition=period.edition.replace("_", "-"), of_day=period.until))
