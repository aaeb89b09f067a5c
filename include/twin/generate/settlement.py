"""How one customer pays: invoices become cases, and a case's kind writes payments and truth (R3)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from include.twin.generate.ambiguity import Blind, Open, ambiguous
from include.twin.generate.book import Book, Invoice, Rules
from include.twin.generate.dates import banking_day, days_after
from include.twin.generate.draws import Stream, chance, draws, pick
from include.twin.generate.faults import GROUP_SIZES, Cash, cash_kinds
from include.twin.generate.markets import HOME, Market

# As in IBM's receivables data: 35.6 percent late, 18.6 percent more than a week, 22.7 percent disputed.
ON_TIME, WITHIN_A_WEEK = 644, 814  # of a thousand
DISPUTED_LATE, DISPUTED_ON_TIME = 500_000, 76_000
NEVER_PAID = 20_000  # of a million
LARGEST_GROUP = 6
TOGETHER_DAYS = 28  # invoices issued that close together can be paid together
LATEST_DAYS = 3  # so long after as_of facts are written (but for the clean profile), which as_of must not see
DRAWS, DISPUTES = 24, 12  # draws of a case; from the second number on, one for each invoice of its group


@dataclass(frozen=True, slots=True)
class Case:
    """The invoices that are paid together, and the draws that decide how."""

    book: Book
    rules: Rules
    kind: Cash
    invoices: tuple[Invoice, ...]
    paid_on: date
    numbers: list[int]

    @property
    def invoice(self) -> Invoice:
        return self.invoices[0]

    @property
    def market(self) -> Market:
        return self.book.customer.market

    @property
    def gross(self) -> int:
        return sum(invoice.gross for invoice in self.invoices)


Settle = Callable[[Case], None]


def settle(
    book: Book, billed: list[Invoice], rules: Rules, ways: dict[Cash, Settle], never_paid: Settle
) -> None:
    """Walks through the invoices, oldest first; what is paid after as_of stays open."""
    place = 0
    while place < len(billed):
        case = _next_case(book, billed[place : place + LARGEST_GROUP], rules)
        place += len(case.invoices)
        if chance(case.numbers[1], NEVER_PAID):
            never_paid(case)
        elif _is_written(case):
            ways[case.kind](case)
    _judge_blind(book, billed)


def _next_case(book: Book, waiting: list[Invoice], rules: Rules) -> Case:
    first, market = waiting[0], book.customer.market
    numbers = draws(rules.seed, Stream.INVOICE, int(first.id[1:]), DRAWS)
    together = days_after(first.issued, TOGETHER_DAYS)
    kinds = cash_kinds(
        rules.profile.name,
        withholding=bool(market.withholding),
        abroad=market is not HOME,
        grouped=len(waiting) > 1 and waiting[1].issued <= together,
    )
    paid_on, late = _paid_on(first, numbers)
    kind: Cash = kinds.draw(numbers[0])
    size = 1
    if kind in {Cash.MANY_INVOICES, Cash.MANY_TO_MANY}:
        size = GROUP_SIZES.draw(numbers[5])
    group = tuple(invoice for invoice in waiting[:size] if invoice.issued <= together)
    if paid_on > rules.as_of:
        kind, group = Cash.EXACT, group[:1]
    if not rules.profile.clean:
        per_million = DISPUTED_LATE if late else DISPUTED_ON_TIME
        for invoice, number in zip(group, numbers[DISPUTES:], strict=False):
            if chance(number, per_million):
                book.disputed.add(invoice.id)
    return Case(book, rules, kind, group, max(paid_on, banking_day(days_after(group[-1].issued, 1))), numbers)


def _paid_on(invoice: Invoice, numbers: list[int]) -> tuple[date, bool]:
    luck = pick(numbers[2], 1000)
    if luck < ON_TIME:
        early = banking_day(days_after(invoice.due, -pick(numbers[3], 13)), forward=False)
        return max(early, banking_day(days_after(invoice.issued, 1))), False
    days = 1 + pick(numbers[3], 6) if luck < WITHIN_A_WEEK else 8 + pick(numbers[3], 38)
    return banking_day(days_after(invoice.due, days)), True


def _is_written(case: Case) -> bool:
    latest = case.rules.as_of if case.rules.profile.clean else days_after(case.rules.as_of, LATEST_DAYS)
    return case.paid_on <= latest


def _judge_blind(book: Book, billed: list[Invoice]) -> None:
    """Names the payments without a reference that could be for other invoices as well."""
    if not book.blind:
        return
    still_open = [
        Open(invoice.id, invoice.issued, invoice.due, invoice.gross - book.settled[invoice.id])
        for invoice in billed
        if invoice.id not in book.cancelled
    ]
    payments = [Blind(payment.id, payment.paid_on, payment.amount) for payment in book.blind]
    held = ambiguous(payments, still_open)
    for payment in book.blind:
        if payment.id in held:
            book.hold(payment.id, "ambiguous")
            book.breaks("R3", "CA16", payment.id, payment.market.money(payment.amount))
