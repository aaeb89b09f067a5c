"""Lets the lives of breaks follow a published run: opens, reopens and closes them, and writes off what policy allows.

Lives follow the newest published day. An older day published later is evidence of that day alone: what it found may be
settled since, and what it did not find may have come later. The same run published again changes nothing.
"""

from collections.abc import Sequence

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.money import Money
from include.domain.service_levels import overdue_since
from include.domain.write_offs import Caps, Judged, Residual, judge
from include.flows.apply_remittances import fee_caps
from include.flows.snapshot import see
from include.policy import Policy
from include.ports import Row, Transaction

Counts = dict[str, int]
"""What happened to how many breaks; empty when the lives do not follow this run."""


def follow_breaks(tx: Transaction, run: Row, policy: Policy) -> Counts:
    """Bring the lives to what `run` found, and give what happened to how many.

    `run`: run_id, as_of, batch_through, rulings_through.
    """
    run_id, as_of = run["run_id"], run["as_of"]
    tx.run("claim_lives")
    last = next(iter(tx.rows("last_followed")), None)
    if last and (last["run_id"] == run_id or last["as_of"] > as_of):
        return {}
    _find(tx, run, policy)
    for step in ("record_life_changes", "open_lives", "move_lives", "mark_seen"):
        tx.run(step, run_id=run_id, as_of=as_of)
    tx.run("claim_rulings")
    for step in ("end_lapsed", "end_unposted"):
        tx.run(step, run_id=run_id, rulings=run["rulings_through"])
    counts: Counts = {row["action"]: row["breaks"] for row in tx.rows("count_life_changes")}
    counts |= _write_off(tx, run, policy)
    tx.run("mark_followed", run_id=run_id, as_of=as_of, counts=counts)
    return counts


def _find(tx: Transaction, run: Row, policy: Policy) -> None:
    run_id, as_of = run["run_id"], run["as_of"]
    timing, codes = policy.lives.timing, policy.breaks.codes
    tx.run("create_found_breaks")
    tx.run(
        "fill_found_breaks",
        run_id=run_id,
        codes=list(codes),
        families=[code.family for code in codes.values()],
        timing_codes=list(timing.codes),
        timing_severity=timing.severity,
        timing_then=timing.then,
        overdue_since=overdue_since(timing, calendar=policy.calendars.own, as_of=as_of),
    )
    tx.run("analyse_found_breaks")
    tx.rows("lock_lives")
    tx.run("create_life_changes")
    tx.run("find_life_changes", as_of=as_of.isoformat())
    tx.run("find_vanished", run_id=run_id, rulings=run["rulings_through"], as_of=as_of.isoformat())
    tx.run("analyse_life_changes")


def _write_off(tx: Transaction, run: Row, policy: Policy) -> Counts:
    """Accept the residuals within caps; what does not fit stays open, counted by why."""
    see(
        tx,
        policy,
        batch=run["batch_through"],
        rulings=run["rulings_through"],
        as_of=run["as_of"],
    )
    tx.run("analyse_results")
    rows = tx.rows("residuals_left", run_id=run["run_id"], codes=list(policy.writeoffs.codes))
    residuals = [Residual.of(row) for row in rows]
    fees = fee_caps(tx, policy, sorted({one.currency for one in residuals}))
    before = {
        (row["customer_id"], row["month"]): row["amount_minor"] for row in tx.rows("written_off_before")
    }
    judged = list(judge(residuals, Caps(policy.writeoffs, policy.residuals, fees), spent=before))
    _accept(tx, run, policy, [one for one in judged if not one.refused])
    outcomes = [one.refused or "written_off" for one in judged]
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def _accept(tx: Transaction, run: Row, policy: Policy, accepted: Sequence[Judged]) -> None:
    breaks = [one.residual.break_id for one in accepted]
    cap = policy.writeoffs.customer_month_sgd_minor
    tx.run(
        "record_write_offs",
        run_id=run["run_id"],
        rules_sha256=policy.sha256,
        breaks=breaks,
        reasons=[_reason(one, cap, policy.sha256) for one in accepted],
    )
    tx.run("accept_write_offs", breaks=breaks)
    tx.run(
        "keep_write_offs",
        breaks=breaks,
        customers=[one.residual.customer_id for one in accepted],
        months=[one.residual.customer_month[1] for one in accepted],
        counts=[one.counts for one in accepted],
        before=[one.before_sgd_minor for one in accepted],
        cap=cap,
    )


def _reason(one: Judged, cap: int, rules_sha256: str) -> str:
    residual, rules = one.residual, f"rules {rules_sha256[:12]}"
    within = f"{residual.code} of {Money(residual.amount_minor, residual.currency)} is within its cap"
    if not one.counts:
        return f"{within} ({rules})"
    before, most = (Money(minor, REPORTING_CURRENCY) for minor in (one.before_sgd_minor, cap))
    month = f"{residual.customer_month[1]:%Y-%m}"
    return f"{within}; {before} of {most} were written off of {residual.customer_id} in {month} before it ({rules})"
