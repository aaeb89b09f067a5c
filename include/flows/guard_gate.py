"""Asks the gate once more when an order leaves, or the invoice of one that others placed: things may have moved."""

from collections.abc import Callable
from datetime import date

from include.domain.closed_won import check_deal, passes
from include.domain.delivery import Message, Outcome
from include.flows.create_order import missing_of_deals
from include.flows.gate_deal import won_deal
from include.flows.guard_writer import Standing
from include.policy import Policy
from include.ports import Store, Target


class Gated(Standing):
    """A target that gets nothing of a deal that fails the gate by all that is known at this moment.

    However it came to be sent: decided a moment ago, let go by people, or in doubt and not found at the target.
    """

    moved = Outcome(result="stale", detail="its deal fails the gate since this was decided")

    def __init__(self, target: Target, store: Store, policy: Policy, *, today: Callable[[], date]) -> None:
        super().__init__(target)
        self._store, self._policy, self._today = store, policy, today

    def stands(self, message: Message) -> bool:
        """Whether the deal passes; an order of one that has an order by now is the target's to tell.

        Of an order of ours its invoice follows without a question: it was asked before the order left.
        """
        if message.kind not in ("order", "invoice"):
            return True
        settled = "order_id" if message.kind == "order" else "ours"
        with self._store.transaction() as tx:
            deals = missing_of_deals(tx, self._policy, [str(message.body["opportunity_id"])])
        rules = self._policy.closed_won.rules(self._policy.orders)
        won = [won_deal(deal, self._policy, today=self._today()) for deal in deals if not deal[settled]]
        return all(passes(check_deal(one, rules)) for one in won)
