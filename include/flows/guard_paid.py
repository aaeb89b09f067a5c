"""Asks once more, when a try at a payment leaves, whether the invoice still owes what was decided to be charged."""

from include.domain.delivery import Message, Outcome
from include.domain.money import major
from include.flows.guard_writer import Standing
from include.flows.owed_now import owed_now
from include.policy import Policy
from include.ports import Store, Target


class Unpaid(Standing):
    """A target that charges for nothing whose open amount has moved since."""

    moved = Outcome(result="stale", detail="the invoice no longer owes what this was decided for")

    def __init__(self, target: Target, store: Store, policy: Policy) -> None:
        super().__init__(target)
        self._store, self._policy = store, policy

    def stands(self, message: Message) -> bool:
        """Whether as much is owed as the message says; a message of another kind stands."""
        if message.kind != "retry_payment":
            return True
        with self._store.transaction() as tx:
            minor = owed_now(tx, str(message.body["invoice_id"]), self._policy)
        currency = str(message.body.get("currency") or "")
        return bool(minor and currency) and major(minor, currency=currency) == message.body.get("open")
