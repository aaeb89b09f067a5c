"""Facts to a report: one view, two templates (HTML for mail readers, text of equal content)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import SandboxedEnvironment

from include.ports import Report
from include.report import pictures, scopes, sections, sureness, words
from include.report.facts import ReportFacts
from include.report.figures import Figures
from include.report.limits import CURRENCIES_SHOWN, LINES_SHOWN, left_out, named

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


def render_report(facts: ReportFacts) -> Report:
    """The report of one run, without attachments; equal facts give equal bytes.

    Pictures stand inside the HTML as data; whoever mails it makes parts of them.
    """
    view = _view(facts)
    return Report(
        key=str(facts.run_id),
        as_of=facts.as_of,
        subject=view["subject"],
        html=fill("report.html", view),
        text=fill("report.txt", view),
    )


def fill(template: str, view: Mapping[str, Any]) -> str:
    """A template of this folder with its view; what comes from outside stays text."""
    return _templates.get_template(template).render(view)


def _view(facts: ReportFacts) -> View:
    shown = Figures(facts.locale)
    quarantined = _quarantined(facts)
    verdicts = sections.quality(facts.quality, facts.not_asked, shown)
    view = {
        **_needs(facts, shown),
        "as_of": facts.as_of,
        "run_id": facts.run_id,
        "certificate": facts.certificate_sha256,
        "scope": scopes.in_words(facts.scope, facts.entities),
        "part": scopes.in_subject(facts.scope, facts.entities),
        "proven": _proven(facts),
        "nothing_loaded": facts.nothing_loaded,
        "corrects": facts.corrects,
        "again_as": f"{facts.again_as:%Y-%m-%d %H:%M}" if facts.again_as else "",
        "restated": sections.restated(facts.restatement, shown),
        "totals": sections.totals(facts.totals, shown),
        "totals_left": sections.totals_left(facts.totals, shown),
        "also_proven": sections.also_proven(facts.totals),
        "others": sections.others(facts.totals, shown),
        "compared_with": facts.compared_with,
        "changes": sections.changes(facts.changes, shown),
        "restated_items": sections.restated_items(facts.restated_items, shown),
        "restated_items_left": max(0, len(facts.restated_items) - LINES_SHOWN),
        "codes": sections.codes(facts.breaks, shown),
        **_sureness(facts, shown),
        **_aging_and_arr(facts, shown),
        "listed": _listed(facts, shown),
        "quality": verdicts,
        "unrated": named(facts.unrated),
        "quarantined": [words.line(shown.said(evidence)) for evidence in facts.quarantined],
        "quarantined_total": quarantined,
        "quarantined_in_all": shown.number(quarantined),
        "quarantined_rows": shown.counted(quarantined, "row"),
    }
    view["quiet"] = _proven(facts) and not (
        view["needs_total"]
        or quarantined
        or verdicts["wrong"]
        or facts.changes
        or facts.restated_items
        or facts.restatement
    )
    return {**view, "subject": _subject(facts, view, shown)}


def _quarantined(facts: ReportFacts) -> int:
    """Rows in quarantine. Where totals say nothing of them, as of countries, their breaks do."""
    counted = sum(total.quarantined_count for total in facts.totals)
    return max(counted, sum(one.breaks - one.settled for one in facts.breaks if one.code == "DQ01"))


def _sureness(facts: ReportFacts, shown: Figures) -> View:
    return {
        "sureness": sureness.sureness(facts, shown),
        "coverage": sureness.coverage(facts, shown),
        "coverage_left": left_out(len(sureness.decided_in(facts)), "payments"),
        "ambiguous": sureness.ambiguous(facts.ambiguous, shown),
        "taken_back": sureness.taken_back(facts.posted, shown),
    }


def _aging_and_arr(facts: ReportFacts, shown: Figures) -> View:
    most_open = sections.most_open(facts.aging)
    return {
        "aging": sections.aging(most_open, shown),
        "aging_left": left_out(len({one.currency for one in facts.aging}), "open invoices"),
        "aging_chart": pictures.aging_chart(most_open, shown),
        "buckets": list(words.BUCKETS.values()),
        "arr": [sections.arr(month, shown) for month in facts.arr[:CURRENCIES_SHOWN]],
        "arr_left": shown.number(max(0, len(facts.arr) - CURRENCIES_SHOWN)),
        "arr_chart": pictures.arr_chart(facts.arr, shown),
    }


def _needs(facts: ReportFacts, shown: Figures) -> View:
    """What needs somebody, and what of the breaks needs nobody any more."""
    total = sum(one.breaks - one.settled for one in facts.breaks if one.code != "DQ01")
    settled = sum(one.settled for one in facts.breaks)
    return {
        "needs": [sections.need(one, shown) for one in facts.top],
        "needs_total": total,
        "needs_in_all": shown.number(total),
        "settled": shown.counted(settled, "break"),
        "settled_count": settled,
    }


def _listed(facts: ReportFacts, shown: Figures) -> str:
    """How much of the breaks the workbook has."""
    most = facts.breaks_attached_max
    if most and sum(one.breaks for one in facts.breaks) > most:
        return f"the workbook lists the first {shown.number(most)} of all breaks"
    return "the workbook lists all"


def _proven(facts: ReportFacts) -> bool:
    return facts.rest_proven and all(total.proven for total in facts.totals)


def _subject(facts: ReportFacts, view: View, shown: Figures) -> str:
    """The verdict in one line. It names the day first, so that mails of one day stand together."""
    part = f" ({view['part']})" if view["part"] else ""
    verdict = "ties" if view["proven"] else "does not tie"
    if facts.nothing_loaded:
        return f"{facts.as_of}{part} has nothing to tie: no row of any source is loaded"
    if facts.restatement:
        verdict += ", restated"
    if facts.corrects:
        verdict += ", corrected"
    parts = [
        f"{shown.counted(sureness.applied(facts), 'payment')} applied",
        f"{shown.number(sureness.held(facts))} held",
        f"{_open(facts, shown)} open",
    ]
    if view["needs_total"]:
        parts.append(f"{view['needs_in_all']} need{'s' if view['needs_total'] == 1 else ''} somebody")
    if view["quarantined_total"]:
        parts.append(f"{view['quarantined_rows']} quarantined")
    if view["quiet"]:
        parts.append("nothing needs anybody")
    return f"{facts.as_of}{part} {verdict}: {', '.join(parts)}"


def _open(facts: ReportFacts, shown: Figures) -> str:
    """The open money; of more currencies than a line can hold, the number of invoices."""
    currencies = sorted({total.currency for total in facts.aging})
    if not currencies:
        return "nothing"
    if len(currencies) > CURRENCIES_IN_SUBJECT:
        invoices = sum(total.invoices for total in facts.aging)
        return f"{shown.counted(invoices, 'invoice')} in {len(currencies)} currencies"
    return " and ".join(
        shown.money(sum(total.open_minor for total in facts.aging if total.currency == currency), currency)
        for currency in currencies
    )
