"""Opportunities and orders of one customer, with the faults between them (R2)."""

from dataclasses import dataclass, replace
from datetime import date

from include.twin.generate.book import Book, Rules
from include.twin.generate.dates import days_after
from include.twin.generate.draws import Stream, choose, draws, pick
from include.twin.generate.ids import salesforce_id
from include.twin.generate.markets import HOME, MARKETS
from include.twin.generate.sales import Subscription

OWNERS = tuple(salesforce_id("005", serial) for serial in range(12))
OPEN_STAGES = (
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Proposal/Price Quote",
    "Negotiation/Review",
)
APPROVALS = ((10, "Rep"), (20, "Manager"), (30, "Director"))
SLOTS = 4096  # opportunities one customer can have
EXTRA_DEAL = 2048  # first slot of deals beside the contracts
PIPELINE = 4000  # first slot of deals open or lost


@dataclass(frozen=True, slots=True)
class Deal:
    id: str
    name: str
    stage: str
    amount: int
    currency: str
    closes: date
    discount: int
    approval: str
    term_months: int
    order_id: str
    product: str
    list_price: int
    owner: str


def opportunity_id(book: Book, slot: int) -> str:
    return salesforce_id("006", book.customer.index * SLOTS + slot)


def order_id(book: Book, contract: Subscription) -> str:
    return f"O{book.customer.index:06d}-{contract.index:03d}"


def approval_for(discount: int) -> str:
    return next((level for limit, level in APPROVALS if discount <= limit), "CFO")


def write_deals(book: Book, contracts: list[Subscription], rules: Rules) -> None:
    for contract in contracts:
        _write_contract(book, contract)
    _write_pipeline(book, rules)


def _deal_for(book: Book, contract: Subscription) -> Deal:
    market = book.customer.market
    numbers = contract.draws
    return Deal(
        id=opportunity_id(book, contract.index),
        name=f"{book.customer.company.core} - {contract.product.name}",
        stage="Closed Won",
        amount=contract.order_minor,
        currency=market.currency,
        closes=days_after(contract.start, -3 - pick(numbers[13], 18)),
        discount=contract.discount_percent,
        approval=approval_for(contract.discount_percent),
        term_months=contract.term_months,
        order_id=order_id(book, contract),
        product=contract.product.name,
        list_price=contract.unit_minor * 100 // (100 - contract.discount_percent),
        owner=choose(numbers[14], OWNERS),
    )


def _write_contract(book: Book, contract: Subscription) -> None:
    right = _deal_for(book, contract)
    fault = contract.orders_fault
    crm = _as_crm_has_it(right, fault, book)
    _write_order(book, right, contract, linked=contract.arr_fault != "missing")
    if contract.arr_fault == "missing":
        book.breaks("R2", "OR02", right.order_id, book.customer.market.money(right.amount))
    else:
        _write_deal(book, crm)
        book.link("R2", right.id, right.order_id, book.customer.market.money(right.amount))
    if fault != "clean":
        book.fault("R2", fault, right.order_id)
        _name_break(book, right, crm, contract)
        _write_beside(book, right, contract)


def _as_crm_has_it(deal: Deal, fault: str, book: Book) -> Deal:
    changes: dict[str, dict[str, object]] = {
        "amount": {"amount": deal.amount * 11 // 10},
        "line": {"list_price": deal.list_price * 9 // 10},
        "term": {"term_months": 36 - deal.term_months},
        "discount": {"discount": 25, "approval": "Rep"},
        "reverted": {"stage": "Negotiation/Review"},
        "currency": {"currency": (MARKETS[1] if book.customer.market is HOME else HOME).currency},
    }
    return replace(deal, **changes.get(fault, {}))  # type: ignore[arg-type]


def _name_break(book: Book, right: Deal, crm: Deal, contract: Subscription) -> None:
    money = book.customer.market.money
    found = {
        "amount": ("OR03", right.order_id, crm.amount - right.amount),
        "currency": ("OR04", right.order_id, right.amount),
        "line": ("OR05", right.order_id, crm.list_price - right.list_price),
        "duplicate": ("OR06", f"{right.order_id}D", right.amount),
        "term": ("OR07", right.order_id, 0),
        "discount": ("OR08", right.id, right.amount),
        "not_invoiced": ("OR09", f"{right.order_id}N", right.amount),
        "reverted": ("OR12", right.id, right.amount),
        "no_order": ("OR01", opportunity_id(book, EXTRA_DEAL + contract.index), right.amount),
    }.get(contract.orders_fault)
    if found:
        code, key, amount = found
        book.breaks("R2", code, key, money(amount))


def _write_beside(book: Book, right: Deal, contract: Subscription) -> None:
    """The deal or order a fault puts beside the contract's own."""
    if contract.orders_fault == "duplicate":
        _write_order(book, replace(right, order_id=f"{right.order_id}D"), contract)
    elif contract.orders_fault in {"no_order", "not_invoiced"}:
        beside = replace(
            right,
            id=opportunity_id(book, EXTRA_DEAL + contract.index),
            order_id="" if contract.orders_fault == "no_order" else f"{right.order_id}N",
            name=f"{right.name} add-on",
        )
        _write_deal(book, beside)
        if beside.order_id:
            _write_order(book, beside, contract)
            book.link("R2", beside.id, beside.order_id, book.customer.market.money(beside.amount))


def _write_order(book: Book, deal: Deal, contract: Subscription, *, linked: bool = True) -> None:
    customer = book.customer
    book.add(
        "erp/orders.csv",
        deal.order_id,
        deal.order_id.replace("O", "SO-", 1),
        customer.id,
        days_after(deal.closes, 1).isoformat(),
        customer.market.currency,
        customer.market.money(deal.amount),
        "processing" if contract.active else "done",
        deal.id if linked else "",
    )


def _write_deal(book: Book, deal: Deal, *, kind: str = "New Business") -> None:
    customer = book.customer
    won = deal.stage == "Closed Won"
    book.add(
        "salesforce/Opportunity.csv",
        deal.id,
        customer.account_id,
        deal.name,
        deal.stage,
        "true" if won or deal.stage == "Closed Lost" else "false",
        "true" if won else "false",
        customer.market.money(deal.amount),
        deal.currency,
        deal.closes.isoformat(),
        kind,
        str(deal.discount),
        deal.approval,
        str(deal.term_months),
        deal.order_id,
        deal.product,
        customer.market.money(deal.list_price),
        deal.owner,
    )


def _write_pipeline(book: Book, rules: Rules) -> None:
    """Up to two deals that are still open, or were lost."""
    numbers = draws(rules.seed, Stream.PIPELINE, book.customer.index, 13)
    for place in range(pick(numbers[0], 3)):
        lost, age, amount, stage, owner, kind = numbers[1 + place * 6 : 7 + place * 6]
        is_lost = pick(lost, 2) == 0
        ahead = 0 if rules.profile.clean else pick(age, 90)  # an expected date, not yet a fact
        unit = (99, 199, 490, 990)[pick(amount, 4)] * book.customer.market.unit_minor
        deal = Deal(
            id=opportunity_id(book, PIPELINE + place),
            name=f"{book.customer.company.core} - Expansion {place + 1}",
            stage="Closed Lost" if is_lost else choose(stage, OPEN_STAGES),
            amount=unit * 12,
            currency=book.customer.market.currency,
            closes=days_after(rules.as_of, -1 - pick(age, 600) if is_lost else ahead),
            discount=0,
            approval=approval_for(0),
            term_months=12,
            order_id="",
            product="",
            list_price=unit,
            owner=choose(owner, OWNERS),
        )
        _write_deal(book, deal, kind=choose(kind, ("New Business", "Existing Business")))
