"""Tells finance how a day tied out: renders the report of its published run, keeps it, and mails it to each once.

A day that is told after the fact (a backfill) says what the day knew; where later facts differ it is kept as restated
besides, with what was learnt since. Whether such a report is mailed is policy (`mail_past_days`): then as `restated`
where anything of the day is otherwise by now, also to who has its `daily` report, and else as `daily`; each once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from uuid import UUID

from include.domain.recipients import HOME_LOCALE, Recipient, Scope
from include.flows.day_facts import Day, facts_of, figures_of, look_at_day
from include.flows.learnt_since import learnt_since
from include.flows.report_files import Files
from include.flows.restate_day import restated_figures
from include.flows.send_mailings import keep_mailings, send_mailings
from include.flows.tellings import Mails, Word, mails_of, said_before, words_of
from include.policy import Policy
from include.ports import LockingStore, Postman, Rejected, Report, Store, Transaction
from include.report import ReportFacts, Restatement
from include.report.render import render_report


@dataclass(frozen=True)
class Reported:
    """The run that was reported, as `daily` or `restated`, and who was mailed now; nobody when all had been before."""

    run_id: UUID
    edition: str
    mailed: tuple[str, ...]


def report_day(
    store: LockingStore,
    postman: Postman,
    *,
    as_of: date,
    recipients: Sequence[Recipient],
    policy: Policy,
    past: bool = False,
    link_to: str = "",
) -> Reported:
    """Report the newest published run of a day; each recipient is mailed once, and again only for other figures of
    their part of the books.

    `past`: the day is told after the fact. `link_to`: where breaks are looked at, without their id. The report is
    committed before anything is sent, so that it can be read while the mail server is away. A crash after the hand-over
    sends again under the same Message-ID. Raises Fatal when no run of the day is published, and what sending raises.
    """
    mailed = not past or policy.reporting.mail_past_days
    figures = restated_figures(store, as_of=as_of, policy=policy) if past else []
    with store.transaction() as tx:
        scopes = [one.scope for one in recipients] if mailed else []
        day = look_at_day(tx, as_of=as_of, policy=policy, scopes=scopes, link_to=link_to)
        restatement = learnt_since(tx, day, figures) if past else None
        mails = mails_of(tx, Mails(day.run_id, "restated" if restatement else "daily", day.as_of))
        reports = _Reports(tx, day, restatement, words_of(tx, mails))
        _keep(tx, day, reports, past=past)
        have = [one for one in recipients if mailed and reports.are_known_to(one)]
        if mailed:
            keep_mailings(tx, mails, [one for one in recipients if one not in have], reports.written)
    if not mailed:
        return Reported(day.run_id, mails.edition, ())
    try:
        sent = send_mailings(store, postman, mails, recipients=recipients, attach=Files(day))
    except Rejected:
        _mark_sent(store, mails, recipients, have=have)
        raise
    _mark_sent(store, mails, recipients, have=have)
    return Reported(day.run_id, mails.edition, tuple(sent))


def _mark_sent(
    store: Store, mails: Mails, recipients: Sequence[Recipient], *, have: Sequence[Recipient]
) -> None:
    """Note that the report went out, when it has to all of these whom the server takes; who has its figures, has it."""
    having = [one.address for one in have] if mails.edition == "daily" else []
    mailboxes = [one.mailbox for one in recipients]
    with store.transaction() as tx:
        of_run = {"run_id": mails.run_id, "telling": mails.telling}
        tx.run("report_is_sent", recipients=mailboxes, having=having, **of_run)


class _Reports:
    """The reports of a day, each part of the books in each locale rendered once.

    `words`: the mails that each mailbox has of the day, the last one first.
    """

    def __init__(
        self, tx: Transaction, day: Day, restatement: Restatement | None, words: dict[str, list[Word]]
    ) -> None:
        self._tx, self._day, self._restatement, self._words = tx, day, restatement, words
        self._facts = cache(self._facts_of)
        self._figures = cache(self._figures_of)
        self.of = cache(self._of)

    @property
    def restated(self) -> bool:
        return self._restatement is not None

    def are_known_to(self, one: Recipient) -> bool:
        """Whether the last mail that somebody has of the day tells what they would be told now."""
        words = self._words.get(one.mailbox)
        if not words:
            return False
        last = words[0]
        same_part = last.scope == one.scope and last.figures == self._figures(one.scope)
        return same_part or last.came_to == self._day.figures

    def written(self, one: Recipient) -> tuple[Report, str]:
        """Their mail, and what names its figures."""
        words, figures = self._words.get(one.mailbox, []), self._figures(one.scope)
        corrects = words[0].run_id if words else None
        before = said_before(words, one.scope, figures, zone=self._day.policy.calendars.entity.zone)
        return self.of(one.scope, one.locale, corrects, before), figures

    def _of(
        self, scope: Scope, locale: str, corrects: UUID | None = None, again_as: datetime | None = None
    ) -> Report:
        return render_report(replace(self._facts(scope, locale), corrects=corrects, again_as=again_as))

    def _figures_of(self, scope: Scope) -> str:
        return figures_of(self._tx, self._day, scope)

    def _facts_of(self, scope: Scope, locale: str) -> ReportFacts:
        """As they are told now: with what was learnt since, where the day is told after the fact."""
        # How much was learnt since is known of the whole alone: who sees a part is told of what, in no figures.
        shown = told = self._restatement
        if told is not None and not scope.whole:
            shown = Restatement(learnt=[(entity, None) for entity, _ in told.learnt], items=())
        return facts_of(self._tx, self._day, scope=scope, locale=locale, restatement=shown)

    def as_known_then(self) -> Report:
        """The whole, in the locale of the house, without what was learnt since."""
        if self._restatement is None:
            return self.of(Scope(), HOME_LOCALE, self._day.corrects)
        return render_report(facts_of(self._tx, self._day, scope=Scope()))


def _keep(tx: Transaction, day: Day, reports: _Reports, *, past: bool) -> None:
    """Store the day's report once, and anew what was learnt since; what is as it was again is restated no longer."""
    if not tx.rows("report_is_kept", run_id=day.run_id):
        tx.run("keep_report", **stored(day, reports.as_known_then()))
    if reports.restated:
        told = stored(day, reports.of(Scope(), HOME_LOCALE, day.corrects))
        tx.run("keep_edition", edition="restated", since=None, until=None, **told)
    elif past:
        tx.run("forget_restated", run_id=day.run_id)


def stored(day: Day, report: Report) -> dict[str, object]:
    """What of a report is kept, by column."""
    return {
        "run_id": day.run_id,
        "as_of": day.as_of,
        "subject": report.subject,
        "html": report.html,
        "plain": report.text,
    }
