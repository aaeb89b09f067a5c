"""Tells finance how a day tied out: renders the report of its published run, keeps it, and mails it to each once.

A day that is told after the fact (a backfill) says what the day knew; where later facts differ it is kept as restated
besides, with what was learnt since. Whether such a report is mailed is policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from include.domain.recipients import Recipient, Scope
from include.flows.day_facts import Day, facts_of, learnt_since, look_at_day
from include.flows.report_files import Files
from include.flows.send_mailings import Mails, keep_mailings, send_mailings
from include.policy import Policy
from include.ports import Postman, Report, Store, Transaction
from include.report import Restatement
from include.report.render import render_report


@dataclass(frozen=True)
class Reported:
    """The run that was reported, as `daily` or `restated`, and who was mailed now; nobody when all had been before."""

    run_id: UUID
    edition: str
    mailed: tuple[str, ...]


def report_day(
    store: Store,
    postman: Postman,
    *,
    as_of: date,
    recipients: Sequence[Recipient],
    policy: Policy,
    past: bool = False,
    link_to: str = "",
) -> Reported:
    """Report the newest published run of a day; of a run, each recipient is mailed once.

    `past`: the day is told after the fact. `link_to`: where breaks are looked at, without their id. The report is
    committed before anything is sent, so that it can be read while the mail server is away. A crash after the hand-over
    sends again under the same Message-ID. Raises Fatal when no run of the day is published, and what sending raises.
    """
    mailed = not past or policy.reporting.mail_past_days
    with store.transaction() as tx:
        scopes = [one.scope for one in recipients] if mailed else []
        day = look_at_day(tx, as_of=as_of, policy=policy, scopes=scopes, link_to=link_to)
        mails, restatement = _keep(tx, day, past=past)
        if mailed:
            keep_mailings(
                tx,
                mails,
                recipients,
                lambda scope, locale: _rendered(tx, day, scope, locale, restatement),
            )
    if not mailed:
        return Reported(day.run_id, mails.edition, ())
    sent = send_mailings(
        store,
        postman,
        mails,
        recipients=recipients,
        attach=Files(day).of,
    )
    with store.transaction() as tx:
        tx.run("report_is_sent", run_id=day.run_id)
    return Reported(day.run_id, mails.edition, tuple(sent))


def _keep(tx: Transaction, day: Day, *, past: bool) -> tuple[Mails, Restatement | None]:
    """Store the whole report; which mails it makes, and what was learnt since where the day is restated."""
    whole = render_report(facts_of(tx, day, scope=Scope()))
    tx.run("keep_report", **_stored(day, whole))
    restatement = learnt_since(tx, day) if past else None
    if restatement is None:
        return Mails(day.run_id, "daily"), None
    restated = render_report(facts_of(tx, day, scope=Scope(), restatement=restatement))
    tx.run("keep_edition", edition="restated", **_stored(day, restated))
    return Mails(day.run_id, "restated"), restatement


def _stored(day: Day, report: Report) -> dict[str, object]:
    return {
        "run_id": day.run_id,
        "as_of": day.as_of,
        "subject": report.subject,
        "html": report.html,
        "plain": report.text,
    }


def _rendered(
    tx: Transaction, day: Day, scope: Scope, locale: str, restatement: Restatement | None
) -> Report:
    # What was learnt since is told of the whole: a part of the books has no restatement of its own.
    shown = restatement if scope.whole else restatement and Restatement(learnt=restatement.learnt, items=())
    return render_report(facts_of(tx, day, scope=scope, locale=locale, restatement=shown))
