"""An order and its invoices for every deal that is won and may have them; a task for the owner of every other.

Nothing here waits for an event. Each call looks at what is missing now and decides that, so a deal edited, reopened,
won again, or ordered by hand meanwhile is simply another state of things.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from include.domain.closed_won import Check, WonDeal, passes, revenue_flags
from include.domain.delivery import Message, key_of
from include.domain.money import major
from include.domain.shown import cut
from include.flows.bill_schedule import bill_schedule, period_text, planned
from include.flows.gate_deal import gate_deal, won_deal
from include.flows.guard_stale import invoice_version, order_version
from include.flows.put_message import Put, put_message, say, was_said
from include.policy import Policy
from include.ports import Row, Store, Transaction

CRM, ERP = "salesforce", "erp"
REVENUE = "revenue_flags"
NOT_STANDING = {"cancelled": "CANCELLED", "drafts": "DRAFT"}
"""Canonical status of orders that are none of a deal's: not any more, and not yet."""

DEALS_AT_ONCE = 100
"""In one transaction: what is told of one of them meanwhile waits for all."""


@dataclass(frozen=True)
class Billing:
    """Who sells: part of every key, so that two tenants or organisations never share one."""

    tenant: str
    organisation: str


def create_order(
    store: Store,
    policy: Policy,
    billing: Billing,
    *,
    today: date,
    opportunities: Sequence[str] | None = None,
) -> Counter[str]:
    """Decide what is missing on a business day for won deals, for all of them or for some; how often each effect was.

    An order somebody else placed stands in for ours, but the deal's first invoice waits until it passes the gate.

    A deal is read again once it is locked, or what a hint told meanwhile would be replaced by what was known before.
    """
    with store.transaction() as tx:
        due = [str(deal["opportunity_id"]) for deal in missing_of_deals(tx, policy, opportunities)]
    done: Counter[str] = Counter()
    for start in range(0, len(due), DEALS_AT_ONCE):
        some = sorted(due[start : start + DEALS_AT_ONCE])
        with store.transaction() as tx:
            about = {"sources": [CRM] * len(some), "entities": ["opportunities"] * len(some)}
            tx.rows("lock_objects", **about, native_ids=some)
            done += _decide_some(tx, policy, billing, today=today, opportunities=some)
    with store.transaction() as tx:
        return done + bill_schedule(tx, policy, today=today)


def decide_deals(
    tx: Transaction,
    policy: Policy,
    billing: Billing,
    *,
    today: date,
    opportunities: Sequence[str],
    hints: Mapping[str, int | None] | None = None,
) -> Counter[str]:
    """As `create_order`, inside a transaction that is under way and has locked these deals. `hints`: who asked."""
    done = _decide_some(tx, policy, billing, today=today, opportunities=opportunities, hints=hints)
    return done + bill_schedule(tx, policy, today=today, opportunities=opportunities)


def _decide_some(
    tx: Transaction,
    policy: Policy,
    billing: Billing,
    *,
    today: date,
    opportunities: Sequence[str],
    hints: Mapping[str, int | None] | None = None,
) -> Counter[str]:
    done: Counter[str] = Counter()
    for deal in missing_of_deals(tx, policy, opportunities):
        because = {"hint_id": (hints or {}).get(deal["opportunity_id"])}
        done.update(_decide(tx, deal | because, policy, billing, today))
    return done


def missing_of_deals(tx: Transaction, policy: Policy, opportunities: Sequence[str] | None) -> Sequence[Row]:
    """The deals of which something is missing, of all of them or of some."""
    said = {name: list(policy.statuses["orders"][state]) for name, state in NOT_STANDING.items()}
    wanted = None if opportunities is None else list(opportunities)
    return tx.rows("deals_to_bill", **said, opportunities=wanted)


def _decide(tx: Transaction, deal: Row, policy: Policy, billing: Billing, today: date) -> list[str]:
    """What is missing of order, reference and invoice; each is decided once the one before it exists."""
    decided = []
    if deal["order_id"] and deal["erp_order_id"] != deal["order_id"]:
        decided += _new(say(tx, _reference(deal)), "reference")
    if deal["order_id"] and (deal["ours"] or deal["invoiced"]):
        return decided + ([] if deal["invoiced"] else _bill(tx, deal))
    if deal["order_id"] and not deal["order_customer_id"]:
        return decided  # somebody else's, found there: invoiced once it was read for whom it is
    won = won_deal(deal, policy, today=today)
    checks, state = gate_deal(tx, deal, won, policy)
    decided += _flag(tx, deal, revenue_flags(won, policy.closed_won.rules(policy.orders)))
    if not passes(checks):
        tx.run("withdraw_orders", target=ERP, subject=_deal(deal))
        return decided + _new(_task(tx, deal, checks, state), "task")
    tx.run("withdraw_gate_tasks", target=CRM, subject=f"tasks/{deal['opportunity_id']}")
    if deal["order_id"]:
        return decided + _bill(tx, deal)
    order = _order(deal, won, policy, billing)
    put = put_message(tx, order)
    if put.what in ("new", "again") and (detail := _over_limit(order, policy)):
        tx.run("park_over_limit", key=order.key, detail=detail)
    return decided + _new(put, "order")


def _over_limit(order: Message, policy: Policy) -> str:
    """Why two people let an order go; empty for one that leaves by itself."""
    amount, currency = Decimal(order.body["amount"]), order.body["currency"]
    most = policy.closed_won.alone_up_to.get(currency, 0)
    return "" if amount <= most else f"{amount:,} {currency} is over {most:,}: one asks, another approves"


def _new(put: Put, kind: str) -> list[str]:
    return [kind] if put.what in ("new", "again") else [put.what] if put.what == "conflict" else []


def _bill(tx: Transaction, deal: Row) -> list[str]:
    """One invoice for all of it, or the schedule that went with the order, whose lines are then due one by one."""
    if deal["schedule"] is None:
        return _new(put_message(tx, _invoice(deal)), "invoice")
    told = {"order_id": deal["order_id"], "opportunity_id": deal["opportunity_id"]}
    return ["schedule"] if tx.run("keep_schedule", **told, schedule={"lines": deal["schedule"]}) else []


def _order(deal: Row, won: WonDeal, policy: Policy, billing: Billing) -> Message:
    """One order per win: a deal that is reopened and won again may have another, if the first was cancelled."""
    facts = (billing.tenant, billing.organisation, deal["opportunity_id"], deal["win"])
    lines = planned(won, close_date=deal["close_date"])
    body = {
        "opportunity_id": deal["opportunity_id"],
        "customer_id": deal["customer_id"],
        "order_date": deal["close_date"].isoformat() if deal["close_date"] else None,
        "product": _product(deal, policy),
        "text": " ".join(filter(None, (deal["product"], deal["name"]))) or deal["opportunity_id"],
        "currency": deal["currency"],
        "amount": major(deal["amount_minor"], currency=deal["currency"]),
    }
    if deal["po_number"]:
        body["po_number"] = deal["po_number"]
    if lines:
        body["schedule"] = [{**line, "text": f"{body['text']}, {period_text(line)}"} for line in lines]
    return Message(
        key=key_of("order", *facts),
        kind="order",
        target=ERP,
        subject=_deal(deal),
        based_on=order_version(deal),
        body=body,
        hint_id=deal["hint_id"],
    )


def _reference(deal: Row) -> Message:
    body = {"opportunity_id": deal["opportunity_id"], "order_id": deal["order_id"]}
    return Message(
        key="", kind="order_reference", target=CRM, subject=_deal(deal), body=body, hint_id=deal["hint_id"]
    )


def _flag(tx: Transaction, deal: Row, flags: Sequence[str]) -> list[str]:
    """Tell revenue recognition what it must look at; nothing, unless something was told before."""
    about: dict[str, Any] = {"target": CRM, "subject": _deal(deal), "kind": REVENUE}
    if not flags and not was_said(tx, **about):
        return []
    body = {"opportunity_id": deal["opportunity_id"], "flags": "; ".join(flags)}
    return _new(say(tx, Message(key="", body=body, hint_id=deal["hint_id"], **about)), "revenue flags")


def _invoice(deal: Row) -> Message:
    start = deal["close_date"].isoformat() if deal["close_date"] else ""
    return Message(
        key=key_of("invoice", deal["order_id"], 1, start),
        kind="invoice",
        target=ERP,
        subject=f"orders/{deal['order_id']}",
        based_on=invoice_version(deal),
        body={"order_id": deal["order_id"], "opportunity_id": deal["opportunity_id"], "period_start": start},
        hint_id=deal["hint_id"],
    )


def _task(tx: Transaction, deal: Row, checks: Sequence[Check], state: str) -> Put:
    """One task per win and set of failed checks: when others fail, that is news."""
    failed = [check for check in checks if check.verdict == "failed"]
    names = ",".join(check.name for check in failed)
    what = "be invoiced" if deal["order_id"] else "be ordered"
    state = f"{state}/{what}"
    title = f"{deal['name'] or deal['opportunity_id']} cannot {what}: {names.replace(',', ', ')}"
    return put_message(
        tx,
        Message(
            key=key_of("task", deal["opportunity_id"], deal["win"], names),
            kind="task",
            target=CRM,
            subject=f"tasks/{deal['opportunity_id']}",
            based_on=state,
            hint_id=deal["hint_id"],
            body={
                "opportunity_id": deal["opportunity_id"],
                "owner_id": deal["owner_id"],
                "title": cut(title, 255),
                "failed": names,
                "proof": "\n".join(f"{check.name}: {check.evidence}" for check in failed),
            },
        ),
    )


def _product(deal: Row, policy: Policy) -> str:
    """The ERP's code for what is sold: another one abroad, where our own tax is not due."""
    sold = policy.closed_won.products
    return sold.domestic if deal["country"] == policy.calendars.entity.country else sold.abroad


def _deal(deal: Row) -> str:
    return f"opportunities/{deal['opportunity_id']}"
