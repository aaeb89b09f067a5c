"""Tells finance how a day tied out: renders the report of its published run, keeps it, and mails it once."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.money import exponent
from include.domain.proofs import ControlTotal
from include.flows.day_rates import rates_of_the_day
from include.flows.render_results import render_results
from include.policy import Breaks, load_policy
from include.ports import Fatal, Postman, Report, Row, Store, Transaction
from include.report import (
    AgingTotal,
    AmbiguousTotal,
    AppliedTotal,
    BreakTotal,
    OpenBreak,
    ReportFacts,
    for_spreadsheets,
    render_report,
)

ATTACHED = ("breaks.csv", "aging.csv")
BREAKS_SHOWN = 10
QUARANTINED_SHOWN = 20
HELD_FAMILY = "cash"
"""The family of the codes that say why a payment was not applied; policy/breaks.yaml."""


@dataclass(frozen=True)
class Reported:
    """The run that was reported; `sent` is False when it had been sent before, to `recipients`."""

    run_id: UUID
    sent: bool
    recipients: tuple[str, ...]


def report_day(store: Store, postman: Postman, *, as_of: date, recipients: Sequence[str]) -> Reported:
    """Report the newest published run of a day; a run is sent once.

    The row of recon.reports stays locked while the mail goes out, so that of two tasks at once one sends. A crash
    after the hand-over and before `sent_at` commits sends again, under the same Message-ID (its key is the run id),
    which mail readers fold. Raises Fatal when no run of the day is published, and what the postman raises.
    """
    run_id = _keep(store, as_of=as_of, recipients=recipients)
    with store.transaction() as tx:
        kept = tx.rows("claim_report", run_id=run_id)[0]
        if kept["sent_at"]:
            return Reported(run_id, sent=False, recipients=tuple(kept["recipients"]))
        postman.send(_as_kept(tx, kept, run_id=run_id, as_of=as_of), to=recipients)
        tx.run("mark_report_sent", run_id=run_id, recipients=list(recipients))
    return Reported(run_id, sent=True, recipients=tuple(recipients))


def spreadsheets(tx: Transaction, run_id: UUID) -> dict[str, bytes]:
    """The result files of a run, safe to open in a spreadsheet program."""
    return {name: for_spreadsheets(content) for name, content in render_results(tx, run_id).items()}


def _keep(store: Store, *, as_of: date, recipients: Sequence[str]) -> UUID:
    """Render and store the report, in a transaction of its own: it can be read while the mail server is away."""
    with store.transaction() as tx:
        runs = tx.rows("report_run", as_of=as_of)
        if not runs:
            raise Fatal(f"no run of {as_of} is published; reconcile and publish the day first")
        run = runs[0]
        report = render_report(_facts(tx, run, as_of=as_of))
        tx.run(
            "keep_report",
            run_id=run["run_id"],
            as_of=as_of,
            subject=report.subject,
            html=report.html,
            plain=report.text,
            recipients=list(recipients),
        )
    return UUID(str(run["run_id"]))


def _as_kept(tx: Transaction, kept: Row, *, run_id: UUID, as_of: date) -> Report:
    """The report as it was stored, not as today's code would render it, with the run's result files."""
    files = spreadsheets(tx, run_id)
    return Report(
        key=str(run_id),
        as_of=as_of,
        subject=kept["subject"],
        html=kept["html"],
        text=kept["plain"],
        attachments={f"{as_of}-{name}": files[name] for name in ATTACHED},
    )


def _facts(tx: Transaction, run: Row, *, as_of: date) -> ReportFacts:
    run_id, rules = run["run_id"], load_policy().breaks
    top = tx.rows("report_top_breaks", run_id=run_id, limit=BREAKS_SHOWN, **_worths(tx, run, as_of))
    return ReportFacts(
        run_id=run_id,
        as_of=as_of,
        certificate_sha256=run["certificate_sha256"],
        totals=[_total(row) for row in tx.rows("control_totals", run_id=run_id)],
        applied=[AppliedTotal(**row) for row in tx.rows("report_applied", run_id=run_id)],
        ambiguous=[AmbiguousTotal(**row) for row in tx.rows("report_ambiguous", run_id=run_id)],
        breaks=[_break_total(row, rules) for row in tx.rows("report_breaks_by_code", run_id=run_id)],
        top=[OpenBreak(name=_name(row, rules), **row) for row in top],
        aging=[AgingTotal(**row) for row in tx.rows("report_aging", run_id=run_id)],
        quarantined=[
            row["evidence"] for row in tx.rows("report_quarantined", run_id=run_id, limit=QUARANTINED_SHOWN)
        ],
    )


def _worths(tx: Transaction, run: Row, as_of: date) -> dict[str, list[Any]]:
    """What one minor unit of each currency is worth in the reporting currency's minor units."""
    tx.run("see_snapshot", batch=run["batch_through"], as_of=as_of, rules_sha256=run["rules_sha256"])
    rates = rates_of_the_day(tx)
    rates[REPORTING_CURRENCY] = Decimal(1)
    scale = exponent(REPORTING_CURRENCY)
    worths = [rate.scaleb(scale - exponent(currency)) for currency, rate in rates.items()]
    return {"currencies": list(rates), "worths": worths}


def _total(row: Row) -> ControlTotal:
    """A control total as it was stored; its money is numeric there."""
    stored: Row = {field.name: row[field.name] for field in fields(ControlTotal)}
    money: Row = {name: int(value) for name, value in stored.items() if isinstance(value, Decimal)}
    return ControlTotal(**{**stored, **money})


def _break_total(row: Row, rules: Breaks) -> BreakTotal:
    code = rules.codes.get(row["code"])
    held = code is not None and code.family == HELD_FAMILY
    return BreakTotal(name=_name(row, rules), holds_payment=held, **row)


def _name(row: Row, rules: Breaks) -> str:
    """What the code is called; one that policy/breaks.yaml dropped since is shown as it is."""
    code = rules.codes.get(row["code"])
    return code.name if code else str(row["code"])
