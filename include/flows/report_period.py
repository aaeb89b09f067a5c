"""Tells finance what a week or a month came to, once it is over; keeps each edition and mails it once.

Weeks run from Monday to Sunday and months from the first day to the last, so that nothing is in none of them. An
edition goes out with the first day at or after the period's last one that is published as it happens; one that is told
after the fact keeps it, and mails it where policy says so. Where that day is run again and a figure is another, it goes
out as corrected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from uuid import UUID

from include.domain.periods import Period, periods_over
from include.domain.recipients import HOME_LOCALE, Recipient, Scope
from include.flows.day_facts import Day, look_at_day, prepare_breaks
from include.flows.period_facts import figures_of, period_facts
from include.flows.report_day import stored
from include.flows.report_files import Files
from include.flows.send_mailings import keep_mailings, send_mailings
from include.flows.tellings import Mails, Word, mails_of, said_before, words_of
from include.policy import Policy
from include.ports import LockingStore, Postman, Rejected, Report, Retryable, Store, Transaction
from include.report.period_facts import PeriodFacts
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
            sent = send_mailings(store, postman, one.mails, recipients=mailed, attach=one.files)
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
        tx.run("add_period_breaks", run_id=day.run_id, since=period.since, until=period.until)
        prepare_breaks(tx, [one.scope for one in recipients])
        span = {"since": period.since, "until": period.until}
        editions = _Editions(tx, day, period)
        whole = editions.of(Scope(), HOME_LOCALE)
        tx.run("keep_edition", edition=period.edition, **stored(day, whole), **span)
        mails = mails_of(tx, Mails(day.run_id, period.edition, period.until))
        words = words_of(tx, mails)
        waiting = [one for one in recipients if editions.are_news(one, words.get(one.mailbox, []))]
        last = [words[one.mailbox][0] for one in waiting if one.mailbox in words]
        told = {(word.run_id, word.telling) for word in last}
        if (day.run_id, mails.telling) in told:  # a day of the period became another since
            mails = replace(mails, telling=mails.telling + 1)
        keep_mailings(tx, mails, waiting, lambda one: editions.written(one, words.get(one.mailbox, [])))
    return _Kept(period, mails, Files(day, edition=period.edition.replace("_", "-"), of_day=period.until))


class _Editions:
    """The edition of a period for each part of the books: its figures are found once, and rendered once a locale."""

    def __init__(self, tx: Transaction, day: Day, period: Period) -> None:
        self._tx, self._day, self._period = tx, day, period
        self._facts = cache(self._facts_of)
        self.of = cache(self._of)

    def _facts_of(self, scope: Scope) -> PeriodFacts:
        return period_facts(self._tx, self._day, self._period, scope=scope)

    def _of(
        self, scope: Scope, locale: str, corrects: UUID | None = None, again_as: datetime | None = None
    ) -> Report:
        return render_period(replace(self._facts(scope), locale=locale, corrects=corrects, again_as=again_as))

    def are_news(self, one: Recipient, words: Sequence[Word]) -> bool:
        """Whether somebody has no mail of the period yet, or one of the same part of the books with other figures."""
        if not words:
            return True
        word = words[0]
        if word.scope != one.scope or word.figures is None:
            return False
        return word.figures != figures_of(self._facts(one.scope))

    def written(self, one: Recipient, words: Sequence[Word]) -> tuple[Report, str]:
        """Their mail, and what names its figures."""
        figures = figures_of(self._facts(one.scope))
        corrects = words[0].run_id if words else None
        before = said_before(words, one.scope, figures, zone=self._day.policy.calendars.entity.zone)
        return self.of(one.scope, one.locale, corrects, before), figures
