"""Once the ERP has an order: its reference in the CRM and its invoice. Nobody waits for it to be read back."""

from collections import Counter
from collections.abc import Callable
from datetime import date

from include.flows.create_order import Billing, create_order
from include.policy import Policy
from include.ports import Store


def follow_orders(
    store: Store, policy: Policy, seller: Callable[[], Billing], *, today: date
) -> Counter[str]:
    """Decide it for every order confirmed since this was last done to its end; how often each effect was.

    `seller` is asked only where there is anything to decide. Safe to repeat, and to run several times at once.
    """
    with store.transaction() as tx:
        until = tx.rows("database_clock")[0]["now"]
        deals = [str(row["opportunity_id"]) for row in tx.rows("ordered_deals")]
        if not deals:
            tx.run("keep_followed", until=until)
            return Counter()
    done = create_order(store, policy, seller(), today=today, opportunities=deals)
    with store.transaction() as tx:
        tx.run("keep_followed", until=until)
    return done
