"""The part of the fast lane that follows what landed: decides what comes of it, and tells how its invoices stand."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from include.lane import Due, Wake
from include.ports import Row, Store
from include.wiring import effects

if TYPE_CHECKING:
    from include.flows.create_order import Billing
    from include.policy import Policy

INBOX, ERP, CRM, PAYMENTS = "inbox", "erp", "salesforce", "payments"
TARGETS = (CRM, ERP, PAYMENTS)

FOLLOW_S, FOLLOW_SOON_S, FOLLOW_AT_ONCE, FOLLOW_PATIENCE_S = 0.5, 0.1, 50, 5.0
"""What landed is told by the handful, and gives way for some seconds to what is live; while there is more to tell, that
is looked at sooner.
"""

NEEDED = (
    *("accounts", "opportunities", "deal_lines", "price_books"),
    *("customers", "orders", "invoices", "credit_notes", "subscriptions"),
)

SellerOf = Callable[[], "Billing"]


def due(store: Store, lane: int) -> Due:
    """What waits, and whether a later run than `lane` has begun."""
    with store.transaction() as tx:
        [found] = tx.rows("work_due", lane=lane, targets=list(TARGETS))
    return Due([*found["targets"], *([INBOX] if found["hints"] else [])], found["relieved"])


def is_read_in(store: Store) -> bool:
    """Whether all that decisions need was read whole once: in part, every deal would seem to lack its customer."""
    with store.transaction() as tx:
        found = tx.rows("read_once", entities=list(NEEDED))
    return len(found) == len(NEEDED)


def named(decided: Counter[str]) -> Counter[str]:
    """Counts by what was decided, as a run tells them."""
    return Counter({f"decided {kind}": count for kind, count in decided.items()})


@dataclass
class Follower:
    """Decides what follows from rows that landed, and tells how their invoices stand."""

    store: Store
    policy: "Policy"
    seller: SellerOf
    landed: Row | None = None
    decided: Row | None = None
    more: bool = False
    stopped: bool = False
    waits_until: float | None = None

    def follow(self, wake: Wake) -> Counter[str]:
        """One handful told, and what a new batch or published day decides. What is live goes first: telling waits.

        Telling needs nobody: a decision that was stopped, as by an ERP that is away, is tried again once all is told.
        """
        from include.flows.tell_landed import tell_landed
        from include.flows.tell_posted import tell_posted

        with self.store.transaction() as tx:
            newest = tx.rows("newest_batch")[0]
        done: Counter[str] = Counter()
        if newest != self.landed and is_read_in(self.store):
            self.landed, self.more = newest, True
        if self.more and not self._gives_way() and not self._is_full():
            told = tell_landed(self.store, self.policy, most=FOLLOW_AT_ONCE)
            done["landed"] += told or tell_posted(self.store, self.policy, most=FOLLOW_AT_ONCE)
            self.more = done["landed"] > 0
            wake(CRM)
        if self.landed != self.decided and not (self.stopped and self.more):
            self.stopped = True
            done += self._decide()
            self.decided, self.stopped = self.landed, False
            wake(*TARGETS)
        return done

    def pause(self) -> float:
        """Seconds until it is worth another look."""
        return FOLLOW_SOON_S if self.more else FOLLOW_S

    def _decide(self) -> Counter[str]:
        from include.flows.collect_failed import collect_failed
        from include.flows.create_order import create_order
        from include.flows.tell_subscriptions import tell_subscriptions

        now = effects.database_now(self.store)
        today = effects.business_day(now)
        decided = create_order(self.store, self.policy, self.seller(), today=today)
        decided += collect_failed(self.store, self.policy, now=now)
        return named(decided + tell_subscriptions(self.store, self.policy, today=today))

    def _is_full(self) -> bool:
        """Whether so much waits for the CRM that more would only wait as well: it is told later, as it then is."""
        with self.store.transaction() as tx:
            [row] = tx.rows("waits_for", target=CRM, most=self.policy.delivery.waiting_max)
        return bool(row["is_full"])

    def _gives_way(self) -> bool:
        if CRM in due(self.store, 0).parts:
            self.waits_until = self.waits_until or monotonic() + FOLLOW_PATIENCE_S
            if monotonic() < self.waits_until:
                return True
        self.waits_until = None
        return False
