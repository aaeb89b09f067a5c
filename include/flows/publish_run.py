"""Publishes a run that is proven on sound data, and refuses any other: a figure nobody can prove is not shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from include.flows.follow_breaks import follow_breaks
from include.policy import Policy, load_policy
from include.ports import Fatal, Store

REASONS_SHOWN = 5


@dataclass(frozen=True)
class Published:
    """The run that may now be reported, and what happened to how many breaks."""

    run_id: UUID
    certificate_sha256: str
    breaks: Mapping[str, int] = field(default_factory=dict)


def publish_run(store: Store, *, as_of: date, policy: Policy | None = None) -> Published:
    """Publish the newest run of a day; the lives of breaks follow it. `policy` is that of include/policy if not given.

    Raises Fatal when there is no run, or naming the proofs that failed and the expectations of its data that policy
    does not publish without.
    """
    with store.transaction() as tx:
        tx.run("lock_day", as_of=as_of)  # the newest run stays the newest until it is published
        runs = tx.rows("latest_run_of", as_of=as_of)
        if not runs:
            raise Fatal(f"{as_of} was not reconciled yet")
        run_id = runs[0]["run_id"]
        blocking = [
            *(f"{row['code']} {row['evidence']}" for row in tx.rows("blocking_breaks", run_id=run_id)),
            *(row["sentence"] for row in tx.rows("blocking_quality", run_id=run_id)),
        ]
        tx.run("refuse_run" if blocking else "publish_run", run_id=run_id)
        breaks = {} if blocking else follow_breaks(tx, runs[0], policy or load_policy())
    if blocking:
        reasons = "; ".join(blocking[:REASONS_SHOWN])
        raise Fatal(f"the run of {as_of} is not published: {reasons}")
    return Published(run_id, runs[0]["certificate"]["certificate_sha256"], breaks)
