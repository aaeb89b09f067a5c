"""How sure the day's matches are: what each pass applied, what is held, and what of it was taken back since."""

from collections.abc import Sequence
from typing import Any

from include.domain.breaks import REPORTING_CURRENCY
from include.report import words
from include.report.facts import AmbiguousTotal, Posted, PostedTotal, ReportFacts
from include.report.figures import Figures
from include.report.limits import CURRENCIES_SHOWN, first, left_out, listed, named

View = dict[str, Any]

BY_HAND = "manual"
"""The rule under which stands what people matched."""


def applied(facts: ReportFacts) -> int:
    """Payments that were applied."""
    return sum(total.payments for total in facts.applied)


def held(facts: ReportFacts) -> int:
    """Payments that were left to a person: nothing of them was applied."""
    return sum(total.held for total in facts.breaks)


def sureness(facts: ReportFacts, shown: Figures) -> list[View]:
    """How many payments each pass applied, then the held ones, with their share of all that were decided."""
    counts: dict[str, int] = {}
    for one in facts.applied:
        counts[one.rule] = counts.get(one.rule, 0) + one.payments
    decided = applied(facts) + held(facts)
    lines = [(*words.RULES.get(rule, (rule, "")), count) for rule, count in counts.items()]
    lines.append(("Held", "left to a person; each is a break, above or in the workbook", held(facts)))
    return [
        {"name": name, "why": why, "count": shown.number(count), "share": shown.percent(count, decided)}
        for name, why, count in lines
        if count
    ]


def coverage(facts: ReportFacts, shown: Figures) -> list[View]:
    """By currency: the share that the rules applied, by count and by value, of all payments applied or held.

    What is left of a payment that was applied in part is held money, and no held payment.
    """
    payments = decided_in(facts)
    currencies = first(list(payments), CURRENCIES_SHOWN, lambda currency: -payments[currency])
    return [_coverage_of(facts, currency, shown) for currency in currencies]


def decided_in(facts: ReportFacts) -> dict[str, int]:
    """Currency -> payments applied or held in it, wherever there are any or something is left of one."""
    applied_in = [(one.currency, one.payments) for one in facts.applied]
    held_in = [
        (one.currency, one.held) for one in facts.breaks if one.currency and (one.held or one.held_minor)
    ]
    counts: dict[str, int] = {}
    for currency, payments in sorted(applied_in + held_in):
        counts[currency] = counts.get(currency, 0) + payments
    return counts


def _coverage_of(facts: ReportFacts, currency: str, shown: Figures) -> View:
    decided = [one for one in facts.applied if one.currency == currency]
    ours = [one for one in decided if one.rule != BY_HAND]
    waiting = [one for one in facts.breaks if one.currency == currency]
    left_minor = sum(one.held_minor for one in waiting)
    done_minor = sum(one.amount_minor for one in ours)
    whole = sum(one.payments for one in decided) + sum(one.held for one in waiting)
    whole_minor = sum(one.amount_minor for one in decided) + left_minor
    return {
        "currency": currency,
        "by_count": shown.percent(sum(one.payments for one in ours), whole) if whole else "",
        "by_value": shown.percent(done_minor, whole_minor) if whole_minor > 0 else "",
        "applied": shown.amount(done_minor, currency),
        "held": shown.amount(left_minor, currency),
    }


def ambiguous(found: Sequence[AmbiguousTotal], shown: Figures) -> list[View]:
    """Payments held because nothing singles out one explanation: how many, how much, and why."""
    lines = []
    for candidates in sorted({one.candidates for one in found}, reverse=True):
        totals = [one for one in found if one.candidates == candidates]
        lines.append(
            {
                "count": shown.counted(sum(one.payments for one in totals), "payment"),
                "why": words.AMBIGUITIES[candidates],
                "money": listed(_money_of(totals, shown), "currency"),
            }
        )
    return lines


def _money_of(totals: Sequence[AmbiguousTotal], shown: Figures) -> list[str]:
    """By currency, those with most payments first."""
    return [
        shown.money(one.amount_minor, one.currency)
        for one in sorted(totals, key=lambda one: -one.payments)
        if one.currency and one.amount_minor is not None
    ]


def taken_back(found: Posted | None, shown: Figures) -> View | None:
    """Of the payments applied by rule of late, how many and how much did not stay applied; None where there are none.

    It is what was seen, not an estimate: a wrong match that nobody found is not in it.
    """
    if found is None or not any(one.payments for one in found.totals):
        return None
    payments, back = (sum(getattr(one, name) for one in found.totals) for name in ("payments", "taken_back"))
    worths = [(one.worth_minor, one.taken_back_worth_minor) for one in found.totals]
    worth = sum(whole or 0 for whole, _ in worths)
    touched = [one for one in found.totals if one.taken_back]
    return {
        "days": shown.number(found.days),
        "payments": shown.counted(payments, "payment"),
        "back": shown.number(back),
        "one": back == 1,
        "share": _share(back, payments, shown),
        "by_value": _share(sum(part or 0 for _, part in worths), worth, shown) if worth > 0 else "",
        "value_in": REPORTING_CURRENCY,
        "unrated": named(one.currency for one in found.totals if one.worth_minor is None),
        "currencies": [
            _taken_back_of(one, shown)
            for one in first(touched, CURRENCIES_SHOWN, lambda one: -one.taken_back)
        ],
        "left": left_out(len(touched), "payments taken back"),
    }


def _taken_back_of(one: PostedTotal, shown: Figures) -> View:
    return {
        "currency": one.currency,
        "back": shown.number(one.taken_back),
        "money": shown.money(one.taken_back_minor, one.currency),
        "of": shown.money(one.amount_minor, one.currency),
    }


def _share(part: int, whole: int, shown: Figures) -> str:
    """A share in hundredths of a percent, because what is taken back is little."""
    return shown.hundredths((20_000 * part + whole) // (2 * whole)) + "\N{NO-BREAK SPACE}%"
