"""Asks once more, when a try at a payment or a task about money leaves, whether the invoice still owes it.

And of a try whether it may still be made: it may have waited for hours, and its card was tried for others meanwhile.
"""

from collections.abc import Callable
from datetime import datetime

from include.domain.delivery import Message, Outcome
from include.domain.money import major
from include.flows.collect_failed import may_be_tried
from include.flows.guard_writer import Standing
from include.flows.owed_now import open_now, owed_now
from include.policy import Policy
from include.ports import Store, Target


class Unpaid(Standing):
    """A target that charges for nothing whose open amount has moved since, and asks for nothing that is paid by now.

    Nor does it charge a card at a moment at which its scheme or issuer would not have it tried.
    """

    moved = Outcome(
        result="stale",
        detail="the invoice no longer owes what this was decided for, or its card may not be tried",
    )

    def __init__(self, target: Target, store: Store, policy: Policy, *, now: Callable[[], datetime]) -> None:
        super().__init__(target)
        self._store, self._policy, self._now = store, policy, now

    def stands(self, message: Message) -> bool:
        """Whether as much is owed as a try charges, which may be made; and anything of what a task asks for.

        Any other message stands.
        """
        invoice_id, now = str(message.body.get("invoice_id")), self._now()
        if message.kind == "retry_payment":
            with self._store.transaction() as tx:
                minor = owed_now(tx, invoice_id, self._policy, today=now.date())
                allowed = may_be_tried(tx, message, self._policy, now=now)
            currency = str(message.body.get("currency") or "")
            still = bool(minor and currency) and major(minor, currency=currency) == message.body.get("open")
            return still and allowed
        if message.kind == "dunning" or (message.kind == "task" and "invoice_id" in message.body):
            with self._store.transaction() as tx:
                return open_now(tx, invoice_id, self._policy, today=now.date()) > 0
        return True
