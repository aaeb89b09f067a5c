"""What a published day would say if it were computed with all that is known by now. Nothing of it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from include.flows.reconcile import compute
from include.policy import Policy
from include.ports import Fatal, Row, Store, Transaction
from include.report import RestatedFigure
from include.version import code_sha256

Figures = Mapping[tuple[str, str], tuple[int, int]]
"""What and in which currency -> how many, and how much in minor units."""


@dataclass(frozen=True)
class _Computed:
    run_id: UUID
    figures: Figures


class _Undone(Exception):
    """Takes a transaction back that was only asked, with its answer."""

    def __init__(self, computed: _Computed) -> None:
        super().__init__()
        self.computed = computed


def restated_figures(store: Store, *, as_of: date, policy: Policy) -> list[RestatedFigure]:
    """The figures of a published day that are otherwise with what came since; none when nothing of it changes any.

    What people ruled since is for the days that follow, and restates none.
    A day whose rules or code have changed is held against itself computed with today's, so that only facts count.
    Raises Fatal when no run of the day is published.
    """
    with store.transaction() as tx:
        found = tx.rows("published_snapshot", as_of=as_of)
        if not found:
            raise Fatal(f"no run of {as_of} is published; reconcile and publish the day first")
        [run] = found
        if run["newest_batch"] == run["batch_through"]:
            return []
        kept = _Computed(run["run_id"], _figures(tx, run["run_id"]))
    then = {name: run[name] for name in ("batch_through", "proof_through", "rulings_through")}
    now = _computed(store, then | {"batch_through": run["newest_batch"]}, as_of=as_of, policy=policy)
    if (run["rules_sha256"], run["code_sha256"]) != (policy.sha256, code_sha256()):
        kept = _computed(store, then, as_of=as_of, policy=policy)
    if now.run_id == kept.run_id:
        return []
    return list(_differences(kept.figures, now.figures))


def _computed(store: Store, snapshot: Row, *, as_of: date, policy: Policy) -> _Computed:
    """What the day comes to at a snapshot, computed in a transaction that is taken back."""
    try:
        with store.transaction() as tx:
            run_id = compute(tx, snapshot, as_of=as_of, policy=policy).run_id
            raise _Undone(_Computed(run_id, _figures(tx, run_id)))  # noqa: TRY301 - it rolls back
    except _Undone as undone:
        return undone.computed


def _figures(tx: Transaction, run_id: UUID) -> Figures:
    return {
        (row["what"], row["currency"]): (row["count"], int(row["minor"]))
        for row in tx.rows("run_figures", run_id=run_id)
    }


def _differences(was: Figures, now: Figures) -> list[RestatedFigure]:
    nothing = (0, 0)
    return [
        RestatedFigure(
            what=what,
            currency=currency,
            was=was.get((what, currency), nothing)[0],
            now=now.get((what, currency), nothing)[0],
            was_minor=was.get((what, currency), nothing)[1],
            now_minor=now.get((what, currency), nothing)[1],
        )
        for what, currency in dict.fromkeys([*was, *now])
        if was.get((what, currency), nothing) != now.get((what, currency), nothing)
    ]
