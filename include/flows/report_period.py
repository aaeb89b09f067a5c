"""Tells finance what a week or a month came to, on its last business day; keeps each edition and mails it once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from include.domain.periods import Period, periods_ending
from include.domain.recipients import HOME_LOCALE, Recipient, Scope
from include.flows.day_facts import HELD_FAMILY, Day, look_at_day, name_of
from include.flows.report_day import stored
from include.flows.report_files import Files
from include.flows.send_mailings import Mails, keep_mailings, send_mailings
from include.policy import Policy
from include.ports import Postman, Report, Store, Transaction
from include.report.period_facts import (
    Baseline,
    Cause,
    DayPoint,
    Deals,
    PeriodFacts,
    Received,
    Resolved,
)
from include.report.render_period import render_period


@dataclass(frozen=True)
class Told:
    """An edition, and who was mailed it now."""

    edition: str
    mailed: tuple[str, ...]


def report_periods(
    store: Store,
    postman: Postman,
    *,
    as_of: date,
    recipients: Sequence[Recipient],
    policy: Policy,
    past: bool = False,
    link_to: str = "",
) -> list[Told]:
    """Report the week and the month that end with this day, those that do; to those who see the whole of the books.

    `past`: the day is told after the fact. Raises Fatal when no run of the day is published, and what sending raises.
    """
    everybody = [one for one in recipients if one.scope.whole]
    told = []
    for period in periods_ending(as_of, calendar=policy.calendars.own):
        mailed = not past or policy.reporting.mail_past_days
        with store.transaction() as tx:
            day = look_at_day(tx, as_of=as_of, policy=policy, link_to=link_to)
            mails = Mails(day.run_id, period.edition)
            made = _Editions(period_facts(tx, day, period))
            tx.run("keep_edition", edition=period.edition, **stored(day, made.of(Scope(), HOME_LOCALE)))
            if mailed:
                keep_mailings(tx, mails, everybody, made.of)
        files = Files(day, edition=period.edition.replace("_", "-"))
        sent = send_mailings(store, postman, mails, recipients=everybody, attach=files.of) if mailed else []
        told.append(Told(period.edition, tuple(sent)))
    return told


def period_facts(tx: Transaction, day: Day, period: Period) -> PeriodFacts:
    """What the period came to, as the run of its last day saw it."""
    policy, span = day.policy, {"since": period.since, "until": period.until}
    held = [code for code, one in policy.breaks.codes.items() if one.family == HELD_FAMILY]
    days = tx.rows("period_days", held_codes=held, **span)
    causes = tx.rows("period_causes", limit=policy.reporting.causes_shown, **span)
    zone = str(policy.calendars.entity.zone)
    [deals] = tx.rows("period_deals", **span)
    return PeriodFacts(
        edition=period.edition,
        run_id=day.run_id,
        certificate_sha256=day.run["certificate_sha256"],
        since=period.since,
        until=period.until,
        days=[DayPoint(**{name: row[name] for name in row if name != "run_id"}) for row in days],
        causes=[Cause(name=name_of(row["code"], policy.breaks), **row) for row in causes],
        resolved=[Resolved(**row) for row in tx.rows("period_resolved", zone=zone, **span)],
        received=[Received(**row) for row in tx.rows("period_payments", run_id=day.run_id, **span)],
        deals=Deals(
            won=deals["won"],
            invoiced=deals["invoiced"],
            median_days=_decimal(deals["median_days"]),
            mean_days=_decimal(deals["mean_days"]),
        ),
        baseline=_baseline(policy),
    )


class _Editions:
    """The edition of a period, rendered once in each locale."""

    def __init__(self, facts: PeriodFacts) -> None:
        self._facts = facts
        self._made: dict[str, Report] = {}

    def of(self, _: Scope, locale: str) -> Report:
        if locale not in self._made:
            self._made[locale] = render_period(replace(self._facts, locale=locale))
        return self._made[locale]


def _baseline(policy: Policy) -> Baseline:
    before, claims = policy.reporting.baseline, policy.reporting.claims
    return Baseline(
        minutes_per_payment=before.minutes_per_payment,
        minutes_per_write_off=before.minutes_per_write_off,
        won_to_invoice_days=before.won_to_invoice_days,
        manual_work_claim=claims.manual_work_saved,
        won_to_invoice_claim=claims.won_to_invoice_saved,
    )


def _decimal(value: float | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
