"""Ties out one day: sees what the day knew, matches, names every difference, and certifies the result."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import Any
from uuid import UUID

from include.domain import aging, certificates
from include.domain.breaks import (
    Break,
    break_id,
    in_reporting_currency,
    severity,
)
from include.domain.canonical_json import sha256
from include.domain.entities import ENTITIES
from include.domain.proofs import ControlTotal
from include.flows import flag_quality
from include.flows.apply_cash import apply_cash
from include.flows.check_orders import check_orders
from include.flows.check_rates import check_rates
from include.flows.day_rates import rates_of_the_day
from include.flows.flag_late import flag_late
from include.flows.keep_limits import keep_limits
from include.flows.match_identities import match_identities
from include.flows.prove_run import proofs_of, prove_run
from include.flows.recalculate_arr import recalculate_arr
from include.flows.render_results import hash_results
from include.flows.settle_payouts import settle_payouts
from include.flows.snapshot import Seen, see
from include.flows.total_controls import input_of, total_controls
from include.policy import Breaks, Policy
from include.ports import Fatal, Row, Store, Transaction
from include.version import code_sha256

Inputs = dict[str, dict[str, Any]]
Recon = Callable[[Transaction, Seen, Policy], Iterable[Break]]

RECONS: tuple[Recon, ...] = (
    match_identities,
    check_orders,
    apply_cash,
    settle_payouts,
    recalculate_arr,
    flag_late,
)
"""The reconciliations in their order. Each reads the views of schema `seen` and what earlier ones left in temporary
tables, keeps its matches in recon.matches, and returns its breaks."""

ROWS_AT_ONCE = 20_000
"""Rows of results held in memory at once."""

_COLUMNS = {
    "recon.breaks": "run_id break_id recon code key currency amount_minor amount_sgd_minor severity age_days owner "
    "action evidence",
    "recon.control_totals": "run_id recon side currency lost_count loaded_count quarantined_count loaded_minor "
    "matched_minor open_minor excluded_minor proven",
    "recon.open_invoices": "run_id invoice_id customer_id currency open_minor due_date days_past_due bucket",
}

_OF_THE_DAY = ("decided", "settled", "sub_ledger", "one_state")
"""The proofs that need neither the sources nor the day before, so that an auditor can repeat them offline."""


_RESULTS = (
    "matches",
    "breaks",
    "totals",
    "open_invoices",
    "customer_balances",
    "unapplied_payments",
    "arr_bridge",
    "arr_reported",
)


@dataclass(frozen=True)
class RunSummary:
    """What a run found; `certificate_sha256` is equal for equal inputs, rules and code."""

    run_id: UUID
    as_of: date
    breaks: int
    proven: bool
    certificate_sha256: str


def reconcile(
    store: Store, *, as_of: date, policy: Policy, buckets: int = 0, known_by: datetime | None = None
) -> RunSummary:
    """Compute and keep the run of a day. Repeating it gives the same run: facts learnt since are for later days.

    `buckets`: in how many parts customers are taken through what is decided in memory, 0 to choose; the result is the
    same. `known_by`: the end of a day that is past, which is then told as its own run would have: with what had landed
    when every source was first complete through it. Raises Fatal when a repeated run gives other results than before,
    Retryable when the database is away.
    """
    with store.transaction() as tx:
        tx.run("lock_day", as_of=as_of)
        [snapshot] = tx.rows("take_snapshot", as_of=as_of, known_by=known_by)
        return compute(tx, snapshot, as_of=as_of, policy=policy, buckets=buckets)


def compute(tx: Transaction, snapshot: Row, *, as_of: date, policy: Policy, buckets: int = 0) -> RunSummary:
    """Compute the run of a day, and keep it with the transaction.

    `snapshot`: batch_through, proof_through, rulings_through.
    """
    known = {"batch": snapshot["batch_through"], "rulings": snapshot["rulings_through"]}
    see(tx, policy, **known, as_of=as_of)
    for step in ("create_unread_rows", "fill_unread_rows", "analyse_unread_rows"):
        tx.run(step)
    quarantine = tx.rows("quarantined_rows")
    unproven = [
        row for row in tx.rows("latest_proofs", proof_through=snapshot["proof_through"]) if not row["proven"]
    ]
    found = tx.rows("opening_run", as_of=as_of, batch=snapshot["batch_through"])
    opening = found[0] if found else None
    inputs = _inputs(tx, quarantine, unproven, opening)
    run_id = certificates.run_id(
        as_of=as_of.isoformat(), inputs=inputs, rules_sha256=policy.sha256, code_sha256=code_sha256()
    )
    seen = Seen(run_id=run_id, as_of=as_of, opening=opening, buckets=buckets, **known)
    _open(tx, seen, snapshot["proof_through"], policy)
    judge = _Judge(policy.breaks, as_of, rates_of_the_day(tx))
    for recon in RECONS:
        _keep_breaks(tx, seen, recon(tx, seen, policy), judge)
    totals = total_controls(tx, seen, quarantine)
    quality = (
        flag_quality.quarantined(quarantine),
        flag_quality.unknown_statuses(tx),
        flag_quality.unproven_sources(unproven),
        check_rates(tx, as_of=as_of),
    )
    _keep_breaks(tx, seen, chain.from_iterable(quality), judge)
    _copy(tx, "recon.control_totals", _total_rows(run_id, totals))
    _copy_in_portions(tx, "recon.open_invoices", _open_rows(seen, tx.stream("open_invoices")))
    _keep_breaks(tx, seen, prove_run(tx, seen, policy, proof_through=snapshot["proof_through"]), judge)
    certificate = _certify(tx, run_id, seen, policy, inputs)
    breaks = tx.rows("count_breaks", run_id=run_id)[0]["breaks"]
    proven = not unproven and all(proof.holds for proof in proofs_of(tx, seen))
    return RunSummary(run_id, as_of, breaks, proven, certificate["certificate_sha256"])


def _inputs(
    tx: Transaction, quarantine: Sequence[Row], unproven: Sequence[Row], opening: Row | None
) -> Inputs:
    """What the run consumes: per entity how many rows, and the hash of their contents; what people ruled; its start."""
    inputs: Inputs = {name: dict(input_of(tx, entity)[0]) for name, entity in ENTITIES.items()}
    for name, rows in (("quarantine", quarantine), ("unproven_sources", unproven)):
        inputs[name] = {"count": len(rows), "sha256": sha256(list(rows))}
    ruled = tx.rows("rulings_seen")
    inputs["rulings"] = {"count": len(ruled), "sha256": sha256(ruled)}
    inputs["opening"] = {
        "count": int(opening is not None),
        "sha256": opening["certificate_sha256"] if opening else "",
    }
    return inputs


def _open(tx: Transaction, seen: Seen, proof_through: int, policy: Policy) -> None:
    tx.run(
        "open_run",
        run_id=seen.run_id,
        as_of=seen.as_of,
        batch=seen.batch,
        proof_through=proof_through,
        rulings=seen.rulings,
        rules_sha256=policy.sha256,
        code_sha256=code_sha256(),
        opening_run_id=seen.opening and seen.opening["run_id"],
    )
    keep_limits(tx, policy)
    for results in _RESULTS:
        tx.run(f"forget_{results}", run_id=seen.run_id)


def _copy(tx: Transaction, table: str, rows: Iterable[Sequence[Any]]) -> None:
    tx.copy_in(table, _COLUMNS[table].split(), rows)


def _copy_in_portions(tx: Transaction, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """As `_copy`, for rows whose source asks the database for more in between."""
    waiting = iter(rows)
    while portion := list(islice(waiting, ROWS_AT_ONCE)):
        _copy(tx, table, portion)


def _total_rows(run_id: UUID, totals: Iterable[ControlTotal]) -> Iterator[list[Any]]:
    for total in totals:
        yield [run_id, *(getattr(total, column) for column in _COLUMNS["recon.control_totals"].split()[1:])]


@dataclass(frozen=True)
class _Judge:
    """What makes a break somebody's work: policy, the day, and what currencies are worth in SGD."""

    rules: Breaks
    as_of: date
    in_sgd: Mapping[str, Decimal]

    def row(self, run_id: UUID, one: Break) -> list[Any]:
        code = self.rules.codes[one.code]
        identity = break_id(recon=one.recon, family=code.family, key=one.key)
        facts = [one.recon, one.code, one.key, one.currency, one.amount_minor, self._worth(one)]
        age_days = (self.as_of - one.since).days if one.since else 0
        return [run_id, identity, *facts, self._level(one), age_days, code.owner, code.action, one.evidence]

    def _worth(self, one: Break) -> int | None:
        if one.amount_minor is None or one.currency is None:
            return None
        return in_reporting_currency(one.amount_minor, currency=one.currency, rates=self.in_sgd)

    def _level(self, one: Break) -> str:
        level = one.severity or self.rules.codes[one.code].severity
        if level != "by_value":
            return level
        sgd = in_reporting_currency(one.amount_minor or 0, currency=one.currency or "", rates=self.in_sgd)
        return severity(sgd, thresholds=self.rules.severity_by_value, unknown=self.rules.unknown_value)


def _keep_breaks(tx: Transaction, seen: Seen, breaks: Iterable[Break], judge: _Judge) -> None:
    _copy_in_portions(tx, "recon.breaks", (judge.row(seen.run_id, one) for one in breaks))


def _open_rows(seen: Seen, open_invoices: Iterable[Row]) -> Iterator[list[Any]]:
    for row in open_invoices:
        days = aging.days_past_due(row["due_date"], as_of=seen.as_of)
        facts = [row["invoice_id"], row["customer_id"], row["currency"], row["open_minor"], row["due_date"]]
        yield [seen.run_id, *facts, days, aging.bucket(days)]


def _certify(tx: Transaction, run_id: UUID, seen: Seen, policy: Policy, inputs: Inputs) -> dict[str, Any]:
    """Hash everything the run consumed and gave; a repeated run must give what it gave before."""
    outputs = hash_results(tx, run_id)
    certificate = certificates.certify(
        {
            "run_id": str(run_id),
            "as_of": seen.as_of.isoformat(),
            "inputs": inputs,
            "fx_sha256": inputs["fx_rates"]["sha256"],
            "outputs": outputs,
            "rules_sha256": policy.sha256,
            "code_sha256": code_sha256(),
            **certified_figures(tx, run_id),
        }
    )
    earlier = tx.rows("run_by_id", run_id=run_id)[0]["certificate"]
    if earlier and earlier != certificate:
        changed = sorted(name for name in outputs if outputs[name] != earlier["outputs"].get(name))
        raise Fatal(f"run {run_id} of {seen.as_of} gives other results than before in {', '.join(changed)}")
    tx.run("certify_run", run_id=run_id, certificate=certificate)
    return certificate


def certified_figures(tx: Transaction, run_id: UUID) -> dict[str, list[dict[str, str]]]:
    """The totals and proofs of a run as its certificate states them: those that follow from the day's inputs alone."""
    totals = tx.rows("control_totals", run_id=run_id)
    proofs = [row for row in tx.rows("run_proofs", run_id=run_id) if row["proof"] in _OF_THE_DAY]
    return {
        name: [{key: str(value) for key, value in row.items()} for row in rows]
        for name, rows in (("totals", totals), ("proofs", proofs))
    }
