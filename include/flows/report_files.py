"""What is attached to a report: a workbook of the run's rows, and the page itself as a file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.recipients import Scope
from include.flows.day_facts import Day, arr_months, enter_scope, facts_of, look_at_day, name_of
from include.ports import Transaction
from include.report import ReportFacts
from include.report.figures import Figures
from include.report.workbook import Column, Sheet, build_workbook

_BREAKS = (
    Column("severity", "Severity", width=9), Column("code", "Code", width=8), Column("name", "What", width=34),
    Column("key", "Key", width=24), Column("currency", "Currency", width=9),
    Column("amount_minor", "Amount", "money", 16),
    Column("amount_sgd_minor", f"In {REPORTING_CURRENCY}", "money", 16, REPORTING_CURRENCY),
    Column("age_days", "Age in days", "count", 11), Column("owner", "Owner", width=13),
    Column("assignee", "Who has it", width=14), Column("state", "State", width=11),
    Column("action", "Next", width=34), Column("evidence", "Evidence", "said", 60),
    Column("recon", "Comparison", width=11), Column("break_id", "Break", width=38),
)  # fmt: skip
_MATCHES = (
    Column("match_id", "Match", width=24), Column("recon", "Comparison", width=11), Column("rule", "Rule", width=9),
    Column("side_a_type", "Side A", width=13), Column("side_a_id", "Id", width=24),
    Column("side_b_type", "Side B", width=13), Column("side_b_id", "Id", width=24),
    Column("currency", "Currency", width=9), Column("amount_minor", "Amount", "money", 16),
    Column("residual_minor", "Residual", "money", 14), Column("residual_reason", "Why", width=14),
    Column("state", "State", width=11),
)  # fmt: skip
_MONEY = ("loaded", "matched", "open", "excluded", "difference")
_TOTALS = (
    Column("recon", "Comparison", width=11), Column("side", "Side", width=16), Column("currency", "Currency", width=9),
    Column("loaded_count", "Rows loaded", "count", 12), Column("quarantined_count", "Quarantined", "count", 12),
    Column("lost_count", "Lost", "count", 8),
    *(Column(f"{name}_minor", name.capitalize(), "money", 18) for name in _MONEY),
    Column("proven", "Proven", "flag", 9),
)  # fmt: skip
_AGING = (
    Column("customer_id", "Customer", width=24), Column("invoice_id", "Invoice", width=24),
    Column("currency", "Currency", width=9), Column("open_minor", "Open", "money", 16),
    Column("due_date", "Due", "date", 12), Column("days_past_due", "Days past due", "count", 13),
    Column("bucket", "Age", width=10),
)  # fmt: skip
_BRIDGE = ("opening", "new", "expansion", "contraction", "churn", "reactivation", "fx", "closing")
_ARR = (
    Column("month", "Month", "date", 12), Column("currency", "Currency", width=9),
    *(Column(f"{name}_minor", "FX" if name == "fx" else name.capitalize(), "money", 16) for name in _BRIDGE),
    Column("left_out", "Without (no rate)", width=20),
)  # fmt: skip


class Files:
    """What is attached to the mails of a day; one workbook a part of the books and locale, however many get it."""

    def __init__(self, day: Day, *, edition: str = "tie-out", of_day: date | None = None) -> None:
        """`of_day` is the day the page is named after, else the day itself."""
        self._day, self._edition, self._of_day = day, edition, of_day or day.as_of
        self._books: dict[tuple[Scope, str], bytes] = {}

    def of(self, tx: Transaction, scope: Scope, locale: str, html: str) -> dict[str, bytes]:
        """File name -> content. The workbook is of the day that tells, also where that is later than what is told."""
        part = scope, locale
        if part not in self._books:
            self._books[part] = self._book(tx, *part)
        page = f"{self._of_day}-{self._edition}.html"
        return {f"{self._day.as_of}-tie-out.xlsx": self._books[part], page: html.encode()}

    @property
    def attached(self) -> str:
        """What is said of them where the mail has them."""
        return (
            f"Attached: the workbook of {self._day.as_of} with breaks, matches, control totals, ageing and the ARR "
            "bridge, and this page as a file."
        )

    @property
    def instead(self) -> str:
        """What is said where the mail has no room for them."""
        return (
            "Not all is attached: the mail server takes no message of that size. What the workbook has is in Airflow, "
            f"under Tie-out, Reports, as files of {self._day.as_of} to download{_where(self._day)}."
        )

    def _book(self, tx: Transaction, scope: Scope, locale: str) -> bytes:
        day = look_at_day(
            tx, as_of=self._day.as_of, policy=self._day.policy, scopes=[scope], link_to=self._day.link_to
        )
        return workbook_of(tx, day, facts_of(tx, day, scope=scope, locale=locale))


def workbook_of(tx: Transaction, day: Day, facts: ReportFacts) -> bytes:
    """Breaks, matches, control totals, ageing and the ARR bridge, for the part of the books that `facts` are of."""
    narrow, shown = enter_scope(tx, facts.scope), Figures(facts.locale)
    run = {"run_id": day.run_id}
    reporting = day.policy.reporting
    most, most_open = reporting.matches_attached_max, reporting.open_invoices_attached_max
    matches = tx.rows("count_workbook_matches", **run, **narrow)[0]["matches"]
    invoices = sum(one.invoices for one in facts.aging)
    sheets = [
        Sheet(
            "Breaks",
            _BREAKS,
            _named(tx.stream("workbook_breaks", limit=reporting.breaks_attached_max, **run), day),
            _cut(sum(one.breaks for one in facts.breaks), reporting.breaks_attached_max, day, shown),
        ),
        Sheet(
            "Matches",
            _MATCHES,
            tx.stream("workbook_matches", limit=most, **run, **narrow),
            _note(facts.scope, _OF_COUNTRIES["matches"], _cut(matches, most, day, shown)),
        ),
        Sheet("Control totals", _TOTALS, _totals(facts), _note(facts.scope, _OF_COUNTRIES["totals"])),
        Sheet(
            "Ageing",
            _AGING,
            tx.stream("workbook_aging", limit=most_open, **run, **narrow),
            _cut(invoices, most_open, day, shown),
        ),
        Sheet("ARR bridge", _ARR, _arr(tx, day, facts.scope, narrow)),
    ]
    return build_workbook(sheets, title=f"Tie-out of {day.as_of}", as_of=day.as_of, locale=facts.locale)


_OF_COUNTRIES = {
    "matches": "Money matched to invoices of these customers (R3); matches of customers, orders, payouts and revenue "
    "are in the workbook of the whole.",
    "totals": "Totals are proven for the whole and not country by country: what is quarantined or names no customer "
    "has no country.",
}
"""What a sheet does not have where somebody answers for countries."""


def _note(scope: Scope, of_countries: str, cut: str = "") -> str:
    return " ".join(filter(None, (of_countries if scope.countries is not None else "", cut)))


def _named(rows: Iterable[Mapping[str, Any]], day: Day) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {**row, "name": name_of(row["code"], day.policy.breaks)}


def _totals(facts: ReportFacts) -> Iterator[dict[str, Any]]:
    for one in facts.totals:
        yield {**asdict(one), "difference_minor": one.difference_minor, "proven": one.proven}


def _arr(tx: Transaction, day: Day, scope: Scope, narrow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for month in arr_months(tx, day, scope, narrow):
        yield {**asdict(month), "left_out": ", ".join(month.left_out)}


def _cut(found: int, most: int, day: Day, shown: Figures) -> str:
    if found <= most:
        return ""
    rows = f"The first {shown.number(most)} of {shown.number(found)} rows, so that the mail stays small"
    return f"{rows}; all of them are in Airflow{_where(day)}."


def _where(day: Day) -> str:
    return f" at {day.link_to.removesuffix('breaks/')}reports/{day.as_of}" if day.link_to else ""
