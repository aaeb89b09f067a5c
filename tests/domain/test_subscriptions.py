"""What becomes of a subscription whose changes meet: a pause, a cancellation, a renewal on record."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from include.domain.arr import Price
from include.domain.subscriptions import Amendment, ArrRules, Life, Subscription, life_of

SOLD = Subscription(
    subscription_id="S1",
    start_on=date(2026, 1, 31),
    end_on=date(2027, 1, 31),
    price=Price(unit_price=Decimal(10), quantity=Decimal(1), interval="month", currency="SGD"),
)


def change(sequence: int, kind: str, on: date) -> Amendment:
    return Amendment(amendment_id=f"A{sequence}", sequence=sequence, type=kind, effective_on=on)


def lived(*changes: Amendment) -> Life:
    return life_of(SOLD, changes, rules=ArrRules(), as_of=date(2027, 12, 31))


PAUSED = change(1, "PAUSE", date(2026, 3, 1))
CANCELLED = change(2, "CANCEL", date(2026, 4, 1))
REACTIVATED = change(3, "REACTIVATE", date(2026, 5, 1))
RENEWED = change(1, "RENEW", date(2027, 1, 31))


def test_reactivation_ends_the_pause_in_which_it_was_cancelled() -> None:
    life = lived(PAUSED, CANCELLED, REACTIVATED)
    assert [life.arr_on(date(2026, month, 1)) for month in (2, 3, 4, 5)] == [120_00, 0, 0, 120_00]


def test_a_renewal_booked_before_the_cancellation_goes_with_it() -> None:
    life = lived(RENEWED, CANCELLED)
    assert (life.cancelled, life.ends_on, life.arr_on(date(2027, 2, 1))) == (True, date(2026, 4, 1), 0)


def test_a_renewal_booked_after_the_cancellation_brings_it_back() -> None:
    life = lived(replace(RENEWED, sequence=3), CANCELLED)
    assert (life.cancelled, life.arr_on(date(2027, 2, 1))) == (False, 120_00)
