"""Effects on an ERP, whichever it is: orders and invoices through the small port every ERP's connector gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from include.connectors.outcomes import one_by_one, stopped, unknown_kind
from include.domain.delivery import Message, Outcome
from include.ledger import Ledger, NewOrder, OrderLine
from include.ports import Rejected

MESSAGES_MAX = 20
"""An ERP takes a second or more for each: few at a time, so that a lease is not over before they are done."""


UNCONFIRMED = ("draft", "quotation")


class LedgerEffects:
    """An ERP as a target. `today`: the business day on which an invoice is issued."""

    system = "erp"
    most = MESSAGES_MAX

    def __init__(self, ledger: Ledger, *, today: Callable[[], date]) -> None:
        self._ledger, self._today = ledger, today

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Orders that were placed, by their key. Invoices depend on no deal's state: `send` looks for them itself.

        An order not confirmed yet, or other than its message says, is left to `send`: to be finished or refused.
        """
        placed = {one.key: self._placed(one) for one in messages if one.kind == "order"}
        return {key: native_id for key, native_id in placed.items() if native_id is not None}

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Orders that stand for their deals, whoever placed them. Their invoices are their own: `send` finds them."""
        found = {
            one.key: self._ledger.order_of(one.body["opportunity_id"])
            for one in messages
            if one.kind == "order"
        }
        return {
            key: order.native_id for key, order in found.items() if order and order.state not in UNCONFIRMED
        }

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """One after another, each with its own outcome."""
        return one_by_one(messages, self._act)

    def _act(self, message: Message) -> Outcome:
        if message.kind == "order":
            return self._order(message)
        if message.kind == "invoice" and "line" in message.body:
            one = self._ledger.invoice_line(
                message.body["order_id"],
                line=message.body["line"],
                key=message.key,
                issued_on=self._today(),
            )
            return Outcome(result="confirmed", remote_id=one.native_id)
        if message.kind == "invoice":
            issued = self._ledger.invoice(message.body["order_id"], issued_on=self._today())
            return Outcome(result="confirmed", remote_id=issued[0].native_id)
        raise unknown_kind(message, system="the ERP")

    def _placed(self, message: Message) -> str | None:
        try:
            found = self._ledger.order_placed(self._new_order(message))
        except Rejected:
            return None
        return found.native_id if found and found.state not in UNCONFIRMED else None

    def _order(self, message: Message) -> Outcome:
        """The deal's order: one that stands already, placed by hand meanwhile, is the deal's too."""
        found = self._ledger.order_of(message.body["opportunity_id"])
        ours = found.native_id if found and found.key == message.key else None
        if found and not ours and found.state not in UNCONFIRMED:
            return Outcome(result="found", remote_id=found.native_id)
        try:
            placed = self._ledger.order(self._new_order(message))
        except Rejected as refused:
            return replace(stopped(refused), remote_id=ours)
        return Outcome(result="confirmed", remote_id=placed.native_id)

    def _new_order(self, message: Message) -> NewOrder:
        body = message.body
        return NewOrder(
            key=message.key,
            customer_id=body["customer_id"],
            opportunity_id=body["opportunity_id"],
            currency=body["currency"],
            ordered_on=date.fromisoformat(body["order_date"]) if body["order_date"] else self._today(),
            lines=[
                OrderLine(
                    product=body["product"],
                    quantity=Decimal(1),
                    unit_price=Decimal(line["amount"]),
                    text=line["text"],
                )
                for line in body.get("schedule", [body])
            ],
            po_number=body.get("po_number", ""),
            line_by_line="schedule" in body,
        )
