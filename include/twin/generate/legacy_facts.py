"""What the old path is asked for each day, as it is in truth: orders, invoices, statuses, ARR and matches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from include.twin.generate.billing import subscription_id
from include.twin.generate.book import Book, Invoice
from include.twin.generate.dates import SATURDAY
from include.twin.generate.deals import opportunity_id, order_id
from include.twin.generate.markets import Market
from include.twin.generate.sales import Subscription

WORDS = {
    "processing": "Active",
    "done": "Closed",
    "OPEN": "Outstanding",
    "PARTIALLY_PAID": "Part paid",
    "PAID": "Settled",
}
"""The old path's own words for what it knows."""
NO_DEAL = 4_095  # a slot that no deal has
EVENING = "T10:00:00+00:00"  # six in Singapore


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing the path says on a day; amounts in minor units. `number` is a document's, or several with a space."""

    kind: str
    key: str
    since: date
    number: str = ""
    currency: str = ""
    amount: int | None = None
    tax: int | None = None
    on: date | None = None
    due: date | None = None
    word: str = ""
    at: datetime | None = None

    def differs_in(self, other: "Answer") -> Iterator[str]:
        names = {"amount": "amount", "tax": "tax", "on": "on_date", "due": "due_date", "word": "status"}
        names |= {"number": "text", "currency": "currency"}
        for mine, said in names.items():
            if getattr(self, mine) != getattr(other, mine):
                yield said

    def cells(self, market: Market) -> tuple[str, ...]:
        """Its row in the file of its kind, without the day."""
        amount, tax = (market.money(minor) if minor is not None else "" for minor in (self.amount, self.tax))
        at = self.at.isoformat().replace("+00:00", "Z") if self.at else ""
        on, due = (day.isoformat() if day else "" for day in (self.on, self.due))
        net = market.money((self.amount or 0) - (self.tax or 0))
        return {
            "orders": (self.key, self.number, on, self.currency, amount, self.word, at),
            "invoices": (self.key, on, due, self.currency, net, tax, amount, at),
            "statuses": (self.key, self.word, on, at),
            "arr": (self.key, self.currency, amount),
            "matches": (self.key, self.number, self.currency, amount),
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Terms:
    """What an invoice's tax is made of, in minor units; `lines` seats of one price each."""

    net: int
    tax: int
    gross: int
    lines: int
    percent: int
    exponent: int

    def tax_per_line(self) -> int:
        return self.lines * ((self.net // self.lines * self.percent * 2 + 100) // 200)

    def gross_in_float(self) -> int:
        """As a program comes to it that counts money in binary fractions, and cuts what is behind the cents."""
        scale = 10**self.exponent
        return int(self.net / scale * (1 + self.percent / 100) * scale)


@dataclass(frozen=True, slots=True)
class Paid:
    """Money of one payment for one invoice."""

    payment_id: str
    number: str
    amount: int
    on: date


@dataclass(frozen=True, slots=True)
class Facts:
    """One customer, as it is in truth."""

    currency: str
    nobodys_deal: str  # the id of a deal that there is not
    orders: tuple[Answer, ...]
    invoices: tuple[Invoice, ...]
    terms: dict[str, Terms]  # by invoice number
    paid: tuple[Paid, ...]
    instants: dict[str, datetime]  # invoice number: when a card paid it
    contracts: dict[str, Subscription]

    def answers(self, day: date) -> Iterator[Answer]:
        """All that is so at the end of a day."""
        yield from (one for one in self.orders if one.since <= day)
        for invoice in self.invoices:
            if invoice.issued <= day:
                yield self._invoice(invoice)
        yield from settled(self, [one for one in self.paid if one.on <= day], day)
        for key, contract in self.contracts.items():
            if contract.start <= day:
                amount = self._arr(contract, day)
                yield Answer("arr", key, contract.start, currency=self.currency, amount=amount)

    def _invoice(self, invoice: Invoice) -> Answer:
        return Answer(
            "invoices",
            invoice.number,
            invoice.issued,
            currency=self.currency,
            amount=invoice.gross,
            tax=invoice.gross - invoice.net,
            on=invoice.issued,
            due=invoice.due,
            at=typed_in(invoice.issued),
        )

    def _arr(self, contract: Subscription, day: date) -> int:
        if day >= contract.end:
            return 0
        steps = [(contract.period_start(period), quantity) for period, quantity in contract.changes]
        return contract.arr(
            next((quantity for start, quantity in reversed(steps) if start <= day), contract.quantity)
        )

    def first_arr(self, key: str) -> int | None:
        """ARR of a subscription as first sold; None where nothing changed it."""
        contract = self.contracts[key]
        return contract.arr(contract.quantity) if contract.changes else None

    def card_instant(self, number: str) -> datetime | None:
        return self.instants.get(number)

    def due_on_weekend(self, number: str) -> bool:
        return any(one.due.weekday() >= SATURDAY for one in self.invoices if one.number == number)


def settled(facts: Facts, applied: Sequence[Paid], day: date) -> Iterator[Answer]:
    """Statuses and matches that come of money applied so."""
    of_invoice: dict[str, list[Paid]] = defaultdict(list)
    of_payment: dict[str, list[Paid]] = defaultdict(list)
    for one in applied:
        of_invoice[one.number].append(one)
        of_payment[one.payment_id].append(one)
    for invoice in facts.invoices:
        if invoice.issued <= day:
            yield _status(invoice, of_invoice[invoice.number])
    for payment, parts in of_payment.items():
        names = " ".join(sorted(one.number for one in parts))
        amount = sum(one.amount for one in parts)
        yield Answer("matches", payment, parts[0].on, number=names, currency=facts.currency, amount=amount)


def _status(invoice: Invoice, parts: Sequence[Paid]) -> Answer:
    got = sum(one.amount for one in parts)
    state = "PAID" if got >= invoice.gross else "PARTIALLY_PAID" if got else "OPEN"
    last = max((one.on for one in parts), default=None)
    since = last or invoice.issued
    return Answer("statuses", invoice.number, since, on=last, word=WORDS[state], at=typed_in(since))


def typed_in(day: date) -> datetime:
    """When the old path's clerk types in what happened on a day."""
    return datetime.fromisoformat(f"{day}{EVENING}")


def facts_of(book: Book, contracts: Sequence[Subscription], billed: Sequence[Invoice]) -> Facts:
    """What a customer's files say, read back."""
    market = book.customer.market
    by_order = {order_id(book, one): one for one in contracts}
    numbers = {one.id: one for one in billed}
    paid_on = {row[0]: date.fromisoformat(row[7]) for row in book.rows["payments/payments.csv"]}
    paid = [
        Paid(row[1], numbers[row[2]].number, minor(row[3], market), paid_on[row[1]])
        for row in book.rows["truth/links.csv"]
        if row[0] == "R3"
    ]
    of_payment = {one.payment_id: one.number for one in paid}
    return Facts(
        currency=market.currency,
        nobodys_deal=opportunity_id(book, NO_DEAL),
        orders=tuple(_orders(book)),
        invoices=tuple(billed),
        terms={one.number: _terms(one, by_order[one.order_id], market) for one in billed},
        paid=tuple(paid),
        instants={
            of_payment[row[1]]: datetime.fromisoformat(row[6])
            for row in book.rows["payments/attempts.csv"]
            if row[4] == "succeeded" and row[1] in of_payment
        },
        contracts={subscription_id(book, one): one for one in contracts},
    )


def _orders(book: Book) -> Iterator[Answer]:
    market = book.customer.market
    for _, number, _, ordered, currency, amount, word, deal in book.rows["erp/orders.csv"]:
        day = date.fromisoformat(ordered)
        yield Answer(
            "orders",
            deal,
            day,
            number=number,
            currency=currency,
            amount=minor(amount, market),
            on=day,
            word=WORDS[word],
            at=typed_in(day),
        )


def _terms(invoice: Invoice, contract: Subscription, market: Market) -> Terms:
    tax = invoice.gross - invoice.net
    lines = invoice.net // contract.unit_minor
    percent = next((rate for rate in range(30) if (invoice.net * rate * 2 + 100) // 200 == tax), 0)
    return Terms(invoice.net, tax, invoice.gross, lines, percent, market.exponent)


def minor(money: str, market: Market) -> int:
    """Minor units of an amount as files have it."""
    whole, _, part = money.partition(".")
    return int(whole + part.ljust(market.exponent, "0"))
