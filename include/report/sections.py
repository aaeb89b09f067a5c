"""The parts of the day's report as its templates read them: words and figures, ready to be shown."""

from collections.abc import Iterator, Sequence
from typing import Any

from include.domain.figured import filled
from include.domain.proofs import ControlTotal
from include.report import words
from include.report.facts import (
    AgingTotal,
    ArrMonth,
    BreakTotal,
    ChangeTotal,
    OpenBreak,
    QualityVerdict,
    RestatedFigure,
    RestatedTotal,
    Restatement,
)
from include.report.figures import Figures
from include.report.limits import CURRENCIES_SHOWN, LINES_SHOWN, TOTALS_SHOWN, first, listed, named

COMPARED = "R3"
ALWAYS_SHOWN = ("invoice", "payment")
"""Sides whose totals the mail always shows; the others' stand in the workbook while they are proven."""

View = dict[str, Any]


def totals(found: Sequence[ControlTotal], shown: Figures) -> list[View]:
    """The lines of "does it tie": what is owed and what was received, and whatever is not proven, which comes first."""
    lines = _tying(found)
    shown_first = first(lines, TOTALS_SHOWN, lambda one: (one.proven, -one.loaded_count))
    return [_total(one, shown) for one in shown_first]


def totals_left(found: Sequence[ControlTotal], shown: Figures) -> str:
    """What of the lines is in the workbook alone, in words; empty when all are shown."""
    lines = _tying(found)
    wrong = sum(not one.proven for one in lines)
    left = len(lines) - TOTALS_SHOWN
    if left <= 0:
        return ""
    proven = (
        "all proven" if wrong <= TOTALS_SHOWN else f"{shown.number(wrong - TOTALS_SHOWN)} of them NOT PROVEN"
    )
    return f"{shown.counted(left, 'more line')}, {proven}"


def _tying(found: Sequence[ControlTotal]) -> list[ControlTotal]:
    return [
        one
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
                for one in first(totals, len(totals), lambda one: -one.breaks)
                if one.currency and one.amount_minor is not None
            ]
            count = sum(one.breaks for one in totals)
            lines.append({"name": name, "count": shown.number(count), "money": listed(money, "currency")})
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
        "evidence": words.line(shown.said(one.evidence)),
        "link": one.link,
    }


def _break_amount(one: OpenBreak | BreakTotal, shown: Figures) -> str:
    if one.currency is None or one.amount_minor is None:
        return ""
    return shown.money(one.amount_minor, one.currency)


def codes(breaks: Sequence[BreakTotal], shown: Figures) -> list[View]:
    """A line per code: how many, and their money in the currencies that have most of them."""
    names = {one.code: one.name for one in breaks}
    return [
        _code(code, name, [one for one in breaks if one.code == code], shown) for code, name in names.items()
    ]


def _code(code: str, name: str, breaks: Sequence[BreakTotal], shown: Figures) -> View:
    most_first = sorted(breaks, key=lambda one: -one.breaks)
    money = [amount for one in most_first if (amount := _break_amount(one, shown))]
    return {
        "code": code,
        "name": capital(name),
        "count": shown.number(sum(one.breaks for one in breaks)),
        "money": listed(money, "currency"),
    }


def most_open(found: Sequence[AgingTotal]) -> list[AgingTotal]:
    """Of the currencies with most open invoices."""
    invoices: dict[str, int] = {}
    for one in found:
        invoices[one.currency] = invoices.get(one.currency, 0) + one.invoices
    kept = first(list(invoices), CURRENCIES_SHOWN, lambda currency: -invoices[currency])
    return [one for one in found if one.currency in kept]


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
        "left_out": named(one.left_out),
    }


def quality(found: Sequence[QualityVerdict], not_asked: Sequence[str], shown: Figures) -> View:
    """What was expected of the data: how much of it held, each thing that did not, and what nobody can tell yet."""
    wrong = [one for one in found if one.verdict in {"fail", "warn"}]
    unjudged = [one for one in found if one.verdict == "unjudged"]
    return {
        "asked": len(found) - len(unjudged),
        "held": len(found) - len(unjudged) - len(wrong),
        "unjudged": len(unjudged),
        "unjudged_names": "; ".join(
            listed([words.line(one.expectation) for one in unjudged], "other", LINES_SHOWN)
        ),
        "not_asked": ", ".join(words.line(one.replace("_", " ")) for one in not_asked),
        "wrong_left": max(0, len(wrong) - LINES_SHOWN),
        "wrong": [_wrong(one, shown) for one in wrong[:LINES_SHOWN]],
    }


def _wrong(one: QualityVerdict, shown: Figures) -> View:
    return {
        "verdict": one.verdict,
        "word": words.VERDICTS.get(one.verdict, one.verdict),
        "sentence": words.line(filled(one.sentence_figured, shown.plain) or shown.said(one.sentence)),
        "observed": words.line(filled(one.observed_figured, shown.plain) or shown.said(one.observed))
        if one.observed not in one.sentence
        else "",
        "owner": words.line(one.owner),
    }


def restated(found: Restatement | None, shown: Figures) -> View | None:
    """What was learnt since the day was told."""
    if found is None:
        return None
    return {
        "learnt": ", ".join(
            f"{shown.number(rows)} of {entity.replace('_', ' ')}"
            if rows is not None
            else entity.replace("_", " ")
            for entity, rows in found.learnt
        ),
        "items": restated_items(found.items, shown),
        "items_left": max(0, len(found.items) - LINES_SHOWN),
        "figures": [_restated_figure(one, shown) for one in found.figures[:LINES_SHOWN]],
        "figures_left": max(0, len(found.figures) - LINES_SHOWN),
    }


def restated_items(found: Sequence[RestatedTotal], shown: Figures) -> list[View]:
    """Open items that are otherwise than they had closed, and why; the first of many."""
    return [
        {
            "what": f"{shown.counted(one.items, one.side)}: {words.WHY_RESTATED.get(one.why, one.why)}",
            "was": shown.money(one.was_minor, one.currency),
            "now": shown.money(one.now_minor, one.currency),
            "moved": shown.money(one.now_minor - one.was_minor, one.currency),
        }
        for one in found[:LINES_SHOWN]
    ]


def _restated_figure(one: RestatedFigure, shown: Figures) -> View:
    """A figure of the day as it was and is: how many, and how much where it is money."""

    def said(count: int, minor: int) -> str:
        counted = shown.number(count) if one.was or one.now else ""
        money = shown.money(minor, one.currency) if one.currency else ""
        return ", ".join(filter(None, (counted, money)))

    return {
        "what": capital(f"{one.what.replace('_', ' ')}"),
        "was": said(one.was, one.was_minor),
        "now": said(one.now, one.now_minor),
        "moved": shown.money(one.now_minor - one.was_minor, one.currency)
        if one.currency
        else shown.number(one.now - one.was),
    }
