"""What a day's report says to somebody: the figures of a run, as far as that person's part of the books goes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.money import exponent
from include.domain.proofs import ControlTotal
from include.domain.recipients import HOME_LOCALE, Scope
from include.domain.subjects import NOT_OF_PAYMENTS, SUBJECTS
from include.flows.day_rates import rates_of_the_day
from include.flows.snapshot import see_run
from include.flows.tellings import stated
from include.policy import Breaks, Policy
from include.ports import Fatal, Row, Transaction
from include.report import (
    AgingTotal,
    AmbiguousTotal,
    AppliedTotal,
    ArrMonth,
    BreakTotal,
    ChangeTotal,
    OpenBreak,
    Posted,
    PostedTotal,
    QualityVerdict,
    ReportFacts,
    RestatedTotal,
    Restatement,
)

QUARANTINED_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Day:
    """A published run whose snapshot is seen and whose breaks lie in the table day_breaks of the transaction."""

    run: Row
    policy: Policy
    worths: dict[str, list[Any]]
    compared_with: date | None
    link_to: str  # where breaks can be looked at, without their id; empty where nowhere
    corrects: UUID | None = None  # the earlier run of the day, with other figures, that finance was mailed of

    @property
    def run_id(self) -> UUID:
        return UUID(str(self.run["run_id"]))

    @property
    def as_of(self) -> date:
        found: date = self.run["as_of"]
        return found

    @property
    def figures(self) -> str:
        """What names the run's figures in all: equal for runs that came to the same."""
        return str(self.run["figures"])


def look_at_day(
    tx: Transaction, *, as_of: date, policy: Policy, scopes: Sequence[Scope] = (), link_to: str = ""
) -> Day:
    """See the newest published run of a day. Raises Fatal when there is none.

    `scopes`: the parts of the books that will be asked for, so that breaks are placed only where it matters.
    """
    runs = tx.rows("report_run", as_of=as_of)
    if not runs:
        raise Fatal(f"no run of {as_of} is published; reconcile and publish the day first")
    run = runs[0]
    see_run(tx, run)
    opening = run["opening_run_id"]
    lay_out_breaks(tx, run)
    prepare_breaks(tx, scopes)
    compared = tx.rows("run_by_id", run_id=opening)[0]["as_of"] if opening else None
    before = tx.rows("told_before", run_id=run["run_id"])
    return Day(
        run=run,
        policy=policy,
        worths=_worths(tx),
        compared_with=compared,
        link_to=link_to,
        corrects=before[0]["run_id"] if before else None,
    )


def lay_out_breaks(tx: Transaction, run: Row) -> None:
    """Lay the breaks of a run, and of the one it opens with, into tables of the transaction.

    `run`: run_id, opening_run_id, published_at.
    """
    of_run = {"run_id": run["run_id"], "opening": run["opening_run_id"]}
    tx.run("create_day_breaks", published_at=run["published_at"], **of_run)
    tx.run("create_break_places")


def prepare_breaks(tx: Transaction, scopes: Sequence[Scope]) -> None:
    """Say of the breaks of the day which hold a payment and, where a scope asks for it, whose they are."""
    tx.run("hold_day_breaks", of_others=list(NOT_OF_PAYMENTS))
    if any(scope.countries is not None for scope in scopes):
        place_breaks(tx)


def place_breaks(tx: Transaction) -> None:
    """Say whose the breaks of the day are, where that can be told: each run's, by what that run saw."""
    codes, openings, kinds = map(list, zip(*SUBJECTS, strict=True))
    [now] = tx.rows("snapshot_seen")
    for run in tx.rows("runs_laid_out"):
        see_run(tx, run)
        tx.run("place_day_breaks", run_id=run["run_id"], codes=codes, openings=openings, kinds=kinds)
    see_run(tx, now)


def enter_scope(tx: Transaction, scope: Scope) -> dict[str, Any]:
    """Narrow what queries of the report find to a part of the books; the parameters that say which."""
    params: dict[str, Any] = stated(scope)
    tx.run("drop_scope")
    tx.run("create_scope_customers", countries=params["countries"] or [])
    tx.run("create_scope_breaks", **params)
    return params


def facts_of(
    tx: Transaction,
    day: Day,
    *,
    scope: Scope,
    locale: str = HOME_LOCALE,
    restatement: Restatement | None = None,
) -> ReportFacts:
    """The figures of the day for one part of the books. The transaction stays narrowed to it."""
    narrow = enter_scope(tx, scope)
    run = {"run_id": day.run_id}
    rules = day.policy.breaks
    totals = [_total(row) for row in tx.rows("control_totals", **run)]
    shown = [one for one in totals if _concerns(scope, one)]
    top = tx.rows("report_top_breaks", limit=day.policy.reporting.breaks_shown, **run, **day.worths)
    breaks = [_break_total(row, rules) for row in tx.rows("report_breaks_by_code", **run)]
    return ReportFacts(
        run_id=day.run_id,
        as_of=day.as_of,
        certificate_sha256=day.run["certificate_sha256"],
        totals=shown,
        applied=[AppliedTotal(**whole_minor(row)) for row in tx.rows("report_applied", **run, **narrow)],
        ambiguous=[AmbiguousTotal(**whole_minor(row)) for row in tx.rows("report_ambiguous", **run)],
        breaks=breaks,
        top=[_open_break(row, day) for row in top],
        aging=[AgingTotal(**whole_minor(row)) for row in tx.rows("report_aging", **run, **narrow)],
        quarantined=[
            row["evidence"] for row in tx.rows("report_quarantined", limit=QUARANTINED_SHOWN, **run)
        ],
        compared_with=day.compared_with,
        changes=_changes(tx, day),
        restated_items=[
            RestatedTotal(**whole_minor(row)) for row in tx.rows("report_restated", **run, **narrow)
        ],
        arr=_arr(tx, day, scope, narrow),
        quality=_quality(tx, day, scope),
        not_asked=[name for row in tx.rows("quality_not_asked", **run) for name in row["not_held"]],
        posted=_posted(tx, day, narrow),
        unrated=_unrated(day, breaks),
        rest_proven=all(one.proven for one in totals),
        nothing_loaded=not (breaks or any(one.loaded_count or one.quarantined_count for one in totals)),
        restatement=restatement,
        corrects=day.corrects,
        breaks_attached_max=day.policy.reporting.breaks_attached_max,
        scope=scope,
        entities=day.policy.reporting.entities,
        locale=locale,
    )


def figures_of(tx: Transaction, day: Day, scope: Scope) -> str:
    """What names the figures that a part of the books reads: equal for runs that came to the same there."""
    if scope.whole:
        return day.figures
    narrow = enter_scope(tx, scope)
    return str(tx.rows("figures_of_part", run_id=day.run_id, **narrow)[0]["figures"])


def arr_months(tx: Transaction, day: Day, scope: Scope, narrow: dict[str, Any]) -> list[ArrMonth]:
    """The bridge of every month: of the whole in one currency, of a part in each of its own."""
    of = {} if scope.whole else narrow
    rows = tx.rows("report_arr" if scope.whole else "report_arr_of_scope", run_id=day.run_id, **of)
    return [ArrMonth(**whole_minor(row)) for row in rows]


def _changes(tx: Transaction, day: Day) -> list[ChangeTotal]:
    if not day.compared_with:
        return []
    opening = day.run["opening_run_id"]
    return [
        ChangeTotal(**whole_minor(row))
        for row in tx.rows("report_changes", run_id=day.run_id, opening=opening)
    ]


def _unrated(day: Day, breaks: Sequence[BreakTotal]) -> list[str]:
    named = {one.currency for one in breaks if one.currency and one.amount_minor}
    return sorted(named - set(day.worths["rated"]))


def _posted(tx: Transaction, day: Day, narrow: dict[str, Any]) -> Posted:
    """What of the payments applied by rule was taken back, as far as anybody has seen until this day."""
    days = day.policy.reporting.precision_days
    rows = tx.rows("report_taken_back", run_id=day.run_id, as_of=day.as_of, days=days, **narrow, **day.worths)
    return Posted(days=days, totals=[PostedTotal(**whole_minor(row)) for row in rows])


def _quality(tx: Transaction, day: Day, scope: Scope) -> list[QualityVerdict]:
    """What came of the expectations of the run's data; its figures are of the whole and shown to nobody else."""
    found = [QualityVerdict(**row) for row in tx.rows("quality_of_day", run_id=day.run_id)]
    if scope.whole:
        return found
    unsaid = {"observed": "", "sentence_figured": "", "observed_figured": ""}
    return [replace(one, sentence=one.expectation, **unsaid) for one in found]


def _arr(tx: Transaction, day: Day, scope: Scope, narrow: dict[str, Any]) -> list[ArrMonth]:
    month = day.as_of.replace(day=1)
    return [one for one in arr_months(tx, day, scope, narrow) if one.month == month]


def _worths(tx: Transaction) -> dict[str, list[Any]]:
    """What one minor unit of each currency is worth in the reporting currency's minor units."""
    rates = rates_of_the_day(tx)
    rates[REPORTING_CURRENCY] = Decimal(1)
    scale = exponent(REPORTING_CURRENCY)
    worths = [rate.scaleb(scale - exponent(currency)) for currency, rate in rates.items()]
    return {"rated": list(rates), "worths": worths}


def _concerns(scope: Scope, total: ControlTotal) -> bool:
    """Totals are kept by currency: of countries alone none can be shown."""
    if scope.countries is not None:
        return False
    return scope.currencies is None or total.currency in scope.currencies


def _total(row: Row) -> ControlTotal:
    """A control total as it was stored."""
    return ControlTotal(**whole_minor({field.name: row[field.name] for field in fields(ControlTotal)}))


def whole_minor(row: Row) -> Row:
    """A row whose sums of money are numeric, since no other kind holds every sum, as the whole numbers they are."""
    return {
        name: int(value) if name.endswith("minor") and isinstance(value, Decimal) else value
        for name, value in row.items()
    }


def _break_total(row: Row, rules: Breaks) -> BreakTotal:
    return BreakTotal(name=name_of(row["code"], rules), **whole_minor(row))


def _open_break(row: Row, day: Day) -> OpenBreak:
    facts = {name: value for name, value in row.items() if name not in {"break_id", "lives"}}
    # A past day's break may never have been one of the days people followed: then its day is what can be looked at.
    to = f"breaks/{row['break_id']}" if row["lives"] else f"reports/{day.as_of}"
    link = f"{day.link_to.removesuffix('breaks/')}{to}" if day.link_to else ""
    return OpenBreak(name=name_of(row["code"], day.policy.breaks), link=link, **facts)


def name_of(code: str, rules: Breaks) -> str:
    """What the code is called; one that policy/breaks.yaml dropped since is shown as it is."""
    known = rules.codes.get(code)
    return known.name if known else code
