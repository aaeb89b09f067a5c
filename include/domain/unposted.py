"""Why a payment was not posted: the break a person gets, with the fact that would decide (R3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.domain.cash import Held
from include.domain.money import Money
from include.domain.shown import cut

CANDIDATES_SHOWN = 5

UNREADABLE = "its status is unknown or a newer version unreadable; see its DQ05 or DQ01 break"

NOT_OWED = ("DRAFT", "CREDITED", "WRITTEN_OFF", "VOID")
"""Invoice statuses nobody pays on purpose."""


@dataclass(frozen=True)
class Finding:
    """What is the matter with a payment nobody could post."""

    code: str
    evidence: str


def ambiguous(held: Held) -> Finding:
    """The break for a payment that several things explain."""
    shown = ", ".join(held.candidates[:CANDIDATES_SHOWN]) or "none to name"
    return Finding("CA16", f"{held.why}: {shown}; a reference naming the invoice would decide")


def unposted(payment: Mapping[str, Any]) -> Finding:
    """The break for a payment no pass could post or explain.

    `payment` has payment_id, customer_id, currency, amount_minor, names_a_document, postable, reference, applied_to,
    and `named`: the invoices it names, each with invoice_id, number, key, customer_id, currency, gross_minor, status,
    settled_by; and maybe `ruled`: what people decided about it, in words.
    """
    if not payment["postable"]:
        return Finding("CA01", UNREADABLE)
    return Finding("CA01", payment["ruled"]) if payment.get("ruled") else _by_rules(payment)


def _by_rules(payment: Mapping[str, Any]) -> Finding:
    """As far as rules alone decide."""
    if wrong := [one for one in payment["named"] if _applied_wrongly(payment, one)]:
        return Finding(
            "CA06", f"is applied to {wrong[0]['number']} of another customer; reverse and reapply it"
        )
    if payment["named"]:
        return _named_but_unposted(payment, payment["named"])
    if payment["names_a_document"]:
        return Finding(
            "CA01",
            f"the reference {cut(repr(payment['reference']), 80)} names no invoice of this customer we know",
        )
    if payment["customer_id"] is None:
        return Finding("CA02", "no customer and no reference; ask the payer or the bank")
    return Finding("CA01", "no open invoice of this customer has this amount; a reference would decide")


def _named_but_unposted(payment: Mapping[str, Any], named: Sequence[Mapping[str, Any]]) -> Finding:
    numbers = ", ".join(invoice["number"] for invoice in named[:CANDIDATES_SHOWN])
    if any(invoice["currency"] != payment["currency"] for invoice in named):
        return Finding("CA01", f"names {numbers}, which is in another currency than the payment")
    if unknown := [invoice for invoice in named if invoice["status"] == "UNKNOWN"]:
        return Finding("CA01", f"names {unknown[0]['number']}, whose status no rule maps; see its DQ05 break")
    if closed := [invoice for invoice in named if invoice["status"] in NOT_OWED]:
        return Finding("CA19", f"names {closed[0]['number']}, which is {closed[0]['status'].lower()}")
    if len({invoice["key"] for invoice in named}) < len(named):
        alike = ", ".join(invoice["invoice_id"] for invoice in named[:CANDIDATES_SHOWN])
        return Finding(
            "CA16", f"names {numbers}, which several invoices are called: {alike}; the customer would decide"
        )
    total = sum(invoice["gross_minor"] for invoice in named)
    if settled := sorted({invoice["settled_by"] for invoice in named if invoice["settled_by"]}):
        code = "CA05" if payment["amount_minor"] == total else "CA01"
        return Finding(code, f"names {numbers}, which {', '.join(settled)} settled already")
    return _open_but_unposted(payment, named, total, numbers)


def _open_but_unposted(
    payment: Mapping[str, Any], named: Sequence[Mapping[str, Any]], total: int, numbers: str
) -> Finding:
    difference = Money(abs(payment["amount_minor"] - total), payment["currency"])
    if payment["amount_minor"] < total:
        return Finding("CA03", f"names {numbers} and is {difference} short")
    if payment["amount_minor"] > total:
        return Finding("CA04", f"names {numbers} and is {difference} over")
    if any(invoice["customer_id"] != payment["customer_id"] for invoice in named):
        return Finding("CA01", f"names {numbers} of another customer; who paid for whom would decide")
    return Finding(
        "CA16", f"names {numbers}, but not as plainly as posting asks; a clear reference would decide"
    )


def _applied_wrongly(payment: Mapping[str, Any], invoice: Mapping[str, Any]) -> bool:
    known = payment["customer_id"] is not None
    return (
        known
        and invoice["invoice_id"] == payment["applied_to"]
        and invoice["customer_id"] != payment["customer_id"]
    )
