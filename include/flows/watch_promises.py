"""Which flows are promised: those that policy names, as far as somebody said where to read them from.

What comes in files has no place of its own until a connection names one. Who watches sees that, and leaves it as beats.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from include.policy import Policy
from include.ports import Transaction

WATCH = "watch"


@dataclass(frozen=True)
class Promise:
    """`since`: when its place was first seen, None where nobody looks for one. `stands`: there is a place by now."""

    since: datetime | None
    stands: bool


def keep_promises(tx: Transaction, policy: Policy, *, connected: Collection[str], now: datetime) -> None:
    """Leave a beat for every promised flow whose system has a place to be read from."""
    for name, flow in policy.freshness.flows.items():
        if flow.system in connected:
            tx.run("beat", flow=name, now=now)


def promises(tx: Transaction, policy: Policy) -> dict[str, Promise]:
    """The flows whose freshness is promised, or was; one that nobody ever named a place for is not among them."""
    flows = list(policy.freshness.flows)
    found = {row["flow"]: Promise(row["since"], row["stands"]) for row in tx.rows("places_seen", flows=flows)}
    always = [flow for flow, watched in policy.alerts.flows.items() if flow in flows and not watched.optional]
    return found | dict.fromkeys(always, Promise(None, stands=True))
