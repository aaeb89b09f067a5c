"""What follows from an order, however long everything stood still since the ERP confirmed it."""

from datetime import timedelta

import psycopg
import pytest

from include.flows.follow_orders import follow_orders
from tests.flows.test_creating_orders import BILLING, POLICY, WON, Sales, sales

__all__ = ["sales"]
A_MONTH = timedelta(days=30)


def follow(sales: Sales) -> dict[str, int]:
    return dict(follow_orders(sales.store, POLICY, lambda: BILLING, today=sales.today))


def ordered(sales: Sales, deal: str = WON) -> None:
    sales.sees(opportunities=deal)
    sales.decide()
    assert sales.deliver()["confirmed"] == 1, "the order is there"


def months_pass(sales: Sales) -> None:
    """As though all that is written down had been written a month ago."""
    with psycopg.connect(sales.url) as connection:
        ago = {"ago": A_MONTH}
        connection.execute("UPDATE delivery.outbox SET finished_at = finished_at - %(ago)s", ago)
        connection.execute("UPDATE delivery.followed SET until = until - %(ago)s WHERE isfinite(until)", ago)


@pytest.mark.parametrize("before", ["never followed", "followed before"])
def test_an_order_confirmed_before_a_long_standstill_is_followed_after_it(sales: Sales, before: str) -> None:
    if before == "followed before":
        assert follow(sales) == {}
    ordered(sales)
    months_pass(sales)
    assert follow(sales) == {"reference": 1, "invoice": 1}
    assert follow(sales) == {}, "once"


def test_what_was_looked_at_long_ago_and_misses_nothing_is_not_looked_at_for_ever(sales: Sales) -> None:
    ordered(sales)
    sales.sees(opportunities=WON.replace("Won true true", "Negotiation false false"))
    assert follow(sales) == {}, "not won any more"
    assert looked_through(sales) == ["006A"]
    months_pass(sales)
    follow(sales)
    assert looked_through(sales) == []


def looked_through(sales: Sales) -> list[str]:
    with sales.store.transaction() as tx:
        return [row["opportunity_id"] for row in tx.rows("ordered_deals")]


def test_a_decision_that_fails_leaves_its_orders_to_be_followed(sales: Sales) -> None:
    ordered(sales)
    months_pass(sales)

    def nobody() -> None:
        raise ConnectionError("nobody knows who sells")

    with pytest.raises(ConnectionError):
        follow_orders(sales.store, POLICY, nobody, today=sales.today)  # type: ignore[arg-type]
    assert follow(sales) == {"reference": 1, "invoice": 1}
