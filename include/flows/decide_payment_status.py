"""Tells sales how an invoice stands, whenever one of its payments, refunds or disputes was looked at."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from include.domain.delivery import Message
from include.domain.money import major
from include.domain.payment_status import ON_ITS_WAY, Standing, Status, of_deal
from include.flows.drain_inbox import Looked
from include.flows.invoice_standings import Words, standings_of
from include.flows.put_message import say_all
from include.flows.settle_renewal import settle_renewal
from include.policy import Policy
from include.ports import Row, Transaction

TARGET, PAYMENTS = "salesforce", "payments"
MOVES = frozenset({"invoices", "orders", "opportunities"})
"""By what changes of these an invoice may be another deal's: the one it was told to be of is told as well."""

TYPES = {"payments": "PAYMENT", "refunds": "REFUND", "disputes": "DISPUTE"}
SHOWN = {
    **dict.fromkeys(ON_ITS_WAY, "PENDING"),
    "INQUIRY": "PENDING",
    "OPEN": "PENDING",
    "LOST": "SUCCEEDED",
    "WON": "FAILED",
    "CLOSED_NO_IMPACT": "CANCELLED",
}
"""Canonical status -> what an activity shows: whether the money moved its way, is about to, or did not."""

Thing = tuple[str, str]
"""Entity and id of what was looked at."""

About = Mapping[Thing, Mapping[str, bool]]
"""The invoices something is about, and whether it still is."""

MOVED = {"status": "CANCELLED"}
"""What an activity shows of a payment that is for another invoice by now."""


def decide_payment_status(tx: Transaction, looks: Sequence[Looked], policy: Policy) -> int:
    """Say how every invoice of the objects stands now, and every deal of these; how many invoices that were.

    Everything is worked out anew from all that is known of the invoice, so an old event never overwrites a newer truth.
    """
    words, about = policy.canonical_status, _invoices_about(tx, looks)
    invoice_ids = sorted({invoice_id for still in about.values() for invoice_id in still})
    if not invoice_ids:
        return 0
    _lock(tx, "invoices", invoice_ids)
    stood = list(standings_of(tx, "invoices_with_their_deals", words, invoices=invoice_ids))
    invoices = {str(invoice["invoice_id"]): invoice for invoice, _ in stood}
    because = _hints(looks, about)
    before = (
        tx.rows("deals_told_of", invoices=invoice_ids) if any(one.entity in MOVES for one in looks) else ()
    )
    told = [
        _message("invoice_status", f"invoices/{invoice_id}", _told(invoice, now), because.get(invoice_id))
        for invoice, now in stood
        for invoice_id in [str(invoice["invoice_id"])]
    ]
    say_all(tx, [*told, *_activities(tx, looks, about, invoices, words)])
    deals = {row["opportunity_id"]: None for row in before} | {
        invoice["opportunity_id"]: because.get(invoice_id)
        for invoice_id, invoice in invoices.items()
        if invoice["opportunity_id"] is not None
    }
    _tell_deals(tx, dict(sorted(deals.items())), policy)
    return len(stood)


def _hints(looks: Sequence[Looked], about: About) -> dict[str, int]:
    """The first hint by which each invoice is told anew; none of what landed."""
    found: dict[str, int] = {}
    for one in looks:
        for invoice_id in about.get((one.entity, one.native_id), ()):
            if one.hint_id is not None:
                found[invoice_id] = min(one.hint_id, found.get(invoice_id, one.hint_id))
    return found


def _invoices_about(tx: Transaction, looks: Sequence[Looked]) -> About:
    found: defaultdict[Thing, dict[str, bool]] = defaultdict(dict)
    entities, ids = [one.entity for one in looks], [one.native_id for one in looks]
    for row in tx.rows("invoices_of_objects", entities=entities, native_ids=ids):
        found[row["entity"], row["native_id"]][str(row["invoice_id"])] = row["still"]
    return found


def _tell_deals(tx: Transaction, because: Mapping[str, int | None], policy: Policy) -> None:
    """`because`: the hint by which each deal is told anew."""
    deals = list(because)
    if not deals:
        return
    _lock(tx, "opportunities", deals)
    statuses: defaultdict[str, list[Status]] = defaultdict(list)
    for invoice, now in standings_of(tx, "invoices_of_deals", policy.canonical_status, opportunities=deals):
        statuses[str(invoice["opportunity_id"])].append(now.status)
    told = {deal: of_deal(statuses[deal]) for deal in deals}
    say_all(
        tx,
        [
            _message(
                "deal_status",
                f"opportunities/{deal}",
                {"opportunity_id": deal, "status": status},
                because[deal],
            )
            for deal, status in told.items()
        ],
    )
    for row in tx.rows("deals_that_renew", opportunities=deals):
        deal = row["opportunity_id"]
        settle_renewal(tx, deal, policy, paid=told[deal] == "PAID")


def _activities(
    tx: Transaction,
    looks: Sequence[Looked],
    about: About,
    invoices: Mapping[str, Row],
    words: Words,
) -> list[Message]:
    """What happened, once for every object and invoice; and the refunds and disputes of a payment.

    Of one that was seen before its payment nobody could say which invoice it is about. Of an invoice that a payment
    turned out not to be for, what was told of it is shown as cancelled.
    """
    asked = {one.native_id: one.hint_id for one in looks if one.entity == PAYMENTS}
    rows = tx.rows("returns_of_payments", payments=list(asked)) if asked else []
    told: dict[str, Message] = {}
    seen = [(one, about.get((one.entity, one.native_id), {})) for one in looks]
    returned = [
        (
            Looked(
                source=PAYMENTS,
                entity=row["entity"],
                native_id=row["native_id"],
                facts=row,
                hint_id=asked[row["payment_id"]],
            ),
            about.get((PAYMENTS, row["payment_id"]), {}),
        )
        for row in rows
    ]
    for one, of_invoices in [*seen, *returned]:
        for invoice_id, still in of_invoices.items():
            if one.facts and one.entity in TYPES and invoice_id in invoices:
                body = _activity(one, invoices[invoice_id], words) | ({} if still else MOVED)
                told[body["id"]] = _message("payment_activity", f"activities/{body['id']}", body, one.hint_id)
    return list(told.values())


def _told(invoice: Row, now: Standing) -> dict[str, Any]:
    currency = invoice["currency"]
    return {
        "invoice_id": invoice["invoice_id"],
        "number": invoice["number"],
        "account_id": invoice["crm_account_id"],
        "opportunity_id": invoice["opportunity_id"],
        "currency": currency,
        "gross": major(invoice["gross_minor"], currency=currency),
        "open": major(now.open_minor, currency=currency),
        "status": now.status,
    }


def _activity(looked: Looked, invoice: Row, words: Words) -> dict[str, Any]:
    """What happened, for the history that sales see; a later state of the same payment takes its place."""
    facts = looked.facts
    state = words[looked.entity].get((facts.get("status") or "succeeded").lower(), "UNKNOWN")
    return {
        "id": f"{looked.entity}/{looked.native_id}/{invoice['invoice_id']}",
        "type": TYPES[looked.entity],
        "account_id": invoice["crm_account_id"],
        "invoice_id": invoice["invoice_id"],
        "currency": facts["currency"],
        "amount": major(facts["amount_minor"], currency=facts["currency"]),
        "status": SHOWN.get(state, state),
    }


def _lock(tx: Transaction, entity: str, native_ids: Sequence[str]) -> None:
    """Whoever decides about one of these at the same time waits, and then reads what we decided."""
    about = {"sources": ["tieout"] * len(native_ids), "entities": [entity] * len(native_ids)}
    tx.rows("lock_objects", **about, native_ids=list(native_ids))


def _message(kind: str, subject: str, body: dict[str, Any], hint_id: int | None) -> Message:
    return Message(key="", kind=kind, target=TARGET, subject=subject, body=body, hint_id=hint_id)
