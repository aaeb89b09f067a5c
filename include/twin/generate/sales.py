"""What customers bought: their contracts and how these went. Amounts in minor units."""

from dataclasses import dataclass
from datetime import date

from include.twin.generate.book import Customer, Rules
from include.twin.generate.dates import add_months, days_after, month_end
from include.twin.generate.draws import Stream, chance, choose, draws, pick
from include.twin.generate.faults import subscription_kinds
from include.twin.generate.markets import ANNUAL_MONTHS, PRODUCTS, Product

MONTHLY_PER_MILLION = 700_000
HISTORY_MONTHS = 24
YEAR = 12
SHORTEST_CHANGED = 3  # periods
SHORT_MONTHS = 6  # a monthly contract that short has mostly ended: few customers are that new
INVOICING_DAYS = 45  # an order is late in being invoiced only after that
PERIOD_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Subscription:
    """A sold contract and how it went; `changes` are (first period, quantity) from then on."""

    index: int  # within the customer
    interval: str
    product: Product
    quantity: int
    unit_minor: int
    start: date
    periods: int  # invoiced so far
    term_months: int
    end: date  # first day without service
    active: bool
    discount_percent: int
    changes: tuple[tuple[int, int], ...]
    orders_fault: str
    arr_fault: str
    draws: tuple[int, ...]

    @property
    def months(self) -> int:
        return PERIOD_MONTHS[self.interval]

    @property
    def periods_in_term(self) -> int:
        return self.term_months // self.months

    @property
    def order_minor(self) -> int:
        """What was sold, before tax: the first quantity over the whole term."""
        return self.unit_minor * self.quantity * self.periods_in_term

    def period_start(self, period: int) -> date:
        return add_months(self.start, period * self.months)

    def quantity_in(self, period: int) -> int:
        return next((many for first, many in reversed(self.changes) if first <= period), self.quantity)

    def arr(self, quantity: int) -> int:
        return self.unit_minor * quantity * (12 // self.months)


def subscriptions(customer: Customer, rules: Rules) -> list[Subscription]:
    """Contracts with exactly the customer's number of invoices between them."""
    sold: list[Subscription] = []
    remaining = customer.invoice_count
    while remaining:
        numbers = draws(rules.seed, Stream.SUBSCRIPTION, customer.index, 20, part=len(sold))
        contract = _subscription(customer, rules, index=len(sold), budget=remaining, numbers=numbers)
        sold.append(contract)
        remaining -= contract.periods
    return sold


def _subscription(
    customer: Customer, rules: Rules, *, index: int, budget: int, numbers: list[int]
) -> Subscription:
    monthly = chance(numbers[0], MONTHLY_PER_MILLION)
    months = 1 if monthly else 12
    periods = min(budget, 6 + pick(numbers[1], 19) if monthly else 1 + pick(numbers[1], 2))
    start, active = _start(rules, months=months, periods=periods, numbers=numbers)
    term = YEAR if periods * months <= YEAR else 2 * YEAR
    product: Product = PRODUCTS.draw(numbers[4])
    discount = 10 if rules.profile.discounts and chance(numbers[5], 150_000) else 0
    unit = product.list_price * customer.market.unit_minor * (100 - discount) // 100
    quantity = choose(numbers[6], rules.profile.quantities)
    kinds = subscription_kinds(
        rules.profile.name, runs=active, changeable=active and periods >= SHORTEST_CHANGED
    )
    arr_fault: str = kinds.draw(numbers[11])
    return Subscription(
        index=index,
        interval="month" if monthly else "year",
        product=product,
        quantity=quantity,
        unit_minor=unit if monthly else unit * ANNUAL_MONTHS,
        start=start,
        periods=periods,
        term_months=term,
        end=add_months(start, term if active else periods * months),
        active=active,
        discount_percent=discount,
        changes=_changes(rules, periods, quantity, numbers, always=arr_fault == "amendment_lost"),
        orders_fault=_orders_fault(rules, numbers[10], start=start, missing=arr_fault == "missing"),
        arr_fault=arr_fault,
        draws=tuple(numbers),
    )


def _start(rules: Rules, *, months: int, periods: int, numbers: list[int]) -> tuple[date, bool]:
    """The first day of service, such that `periods` were invoiced by as_of; and whether it still runs."""
    last_day = month_end(rules.as_of) == rules.as_of
    day = 1 + pick(numbers[2], 31 if last_day else 28)
    this_month = rules.as_of.replace(day=1)
    latest = add_months(
        this_month, -(periods - 1) * months - (0 if last_day or day <= rules.as_of.day else 1)
    )
    room = HISTORY_MONTHS - 1 - (periods - 1) * months  # how many months earlier it can have begun
    ended = room >= months and chance(numbers[7], 800_000 if periods * months < SHORT_MONTHS else 300_000)
    earlier = (
        months + pick(numbers[3], room - months + 1) if ended else pick(numbers[3], min(months, room + 1))
    )
    first = add_months(latest, -earlier)
    return first.replace(day=min(day, month_end(first).day)), not ended


def _changes(
    rules: Rules, periods: int, quantity: int, numbers: list[int], *, always: bool
) -> tuple[tuple[int, int], ...]:
    """One in ten contracts changes its number of seats at the start of a later period."""
    if periods < SHORTEST_CHANGED or not (always or chance(numbers[8], 100_000)):
        return ()
    other = [many for many in rules.profile.quantities if many != quantity]
    return ((1 + pick(numbers[9], periods - 1), choose(numbers[12], other)),)


def _orders_fault(rules: Rules, draw: int, *, start: date, missing: bool) -> str:
    """Without its opportunity there is no deal that could differ from the order; a new order can wait."""
    fault: str = rules.profile.orders.draw(draw)
    waiting = fault == "not_invoiced" and days_after(start, INVOICING_DAYS) > rules.as_of
    return "clean" if missing or waiting else fault
