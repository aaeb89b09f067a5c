"""What is said of a subscription on record, and when nothing is."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.domain.arr import Price
from include.domain.billing_links import Bills
from include.domain.subscription_review import Case, OnRecord, differences
from include.domain.subscriptions import Amendment, ArrRules, Subscription, contract_value, life_of
from include.policy import load_policy
from include.ports import Fatal

TODAY = date(2026, 3, 31)
SEATS = Subscription(
    subscription_id="S",
    start_on=date(2025, 4, 1),
    end_on=date(2026, 4, 1),
    price=Price(unit_price=Decimal("9.90"), quantity=Decimal(10), interval="month", currency="SGD"),
)
RIGHT = {"status": "ACTIVE", "renewal_on": date(2026, 4, 1), "arr_minor": 1188_00}


def change(kind: str, on: date, quantity: int | None = None, *, sequence: int = 1) -> Amendment:
    return Amendment(
        amendment_id=f"{kind}{sequence}",
        sequence=sequence,
        type=kind,
        effective_on=on,
        quantity=None if quantity is None else Decimal(quantity),
    )


def codes(
    *changes: Amendment,
    as_of: date = TODAY,
    rules: ArrRules | None = None,
    billed: Bills = (),
    subscription: Subscription = SEATS,
    **record: Any,
) -> list[tuple[str, int | None]]:
    policy = rules or ArrRules()
    life = life_of(subscription, changes, rules=policy, as_of=as_of)
    case = Case(
        subscription=subscription,
        amendments=changes,
        life=life,
        record=OnRecord(**RIGHT | record),
        rules=policy,
        due=life.bills(subscription),
        billed=billed,
    )
    return [(one.code, one.amount_minor) for one in differences(case)]


def test_what_is_right_needs_no_word() -> None:
    assert codes() == []


def test_two_lost_amendments_are_one_break_with_the_whole_difference() -> None:
    changes = [change("QTY", date(2025, 6, 1), 20), change("QTY", date(2025, 9, 1), 30, sequence=2)]
    assert codes(*changes) == [("SU05", -2376_00)]
    assert codes(*changes, arr_minor=2376_00) == [("SU05", -1188_00)]
    assert codes(*changes, arr_minor=3564_00) == []


def test_a_lost_cancellation_explains_the_status_and_the_renewal_it_left_behind() -> None:
    assert codes(change("CANCEL", date(2025, 9, 1))) == [("SU05", 1188_00)]


def test_a_lost_amendment_does_not_hide_another_fault() -> None:
    found = codes(change("QTY", date(2025, 9, 1), 20), renewal_on=date(2026, 5, 1))
    assert found == [("SU05", -1188_00), ("SU02", None)]


def test_a_paused_subscription_is_not_active() -> None:
    pause = change("PAUSE", date(2025, 9, 1))
    assert codes(pause, status="PAUSED", arr_minor=0) == []
    assert codes(pause, arr_minor=0) == [("SU04", None)]
    assert codes(pause) == [("SU05", 1188_00)]


def test_of_a_renewal_date_nothing_is_said_while_changes_are_ahead() -> None:
    ahead = change("CANCEL", date(2026, 4, 1))
    assert codes(ahead, renewal_on=date(2026, 3, 1)) == []


def test_before_its_start_a_subscription_may_be_called_anything() -> None:
    assert codes(as_of=date(2025, 3, 1), status="CANCELLED", arr_minor=0) == []


def test_within_the_days_of_grace_a_renewal_is_awaited_and_its_arr_kept() -> None:
    grace = ArrRules(renewal_grace_days=30)
    assert codes(as_of=date(2026, 4, 20), rules=grace) == [("SU06", None)]
    assert codes(as_of=date(2026, 5, 1), rules=grace) == [("SU04", None)]


def test_a_late_renewal_does_not_hide_a_wrong_status() -> None:
    renewed = change("RENEW", date(2026, 4, 8))
    found = codes(renewed, as_of=date(2026, 5, 1), status="EXPIRED", renewal_on=date(2027, 4, 1))
    assert found == [("SU06", None), ("SU04", None)]


@pytest.mark.parametrize(
    ("last_two", "found"),
    [((79_20, 79_20), [("SU07", -237_60)]), ((99_00, 79_20), []), ((79_20, 70_00), []), ((None, None), [])],
)
def test_only_bills_that_agree_with_each_other_speak_against_the_arr(
    last_two: tuple[int | None, int | None], found: list[tuple[str, int]]
) -> None:
    billed = tuple(zip((date(2026, 2, 1), date(2026, 3, 1)), last_two, strict=True))
    assert codes(billed=billed) == found


def test_what_was_sold_is_unknown_where_periods_do_not_make_up_the_term() -> None:
    assert contract_value(SEATS) == 1188_00
    odd = Subscription(
        subscription_id="S", start_on=SEATS.start_on, end_on=date(2026, 4, 2), price=SEATS.price
    )
    assert contract_value(odd) is None


def test_a_term_that_is_no_whole_months_is_renewed_for_as_many_days() -> None:
    odd = Subscription(
        subscription_id="S", start_on=date(2025, 1, 15), end_on=date(2025, 10, 1), price=SEATS.price
    )
    life = life_of(odd, [change("RENEW", date(2025, 10, 1))], rules=ArrRules(), as_of=TODAY)
    assert life.ends_on == date(2026, 6, 17)


def test_the_policy_as_shipped_pauses_at_zero_and_gives_no_grace() -> None:
    arr = load_policy().arr
    assert (arr.rules, arr.bridge_view) == (ArrRules(), "NET")
    assert round(arr.budget.worth()["USD"], 4) == Decimal("1.3634")
    kept = arr.model_copy(update={"pause": "KEEP"})
    assert kept.rules == ArrRules(kept_pause_days=90)


def test_a_policy_that_keeps_pauses_longer_than_90_days_is_refused(tmp_path: Any) -> None:
    for path in (load_policy.__globals__["FOLDER"]).glob("*.yaml"):
        text = path.read_text().replace("keep_days: 90", "keep_days: 91")
        (tmp_path / path.name).write_text(text)
    with pytest.raises(Fatal, match="keep_days"):
        load_policy(tmp_path)
