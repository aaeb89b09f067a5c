"""Every message names the hint it was decided for: through a look at many, and from an order to what follows it."""

from dataclasses import replace

import psycopg

from include.domain.delivery import Message, key_of
from include.flows.put_message import put_message, say
from include.store.postgres import PostgresStore
from tests.flows.test_telling_payment_status import Desk, desk  # noqa: F401 - a fixture

DEAL = {"opportunity_id": "006A"}
ORDER = Message(
    key=key_of("order", "006A"),
    kind="order",
    target="erp",
    subject="opportunities/006A",
    body=DEAL,
    hint_id=7,
)


def causes(url: str) -> dict[tuple[str, str], str | None]:
    """Kind and subject of each message -> the event it was decided for."""
    query = """
        SELECT message.kind, subject, event_id FROM delivery.outbox AS message LEFT JOIN delivery.inbox USING (hint_id)
    """
    with psycopg.connect(url) as connection:
        return {(kind, subject): event for kind, subject, event in connection.execute(query).fetchall()}


def test_of_payments_answered_together_each_invoice_is_told_for_its_own(desk: Desk) -> None:  # noqa: F811
    desk.changes("payments", "P", status="succeeded")
    desk.changes("payments", "Q", status="succeeded", invoice_id="I2", amount="118.00")
    for event, native_id in (("evt_q", "Q"), ("evt_p", "P"), ("evt_p_again", "P")):
        assert desk.hint("payments", native_id, event=event)
    assert desk.drain() == {"done": 2}
    told = causes(desk.url)
    assert (
        told["invoice_status", "invoices/I1"]
        == told["payment_activity", "activities/payments/P/I1"]
        == "evt_p"
    )
    assert told["invoice_status", "invoices/I2"] == "evt_q"
    assert told["deal_status", "opportunities/006A"] in {"evt_p", "evt_q"}


def test_an_orders_reference_and_invoice_follow_from_its_hint_and_a_periods_from_the_calendar(
    store: PostgresStore, database_url: str
) -> None:
    invoice = replace(
        ORDER, key=key_of("invoice", "SO1", 1), kind="invoice", subject="orders/SO1", hint_id=None
    )
    period = replace(invoice, key=key_of("invoice", "SO1", 2), body=DEAL | {"line": 2})
    with store.transaction() as tx:
        for message in (ORDER, invoice, period):
            put_message(tx, message)
        say(tx, replace(ORDER, key="", kind="order_reference", target="salesforce", hint_id=None))
        say(tx, replace(ORDER, key="", kind="deal_status", target="salesforce", hint_id=None))
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT kind, hint_id FROM delivery.outbox ORDER BY message_id").fetchall()
    assert rows == [
        ("order", 7),
        ("invoice", 7),
        ("invoice", None),
        ("order_reference", 7),
        ("deal_status", None),
    ]
