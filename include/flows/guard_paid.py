"""Asks once more, when a try at a payment leaves, whether the invoice still owes what was decided to be charged."""

from collections.abc import Mapping, Sequence

from include.domain.delivery import Message, Outcome
from include.domain.money import major
from include.flows.guard_writer import Around
from include.flows.owed_now import owed_now
from include.policy import Policy
from include.ports import Store, Target


class Unpaid(Around):
    """A target that charges for nothing whose open amount has moved since: what was decided then is decided again."""

    def __init__(self, target: Target, store: Store, policy: Policy) -> None:
        super().__init__(target)
        self._store, self._policy = store, policy

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """As the target's, but `stale` for what must be decided again. Raises as it does."""
        moved = {message.key for message in messages if not self._still_owes(message)}
        told = Outcome(result="stale", detail="the invoice no longer owes what this was decided for")
        owed = [message for message in messages if message.key not in moved]
        return {**dict.fromkeys(moved, told), **(self._target.send(owed) if owed else {})}

    def _still_owes(self, message: Message) -> bool:
        if message.kind != "retry_payment":
            return True
        with self._store.transaction() as tx:
            minor = owed_now(tx, str(message.body["invoice_id"]), self._policy)
        currency = str(message.body.get("currency") or "")
        return bool(minor and currency) and major(minor, currency=currency) == message.body.get("open")
