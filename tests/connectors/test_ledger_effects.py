"""Messages as acts of a ledger: whose order stands, and what of it is invoiced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.connectors.ledger_effects import LedgerEffects
from include.domain.delivery import Message, Outcome
from include.flows.guard_stale import Guarded
from include.ledger import Booked, NewCreditNote, NewCustomer, NewOrder, NewPayment
from include.ports import Away, RawRecord, Rejected, Retryable

TODAY = date(2026, 7, 1)
SCHEDULE = [
    {"line": 1, "amount": "600.00", "text": "Gold, June"},
    {"line": 2, "amount": "600.00", "text": "Gold, July"},
]


@dataclass
class Books:
    """A ledger with at most one order; `asked` is what it was asked to do."""

    standing: Booked | None = None
    says: str = "1200.00"  # the amount of the order that stands
    asked: list[Any] = field(default_factory=list)

    def order_placed(self, new: NewOrder) -> Booked | None:
        if self.standing is None or self.standing.key != new.key:
            return None
        if [str(line.unit_price) for line in new.lines] != [self.says]:
            raise Rejected("another order", reason="KEY_PAYLOAD_MISMATCH")
        return self.standing

    def order_of(self, opportunity_id: str) -> Booked | None:  # noqa: ARG002 - the protocol's
        return self.standing

    def order(self, new: NewOrder) -> Booked:
        self.asked.append(new)
        return Booked(native_id="7", number="SO-7", state="processing", key=new.key)

    def invoice(self, order_id: str, *, issued_on: date) -> Sequence[Booked]:
        self.asked.append((order_id, issued_on))
        return [Booked(native_id="8", number="INV-8", state="posted")]

    def invoice_line(self, order_id: str, *, line: int, key: str, issued_on: date) -> Booked:
        self.asked.append((order_id, line, key, issued_on))
        return Booked(native_id="9", number="INV-9", state="posted")

    def customer(self, new: NewCustomer) -> Booked:
        raise NotImplementedError

    def payment(self, new: NewPayment) -> Booked:
        raise NotImplementedError

    def credit_note(self, new: NewCreditNote) -> Booked:
        raise NotImplementedError


def order(**more: Any) -> Message:
    body = {
        "opportunity_id": "006A",
        "customer_id": "C1",
        "order_date": "2026-06-20",
        "product": "PLAN",
        "text": "Gold",
        "currency": "SGD",
        "amount": "1200.00",
    }
    return Message(key="k1", kind="order", target="erp", subject="opportunities/006A", body=body | more)


def invoice(**more: Any) -> Message:
    body = {"order_id": "7", "opportunity_id": "006A", "period_start": "2026-06-20"} | more
    return Message(key="k2", kind="invoice", target="erp", subject="orders/7", body=body)


def sent(books: Books, message: Message) -> Outcome:
    return LedgerEffects(books, today=lambda: TODAY).send([message])[message.key]


def test_an_order_has_one_line_or_one_for_each_period() -> None:
    books = Books()
    sent(books, order())
    sent(books, order(schedule=SCHEDULE, po_number="PO-7"))
    whole, by_line = books.asked
    assert [(one.unit_price, one.text) for one in whole.lines] == [(Decimal("1200.00"), "Gold")]
    assert [(one.unit_price, one.text) for one in by_line.lines] == [
        (Decimal("600.00"), "Gold, June"),
        (Decimal("600.00"), "Gold, July"),
    ]
    assert (whole.line_by_line, by_line.line_by_line, by_line.po_number) == (False, True, "PO-7")


@pytest.mark.parametrize(
    ("key", "state", "result"),
    [
        ("", "processing", "found"),  # by hand
        ("other", "done", "found"),
        ("k1", "processing", "confirmed"),  # ours, of an attempt whose end nobody saw
        ("", "draft", "confirmed"),  # nobody's order yet
    ],
)
def test_an_order_that_stands_is_ours_or_somebody_elses_by_its_key(key: str, state: str, result: str) -> None:
    books = Books(standing=Booked(native_id="5", number="SO-5", state=state, key=key))
    assert sent(books, order()).result == result


def test_an_invoice_is_of_the_whole_order_or_of_a_line_under_the_messages_key() -> None:
    books = Books()
    assert sent(books, invoice()).remote_id == "8"
    assert sent(books, invoice(line=2)).remote_id == "9"
    assert books.asked == [("7", TODAY), ("7", 2, "k2", TODAY)]


@pytest.mark.parametrize(("stop", "result"), [(Away("503"), "unsent"), (Retryable("draft"), "retryable")])
def test_an_erp_that_is_away_is_not_an_attempt(stop: Exception, result: str) -> None:
    class Stopping(Books):
        def order(self, new: NewOrder) -> Booked:  # noqa: ARG002 - the protocol's
            raise stop

    assert sent(Stopping(), order()).result == result


@pytest.mark.parametrize("away", [True, False])
def test_an_order_whose_deal_nobody_can_look_at_waits_without_an_attempt(away: bool) -> None:  # noqa: FBT001
    class Deals:
        system = "salesforce"

        def look_at(self, entity: str, native_id: str) -> RawRecord | None:  # noqa: ARG002 - the protocol's
            if away:
                raise Retryable("maintenance")
            return None

        def look_at_parts(self, entity: str, *, of: str, native_id: str) -> Sequence[RawRecord]:  # noqa: ARG002 - the protocol's
            return []

        def translate(self, entity: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
            raise NotImplementedError

    guarded = Guarded(LedgerEffects(Books(), today=lambda: TODAY), Deals())
    told = guarded.send([replace(order(), based_on="v1")])
    assert told["k1"].result == ("unsent" if away else "stale")


@pytest.mark.parametrize(
    ("key", "state", "says", "found"),
    [
        ("k1", "processing", "1200.00", {"k1": "5"}),
        ("k1", "draft", "1200.00", {}),  # to be finished
        ("k1", "processing", "1000.00", {}),  # to be refused
        ("", "processing", "1200.00", {}),  # somebody else's: `send` finds it
    ],
)
def test_an_order_that_may_have_been_placed_is_looked_for_by_its_key(
    key: str, state: str, says: str, found: dict[str, str]
) -> None:
    books = Books(standing=Booked(native_id="5", number="SO-5", state=state, key=key), says=says)
    assert LedgerEffects(books, today=lambda: TODAY).look([order(), invoice()]) == found
    assert books.asked == []


@pytest.mark.parametrize(("state", "found"), [("processing", {"k1": "5"}), ("draft", {}), ("quotation", {})])
def test_an_order_that_stands_for_the_deal_is_found_whoever_placed_it(
    state: str, found: dict[str, str]
) -> None:
    theirs = Booked(native_id="5", number="SO-5", state=state, key="by hand")
    books = LedgerEffects(Books(standing=theirs), today=lambda: TODAY)
    assert books.standing([order(), invoice()]) == found
    assert LedgerEffects(Books(), today=lambda: TODAY).standing([order()]) == {}
