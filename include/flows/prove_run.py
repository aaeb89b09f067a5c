"""Proves a run from what it stored: loaded, decided, settled, carried, sub-ledger, one state; per side and currency."""

from collections.abc import Iterator

from include.domain.breaks import Break
from include.domain.entities import ENTITIES
from include.domain.proofs import RunProof
from include.flows.snapshot import Seen, see_run
from include.policy import Policy
from include.ports import Transaction


def prove_run(tx: Transaction, seen: Seen, policy: Policy, *, proof_through: int) -> Iterator[Break]:
    """Compute and keep the proofs; DQ06 for each that does not hold, which keeps the run unpublished.

    Replaces those of an earlier try. Everything else of the run must be stored. Leaves the views of schema `seen` at
    the run's snapshot.
    """
    run = {"run_id": seen.run_id}
    for results in ("proofs", "restatements"):
        tx.run(f"forget_{results}", **run)
    for table in ("proof_invoices", "proof_payments"):
        tx.run(f"create_{table}", **run)
    tx.run("analyse_proof_items")
    _prove_loaded(tx, seen, proof_through)
    for proof in ("decided", "settled", "sub_ledger", "one_state"):
        tx.run(f"prove_{proof}", **run)
    _carry_forward(tx, seen, policy)
    yield from (_failure(proof) for proof in proofs_of(tx, seen) if not proof.holds)


def proofs_of(tx: Transaction, seen: Seen) -> list[RunProof]:
    """The stored proofs of a run, in their order."""
    return [RunProof(**row) for row in tx.rows("run_proofs", run_id=seen.run_id)]


def _prove_loaded(tx: Transaction, seen: Seen, proof_through: int) -> None:
    for entity in ENTITIES.values():
        table = {"table": f"canonical.{entity.name}"}
        names = {"run_id": seen.run_id, "recon": entity.recon, "side": entity.side, "entity": entity.name}
        tx.run_for("prove_rows_loaded", names=table, batch=seen.batch, **names)
        if entity.amount:
            amount = {"amount": f"{entity.amount}_minor"}
            tx.run_for(
                "prove_money_loaded",
                names=table | amount,
                batch=seen.batch,
                proof_through=proof_through,
                **names,
            )


def _carry_forward(tx: Transaction, seen: Seen, policy: Policy) -> None:
    """From the previous published day's closing to this one's; a first day has none."""
    previous = seen.opening
    if not previous:
        return
    see_run(tx, previous)
    for table in ("earlier_invoices", "earlier_payments", "earlier_credits"):
        tx.run(f"create_{table}")
    tx.run(
        "see_snapshot",
        batch=seen.batch,
        rulings=seen.rulings,
        as_of=seen.as_of,
        rules_sha256=policy.sha256,
    )
    days = {"previous": previous["run_id"], "previous_as_of": previous["as_of"]}
    tx.run("create_changed_pairs", run_id=seen.run_id, **days)
    tx.run("create_changed_credits", previous_as_of=previous["as_of"])
    tx.run("analyse_changes")
    tx.run("create_carried_items", **days)
    tx.run("keep_restatements", run_id=seen.run_id, previous=previous["run_id"])
    tx.run("prove_carried", run_id=seen.run_id)


def _failure(proof: RunProof) -> Break:
    return Break(
        recon="all",
        code="DQ06",
        key=proof.key,
        evidence=str(proof),
        currency=proof.currency,
        amount_minor=proof.difference if proof.measure == "minor" else None,
    )
