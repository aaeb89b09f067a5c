"""The parts of the day's report as its templates read them: words and figures, ready to be shown."""

from collections.abc import Iterator, Sequence
from typing import Any

from include.domain.proofs import ControlTotal
from include.report import words
from include.report.facts import (
    AgingTotal,
    AmbiguousTotal,
    ArrMonth,
    BreakTotal,
    ChangeTotal,
    OpenBreak,
    QualityVerdict,
    ReportFacts,
    Restatement,
)
from include.report.figures import Figures

COMPARED = "R3"
ALWAYS_SHOWN = ("invoice", "payment")
"""Sides whose totals the mail always shows; the others' stand in the workbook while they are proven."""

View = dict[str, Any]


def applied(facts: ReportFacts) -> int:
    """Payments that were applied."""
    return sum(total.payments for total in facts.applied)


def held(facts: ReportFacts) -> int:
    """Payments that were left to a person."""
    return sum(total.breaks for total in facts.breaks if total.holds_payment)


def totals(found: Sequence[ControlTotal], shown: Figures) -> list[View]:
    """The lines of "does it tie": what is owed and what was received, and whatever is not proven."""
    return [
        _total(one, shown)
        for one in found
        if one.recon == COMPARED and (one.side in ALWAYS_SHOWN or not one.proven or one.quarantined_count)
    ]


def also_proven(found: Sequence[ControlTotal]) -> str:
    """The sides that are proven and not shown, in words."""
    sides = {one.side for one in found if one.recon == COMPARED} - set(ALWAYS_SHOWN)
    return ", ".join(sorted(f"{side.replace('_', ' ')}s" for side in sides))


def _total(one: ControlTotal, shown: Figures) -> View:
    """A line of "does it tie"."""
    figures = {
        "Loaded": one.loaded_minor,
        "Matched": one.matched_minor,
        "Open": one.open_minor,
        "Excluded": one.excluded_minor,
    }
    # Quarantined rows whose currency cannot be read have a line of their own, without money.
    amounts = {
        name: shown.amount(minor, one.currency) if one.currency else words.NOTHING
        for name, minor in figures.items()
    }
    return {
        "side": capital(f"{one.side}s".replace("_", " ")),
        "currency": one.currency or "without currency",
        "rows": shown.number(one.loaded_count),
        "figures": amounts,
        "quarantined": shown.number(one.quarantined_count),
        "proven": one.proven,
    }


def others(totals: Sequence[ControlTotal], shown: Figures) -> str:
    """The records that are loaded for other comparisons, in one sentence's worth of counts."""
    counts: dict[str, int] = {}
    for one in totals:
        if one.recon != COMPARED:
            counts[one.side] = counts.get(one.side, 0) + one.loaded_count
    return ", ".join(_plural(side.replace("_", " "), count, shown) for side, count in counts.items() if count)


def capital(text: str) -> str:
    """A line from outside with a capital to start."""
    shown = words.line(text)
    return shown[:1].upper() + shown[1:]


def _plural(noun: str, count: int, shown: Figures) -> str:
    if noun.endswith("y") and count != 1:
        return f"{shown.number(count)} {noun[:-1]}ies"
    return shown.counted(count, noun)


def changes(found: Sequence[ChangeTotal], shown: Figures) -> list[View]:
    """What is new, gone and otherwise since the day before: a count each, and the money by currency."""
    lines = []
    for change, name in words.CHANGES.items():
        totals = [one for one in found if one.change == change]
        if totals:
            money = [
                shown.money(one.amount_minor, one.currency)
                for one in totals
                if one.currency and one.amount_minor is not None
            ]
            count = sum(one.breaks for one in totals)
            lines.append({"name": name, "count": shown.number(count), "money": money})
    return lines


def need(one: OpenBreak, shown: Figures) -> View:
    """One break that needs somebody."""
    return {
        "severity": one.severity,
        "severity_word": words.SEVERITIES[one.severity],
        "name": capital(one.name),
        "key": words.line(one.key),
        "owner": words.line(one.owner),
        "assignee": words.line(one.assignee or ""),
        "amount": _break_amount(one, shown),
        "age": shown.counted(one.age_days, "day"),
        "action": capital(one.action),
        "evidence": words.line(one.evidence),
        "link": one.link,
    }


def _break_amount(one: OpenBreak | BreakTotal, shown: Figures) -> str:
    if one.currency is None or one.amount_minor is None:
        return ""
    return shown.money(one.amount_minor, one.currency)


def codes(breaks: Sequence[BreakTotal], shown: Figures) -> list[View]:
    """A line per code: how many, and their money in every currency."""
    names = {one.code: one.name for one in breaks}
    return [
        {
            "code": code,
            "name": capital(name),
            "count": shown.number(sum(one.breaks for one in breaks if one.code == code)),
            "money": [amount for one in breaks if one.code == code and (amount := _break_amount(one, shown))],
        }
        for code, name in names.items()
    ]


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
    """By currency: the share of payments that were applied, by count and by value."""
    currencies = sorted(
        {one.currency for one in facts.applied}
        | {one.currency for one in facts.breaks if one.holds_payment and one.currency}
    )
    return [_coverage_of(facts, currency, shown) for currency in currencies]


def _coverage_of(facts: ReportFacts, currency: str, shown: Figures) -> View:
    ours = [one for one in facts.applied if one.currency == currency]
    waiting = [one for one in facts.breaks if one.holds_payment and one.currency == currency]
    done, left = sum(one.payments for one in ours), sum(one.breaks for one in waiting)
    done_minor = sum(one.amount_minor for one in ours)
    left_minor = sum(abs(one.amount_minor or 0) for one in waiting)
    return {
        "currency": currency,
        "by_count": shown.percent(done, done + left),
        "by_value": shown.percent(done_minor, done_minor + left_minor) if done_minor + left_minor > 0 else "",
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
                "money": [
                    shown.money(one.amount_minor, one.currency)
                    for one in totals
                    if one.currency and one.amount_minor is not None
                ],
            }
        )
    return lines


def aging(found: Sequence[AgingTotal], shown: Figures) -> list[View]:
    """Open invoices by currency and age."""
    currencies = dict.fromkeys(one.currency for one in found)
    return [
        _aging_of(currency, [a for a in found if a.currency == currency], shown) for currency in currencies
    ]


def _aging_of(currency: str, totals: Sequence[AgingTotal], shown: Figures) -> View:
    return {
        "currency": currency,
        "open": shown.amount(sum(one.open_minor for one in totals), currency),
        "invoices": shown.counted(sum(one.invoices for one in totals), "invoice"),
        "buckets": list(_buckets(currency, totals, shown)),
    }


def _buckets(currency: str, totals: Sequence[AgingTotal], shown: Figures) -> Iterator[View]:
    by_name = {one.bucket: one for one in totals}
    for name, label in words.BUCKETS.items():
        found = by_name.get(name)
        yield {
            "label": label,
            "amount": shown.amount(found.open_minor, currency) if found else words.NOTHING,
            "invoices": shown.counted(found.invoices, "invoice") if found else "",
        }


def arr(one: ArrMonth, shown: Figures) -> View:
    """A month's bridge, line by line; what did not move is left out, but for the two ends."""
    ends = ("opening_minor", "closing_minor")
    lines = [
        {"name": name, "amount": shown.amount(sign * getattr(one, field), one.currency), "end": field in ends}
        for field, name, sign in words.ARR_LINES
        if field in ends or getattr(one, field)
    ]
    return {
        "month": f"{one.month:%Y-%m}",
        "currency": one.currency,
        "lines": lines,
        "left_out": ", ".join(one.left_out),
    }


def quality(found: Sequence[QualityVerdict]) -> View:
    """What was expected of the data: how much of it held, and each thing that did not."""
    wrong = [one for one in found if one.verdict != "pass"]
    return {
        "asked": len(found),
        "held": len(found) - len(wrong),
        "wrong": [
            {
                "verdict": one.verdict,
                "word": words.VERDICTS.get(one.verdict, one.verdict),
                "sentence": words.line(one.sentence),
                "observed": words.line(one.observed) if one.observed not in one.sentence else "",
                "owner": words.line(one.owner),
            }
            for one in wrong
        ],
    }


def restated(found: Restatement | None, shown: Figures) -> View | None:
    """What was learnt since the day was told."""
    if found is None:
        return None
    return {
        "learnt": ", ".join(
            f"{shown.number(rows)} of {entity.replace('_', ' ')}" for entity, rows in found.learnt
        ),
        "items": [
            {
                "what": f"{shown.counted(one.items, one.side)}: {words.WHY_RESTATED.get(one.why, one.why)}",
                "was": shown.money(one.was_minor, one.currency),
                "now": shown.money(one.now_minor, one.currency),
                "moved": shown.money(one.now_minor - one.was_minor, one.currency),
            }
            for one in found.items
        ],
    }
