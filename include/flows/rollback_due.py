"""What cutover asks before and after: which sign-off stands, and whether going back is due."""

from typing import Any

from include.flows.raise_alerts import clock_of
from include.policy import Policy
from include.ports import Row, Store, Transaction


def signed_now(store: Store) -> Row | None:
    """The sign-off of parity that stands: when, by whom, of which pack."""
    with store.transaction() as tx:
        found = tx.rows("parity_signed")
    return found[0] if found else None


def due_now(store: Store, policy: Policy) -> list[dict[str, Any]]:
    """The triggers that are met now, as the alert rollback_due tells them; none as long as nothing is cut over."""
    with store.transaction() as tx:
        return due_in(tx, policy)


def due_in(tx: Transaction, policy: Policy) -> list[dict[str, Any]]:
    """The same, within a transaction. How much calls for going back is a limit of the environment."""
    zone, limits = policy.calendars.entity.zone.key, policy.alerts.limits.model_dump()
    rows = tx.rows("fact_rollback_due", now=clock_of(tx), zone=zone, **limits)
    return [
        {name: row[name] for name in ("about", "since", "count", "amounts", "ids")} | row["detail"]
        for row in rows
    ]
