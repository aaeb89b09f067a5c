"""Asks once more, when a try at a payment or a task about money leaves, whether the invoice still owes it."""

from include.domain.delivery import Message, Outcome
from include.domain.money import major
from include.flows.guard_writer import Standing
from include.flows.owed_now import open_now, owed_now
from include.policy import Policy
from include.ports import Store, Target


class Unpaid(Standing):
    """A target that charges for nothing whose open amount has moved since, and asks for nothing that is paid by now."""

    moved = Outcome(result="stale", detail="the invoice no longer owes what this was decided for")

    def __init__(self, target: Target, store: Store, policy: Policy) -> None:
        super().__init__(target)
        self._store, self._policy = store, policy

    def stands(self, message: Message) -> bool:
        """Whether as much is owed as a try charges, and anything of what a task asks for; any other message stands."""
        invoice_id = str(message.body.get("invoice_id"))
        if message.kind == "retry_payment":
            with self._store.transaction() as tx:
                minor = owed_now(tx, invoice_id, self._policy)
            currency = str(message.body.get("currency") or "")
            return bool(minor and currency) and major(minor, currency=currency) == message.body.get("open")
        if message.kind == "dunning" or (message.kind == "task" and "invoice_id" in message.body):
            with self._store.transaction() as tx:
                return open_now(tx, invoice_id, self._policy) > 0
        return True
