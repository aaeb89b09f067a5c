"""What a run sees: the facts known at its snapshot, shown by the views of schema `seen`."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from include.policy import Policy
from include.ports import Row, Transaction


@dataclass(frozen=True)
class Seen:
    """The run `run_id` sees landing batches up to `batch`, what people ruled up to number `rulings`, and facts dated up
    to `as_of`, and keeps what it finds.

    `opening` is the published run it opens with (run_id, as_of, batch_through, rulings_through, rules_sha256,
    certificate_sha256), None on the first day. `buckets` is into how many parts it cuts what is decided in memory, 0 to
    choose; it changes no result.
    """

    run_id: UUID
    batch: int
    as_of: date
    opening: Row | None = None
    buckets: int = 0
    rulings: int = 0


def see(tx: Transaction, policy: Policy, *, batch: int, as_of: date, rulings: int = 0) -> None:
    """Point the views of schema `seen` at a snapshot until the transaction ends; status words mean what policy says."""
    words = [
        (entity, word, status)
        for entity, all_ in policy.canonical_status.items()
        for word, status in all_.items()
    ]
    entities, names, statuses = (list(column) for column in zip(*words, strict=True))
    tx.run(
        "keep_status_words",
        rules_sha256=policy.sha256,
        entities=entities,
        words=names,
        statuses=statuses,
    )
    tx.run("see_snapshot", batch=batch, rulings=rulings, as_of=as_of, rules_sha256=policy.sha256)


def see_run(tx: Transaction, run: Row, *, rulings: int | None = None) -> None:
    """Point the views of schema `seen` at what a run saw, or at that and what people ruled up to number `rulings`.

    `run`: as_of, batch_through, rulings_through, rules_sha256.
    """
    tx.run(
        "see_snapshot",
        batch=run["batch_through"],
        rulings=run["rulings_through"] if rulings is None else rulings,
        as_of=run["as_of"],
        rules_sha256=run["rules_sha256"],
    )
