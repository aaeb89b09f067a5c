"""What is wrong with a subscription on record (R5): its ARR, renewal date, status and billing against the facts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from include.domain.arr import PERIODS_A_YEAR, annualised
from include.domain.billing_links import Bills
from include.domain.money import exponent, major
from include.domain.renewals import inclusive_end
from include.domain.subscriptions import (
    NOT_SOLD,
    Amendment,
    ArrRules,
    Life,
    Subscription,
    in_order,
    life_of,
)

RUNNING = frozenset(("ACTIVE", "PAST_DUE", "SUSPENDED"))
"""Suspended for want of payment: the contract runs on."""
PAUSED = frozenset(("PAUSED", "SUSPENDED"))
ENDED = frozenset(("CANCELLED", "EXPIRED"))

UNDATED = {"SU01": "arr", "SU05": "arr", "SU02": "renewal", "SU04": "status"}
"""Codes that are about what the record says, and of which field."""

BILLS_IN_A_ROW = 2
"""One bill of another amount is a billing slip, which R2 names; as many as these are the schedule."""


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """What the record says; None where it says nothing."""

    status: str | None
    renewal_on: date | None
    arr_minor: int | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing wrong. `amount_minor` is what the record has above (below zero: under) what is right."""

    code: str
    evidence: str
    amount_minor: int | None = None
    since: date | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """A subscription, what became of it, what the record says, and how it was to be billed and was."""

    subscription: Subscription
    amendments: Sequence[Amendment]
    life: Life
    record: OnRecord
    rules: ArrRules
    due: Bills = ()  # what should have been billed so far
    billed: Bills = ()

    @property
    def as_of(self) -> date:
        return self.life.as_of

    @property
    def right_minor(self) -> int:
        return self.life.arr_on(self.as_of)

    def money(self, minor: int) -> str:
        currency = self.subscription.price.currency
        return f"{major(minor, currency=currency)} {currency}"

    def price(self, unit_price: Decimal) -> str:
        """A price of one, which may have more decimals than money has."""
        currency = self.subscription.price.currency
        decimals = max(exponent(currency), -int(unit_price.normalize().as_tuple().exponent))
        return f"{unit_price:.{decimals}f} {currency}"


def differences(case: Case) -> Iterator[Difference]:
    """One difference for each cause. Nothing is said of what is not sold yet, or of an unknown status."""
    if case.record.status in NOT_SOLD or case.record.status == "UNKNOWN":
        return
    lost = _lost(case)
    if lost:
        yield lost.difference
    elif found := _arr(case):
        yield found
    if late := _late(case):
        yield late
    for check in (_renewal, _status):
        found = check(case)
        # A lost amendment leaves its mark on the other fields too; so does a term that runs on unrenewed.
        if not found or (lost and check(lost.then) is None):
            continue
        if not (late and check is _status and not case.life.in_service(case.as_of)):
            yield found
    if found := _billing(case):
        yield found


def said_on_the_day(case: Case, today: Case | None) -> Iterator[Difference]:
    """The differences, but those of a record that is right today: its fields have no date, and what they say now may
    not have been said on the day asked for. `today`: the same on a later day that the record is known to be of.
    """
    found = list(differences(case))
    if today and any(one.code in UNDATED for one in found):
        still = {UNDATED.get(one.code) for one in differences(today)}
        found = [one for one in found if one.code not in UNDATED or UNDATED[one.code] in still]
    yield from found


@dataclass(frozen=True, kw_only=True)
class _Lost:
    difference: Difference
    then: Case  # as it was before the amendments that were lost


def _lost(case: Case) -> _Lost | None:
    """SU05: the record has the ARR from before the latest amendment, or the latest few."""
    arr = case.record.arr_minor
    known = [one for one in in_order(case.amendments) if one.effective_on <= case.as_of]
    if arr is None or arr == case.right_minor:
        return None
    for count in range(1, len(known) + 1):
        before = known[:-count]
        life = life_of(case.subscription, before, rules=case.rules, as_of=case.as_of)
        if life.arr_on(case.as_of) == arr:
            then = Case(
                subscription=case.subscription,
                amendments=before,
                life=life,
                record=case.record,
                rules=case.rules,
            )
            return _Lost(difference=_not_synced(case, known[-count:]), then=then)
    return None


def _not_synced(case: Case, lost: Sequence[Amendment]) -> Difference:
    arr, right = case.record.arr_minor or 0, case.right_minor
    names = ", ".join(f"{one.type} of {one.effective_on} ({one.amendment_id})" for one in lost)
    return Difference(
        code="SU05",
        evidence=(
            f"ARR on record {case.money(arr)} is that from before {names}; with it the ARR is {case.money(right)}"
        ),
        amount_minor=arr - right,
        since=lost[0].effective_on,
    )


def _arr(case: Case) -> Difference | None:
    """SU01: another figure on record, for no reason we know."""
    arr, right = case.record.arr_minor, case.right_minor
    if arr is None or arr in (right, _arr_by_status(case)):
        return None
    price = case.life.price_on(case.as_of)
    runs = case.life.in_service(case.as_of) and not case.life.paused(case.as_of)
    why = (
        f"{price.quantity.normalize():,f} x {case.price(price.unit_price)} a {price.interval.replace('_', ' ')}"
        if runs
        else "not in service"
    )
    return Difference(
        code="SU01",
        evidence=f"ARR on record {case.money(arr)}, recalculated {case.money(right)} ({why})",
        amount_minor=arr - right,
    )


def _arr_by_status(case: Case) -> int | None:
    """What the ARR would be if a status on record that contradicts the facts were right: one cause, one break."""
    if _status(case) is None:
        return case.right_minor
    return annualised(case.life.price_on(case.as_of)) if case.record.status in RUNNING else 0


def _renewal(case: Case) -> Difference | None:
    """SU02. What has changes ahead may show the date before or after them, so nothing is said of it."""
    on_record, right = case.record.renewal_on, case.life.ends_on
    ahead = any(one.effective_on > case.as_of for one in case.amendments)
    runs = case.life.in_service(case.as_of) and case.life.awaiting is None
    if on_record is None or right is None or on_record == right or ahead or not runs:
        return None
    hint = (
        ": one day early, as an inclusive end date or a date shifted between time zones is"
        if on_record == inclusive_end(right)
        else ""
    )
    return Difference(
        code="SU02",
        evidence=f"renewal on record {on_record}, the term since {case.subscription.start_on} renews on {right}{hint}",
    )


def _status(case: Case) -> Difference | None:
    """SU04. Before its start a subscription may be called anything; while a renewal is awaited, too."""
    status, life, today = case.record.status, case.life, case.as_of
    if status is None or today < case.subscription.start_on or life.awaiting is not None:
        return None
    if not life.in_service(today):
        fits, fact = ENDED, f"service ended on {_ended(life)}"
    elif life.paused(today):
        fits, fact = PAUSED, "an amendment pauses it"
    else:
        fits, fact = RUNNING, f"it is in service until {life.ends_on or 'cancelled'} and nothing cancels it"
    if status in fits:
        return None
    since = _ended(life) if fits is ENDED else None
    return Difference(code="SU04", evidence=f"status on record {status.lower()}, but {fact}", since=since)


def _ended(life: Life) -> date:
    """The last day on which service ended so far."""
    return max(span.end for span in life.service if span.end is not None and span.end <= life.as_of)


def _late(case: Case) -> Difference | None:
    """SU06: renewed late, not renewed within the days of grace, or billed past its end as if renewed."""
    life = case.life
    if life.awaiting is not None:
        said = (
            f"term ended on {life.awaiting} and nobody renewed it; within the days of grace its ARR is kept"
        )
        return Difference(code="SU06", evidence=said, since=life.awaiting)
    if life.gap is not None and life.gap.renewed <= case.as_of:
        said = f"term ended on {life.gap.ended} and was renewed on {life.gap.renewed}, {life.gap.days:,} days late"
        return Difference(code="SU06", evidence=said, since=life.gap.ended)
    if life.in_service(case.as_of) or life.cancelled or case.record.status not in RUNNING:
        return None
    if case.as_of < case.subscription.start_on:
        return None
    ended = _ended(life)
    past = [day for day, _ in case.billed if day >= ended]
    if not past:
        return None
    said = f"term ended on {ended} and nobody renewed it, but it is billed on ({past[-1]} last)"
    return Difference(code="SU06", evidence=said, since=ended)


def _billing(case: Case) -> Difference | None:
    """SU07: the last bills all say the same, and not what the subscription costs."""
    due = case.due[-BILLS_IN_A_ROW:]
    billed: Mapping[date, int | None] = dict(case.billed)
    amounts = {billed.get(day) for day, _ in due}
    if len(due) < BILLS_IN_A_ROW or len({net for _, net in due}) > 1 or len(amounts) > 1:
        return None
    [amount], right = amounts, due[-1][1]
    if amount is None or right is None or amount == right or not case.right_minor:
        return None
    rate = amount * PERIODS_A_YEAR[case.subscription.price.interval]
    return Difference(
        code="SU07",
        evidence=(
            f"the last {BILLS_IN_A_ROW} bills are {case.money(amount)} each, which is {case.money(rate)} a year; "
            f"the ARR is {case.money(case.right_minor)}"
        ),
        amount_minor=rate - case.right_minor,
        since=due[0][0],
    )
