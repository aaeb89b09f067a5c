"""Subscriptions with the history that Tryton does not keep: what changed, from which day on."""

from datetime import date
from decimal import Decimal
from typing import Any

from trytond.model import ModelSQL, ModelView, Workflow, fields
from trytond.modules.product import price_digits
from trytond.pool import Pool, PoolMeta

from .party import PartOf


class Subscription(metaclass=PoolMeta):
    """`arr` is the annual recurring revenue on file, in the subscription's currency."""

    __name__ = "sale.subscription"

    renewal_date = fields.Date("Renewal Date")
    arr = fields.Numeric("ARR", digits="currency")

    @classmethod
    @ModelView.button
    @Workflow.transition("running")
    def run(cls, subscriptions: Any) -> None:
        """Run them; what was amended while in draft is written down, and so are the terms as first sold."""
        super().run(subscriptions)
        pool = Pool()
        amendment, today = pool.get("sale.subscription.amendment"), pool.get("ir.date").today()
        amendment.create(
            [values for one in subscriptions if (values := amendment.due(one, today=today)) is not None]
        )


class SubscriptionLine(PartOf, metaclass=PoolMeta):
    __name__ = "sale.subscription.line"
    _whole = "subscription"


class Amendment(ModelSQL, ModelView):
    """The terms of a subscription from a day on. The first one, numbered 0, has them as sold."""

    __name__ = "sale.subscription.amendment"

    subscription = fields.Many2One(
        "sale.subscription", "Subscription", required=True, readonly=True, ondelete="CASCADE"
    )
    sequence = fields.Integer("Sequence", required=True, readonly=True)
    type = fields.Char("Type", required=True, readonly=True)
    effective_date = fields.Date("Effective Date", required=True, readonly=True)
    quantity = fields.Numeric("Quantity", readonly=True)
    unit_price = fields.Numeric("Unit Price", digits=price_digits, readonly=True)

    @classmethod
    def due(cls, subscription: Any, *, today: date) -> dict[str, Any] | None:
        """The amendment that brings the log to the subscription's present terms; None when it is there."""
        quantity, unit_price = _terms(subscription.lines)
        last = cls.search([("subscription", "=", subscription.id)], order=[("sequence", "DESC")], limit=1)
        if last and (last[0].quantity, last[0].unit_price) == (quantity, unit_price):
            return None
        return {
            "subscription": subscription.id,
            "sequence": last[0].sequence + 1 if last else 0,
            "type": "change" if last else "new",
            "effective_date": max(today, subscription.start_date) if last else subscription.start_date,
            "quantity": quantity,
            "unit_price": unit_price,
        }


def _terms(lines: Any) -> tuple[Decimal, Decimal]:
    """Quantity and unit price; of several lines, one whole at their total."""
    if len(lines) == 1:
        return Decimal(str(lines[0].quantity)), lines[0].unit_price
    return Decimal(1), sum((Decimal(str(line.quantity)) * line.unit_price for line in lines), Decimal(0))
