"""Why something that a break's item could be matched with was not posted: by its rule, and by what both records say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.domain.identity import salesforce_id
from include.domain.money import Money
from include.domain.shown import counted

SEE = "see the evidence above"
OFF = frozenset({"CANCELLED", "FAILED"})
ALIVE = frozenset({"SUCCEEDED", "REVERSED"})


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A suggested match, seen from the break's item.

    `a` and `b`: what the records of its two sides say, each with the `state` its status means; empty where there is no
    such record now. `of_a`: the item is side a. `several`: how many candidates of this kind the item has, this one
    among them; `rivals`: how many other items could be for the same; `taken_by`: the one that it is matched with
    already. `together`: the item's candidates make it up exactly. `stated_minor`: what a payout states of a payment.
    """

    recon: str
    rule: str
    currency: str | None = None
    amount_minor: int | None = None
    residual_minor: int = 0
    several: int = 1
    rivals: int = 0
    taken_by: str | None = None
    together: bool = False
    of_a: bool = True
    stated_minor: int | None = None
    a: Mapping[str, Any] = field(default_factory=dict)
    b: Mapping[str, Any] = field(default_factory=dict)


Say = Callable[[Money], str]


def why_not_posted(one: Candidate, *, say: Say = str) -> str:
    """What kept it from being posted, as far as the two records and its rivals show; else where it is said.

    `say` writes an amount.
    """
    judge = _JUDGES.get((one.recon, one.rule)) or _OF_RECON.get(one.recon, _crowded)
    return judge(one, say) or SEE


def _crowded(one: Candidate, _say: Say) -> str:
    """Who has it, who else could, and what else the item could be."""
    if taken := _taken(one):
        return f"{one.taken_by} has settled it already" if one.of_a else taken
    if one.rivals:
        return f"{counted(one.rivals, 'other item')} could be for it as well"
    if one.several > 1 and one.together:
        return f"one of a set of {one.several} that together make it up; {SEE}"
    return f"one of {one.several} that fit" if one.several > 1 else ""


def _same_party(one: Candidate, _say: Say) -> str:
    """R1: a customer and an account that may be one. Of many the likeliest are kept: no number here is of all."""
    if taken := _taken(one):
        return taken
    if one.rivals:
        return f"at least {counted(one.rivals, 'other record')} could be the same as well"
    return f"one of the {one.several} likeliest that could be the same" if one.several > 1 else ""


def _billed(one: Candidate, _say: Say) -> str:
    """R2: an order, and an invoice that names it."""
    order, invoice = one.a, one.b
    if not (order and invoice):
        return ""
    if order.get("currency") != invoice.get("currency"):
        return f"the invoice is in {invoice.get('currency')}, and the order in {order.get('currency')}"
    if order.get("customer_id") != invoice.get("customer_id"):
        return (
            f"the invoice bills {invoice.get('customer_id')}, and the order is {order.get('customer_id')}'s"
        )
    return _unknown(order, "order") or _unknown(invoice, "invoice")


def _sold(one: Candidate, _say: Say) -> str:
    """R2: a deal and an order, of which at least one names the other."""
    named, deal = one.a.get("erp_order_id"), one.b.get("opportunity_id")
    if named and one.b and named != one.b.get("native_id"):
        return f"the deal names the order {named}, and not this one"
    if deal and one.a and salesforce_id(deal) != salesforce_id(str(one.a.get("native_id"))):
        return f"the order names the deal {deal}, and not this one"
    if taken := _taken(one):
        return taken
    if unknown := _unknown(one.b, "order"):
        return unknown
    other = "order" if one.of_a else "deal"
    return f"one of {one.several} {other}s that are as like" if one.several > 1 else ""


def _only_named(one: Candidate, say: Say) -> str:
    """R3: invoices that the payer named, where the amount is not theirs for sure."""
    return _crowded(one, say) if one.taken_by else f"it is named, but the money is not surely for it; {SEE}"


def _paid_together(_one: Candidate, _say: Say) -> str:
    return "it is paid only together with others; nothing says which payment is for which"


def _in_payout(one: Candidate, say: Say) -> str:
    """R4: a payment, refund or dispute, and a payout whose items name it."""
    item, payout = one.a, one.b
    off = f"the payout is {payout['state'].lower()}" if payout.get("state") in OFF else ""
    return off or _unknown(payout, "payout") or _unknown(item, "item") or _held_otherwise(one, item, say)


def _held_otherwise(one: Candidate, item: Mapping[str, Any], say: Say) -> str:
    """What speaks against it in the payment, and in what the payout states of it."""
    state, currency, whole = item.get("state"), item.get("currency"), item.get("amount_minor")
    if "paid_on" in item and state is not None and state not in ALIVE:
        return f"the payment is {state.lower()}"
    if currency and currency != one.currency:
        return f"the payout states it in {one.currency}, and it is in {currency}"
    holders = one.several if one.of_a else one.rivals + 1
    if holders > 1:
        return f"{holders} payouts hold it"
    if currency and None not in (one.stated_minor, whole) and one.stated_minor != whole:
        stated, own = (say(Money(minor or 0, currency)) for minor in (one.stated_minor, whole))
        return f"the payout states {stated} of it, and it is {own}"
    return ""


def _names_payout(one: Candidate, say: Say) -> str:
    """R4: a payout, and a line of the bank that names it."""
    payout, line = one.a, one.b
    if taken := _taken(one):
        return taken
    if payout.get("state") in OFF:
        return f"the line names it, and the payout is {payout['state'].lower()}"
    if payout.get("currency") and line.get("currency") and payout["currency"] != line["currency"]:
        return (
            f"the line is in {line['currency']}, and no rate of its day confirms it as {payout['currency']}"
        )
    return _unknown(payout, "payout") or _not_in_parts(one) or _otherwise_than_named(one, say)


def _not_in_parts(one: Candidate) -> str:
    lines, payouts = (one.several, one.rivals + 1) if one.of_a else (one.rivals + 1, one.several)
    if lines > 1:
        return f"one of {lines} lines that name the payout, and that are not its parts to the minor unit"
    return f"the line names {payouts} payouts, and is not their sum to the minor unit" if payouts > 1 else ""


def _otherwise_than_named(one: Candidate, say: Say) -> str:
    if not (one.residual_minor and one.currency):
        return ""
    apart = say(Money(abs(one.residual_minor), one.currency))
    return f"the line names it, and is {apart} {'less' if one.residual_minor > 0 else 'more'} than it"


def _same_day_and_amount(one: Candidate, _say: Say) -> str:
    """R4: what moved, and a line of the bank of the same amount about that day."""
    if taken := _taken(one):
        return taken
    if unknown := _unknown(one.a, "other side"):
        return unknown
    if one.rivals:
        return f"{counted(one.rivals, 'other')} of the same amount could be the same as well"
    return f"one of {one.several} of the same amount" if one.several > 1 else ""


def _sum_of_day(one: Candidate, _say: Say) -> str:
    """R4: several of a day that only together are as much as one."""
    if one.several > 1:
        return f"one of {one.several} of its day that only together are as much; nothing names any of them"
    return "as much only together with others of its day; nothing names any of them"


def _of_deal(one: Candidate, _say: Say) -> str:
    """R5: a subscription, and the deal whose order sold it."""
    if taken := _taken(one):
        return taken
    if unknown := _unknown(one.a, "subscription"):
        return unknown
    what, other = ("subscription", "deal") if one.of_a else ("deal", "subscription")
    if one.several > 1:
        return f"one of {one.several} {other}s that fit"
    return f"{counted(one.rivals, f'other {what}')} could be of it as well" if one.rivals else ""


def _taken(one: Candidate) -> str:
    return f"it is matched with {one.taken_by} already" if one.taken_by else ""


def _unknown(facts: Mapping[str, Any], what: str) -> str:
    return f"the status of the {what} is a word that no rule knows" if facts.get("state") == "UNKNOWN" else ""


Judge = Callable[[Candidate, Say], str]

_JUDGES: Mapping[tuple[str, str], Judge] = {
    ("R2", "invoice_names"): _billed,
    ("R3", "P7"): _paid_together,
    ("R3", "P9"): _only_named,
    ("R4", "P0"): _in_payout,
    ("R4", "P1"): _names_payout,
    ("R4", "P4"): _same_day_and_amount,
    ("R4", "P5"): _sum_of_day,
}
_OF_RECON: Mapping[str, Judge] = {"R1": _same_party, "R2": _sold, "R3": _crowded, "R5": _of_deal}
