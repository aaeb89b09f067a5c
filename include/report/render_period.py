"""The weekly and month-end editions: facts to a report of the same make as the day's."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from include.domain.breaks import REPORTING_CURRENCY
from include.ports import Report
from include.report import scopes, words
from include.report.charts import Chart, trend
from include.report.figures import Figures
from include.report.limits import CURRENCIES_SHOWN, first, left_out, named
from include.report.period_facts import Cause, Deals, PeriodFacts, Received, Resolved
from include.report.render import fill
from include.report.sections import capital

View = dict[str, Any]

NAMES = {"weekly": "Week", "month_end": "Month"}
DAYS_DRAWN_MIN = 2
MINUTES_PER_HOUR = 60
NO_BREAK = "\N{NO-BREAK SPACE}"


def render_period(facts: PeriodFacts) -> Report:
    """The edition, without attachments; equal facts give equal bytes."""
    shown = Figures(facts.locale)
    view: View = {
        "name": NAMES[facts.edition],
        "since": facts.since,
        "until": facts.until,
        "run_id": facts.run_id,
        "certificate": facts.certificate_sha256,
        "days": len(facts.days),
        "trend": _trend(facts, shown),
        "trend_chart": _trend_chart(facts, shown),
        "causes": [_cause(one, shown) for one in facts.causes],
        "worth_in": REPORTING_CURRENCY,
        "unrated": named(facts.unrated),
        "first_ever": facts.first_ever,
        "unfollowed": facts.unfollowed,
        "resolved": [_resolved(one, shown) for one in facts.resolved],
        **_payments(facts.received, shown),
        "scope": scopes.in_words(facts.scope, facts.entities),
        "part": scopes.in_subject(facts.scope, facts.entities),
        "told_with": facts.told_with,
        "corrects": facts.corrects,
        "again_as": f"{facts.again_as:%Y-%m-%d %H:%M}" if facts.again_as else "",
        "work": _work(facts, shown),
        "deals": _deals(facts.deals, facts, shown),
        "baseline": facts.baseline,
    }
    view["subject"] = _subject(facts, view, shown)
    return Report(
        key=f"{facts.run_id}/{facts.edition}",
        as_of=facts.until,
        subject=view["subject"],
        html=fill("period.html", view),
        text=fill("period.txt", view),
    )


def _subject(facts: PeriodFacts, view: View, shown: Figures) -> str:
    received, applied = _sums(facts.received)
    parts = ["no payment received"]
    if received:
        parts = [
            f"{shown.percent(applied, received)} of {shown.counted(received, 'payment')} applied by rule"
        ]
    if facts.days:
        parts.append(f"{shown.counted(facts.days[-1].breaks, 'break')} open")
    if view["work"]:
        parts.append(f"{view['work']['saved_hours']} hours of work avoided")
    part = f" ({view['part']})" if view["part"] else ""
    corrected = ", corrected" if facts.corrects else ""
    return f"{NAMES[facts.edition]} to {facts.until}{part}{corrected}: {', '.join(parts)}"


def _sums(received: Sequence[Received]) -> tuple[int, int]:
    return sum(one.received for one in received), sum(one.applied for one in received)


def _trend(facts: PeriodFacts, shown: Figures) -> list[View]:
    return [
        {
            "day": day.as_of,
            "breaks": shown.number(day.breaks),
            "critical": shown.number(day.critical),
            "held": shown.number(day.held),
            "worth": shown.amount(day.held_worth_minor, REPORTING_CURRENCY),
        }
        for day in facts.days
    ]


def _trend_chart(facts: PeriodFacts, shown: Figures) -> Chart | None:
    if len(facts.days) < DAYS_DRAWN_MIN:
        return None
    first, last = facts.days[0], facts.days[-1]
    lines = [
        ("open breaks", [float(day.breaks) for day in facts.days]),
        ("payments held", [float(day.held) for day in facts.days]),
        ("critical", [float(day.critical) for day in facts.days]),
    ]
    ends = [
        f"{name} from {shown.number(int(values[0]))} to {shown.number(int(values[-1]))}"
        for name, values in (
            ("open breaks went", lines[0][1]),
            ("payments held", lines[1][1]),
            ("critical breaks", lines[2][1]),
        )
    ]
    alt = f"From {first.as_of} to {last.as_of} {', '.join(ends)}."
    return trend([f"{day.as_of:%m-%d}" for day in facts.days], lines, alt=alt, say=shown.number)


def _cause(one: Cause, shown: Figures) -> View:
    return {
        "code": one.code,
        "name": capital(one.name),
        "count": shown.number(one.breaks),
        "closed": shown.number(one.closed),
        "worth": "" if one.worth_minor is None else shown.amount(one.worth_minor, REPORTING_CURRENCY),
    }


def _resolved(one: Resolved, shown: Figures) -> View:
    return {
        "owner": words.line(one.owner),
        "count": shown.number(one.breaks),
        "by_policy": shown.number(one.by_policy),
        "median": "" if one.median_days is None else shown.number(one.median_days),
        "most": "" if one.most_days is None else shown.number(one.most_days),
    }


def _payments(received: Sequence[Received], shown: Figures) -> View:
    most = first(received, CURRENCIES_SHOWN, lambda one: -one.received)
    return {
        "received": [_received(one, shown) for one in most],
        "received_left": left_out(len(received), "payments"),
        "all_received": _all_received(received, shown),
    }


def _received(one: Received, shown: Figures) -> View:
    return {
        "currency": one.currency,
        "received": shown.number(one.received),
        "applied": shown.number(one.applied),
        "by_count": shown.percent(one.applied, one.received),
        "received_money": shown.amount(one.received_minor, one.currency),
        "applied_money": shown.amount(one.applied_minor, one.currency),
        "by_value": shown.percent(one.applied_minor, one.received_minor),
    }


def _all_received(received: Sequence[Received], shown: Figures) -> View | None:
    """All currencies together, by count and by their worth in one; None of a single currency, which says it itself."""
    if len(received) <= 1:
        return None
    count, applied = _sums(received)
    rated = [one for one in received if one.received_worth_minor is not None]
    worth = sum(one.received_worth_minor or 0 for one in rated)
    applied_worth = sum(one.applied_worth_minor or 0 for one in rated)
    return {
        "received": shown.number(count),
        "applied": shown.number(applied),
        "by_count": shown.percent(applied, count),
        "received_money": shown.money(worth, REPORTING_CURRENCY) if worth else words.NOTHING,
        "applied_money": shown.money(applied_worth, REPORTING_CURRENCY) if worth else words.NOTHING,
        "by_value": shown.percent(applied_worth, worth) if worth > 0 else words.NOTHING,
        "unrated": named(one.currency for one in received if one.received_worth_minor is None),
    }


def _work(facts: PeriodFacts, shown: Figures) -> View | None:
    """What the period's payments and small differences would have taken by hand, and what is left to do by hand."""
    received, applied = _sums(facts.received)
    written_off = sum(one.by_policy for one in facts.resolved)
    each, off = facts.baseline.minutes_per_payment, facts.baseline.minutes_per_write_off
    before, saved = received * each + written_off * off, applied * each + written_off * off
    if not before:
        return None
    return {
        "before_hours": _hours(before, shown),
        "saved_hours": _hours(saved, shown),
        "left_hours": _hours(before - saved, shown),
        "share": shown.percent(saved, before),
        "applied": shown.counted(applied, "payment"),
        "written_off": shown.counted(written_off, "small difference"),
    }


def _hours(minutes: int, shown: Figures) -> str:
    return shown.tenths((minutes * 10 + MINUTES_PER_HOUR // 2) // MINUTES_PER_HOUR)


def _deals(deals: Deals, facts: PeriodFacts, shown: Figures) -> View:
    least = deals.least_mean_days if deals.least_mean_days is not None else deals.mean_days
    longest = deals.longest_waiting_days
    return {
        "won": shown.counted(deals.won, "deal"),
        "any": deals.won > 0,
        "invoiced": shown.number(deals.invoiced),
        "waiting": shown.number(deals.won - deals.invoiced),
        "median": "" if deals.median_days is None else _days(deals.median_days, shown),
        "mean": "" if deals.mean_days is None else _days(deals.mean_days, shown),
        "least": "" if least is None else _days(least, shown),
        "longest": "" if longest is None else shown.counted(longest, "day"),
        "change": "" if least is None else _against(least, deals, facts, shown),
    }


def _against(least: Decimal, deals: Deals, facts: PeriodFacts, shown: Figures) -> str:
    """What the days are against the baseline. While a deal waits they only grow: then nothing is saved yet."""
    before = Decimal(facts.baseline.won_to_invoice_days)
    waits = deals.won > deals.invoiced
    if waits and least <= before:
        return "too early to hold against the baseline"
    change = _tenths((least - before) / before * 100)
    percent = f"{'+' if change > 0 else ''}{shown.tenths(change)}{NO_BREAK}%"
    return f"{'at least ' if waits else ''}{percent} against the baseline"


def _days(days: Decimal, shown: Figures) -> str:
    return shown.tenths(_tenths(days))


def _tenths(value: Decimal) -> int:
    return int((value * 10).quantize(Decimal(1), rounding=ROUND_HALF_UP))
