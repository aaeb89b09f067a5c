"""Facts to a report: one view, two templates (HTML for mail readers, text of equal content)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import SandboxedEnvironment

from include.domain.proofs import ControlTotal
from include.ports import Report
from include.report import words
from include.report.facts import AgingTotal, BreakTotal, OpenBreak, ReportFacts

COMPARED = "R3"
CURRENCIES_IN_SUBJECT = 2

View = dict[str, Any]

_templates = SandboxedEnvironment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_templates.filters["thousands"] = "{:,}".format


def render_report(facts: ReportFacts) -> Report:
    """The report of one run, without attachments; equal facts give equal bytes."""
    view = _view(facts)
    return Report(
        key=str(facts.run_id),
        as_of=facts.as_of,
        subject=view["subject"],
        html=_templates.get_template("report.html").render(view),
        text=_templates.get_template("report.txt").render(view),
    )


def _view(facts: ReportFacts) -> View:
    quarantined = sum(total.quarantined_count for total in facts.totals)
    proven = all(total.proven for total in facts.totals)
    view = {
        "as_of": facts.as_of,
        "run_id": facts.run_id,
        "certificate": facts.certificate_sha256,
        "proven": proven,
        "totals": [_total(total) for total in facts.totals if total.recon == COMPARED],
        "others": _others(facts.totals),
        "needs": [_need(one) for one in facts.top],
        "needs_total": sum(one.breaks for one in facts.breaks if one.code != "DQ01"),
        "codes": _codes(facts.breaks),
        "sureness": _sureness(facts),
        "ambiguous": [
            (words.counted(one.payments, "payment"), words.AMBIGUITIES[one.candidates])
            for one in facts.ambiguous
        ],
        "aging": _aging(facts.aging),
        "buckets": list(words.BUCKETS.values()),
        "quarantined": [words.line(evidence) for evidence in facts.quarantined],
        "quarantined_total": quarantined,
        "quarantined_rows": words.counted(quarantined, "row"),
    }
    return {**view, "subject": _subject(facts, proven=proven, quarantined=quarantined)}


def _subject(facts: ReportFacts, *, proven: bool, quarantined: int) -> str:
    verdict = "ties" if proven else "does not tie"
    parts = [
        f"{words.counted(_applied(facts), 'payment')} applied",
        f"{_held(facts):,} held",
        f"{_open(facts.aging)} open",
    ]
    if quarantined:
        parts.append(f"{words.counted(quarantined, 'row')} quarantined")
    return f"{facts.as_of} {verdict}: {', '.join(parts)}"


def _open(aging: Sequence[AgingTotal]) -> str:
    """The open money; of more currencies than a line can hold, the number of invoices."""
    currencies = sorted({total.currency for total in aging})
    if not currencies:
        return "nothing"
    if len(currencies) > CURRENCIES_IN_SUBJECT:
        invoices = sum(total.invoices for total in aging)
        return f"{words.counted(invoices, 'invoice')} in {len(currencies)} currencies"
    return " and ".join(
        words.money(sum(total.open_minor for total in aging if total.currency == currency), currency)
        for currency in currencies
    )


def _applied(facts: ReportFacts) -> int:
    return sum(total.payments for total in facts.applied)


def _held(facts: ReportFacts) -> int:
    return sum(total.breaks for total in facts.breaks if total.holds_payment)


def _total(total: ControlTotal) -> View:
    figures = {
        "Loaded": total.loaded_minor,
        "Matched": total.matched_minor,
        "Open": total.open_minor,
        "Excluded": total.excluded_minor,
    }
    # Quarantined rows whose currency cannot be read have a line of their own, without money.
    shown = {
        name: words.amount(minor, total.currency) if total.currency else words.NOTHING
        for name, minor in figures.items()
    }
    return {
        "side": _capital(f"{total.side}s"),
        "currency": total.currency or "without currency",
        "rows": f"{total.loaded_count:,}",
        "figures": shown,
        "quarantined": f"{total.quarantined_count:,}",
        "proven": total.proven,
    }


def _others(totals: Sequence[ControlTotal]) -> str:
    """The records that are loaded for other comparisons, in one sentence's worth of counts."""
    counts: dict[str, int] = {}
    for total in totals:
        if total.recon != COMPARED:
            counts[total.side] = counts.get(total.side, 0) + total.loaded_count
    return ", ".join(_plural(side.replace("_", " "), count) for side, count in counts.items() if count)


def _capital(text: str) -> str:
    shown = words.line(text)
    return shown[:1].upper() + shown[1:]


def _plural(noun: str, count: int) -> str:
    if noun.endswith("y") and count != 1:
        return f"{count:,} {noun[:-1]}ies"
    return words.counted(count, noun)


def _need(one: OpenBreak) -> View:
    return {
        "severity": one.severity,
        "severity_word": words.SEVERITIES[one.severity],
        "name": _capital(one.name),
        "key": words.line(one.key),
        "owner": words.line(one.owner),
        "amount": _break_amount(one),
        "age": words.counted(one.age_days, "day"),
        "action": _capital(one.action),
        "evidence": words.line(one.evidence),
    }


def _break_amount(one: OpenBreak | BreakTotal) -> str:
    if one.currency is None or one.amount_minor is None:
        return ""
    return words.money(one.amount_minor, one.currency)


def _codes(breaks: Sequence[BreakTotal]) -> list[View]:
    """A line per code: how many, and their money in every currency."""
    names = {total.code: total.name for total in breaks}
    return [
        {
            "code": code,
            "name": _capital(name),
            "count": f"{sum(total.breaks for total in breaks if total.code == code):,}",
            "money": [shown for total in breaks if total.code == code and (shown := _break_amount(total))],
        }
        for code, name in names.items()
    ]


def _sureness(facts: ReportFacts) -> list[View]:
    """How many payments each pass applied, then the held ones, with their share of all that were decided."""
    counts: dict[str, int] = {}
    for total in facts.applied:
        counts[total.rule] = counts.get(total.rule, 0) + total.payments
    decided = _applied(facts) + _held(facts)
    lines = [(*words.RULES.get(rule, (rule, "")), count) for rule, count in counts.items()]
    lines.append(("Held", "left to a person; each is a break, above or in breaks.csv", _held(facts)))
    return [
        {"name": name, "why": why, "count": f"{count:,}", "share": words.percent(count, decided)}
        for name, why, count in lines
        if count
    ]


def _aging(aging: Sequence[AgingTotal]) -> list[View]:
    currencies = dict.fromkeys(total.currency for total in aging)
    return [_aging_of(currency, [a for a in aging if a.currency == currency]) for currency in currencies]


def _aging_of(currency: str, totals: Sequence[AgingTotal]) -> View:
    whole = sum(total.open_minor for total in totals)
    return {
        "currency": currency,
        "open": words.amount(whole, currency),
        "invoices": words.counted(sum(total.invoices for total in totals), "invoice"),
        "buckets": list(_buckets(currency, totals, whole)),
    }


def _buckets(currency: str, totals: Sequence[AgingTotal], whole: int) -> Iterator[View]:
    by_name = {total.bucket: total for total in totals}
    for name, label in words.BUCKETS.items():
        found = by_name.get(name)
        minor = found.open_minor if found else 0
        yield {
            "label": label,
            "amount": words.amount(minor, currency) if found else words.NOTHING,
            "invoices": words.counted(found.invoices, "invoice") if found else "",
            "width": max(1, 100 * minor // whole) if minor else 0,
        }
