"""Invoices of one customer's contracts, and what the ERP and the CRM say of the subscriptions (R5)."""

from datetime import date
from typing import NamedTuple

from include.twin.generate.book import Book, Invoice, Rules
from include.twin.generate.dates import days_after
from include.twin.generate.deals import opportunity_id, order_id
from include.twin.generate.draws import pick
from include.twin.generate.markets import RATE_SCALE
from include.twin.generate.sales import Subscription

SETTLING_DAYS = 7  # the ERP marks an invoice paid that long after its last payment


class _Billed(NamedTuple):
    issued: date
    contract: Subscription
    period: int


def invoices(book: Book, contracts: list[Subscription], *, first_serial: int) -> list[Invoice]:
    """All invoices, oldest first, numbered from `first_serial` on."""
    billed = [
        _Billed(contract.period_start(period), contract, period)
        for contract in contracts
        for period in range(contract.periods)
    ]
    billed.sort(key=lambda item: (item.issued, item.contract.index))
    return [_invoice(book, item, serial=first_serial + place) for place, item in enumerate(billed)]


def _invoice(book: Book, item: _Billed, *, serial: int) -> Invoice:
    customer, contract = book.customer, item.contract
    identity = f"I{serial:07d}"
    net = contract.unit_minor * contract.quantity_in(item.period)
    order = order_id(book, contract)
    faulty = item.period == pick(contract.draws[15], contract.periods)
    if faulty and contract.orders_fault == "partial_billing":
        short = net - net * 4 // 5
        net -= short
        book.breaks("R2", "OR11", order, customer.market.money(short))
    tax = customer.market.tax(net, on=item.issued)
    if faulty and contract.orders_fault == "tax":
        right, tax = tax, 0 if tax else net // 20
        book.breaks("R2", "OR13", identity, customer.market.money(tax - right))
    gross = net + tax
    book.link("R2", order, identity, customer.market.money(net))
    return Invoice(
        id=identity,
        number=f"INV-{item.issued.year}-{serial:05d}",
        order_id=order,
        issued=item.issued,
        due=days_after(item.issued, customer.terms_days),
        net=net,
        gross=gross,
    )


def write_invoices(book: Book, billed: list[Invoice], rules: Rules) -> None:
    """To be called when all is settled: the status says what the ERP has applied so far."""
    market = book.customer.market
    settled_by = days_after(rules.as_of, -SETTLING_DAYS)
    for invoice in billed:
        paid = book.settled[invoice.id] >= invoice.gross and book.last_paid[invoice.id] <= settled_by
        status = "cancelled" if invoice.id in book.cancelled else "paid" if paid else "posted"
        book.add(
            "erp/invoices.csv",
            invoice.id,
            invoice.number,
            book.customer.id,
            invoice.order_id,
            invoice.issued.isoformat(),
            invoice.due.isoformat(),
            market.currency,
            market.money(invoice.net),
            market.money(invoice.gross - invoice.net),
            market.money(invoice.gross),
            status,
            "true" if invoice.id in book.disputed else "false",
        )


def write_subscriptions(book: Book, contracts: list[Subscription], rules: Rules) -> None:
    for contract in contracts:
        _write_subscription(book, contract, rules)
        _write_amendments(book, contract)


def subscription_id(book: Book, contract: Subscription) -> str:
    return f"S{book.customer.index:06d}-{contract.index:03d}"


def _write_subscription(book: Book, contract: Subscription, rules: Rules) -> None:
    market = book.customer.market
    identity = subscription_id(book, contract)
    right = contract.arr(contract.quantity_in(contract.periods - 1)) if contract.active else 0
    arr = _arr_on_record(book, contract, right, rules)
    renewal = _renewal_on_record(contract)
    wrong_status = contract.arr_fault == "status"
    book.add(
        "erp/subscriptions.csv",
        identity,
        book.customer.id,
        contract.start.isoformat(),
        contract.end.isoformat(),
        market.currency,
        str(contract.quantity),
        market.money(contract.unit_minor),
        contract.interval,
        "active" if contract.active != wrong_status else "cancelled",
        renewal.isoformat() if renewal else "",
        market.money(arr),
    )
    if contract.arr_fault != "missing":
        book.link("R5", identity, opportunity_id(book, contract.index), market.money(right))
    if contract.arr_fault != "clean":
        code = ARR_CODES[contract.arr_fault]
        book.fault("R5", contract.arr_fault, identity)
        book.breaks("R5", code, identity, market.money(arr - right) if arr != right else "")


ARR_CODES = {
    "amendment_lost": "SU05",
    "arr": "SU01",
    "fx": "SU01",
    "date": "SU02",
    "time_zone": "SU02",
    "status": "SU04",
    "missing": "SU03",
}


def _arr_on_record(book: Book, contract: Subscription, right: int, rules: Rules) -> int:
    if contract.arr_fault == "amendment_lost":
        return contract.arr(contract.quantity) if contract.active else 0
    if contract.arr_fault == "arr":
        return right + contract.arr(contract.quantity) // 10
    if contract.arr_fault == "fx":  # a figure in Singapore dollars, on record as the customer's currency
        rate = rules.rates[book.customer.market.currency][-1]
        return right * rate // RATE_SCALE + contract.unit_minor
    return right


def _renewal_on_record(contract: Subscription) -> date | None:
    if not contract.active:
        return None
    shift = {"date": 30, "time_zone": -1}.get(contract.arr_fault, 0)
    return days_after(contract.end, shift)


def _write_amendments(book: Book, contract: Subscription) -> None:
    for place, (period, quantity) in enumerate(contract.changes):
        book.add(
            "erp/amendments.csv",
            f"{subscription_id(book, contract)}-{place + 1}",
            subscription_id(book, contract),
            str(place + 1),
            "QTY",
            contract.period_start(period).isoformat(),
            str(quantity),
            book.customer.market.money(contract.unit_minor),
        )
