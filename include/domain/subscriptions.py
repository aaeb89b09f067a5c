"""A subscription's life: its terms, amendments and pauses, and from them its ARR on any day.

Dates and amendments decide. The row has the first term and the first price, as sold; amendments have what came later.
The status on record is a word about today and cannot say what happened when, so it never moves ARR (`NOT_SOLD` aside).
Periods are half-open: the end date is the first day without service.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from include.domain.arr import Price, annualised, is_held, period_minor
from include.domain.renewals import next_renewal, renewal, whole_months

AMENDMENT_TYPES = frozenset(
    ("QTY", "PRICE", "UPGRADE", "DOWNGRADE", "COTERM", "PAUSE", "RESUME", "CANCEL", "REACTIVATE", "RENEW")
)
NOT_SOLD = frozenset(("DRAFT", "PENDING", "TRIAL"))
"""Statuses of what has not been sold yet and so is no recurring revenue, whatever its dates say."""

MONTHS_OF = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
WEEK_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class ArrRules:
    """Policy: a pause up to `kept_pause_days` keeps its ARR, and so does a renewal up to `renewal_grace_days` late."""

    kept_pause_days: int = 0
    renewal_grace_days: int = 0


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription as first sold; `end_on` is the end of its first term, None when it has none."""

    subscription_id: str
    start_on: date
    end_on: date | None
    price: Price


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """One change, from a day on; `quantity` and `unit_price` are None where it leaves them alone."""

    amendment_id: str
    sequence: int
    type: str
    effective_on: date
    quantity: Decimal | None = None
    unit_price: Decimal | None = None


class Span(NamedTuple):
    """Days from `start` until before `end` (None: open); why it begins and why it ends."""

    start: date
    end: date | None
    begins: str
    ends: str

    def has(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day < self.end)


class Priced(NamedTuple):
    """A price from a day on, and the amendment type that set it."""

    start: date
    price: Price
    why: str


class Step(NamedTuple):
    """ARR changes by `delta_minor` on a day, and why."""

    on: date
    delta_minor: int
    why: str


class Gap(NamedTuple):
    """A term that ended, and the day on which it was renewed later than that."""

    ended: date
    renewed: date

    @property
    def days(self) -> int:
        return (self.renewed - self.ended).days


@dataclass(frozen=True, kw_only=True)
class Life:
    """What became of a subscription, as far as was known on `as_of`."""

    as_of: date
    service: tuple[Span, ...]
    pauses: tuple[Span, ...]  # those that stop its ARR
    prices: tuple[Priced, ...]
    gap: Gap | None = None  # of its latest renewal
    awaiting: date | None = None  # the end of a term that nobody renewed yet, within the days of grace

    def price_on(self, day: date) -> Price:
        return next((one.price for one in reversed(self.prices) if one.start <= day), self.prices[0].price)

    def in_service(self, day: date) -> bool:
        return any(span.has(day) for span in self.service)

    def paused(self, day: date) -> bool:
        return any(span.has(day) for span in self.pauses)

    def arr_on(self, day: date) -> int:
        """ARR at the close of a day, in minor units."""
        return annualised(self.price_on(day)) if self.in_service(day) and not self.paused(day) else 0

    @property
    def ends_on(self) -> date | None:
        """The first day without service after the last term known."""
        return self.service[-1].end

    @property
    def renews_on(self) -> date | None:
        """The day on which the last term known ends, or ended where it is in the days of grace."""
        return self.awaiting or self.ends_on

    @property
    def cancelled(self) -> bool:
        return self.service[-1].ends == "CANCEL"

    def steps(self) -> list[Step]:
        """Every change of ARR up to `as_of`, in order."""
        found, before = [], 0
        for day, why in sorted(self._reasons().items()):
            arr = self.arr_on(day)
            if day <= self.as_of and arr != before:
                found.append(Step(day, arr - before, why))
                before = arr
        return found

    def _reasons(self) -> dict[date, str]:
        """The days on which something happens, and what weighs most on each."""
        reasons = {one.start: one.why for one in self.prices}
        for span in (*self.service, *self.pauses):
            reasons[span.start] = span.begins
            if span.end is not None:
                reasons.setdefault(span.end, span.ends)
        return reasons

    def bills(self, subscription: Subscription) -> tuple[tuple[date, int], ...]:
        """The day and net amount of every billing period begun by `as_of`, by the schedule of the first start."""
        found, number = [], 0
        last = self.as_of if self.ends_on is None else min(self.as_of, self.ends_on - timedelta(days=1))
        unchanged = len(self.prices) == len(self.service) == 1 and not self.pauses
        while (day := _period_start(subscription, number)) <= last:
            if unchanged or (self.in_service(day) and not self.paused(day)):
                found.append((day, period_minor(self.price_on(day))))
            number += 1
        return tuple(found)


def life_of(
    subscription: Subscription, amendments: Iterable[Amendment], *, rules: ArrRules, as_of: date
) -> Life:
    """What the amendments, in whatever order they come, made of a subscription."""
    ordered = in_order(amendments)
    service, gap = _service(subscription, ordered, rules)
    last, awaiting = service[-1], None
    if last.end is not None and last.ends == "END":
        graced = last.end + timedelta(days=rules.renewal_grace_days)
        if last.end <= as_of < graced:
            service[-1], awaiting = last._replace(end=graced), last.end
    return Life(
        as_of=as_of,
        service=tuple(service),
        pauses=_pauses(ordered, rules, as_of),
        prices=_prices(subscription, ordered),
        gap=gap,
        awaiting=awaiting,
    )


def in_order(amendments: Iterable[Amendment]) -> list[Amendment]:
    return sorted(amendments, key=lambda one: (one.effective_on, one.sequence, one.amendment_id))


def unusable(subscription: Subscription, amendments: Iterable[Amendment]) -> list[Amendment]:
    """Those of which nobody can tell what they make of it: of a type nobody taught us, or of too large a price."""
    price, found = subscription.price, []
    for one in in_order(amendments):
        made = _amended(price, one)
        if one.type in AMENDMENT_TYPES and is_held(made):
            price = made
        else:
            found.append(one)
    return found


def contract_value(subscription: Subscription) -> int | None:
    """What was sold: the first price over the whole first term; None where its periods do not make up the term."""
    months = whole_months(subscription.start_on, subscription.end_on) if subscription.end_on else None
    each = MONTHS_OF.get(subscription.price.interval)
    if months is None or each is None or months % each:
        return None
    return period_minor(subscription.price) * (months // each)


def _prices(subscription: Subscription, amendments: Sequence[Amendment]) -> tuple[Priced, ...]:
    found = [Priced(subscription.start_on, subscription.price, "START")]
    for one in amendments:
        if one.quantity is None and one.unit_price is None:
            continue
        price = _amended(found[-1].price, one)
        found.append(Priced(one.effective_on, price, one.type))
    return tuple(found)


def _amended(old: Price, one: Amendment) -> Price:
    return Price(
        unit_price=old.unit_price if one.unit_price is None else one.unit_price,
        quantity=old.quantity if one.quantity is None else one.quantity,
        interval=old.interval,
        currency=old.currency,
        discount=old.discount,
        tax_included=old.tax_included,
    )


def _pauses(amendments: Sequence[Amendment], rules: ArrRules, as_of: date) -> tuple[Span, ...]:
    """The pauses that stop ARR; one still open is as long as it has lasted."""
    found: list[Span] = []
    since: date | None = None
    for one in amendments:
        if one.type == "PAUSE" and since is None:
            since = one.effective_on
        elif one.type in ("RESUME", "REACTIVATE") and since is not None:
            found.append(Span(since, one.effective_on, "PAUSE", one.type))
            since = None
    if since is not None:
        found.append(Span(since, None, "PAUSE", ""))
    return tuple(span for span in found if _stops_arr(span, rules, as_of))


def _stops_arr(pause: Span, rules: ArrRules, as_of: date) -> bool:
    if not rules.kept_pause_days:
        return True
    return ((pause.end or as_of) - pause.start).days > rules.kept_pause_days


def _service(
    subscription: Subscription, amendments: Sequence[Amendment], rules: ArrRules
) -> tuple[list[Span], Gap | None]:
    """The terms of service, and the gap before the latest renewal.

    A renewal booked before a cancellation, by their sequence, went with it; one booked after it brings service back.
    """
    spans = [Span(subscription.start_on, subscription.end_on, "START", "END")]
    gap: Gap | None = None
    cancelled: int | None = None
    for one in amendments:
        last, day = spans[-1], one.effective_on
        over = last.end is not None and last.end <= day
        if one.type == "CANCEL" and not over:
            spans[-1] = last._replace(end=max(day, last.start), ends="CANCEL")
            cancelled = one.sequence
        elif one.type == "REACTIVATE" and over:
            spans.append(Span(day, _end_after(subscription, day), "REACTIVATE", "END"))
        elif one.type == "RENEW" and last.ends == "CANCEL" and one.sequence < (cancelled or 0):
            continue
        elif one.type == "RENEW" and over and last.end is not None:
            gap = Gap(last.end, day) if day > last.end else None
            end = _end_after(subscription, day)
            if (day - last.end).days <= rules.renewal_grace_days:
                spans[-1] = last._replace(end=end, ends="END")
            else:
                spans.append(Span(day, end, "RENEW", "END"))
    return spans, gap


def _end_after(subscription: Subscription, day: date) -> date | None:
    """The end of the term that a day falls into, counted from the first start."""
    start, end = subscription.start_on, subscription.end_on
    if end is None or end > day:
        return end
    if months := whole_months(start, end):
        return next_renewal(start, term_months=months, after=day)
    return day + (end - start)


def _period_start(subscription: Subscription, number: int) -> date:
    months = MONTHS_OF.get(subscription.price.interval)
    if months is None:
        return subscription.start_on + timedelta(days=WEEK_DAYS * number)
    return renewal(subscription.start_on, number=number, term_months=months)
