"""Verifies a stored run: its rows must still give what its certificate says."""

from collections.abc import Iterator
from uuid import UUID

from include.domain.certificates import Difference, Unusable, compare, contradictions
from include.flows.reconcile import certified_figures
from include.flows.render_results import hash_results
from include.ports import NothingUsable, Row, Store, Transaction


def verify_run(store: Store, run_id: UUID) -> tuple[Row, list[Difference]]:
    """The certificate of a run, and every place where what is stored differs from it.

    Raises NothingUsable when there is no such run, or its certificate is none; Retryable when the database is away.
    """
    with store.transaction() as tx:
        runs = tx.rows("run_to_verify", run_id=run_id)
        if not runs or not runs[0]["certificate"]:
            raise NothingUsable(f"there is no certified run {run_id}")
        [run] = runs
        try:
            return run["certificate"], list(_differences(tx, run))
        except Unusable as unusable:
            raise NothingUsable(f"the certificate of run {run_id}: {unusable}") from unusable


def _differences(tx: Transaction, run: Row) -> Iterator[Difference]:
    certificate = run["certificate"]
    yield from contradictions(certificate)
    stored = {
        "run_id": str(run["run_id"]),
        "as_of": run["as_of"].isoformat(),
        "rules_sha256": run["rules_sha256"],
        "code_sha256": run["code_sha256"],
        "inputs": certificate["inputs"],
        "outputs": hash_results(tx, run["run_id"]),
        **certified_figures(tx, run["run_id"]),
    }
    yield from compare(certificate, stored)
