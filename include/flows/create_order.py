"""An order and an invoice for every deal that is won and may have one; a task for the owner of every other.

Nothing here waits for an event. Each call looks at what is missing now and decides that, so a deal edited, reopened,
won again, or ordered by hand meanwhile is simply another state of things.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from include.domain.closed_won import Check, WonDeal, check_deal, passes
from include.domain.delivery import Message, key_of
from include.domain.money import Money, major
from include.domain.tax import tax_periods
from include.flows.put_message import Put, put_message, say
from include.policy import Policy
from include.ports import Row, Store, Transaction

CRM, ERP = "salesforce", "erp"


@dataclass(frozen=True)
class Billing:
    """Who sells: part of every key, so that two tenants or organisations never share one."""

    tenant: str
    organisation: str


def create_order(
    store: Store, policy: Policy, billing: Billing, *, opportunities: Sequence[str] | None = None
) -> Counter[str]:
    """Decide what is missing for won deals, for all of them or for some; how often each kind of effect was decided."""
    cancelled = policy.statuses["orders"]["CANCELLED"]
    done: Counter[str] = Counter()
    with store.transaction() as tx:
        wanted = {"cancelled": list(cancelled), "opportunities": opportunities and list(opportunities)}
        for deal in tx.rows("deals_to_bill", **wanted):
            done.update(_decide(tx, deal, policy, billing))
    return done


def _decide(tx: Transaction, deal: Row, policy: Policy, billing: Billing) -> list[str]:
    """What is missing of order, reference and invoice; each is decided once the one before it exists."""
    order_id = deal["order_id"]
    if order_id is None:
        checks = check_deal(_won(deal, policy), policy.closed_won.rules(policy.orders))
        _keep(tx, deal, checks, policy)
        if not passes(checks):
            return _new(_task(tx, deal, checks), "task")
        order = put_message(tx, _order(deal, policy, billing))
        if order.state != "confirmed" or order.remote_id is None:
            return _new(order, "order")
        order_id = order.remote_id  # the ERP has it, and our next pull will see it
    decided = []
    if deal["erp_order_id"] != order_id:
        decided += _new(say(tx, _reference(deal, order_id)), "reference")
    if not deal["invoiced"]:
        decided += _new(put_message(tx, _invoice(deal, order_id)), "invoice")
    return decided


def _new(put: Put, kind: str) -> list[str]:
    return [kind] if put.what in ("new", "again") else [put.what] if put.what == "conflict" else []


def _won(deal: Row, policy: Policy) -> WonDeal:
    amount = (
        Money(deal["amount_minor"], deal["currency"])
        if deal["amount_minor"] is not None and deal["currency"]
        else None
    )
    return WonDeal(
        opportunity_id=deal["opportunity_id"],
        customer_id=deal["customer_id"],
        amount=amount,
        discount_percent=deal["discount_percent"],
        approval_level=deal["approval_level"],
        term_months=deal["term_months"],
        tax_percent=_tax_percent(policy, deal["country"], deal["close_date"]),
    )


def _tax_percent(policy: Policy, country: str | None, day: date | None) -> Decimal | None:
    """The rate of the customer's country on the day the deal was won; None where policy has none."""
    rates = {
        name: [(rate.valid_from, rate.percent) for rate in steps]
        for name, steps in policy.orders.taxes.items()
    }
    for period in tax_periods({country: rates[country]} if country in rates else {}):
        if day and period.valid_from <= day and (period.valid_until is None or day < period.valid_until):
            return period.percent
    return None


def _keep(tx: Transaction, deal: Row, checks: Sequence[Check], policy: Policy) -> None:
    tx.run(
        "keep_gate_checks",
        opportunity_id=deal["opportunity_id"],
        win=deal["win"],
        based_on=deal["based_on"],
        names=[check.name for check in checks],
        verdicts=[check.verdict for check in checks],
        evidences=[check.evidence for check in checks],
        rules=policy.sha256,
    )


def _order(deal: Row, policy: Policy, billing: Billing) -> Message:
    """One order per win: a deal that is reopened and won again may have another, if the first was cancelled."""
    facts = (billing.tenant, billing.organisation, deal["opportunity_id"], deal["win"])
    return Message(
        key=key_of("order", *facts),
        kind="order",
        target=ERP,
        subject=f"opportunities/{deal['opportunity_id']}",
        based_on=deal["based_on"],
        body={
            "opportunity_id": deal["opportunity_id"],
            "customer_id": deal["customer_id"],
            "order_date": deal["close_date"].isoformat() if deal["close_date"] else None,
            "product": _product(deal, policy),
            "text": " ".join(filter(None, (deal["product"], deal["name"]))) or deal["opportunity_id"],
            **_amount(deal),
        },
    )


def _reference(deal: Row, order_id: str) -> Message:
    return Message(
        key="",
        kind="order_reference",
        target=CRM,
        subject=f"opportunities/{deal['opportunity_id']}",
        body={"opportunity_id": deal["opportunity_id"], "order_id": order_id},
    )


def _invoice(deal: Row, order_id: str) -> Message:
    start = deal["close_date"].isoformat() if deal["close_date"] else ""
    return Message(
        key=key_of("invoice", order_id, 1, start),
        kind="invoice",
        target=ERP,
        subject=f"orders/{order_id}",
        body={"order_id": order_id, "opportunity_id": deal["opportunity_id"], "period_start": start},
    )


def _task(tx: Transaction, deal: Row, checks: Sequence[Check]) -> Put:
    """One task per win and set of failed checks: when others fail, that is news."""
    failed = [check for check in checks if check.verdict == "failed"]
    names = ",".join(check.name for check in failed)
    title = f"{deal['name'] or deal['opportunity_id']} cannot be ordered: {names.replace(',', ', ')}"
    return put_message(
        tx,
        Message(
            key=key_of("task", deal["opportunity_id"], deal["win"], names),
            kind="task",
            target=CRM,
            subject=f"tasks/{deal['opportunity_id']}",
            based_on=deal["based_on"],
            body={
                "opportunity_id": deal["opportunity_id"],
                "owner_id": deal["owner_id"],
                "title": title[:255],
                "failed": names,
            },
        ),
    )


def _product(deal: Row, policy: Policy) -> str:
    """The ERP's code for what is sold: another one abroad, where our own tax is not due."""
    sold = policy.closed_won.products
    return sold.domestic if deal["country"] == policy.calendars.entity.country else sold.abroad


def _amount(deal: Row) -> dict[str, Any]:
    currency = deal["currency"]
    return {"currency": currency, "amount": major(deal["amount_minor"], currency=currency)}
