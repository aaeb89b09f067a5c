"""Money that does not come: declines, retries, tasks, and how firmly an overdue invoice is asked for."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.dunning import Debt, due_step
from include.domain.payment_failure import Attempt, decide, decline_class
from include.domain.payment_status import Applied, Standing, lost_of_share, of_deal, standing, unsettled
from include.policy import load_policy

FAILURE = load_policy().payment_failure.rules
DUNNING = load_policy().dunning.rules
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def declined(*days: int, code: str = "insufficient_funds") -> list[Attempt]:
    return [
        Attempt(event_id=f"evt{day}", occurred_at=START + timedelta(days=day), succeeded=False, codes=(code,))
        for day in days
    ]


def decided(attempts: list[Attempt], *, day: int, scheme: str = "visa") -> str:
    return decide(attempts, scheme=scheme, now=START + timedelta(days=day), rules=FAILURE).next


def test_a_soft_decline_is_tried_again_a_day_later_and_then_three() -> None:
    assert decided(declined(0), day=0) == "wait"
    assert decided(declined(0), day=1) == "retry"
    assert decided(declined(0, 1), day=3) == "wait"
    assert decided(declined(0, 1), day=4) == "retry"


def test_the_whole_schedule_of_retries() -> None:
    patient = replace(FAILURE, task_after=9)
    days, waits = [0], []
    for wait in FAILURE.retry_days:
        found = decide(declined(*days), scheme="", now=START, rules=patient)
        waits.append((found.retry_at - START).days - days[-1] if found.retry_at else None)
        days.append(days[-1] + wait)
    assert waits == [1, 3, 5, 7]
    last = decide(declined(*days), scheme="", now=START, rules=patient)
    assert (last.next, last.task) == ("give_up", "the schedule of retries is used up")


@pytest.mark.parametrize(
    ("days", "day", "then", "task"),
    [
        ((0, 1), 4, "retry", ""),
        ((0, 1, 4), 4, "wait", "3 attempts failed"),
        ((0, 1, 4), 9, "retry", "3 attempts failed"),
        ((0, 1, 4, 9), 15, "wait", "4 attempts failed"),
        ((0, 1, 4, 9), 16, "retry", "4 attempts failed"),
        ((0, 1, 4, 9, 16), 99, "give_up", "the schedule of retries is used up"),
    ],
)
def test_from_the_third_failure_on_it_is_somebodys_task_beside_the_rest_of_the_schedule(
    days: tuple[int, ...], day: int, then: str, task: str
) -> None:
    found = decide(declined(*days), scheme="visa", now=START + timedelta(days=day), rules=FAILURE)
    assert (found.next, found.task) == (then, task)


def test_a_hard_decline_is_a_task_at_once_and_never_tried_again() -> None:
    found = decide(declined(0, code="lost_card"), scheme="", now=START + timedelta(days=99), rules=FAILURE)
    assert (found.next, found.task) == (
        "give_up",
        "the issuer says not to try this card again (lost_card)",
    )


@pytest.mark.parametrize(("card", "then"), [("new", "retry"), ("old", "give_up"), ("", "give_up")])
def test_a_card_in_place_of_the_one_that_is_not_to_be_tried_again_is_tried(card: str, then: str) -> None:
    [stolen], [soft] = declined(0, code="stolen_card"), declined(1)
    found = decide(
        [replace(stolen, card="old"), replace(soft, card=card)],
        scheme="",
        now=START + timedelta(days=4),
        rules=FAILURE,
    )
    assert found.next == then


@pytest.mark.parametrize(
    "code",
    [
        # Visa, category 1: pick up, fraud pick up, not valid, no such number, no such issuer, lost, stolen, closed,
        # not permitted to the holder, stopped, revoked
        "04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3",
        "MAC03", "MAC21",
        "lost_card", "stolen-card", "Pickup card", "do_not_try_again",
    ],
)  # fmt: skip
def test_never_again_is_hard_whoever_says_it(code: str) -> None:
    assert decline_class((code,), FAILURE) == "hard"
    assert decline_class(("insufficient_funds", code), FAILURE) == "hard"


@pytest.mark.parametrize(
    "code", ["05", "51", "61", "65", "91", "96", "N7", "MAC02", "MAC24", "insufficient_funds", "?", ""]
)
def test_all_else_is_soft(code: str) -> None:
    assert decline_class((code,), FAILURE) == "soft"


@pytest.mark.parametrize(
    ("codes", "due"),
    [
        ((), 24),
        (("MAC24",), 24),
        (("MAC25",), 24),
        (("MAC26",), 48),
        (("MAC28",), 144),
        (("MAC30", "51"), 240),
    ],
)
def test_a_scheme_that_says_when_is_not_tried_before(codes: tuple[str, ...], due: int) -> None:
    declined_once = Attempt(event_id="e", occurred_at=START, succeeded=False, codes=codes)
    found = decide([declined_once], scheme="mastercard", now=START, rules=FAILURE)
    assert (found.next, found.retry_at) == ("wait", START + timedelta(hours=due))


@pytest.mark.parametrize(
    ("scheme", "tries", "every", "allowed"),
    [
        ("visa", 19, timedelta(days=1), timedelta(days=19)),
        ("visa", 20, timedelta(days=1), timedelta(days=30)),
        ("Visa", 20, timedelta(days=1), timedelta(days=30)),
        ("mastercard", 10, timedelta(hours=1), timedelta(hours=33)),
        ("mastercard", 34, timedelta(hours=12), timedelta(hours=420)),
        ("mastercard", 35, timedelta(hours=12), timedelta(days=30)),
        ("amex", 40, timedelta(hours=1), timedelta(hours=63)),
    ],
)
def test_tries_of_one_card_keep_within_its_schemes_caps(
    scheme: str, tries: int, every: timedelta, allowed: timedelta
) -> None:
    """All but the last are for other invoices. The schedule alone would try a day after the last."""
    others = [
        Attempt(event_id=f"o{number}", occurred_at=START + number * every, succeeded=True)
        for number in range(tries - 1)
    ]
    last = Attempt(event_id="last", occurred_at=START + (tries - 1) * every, succeeded=False)
    far = START + timedelta(days=90)
    found = decide([last], scheme=scheme, now=far, rules=FAILURE, of_card=[*others, last])
    assert found.retry_at == max(START + allowed, last.occurred_at + timedelta(days=1))


def test_a_success_ends_the_counting() -> None:
    paid = Attempt(event_id="paid", occurred_at=START + timedelta(days=5), succeeded=True)
    assert decided([*declined(0, 1, 4), paid], day=6) == "wait"
    assert decide([*declined(0, 1, 4), paid, *declined(9)], scheme="", now=START, rules=FAILURE).failures == 1


def test_a_scheme_is_not_asked_more_often_than_it_lets_us() -> None:
    paid = Attempt(event_id="paid", occurred_at=START, succeeded=True)
    tries = [replace(paid, event_id=f"p{n}", occurred_at=START + timedelta(minutes=n)) for n in range(9)]
    late = Attempt(event_id="late", occurred_at=START + timedelta(hours=23, minutes=30), succeeded=False)
    found = decide([*tries, late], scheme="mastercard", now=START + timedelta(days=2), rules=FAILURE)
    assert found.next == "retry"
    many = [replace(paid, event_id=f"v{n}", occurred_at=START + timedelta(days=n)) for n in range(19)]
    last = Attempt(event_id="last", occurred_at=START + timedelta(days=20), succeeded=False)
    found = decide([*many, last], scheme="visa", now=START + timedelta(days=22), rules=FAILURE)
    assert (found.next, found.retry_at) == ("wait", START + timedelta(days=30))


@given(st.permutations([0, 1, 4]), st.sampled_from([0, 1, 4]))
def test_neither_order_nor_repetition_of_events_changes_the_decision(days: list[int], again: int) -> None:
    told = [*declined(*days), *declined(again)]
    assert decide(told, scheme="visa", now=START, rules=FAILURE) == decide(
        declined(0, 1, 4), scheme="visa", now=START, rules=FAILURE
    )


DEBT = Debt(invoice_id="I1", due_date=date(2026, 3, 1), open_minor=100_00, open_sgd_minor=100_00)


def rung(day: date, **changes: object) -> str | None:
    step = due_step(replace(DEBT, **changes), today=day, rules=DUNNING)  # type: ignore[arg-type]
    assert step.why
    return step.rung.name if step.rung else None


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 2, 21), None),
        (date(2026, 2, 22), "notice before due"),
        (date(2026, 3, 1), "notice before due"),
        (date(2026, 3, 2), "reminder"),
        (date(2026, 3, 7), "reminder"),
        (date(2026, 3, 8), "second reminder"),
        (date(2026, 3, 15), "call the customer"),
        (date(2026, 3, 31), "tell the finance manager"),
        (date(2026, 4, 15), "final notice"),
        (date(2026, 4, 29), "final notice"),
        (date(2026, 4, 30), "suspend the service"),
        (date(2026, 5, 30), "hand over to collection"),
    ],
)
def test_the_ladder_rises_with_the_days_past_due(day: date, name: str | None) -> None:
    assert rung(day) == name


def test_a_rung_is_taken_once_and_levels_only_rise() -> None:
    assert rung(date(2026, 3, 5), level=2) is None
    assert rung(date(2026, 3, 8), level=2) == "second reminder"


@pytest.mark.parametrize(
    "reason",
    [
        {"open_minor": 0},
        {"disputed": True},
        {"promised_until": date(2026, 3, 15)},
        {"in_flight_minor": 100_00},
        {"unapplied_minor": 100_00},
        {"open_sgd_minor": 49_99},
        {"legal_hold": True},
        {"uncertain_write": True},
    ],
)
def test_nobody_is_asked_for_what_is_not_surely_owed(reason: dict[str, object]) -> None:
    assert rung(date(2026, 3, 15), **reason) is None


def test_a_promise_broken_is_asked_for_again_and_part_of_the_money_is_not_all_of_it() -> None:
    assert rung(date(2026, 3, 16), promised_until=date(2026, 3, 15)) == "call the customer"
    assert rung(date(2026, 3, 15), unapplied_minor=99_99) == "call the customer"


PAID = Applied(payment_id="P1", state="SUCCEEDED", amount_minor=100)


@pytest.mark.parametrize(
    ("money", "status", "open_minor"),
    [
        ([], "OPEN", 100),
        ([PAID], "PAID", 0),
        ([replace(PAID, amount_minor=40)], "PARTIALLY_PAID", 60),
        ([replace(PAID, amount_minor=40), replace(PAID, payment_id="P2", amount_minor=60)], "PAID", 0),
        ([replace(PAID, returned_minor=100)], "OPEN", 100),
        ([replace(PAID, returned_minor=30)], "PARTIALLY_PAID", 30),
        ([replace(PAID, disputed_minor=100)], "OPEN", 100),
        ([replace(PAID, state="REVERSED")], "OPEN", 100),
        ([replace(PAID, state="FAILED")], "OPEN", 100),
        (
            [replace(PAID, state="FAILED"), replace(PAID, payment_id="P2", state="PENDING")],
            "PAYMENT_PENDING",
            100,
        ),
        ([replace(PAID, amount_minor=120)], "PAID", 0),
    ],
)
def test_an_invoices_standing_follows_from_all_its_money(
    money: list[Applied], status: str, open_minor: int
) -> None:
    found = standing(gross_minor=100, credited_minor=0, void=False, money=money)
    assert (found.status, found.open_minor) == (status, open_minor)


def test_the_erp_knows_what_came_by_other_ways_and_what_never_will_until_money_goes_back() -> None:
    owed = {"gross_minor": 100, "credited_minor": 0, "void": False}
    part, back = replace(PAID, amount_minor=40), replace(PAID, amount_minor=100, returned_minor=100)
    assert standing(**owed, money=[], settled_as="PAID") == Standing("PAID", 0)
    assert standing(**owed, money=[part], settled_as="WRITTEN_OFF") == Standing("WRITTEN_OFF", 0)
    assert standing(**owed, money=[back], settled_as="PAID") == Standing("OPEN", 100)


def test_credit_and_void_settle_without_money() -> None:
    assert standing(gross_minor=100, credited_minor=100, void=False, money=[]).status == "CREDITED"
    assert (
        standing(
            gross_minor=100, credited_minor=40, void=False, money=[replace(PAID, amount_minor=60)]
        ).status
        == "PAID"
    )
    assert standing(gross_minor=100, credited_minor=0, void=True, money=[]).open_minor == 0


@pytest.mark.parametrize(
    ("lost", "of_first", "of_last"),
    [(0, 0, 0), (5, 0, 0), (10, 0, 0), (30, 0, 20), (70, 0, 60), (90, 20, 60), (200, 40, 60)],
)
def test_what_goes_back_of_a_payment_is_taken_from_its_invoices_once(
    lost: int, of_first: int, of_last: int
) -> None:
    shares = [("I1", 40), ("I2", 60)]
    assert lost_of_share(lost, paid_minor=110, shares=shares, invoice_id="I1") == of_first
    assert lost_of_share(lost, paid_minor=110, shares=shares, invoice_id="I2") == of_last


@pytest.mark.parametrize(
    ("lost", "settled", "same", "gone"),
    [(0, 100, True, 0), (50, 100, True, 50), (97, 100, True, 100), (50, 40, False, 21), (97, 40, False, 40)],
)
def test_with_all_of_a_share_goes_all_it_settled_and_of_another_currency_a_part_with_a_part(
    lost: int, settled: int, *, same: bool, gone: int
) -> None:
    found = unsettled(lost, share_minor=97, settled_minor=settled, same_currency=same)
    assert found == gone


MONEY = st.builds(
    Applied,
    payment_id=st.sampled_from("PQR"),
    state=st.sampled_from(["SUCCEEDED", "FAILED", "PENDING", "REVERSED"]),
    amount_minor=st.integers(1, 200),
    returned_minor=st.integers(0, 50),
)


@given(st.lists(MONEY, max_size=5), st.randoms())
def test_the_order_in_which_money_is_told_does_not_matter(money: list[Applied], random: object) -> None:
    shuffled = list(money)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = standing(gross_minor=100, credited_minor=0, void=False, money=money)
    assert standing(gross_minor=100, credited_minor=0, void=False, money=shuffled) == first
    assert first.open_minor >= 0
    assert (first.open_minor == 0) == (first.status == "PAID")


@pytest.mark.parametrize(
    ("invoices", "deal"),
    [
        (["PAID", "PAID"], "PAID"),
        (["PAID", "OPEN"], "PARTIALLY_PAID"),
        (["PARTIALLY_PAID"], "PARTIALLY_PAID"),
        (["OPEN", "PAYMENT_PENDING"], "PAYMENT_PENDING"),
        (["OPEN", "CREDITED"], "OPEN"),
        (["CREDITED", "PAID"], "PAID"),
        (["CREDITED", "VOID"], "CREDITED"),
        (["VOID"], "VOID"),
        ([], "VOID"),
    ],
)
def test_a_deal_is_paid_when_all_of_its_invoices_that_count_are(invoices: list[Any], deal: str) -> None:
    assert of_deal(invoices) == deal
