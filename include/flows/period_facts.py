"""What a week or a month came to, as the run that tells it saw it, for one part of the books."""

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

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
    [deals] = tx.rows("period_deals", run_id=day.run_id, until_day=day.as_of, **span, **narrow)
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
        unrated=tuple(row["currency"] for row in unrated),
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
    """What names the figures of an edition: equal where everything it tells is, whichever run and words tell it.

    A field that holds its default is none of them, so that one that a later release adds makes no figures others.
    """
    return sha256(_told(facts))


_PASSING = {
    *("run_id", "certificate_sha256", "told_with", "corrects", "again_as", "scope", "locale", "entities"),
    "name",  # of a cause
}


def _told(value: Any) -> Any:
    if is_dataclass(value):
        held = {field.name: (getattr(value, field.name), field.default) for field in fields(value)}
        return {
            name: _told(one)
            for name, (one, default) in held.items()
            if name not in _PASSING and one != default
        }
    return [_told(one) for one in value] if isinstance(value, list | tuple) else value


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
