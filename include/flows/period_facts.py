"""What a week or a month came to, as the run that tells it saw it, for one part of the books."""

from dataclasses import asdict
from decimal import Decimal

from include.domain.canonical_json import sha256
from include.domain.periods import Period
from include.domain.recipients import Scope
from include.flows.day_facts import Day, enter_scope, name_of, whole_minor
from include.policy import Policy
from include.ports import Row, Transaction
from include.report.period_facts import (
    Baseline,
    Cause,
    DayPoint,
    Deals,
    PeriodFacts,
    Received,
    Resolved,
)


def period_facts(tx: Transaction, day: Day, period: Period, *, scope: Scope) -> PeriodFacts:
    """The figures of a period. To be asked with the breaks of its days among those of the day (add_period_breaks)."""
    policy, span = day.policy, {"since": period.since, "until": period.until}
    narrow = enter_scope(tx, scope)
    life = {**span, "zone": str(policy.calendars.entity.zone), "whole": scope.whole}
    days = tx.rows("period_days", **span, **day.worths)
    unrated = tx.rows("period_unrated", rated=day.worths["rated"], **span)
    unfollowed = tx.rows("period_unfollowed", **span)[0]["days"]
    most = policy.reporting.causes_shown
    if unfollowed:
        causes = tx.rows("period_causes_by_days", limit=most, **span)
    else:
        causes = tx.rows("period_causes", limit=most, **life)
    [deals] = tx.rows("period_deals", until_day=day.as_of, **span, **narrow)
    received = tx.rows("period_payments", run_id=day.run_id, **span, **narrow, **day.worths)
    return PeriodFacts(
        edition=period.edition,
        run_id=day.run_id,
        certificate_sha256=day.run["certificate_sha256"],
        since=period.since,
        until=period.until,
        told_with=day.as_of,
        days=[DayPoint(**whole_minor(row)) for row in days],
        causes=[Cause(name=name_of(row["code"], policy.breaks), **whole_minor(row)) for row in causes],
        unrated=[row["currency"] for row in unrated],
        first_ever=tx.rows("period_first_ever", **span)[0]["first_ever"],
        unfollowed=unfollowed,
        resolved=[Resolved(**row) for row in tx.rows("period_resolved", **life)],
        received=[Received(**whole_minor(row)) for row in received],
        deals=_deals(deals),
        baseline=_baseline(policy),
        scope=scope,
        entities=policy.reporting.entities,
    )


def figures_of(facts: PeriodFacts) -> str:
    """What names the figures of an edition: equal where everything it tells is, whichever run and words tell it."""
    told = asdict(facts)
    passing = (
        "run_id",
        "certificate_sha256",
        "told_with",
        "corrects",
        "again_as",
        "scope",
        "locale",
        "entities",
    )
    for name in passing:
        del told[name]
    for cause in told["causes"]:
        del cause["name"]
    return sha256(told)


def _deals(row: Row) -> Deals:
    means = ("median_days", "mean_days", "least_mean_days")
    return Deals(**{**row, **{name: _decimal(row[name]) for name in means}})


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
