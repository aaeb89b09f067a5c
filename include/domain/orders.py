"""Deals, orders and invoices: what a difference between them is called, and the sentence that shows it.

Each function takes the facts a query found and gives the break, or None where the facts have another explanation.
A deal is an opportunity; orders and invoices are named by their number, as people do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from include.domain.breaks import WORTH_BELOW, Break, Level
from include.domain.money import major

Facts = Mapping[str, Any]
Ladder = tuple[tuple[str, Decimal], ...]
"""Who may approve up to which percentage, lowest first."""

HUNDRED = 100
DIGITS_MAX = 100  # of what a price may be told by, times or over another


@dataclass(frozen=True, kw_only=True)
class Approvals:
    """The ladder, and up to where a discount passes in a CRM that records no approvals."""

    ladder: Ladder
    unrecorded_up_to: Decimal


def without_order(found: Facts, *, as_of: date, timing_days: int) -> Break:
    """OR01. Deals are dated by the day, so the day they are won is timing, and from the next day on they are late."""
    if found["order_ref"] is None:
        why = "names no order, and no order names it"
    elif found["order_state"] is None:
        why = f"names order {found['order_ref']}, which the ERP does not have"
    elif found["order_state"] == "CANCELLED":
        why = f"names order {found['order_ref']}, which is cancelled"
    else:
        why = f"names order {found['order_ref']}, which is of opportunity {found['order_names'] or 'another'}"
    level: Level = "S1"
    if found["since"] and (as_of - found["since"]).days <= timing_days:
        level = "S4"
    return _break("OR01", found, f"won{_on(found)} for {_amount(found)}, but {why}", severity=level)


def without_deal(found: Facts) -> Break:
    """OR02."""
    claimed_by = found["claimed_by"] or ()
    if found["deal_names"] is not None:
        why = f"names opportunity {found['opportunity_ref']}, which names order {found['deal_names']}"
    elif found["opportunity_ref"] is not None and not claimed_by:
        why = f"names opportunity {found['opportunity_ref']}, which the CRM does not have"
    elif claimed_by:
        says = f"names {found['opportunity_ref'] or 'none'} itself"
        why = f"is named by {_listed(claimed_by, 'opportunity', 'opportunities')} and {says}"
    else:
        why = "names no opportunity, and no opportunity names it"
    return _break("OR02", found, f"order {found['number']} over {_amount(found)} {why}")


def amount_differs(found: Facts) -> Break:
    """OR03: `amount_minor` is what the deal has more than its orders."""
    deal, orders = (_money(found[side], found) for side in ("deal_minor", "orders_minor"))
    return _break(
        "OR03",
        found,
        f"{_listed(found['numbers'], 'order', 'orders')} over {orders}, opportunity {found['opportunity_id']} "
        f"over {deal}: {_amount(found)} apart",
    )


def currency_differs(found: Facts) -> Break:
    """OR04."""
    return _break(
        "OR04",
        found,
        f"{found['document']} {found['number']} is over {_amount(found)}, its {found['other_document']} "
        f"{found['other']} in {found['other_currency']}",
    )


def duplicate_order(found: Facts) -> Break:
    """OR06 for an order."""
    named = "which the opportunity names" if found["verdict"] == "duplicate" else "and it names neither"
    return _break(
        "OR06",
        found,
        f"order {found['number']} of {found['since']} repeats order {found['like_number']} of {found['like_date']} for "
        f"opportunity {found['opportunity_id']}, {named}: both over {_amount(found)}",
    )


def duplicate_invoice(found: Facts) -> Break:
    """OR06 for an invoice."""
    order = f" for order {found['order_id']}" if found["order_id"] else ""
    return _break(
        "OR06",
        found,
        f"invoice {found['number']} of {found['since']} repeats invoice {found['like_number']} ({found['like_id']}) "
        f"of {found['like_date']}{order}: both over {_amount(found)}",
    )


def reverted(found: Facts) -> Break:
    """OR12."""
    orders = _listed(found["numbers"], "order", "orders")
    stand = "stands" if len(found["numbers"]) == 1 else "stand"
    return _break(
        "OR12",
        found,
        f"the opportunity is {found['outcome']}, but its {orders} over {_amount(found)} {stand}",
    )


def not_invoiced(found: Facts, *, due_days: int) -> Break:
    """OR09."""
    return _break(
        "OR09",
        found,
        f"order {found['number']} of {found['since']} over {_amount(found)} has no invoice, "
        f"due {due_days} days after it",
    )


def billed_otherwise(found: Facts) -> Break:
    """OR10 where more was billed than is due, OR11 where less."""
    over = found["amount_minor"] > 0
    return _break(
        "OR10" if over else "OR11",
        {**found, "amount_minor": abs(found["amount_minor"])},
        f"order {found['number']} was billed {_money(found['billed_minor'], found)} net, due are "
        f"{_money(found['due_minor'], found)}; see invoice {found['invoice']} of {found['since']}",
    )


def discount_unapproved(found: Facts, *, approvals: Approvals) -> Break | None:
    """OR08: the discount, stated or at least so high by the list price, is beyond whoever approved it.

    A level that is not on the ladder approves nothing. No level approves what a sales representative may give alone.
    """
    stated, implied = found["discount_percent"], found["implied_percent"]
    percent = max(one for one in (stated, implied) if one is not None)
    approver = (found["approval_level"] or "").lower()
    granted = dict(approvals.ladder).get(approver, approvals.ladder[0][1])
    if not found["recorded"]:
        granted = max(granted, approvals.unrecorded_up_to)
    if percent <= granted:
        return None
    needed = next((who for who, up_to in approvals.ladder if percent <= up_to), approvals.ladder[-1][0])
    by = f"approved by {found['approval_level']}" if approver else "with no approval on record"
    how = (
        ""
        if stated == percent
        else f", as {_amount(found)} for a list price of {_plain(found['list_price'])}"
    )
    return _break(
        "OR08",
        found,
        f"won at a discount of {_plain(percent)} percent{how}, {by}; it takes the {needed}",
    )


def product_off_list(found: Facts) -> Break:
    """OR05 for a deal whose product is not spelled as the price list spells it; what it should cost is unknown."""
    return _break(
        "OR05",
        {**found, "currency": None, "amount_minor": None},
        f"the {found['outcome']} opportunity{f' over {_amount(found)}' if found['amount_minor'] else ''} sells "
        f"{found['product']!r}, which has no list price on any of its {found['deals']} opportunities, while other "
        "products have one",
    )


def term_differs(found: Facts) -> Break | None:
    """OR07. A subscription that ends when the deal says has the deal's term, whatever the order's amount covers."""
    term, sold = found["term_months"], found["periods"] * found["months"]
    if term is None or term == sold or found["ends_with_term"]:
        return None
    return _break(
        "OR07",
        {**found, "amount_minor": 0},
        f"order {found['number']} sells {sold} months from {found['start_date']}, opportunity "
        f"{found['opportunity_id']} says {term}",
    )


def price_differs(found: Facts) -> Break | None:
    """OR05: the list price less the discount is not the price sold; `amount_minor` is what the list price is off by.

    It is None where that is no amount that can be kept, such as after a discount of all but a billionth of the price.
    Prices may be for other periods: a whole multiple of one another is no difference.
    """
    listed, percent, unit = found["list_minor"], found["discount_percent"], found["unit_minor"]
    if not found["comparable"] or not listed or not unit or percent is None or not 0 <= percent < HUNDRED:
        return None
    with localcontext(prec=DIGITS_MAX):
        sold = listed * (100 - percent) / 100
        low, high = sorted((sold, Decimal(unit)))
        times = (high / low).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        if abs(high - low * times) < times:
            return None
        right = int((unit * 100 / (100 - percent)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    apart = int(listed.quantize(Decimal(1), rounding=ROUND_HALF_UP)) - right
    return _break(
        "OR05",
        {**found, "amount_minor": apart if abs(apart) < WORTH_BELOW else None},
        f"order {found['number']} sells at {_money(int(unit), found)} a unit, a list price of "
        f"{_money(right, found)} less {_plain(percent)} percent; opportunity {found['opportunity_id']} has a "
        f"list price of {_money(apart + right, found)}",
    )


def tax_differs(found: Facts) -> Break:
    """OR13."""
    return _break(
        "OR13",
        found,
        f"invoice {found['number']} has {_money(found['tax_minor'], found)} tax on {_money(found['net_minor'], found)} "
        f"net; {_plain(found['percent'])} percent ({found['country']}, supplied {found['supplied_on']}) are "
        f"{_money(found['due_minor'], found)}",
    )


def bills_another(found: Facts) -> Break:
    """OR14."""
    return _break(
        "OR14",
        found,
        f"{found['document']} {found['number']} over {_amount(found)} bills customer {found['customer_id']}; "
        f"{found['whose']} is of customer {found['other']}",
    )


def _break(code: str, found: Facts, evidence: str, *, severity: Level | None = None) -> Break:
    return Break(
        recon="R2",
        code=code,
        key=found["key"],
        evidence=evidence[:1].upper() + evidence[1:],
        currency=found["currency"],
        amount_minor=found["amount_minor"],
        since=found["since"],
        severity=severity,
    )


def _money(minor: int | Decimal, found: Facts) -> str:
    return f"{major(int(minor), currency=found['currency'])} {found['currency']}"


def _amount(found: Facts) -> str:
    known = found["amount_minor"] is not None and found["currency"] is not None
    return _money(found["amount_minor"], found) if known else "an unknown amount"


def _on(found: Facts) -> str:
    return f" on {found['since']}" if found["since"] else ""


def _plain(number: Decimal) -> str:
    """Two decimals at most: 25, 7.5, 33.33."""
    text = f"{number.quantize(Decimal('0.01'), rounding=ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".")


def _listed(names: Sequence[str], one: str, many: str) -> str:
    return f"{one if len(names) == 1 else many} {', '.join(names)}"
