"""The rules of a break's life that need no database: deadlines, ageing, business days, write-offs."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.break_life import STEPS, Life, NotAllowed, checkers_needed, identity, propose
from include.domain.business_days import Calendar, Calendars, Entity
from include.domain.service_levels import Desk, ServiceLevel, Timing, age_bucket, overdue_since
from include.domain.write_offs import Caps, Residual, judge
from include.policy import load_policy

POLICY = load_policy()
SINGAPORE = POLICY.calendars.own
WEEKENDS = Calendar(frozenset({5, 6}))
ZONE = ZoneInfo("Asia/Singapore")
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))


# --- business days


@pytest.mark.parametrize(
    ("since", "until", "passed"),
    [
        ("2026-03-27", "2026-03-27", 0),
        ("2026-03-27", "2026-03-28", 0),  # Friday to Saturday
        ("2026-03-27", "2026-03-30", 1),  # to Monday
        ("2026-04-02", "2026-04-06", 1),  # over Good Friday and a weekend
        ("2026-03-30", "2026-03-27", 0),
        ("2025-12-31", "2026-12-31", 251),  # 261 weekdays, ten of them holidays
    ],
)
def test_business_days_pass_without_weekends_and_holidays(since: str, until: str, passed: int) -> None:
    assert SINGAPORE.between(date.fromisoformat(since), date.fromisoformat(until)) == passed


@given(DAYS, DAYS, st.frozensets(DAYS, max_size=40), st.frozensets(st.integers(0, 6), max_size=6))
def test_counting_business_days_is_counting_each(
    since: date, until: date, holidays: frozenset[date], weekend: frozenset[int]
) -> None:
    calendar = Calendar(weekend, holidays)
    each = (since + timedelta(days=n) for n in range(1, (until - since).days + 1))
    assert calendar.between(since, until) == sum(calendar.is_business_day(day) for day in each)


@given(DAYS, st.integers(0, 40))
def test_so_many_business_days_later_so_many_have_passed(day: date, number: int) -> None:
    begins = SINGAPORE.after(day, 0)
    assert SINGAPORE.between(begins, SINGAPORE.after(day, number)) == number
    assert SINGAPORE.is_business_day(SINGAPORE.after(day, number))


def test_a_country_without_a_list_has_weekends_only_and_one_with_its_own_weekend_has_that() -> None:
    calendars = Calendars(
        entity=Entity("SG", ZONE),
        weekend=frozenset({5, 6}),
        weekends={"BD": frozenset({4, 5})},
        holidays={"SG": frozenset({date(2026, 1, 1)})},
    )
    assert calendars.of("JP").is_business_day(date(2026, 1, 1))
    assert not calendars.own.is_business_day(date(2026, 1, 1))
    assert calendars.of("BD").is_business_day(date(2026, 1, 4))
    with pytest.raises(ValueError, match="not all of them"):
        Calendars(entity=Entity("SG", ZONE), weekend=frozenset(range(7)))


# --- deadlines


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("severity", "opened", "due"),
    [
        ("S1", "2026-03-27T18:00", "2026-03-27T22:00"),
        ("S1", "2026-03-28T03:00", "2026-03-28T07:00"),  # on a Saturday too
        ("S2", "2026-03-27T18:00", "2026-03-30T18:00"),
        ("S2", "2026-03-28T18:00", "2026-03-31T00:00"),  # opened on a Saturday: from Monday's beginning
        ("S3", "2026-03-31T09:00", "2026-04-06T09:00"),  # Good Friday is no business day
        ("S4", "2026-03-16T09:00", "2026-03-30T09:00"),
    ],
)
def test_a_deadline_is_hours_on_the_clock_or_business_days_of_the_entity(
    severity: str, opened: str, due: str
) -> None:
    at = moment(opened).astimezone(UTC)
    waiting = POLICY.desk.waiting(severity, opened_at=at, now=at)  # type: ignore[arg-type]
    assert (waiting.due_at, waiting.missed) == (moment(due), 0)


def test_a_business_day_is_one_of_the_entitys_zone() -> None:
    at = datetime(2026, 3, 29, 20, tzinfo=UTC)  # Monday morning in Singapore
    assert POLICY.desk.waiting("S2", opened_at=at, now=at).due_at == datetime(2026, 3, 30, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "to"), [(3.99, "owner"), (4, "owner's lead"), (8, "controller"), (12, "CFO"), (400, "CFO")]
)
def test_with_every_deadline_missed_one_more_hears_of_it(hours: float, to: str) -> None:
    at = moment("2026-03-31T09:00")
    assert POLICY.desk.waiting("S1", opened_at=at, now=at + timedelta(hours=hours)).escalated_to == to


@pytest.mark.parametrize(
    ("s1", "s2", "newest", "to"),
    [
        (("06:00", "06:00"), None, "10:00", "owner's lead"),
        (("06:00", "07:30"), None, "11:30", "owner's lead"),
        (("02:00", "04:00"), None, "10:00", "controller"),  # the oldest one's second deadline
        (("07:45", "07:45"), ("00:00", "00:00"), "11:45", "owner's lead"),
        (None, ("00:00", "01:00"), "01:00", "owner's lead"),
    ],
)
def test_news_of_late_breaks_is_the_newest_first_deadline_and_each_step_of_the_oldest(
    s1: tuple[str, str] | None, s2: tuple[str, str] | None, newest: str, to: str
) -> None:
    """At noon of a Tuesday: an S1 of that day is due after four hours, an S2 of Monday after a day."""
    now = moment("2026-03-31T12:00")
    opened: dict[Any, tuple[datetime, datetime]] = {}
    if s1:
        opened["S1"] = moment(f"2026-03-31T{s1[0]}"), moment(f"2026-03-31T{s1[1]}")
    if s2:
        opened["S2"] = moment(f"2026-03-30T{s2[0]}"), moment(f"2026-03-30T{s2[1]}")
    passed = POLICY.desk.passed(opened, now=now)
    assert (passed.newest_at, passed.escalated_to) == (moment(f"2026-03-31T{newest}"), to)


@given(
    st.sampled_from(["S1", "S2", "S3", "S4"]),
    st.integers(0, 365 * 24 * 60),
    st.data(),
)
def test_waiting_longer_never_lowers_the_escalation(severity: str, minutes: int, data: st.DataObject) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    waits = sorted(
        data.draw(st.lists(st.timedeltas(timedelta(0), timedelta(days=90)), min_size=2, max_size=4))
    )
    missed = [
        POLICY.desk.waiting(severity, opened_at=at, now=at + wait).missed  # type: ignore[arg-type]
        for wait in waits
    ]
    assert missed == sorted(missed)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (0, "0-1"),
        (1, "0-1"),
        (2, "2-5"),
        (5, "2-5"),
        (6, "6-10"),
        (10, "6-10"),
        (11, "11-30"),
        (30, "11-30"),
        (31, "over-30"),
    ],
)
def test_an_ageing_bucket_ends_on_its_last_business_day(days: int, bucket: str) -> None:
    assert age_bucket(days) == bucket


@given(DAYS, st.integers(0, 20))
def test_a_timing_break_is_overdue_when_more_business_days_passed_than_it_may_take(
    as_of: date, ago: int
) -> None:
    timing = Timing(("CA11",), "S4", 3, "S3")
    since = as_of - timedelta(days=ago)
    overdue = since < overdue_since(timing, calendar=SINGAPORE, as_of=as_of)
    assert overdue == (SINGAPORE.between(since, as_of) > timing.business_days)


@pytest.mark.parametrize("level", [{}, {"hours": 4, "business_days": 1}])
def test_a_service_level_is_one_thing(level: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="and not both"):
        ServiceLevel(**level)


def test_one_step_of_escalation_is_the_last() -> None:
    desk = Desk(WEEKENDS, ZONE, {"S1": ServiceLevel(hours=4)}, ["owner"])
    at = moment("2026-03-31T09:00")
    assert desk.waiting("S1", opened_at=at, now=at + timedelta(days=9)).escalated_to == "owner"


# --- who, and how many


@pytest.mark.parametrize("name", ["Alice", "alice ", "\tALICE\n"])
def test_one_person_is_one_identity(name: str) -> None:
    assert identity(name) == "alice"


@pytest.mark.parametrize("name", ["", "al ice", "\u0430lice", "alice.", "policy", "RUN ", "ali\u200bce"])
def test_what_is_no_name_of_a_person_is_refused(name: str) -> None:
    with pytest.raises(NotAllowed):
        identity(name)


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(["write_off", "accept", "manual_match", "unmatch", "merge"]),
)
def test_more_money_never_needs_fewer_checkers(minor: int, kind: str) -> None:
    def needed(sgd: int | None) -> int:
        return checkers_needed(
            kind,
            amount_minor=minor,
            amount_sgd_minor=sgd,
            limits=POLICY.lives.four_eyes,  # type: ignore[arg-type]
        )

    assert needed(minor) <= needed(minor * 2) <= needed(None) == 2


def test_a_closed_break_takes_no_proposal_and_every_state_can_be_left() -> None:
    with pytest.raises(NotAllowed, match="it is ACCEPTED"):
        propose(Life(break_id=UUID(int=1), state="ACCEPTED", version=3), maker="ann", needed=1)
    left = {before for action, _, before, after in STEPS if before != after}
    reached = {after for *_, after in STEPS}
    assert reached <= left


# --- write-offs

CAPS = Caps(POLICY.writeoffs, POLICY.residuals, fees={"SGD": 3500, "JPY": 3900})


def residual(name: str, minor: int, *, code: str = "CA07", day: int = 1, **values: object) -> Residual:
    facts = {
        "break_id": UUID(int=len(name)),
        "version": 1,
        "code": code,
        "payment_id": name,
        "customer_id": "C1",
        "paid_on": date(2026, 2, day),
        "currency": "SGD",
        "amount_minor": minor,
        "amount_sgd_minor": minor,
        "gross_minor": 1_000_000,
        "paid_minor": 1_000_000 - minor,
        "lines": 1,
    }
    return Residual(**facts | values)  # type: ignore[arg-type]


def outcomes(*residuals: Residual, spent: int = 0) -> dict[str, str]:
    before = {("C1", date(2026, 2, 1)): spent}
    return {one.residual.payment_id: one.refused for one in judge(residuals, CAPS, spent=before)}


@pytest.mark.parametrize(
    ("one", "refused"),
    [
        (residual("P", 3500), ""),
        (residual("P", 3501), "over_cap"),
        (residual("P", 101, gross_minor=10_000), "over_cap"),
        (residual("P", 100, gross_minor=10_000), ""),
        (residual("P", 100, currency="USD"), "over_cap"),  # no rate, no fee cap
        (residual("P", 100, amount_sgd_minor=None), "value_unknown"),
        (residual("P", 1, code="CA10"), ""),
        (residual("P", -1, code="CA10"), ""),
        (residual("P", 2, code="CA10"), "over_cap"),
        (residual("P", 2, code="CA10", lines=2), ""),
        (residual("P", 50, code="CA09", paid_minor=10_050), ""),
        (residual("P", 51, code="CA09", paid_minor=10_051), "over_cap"),
        (residual("P", -50, code="CA09", paid_minor=9_950), ""),
        (residual("P", 1, code="CA03"), "over_cap"),
    ],
)
def test_a_write_off_is_as_small_as_its_code_allows(one: Residual, refused: str) -> None:
    assert outcomes(one) == {"P": refused}


def test_a_customers_month_is_filled_in_the_order_of_payment_whatever_the_order_given() -> None:
    four = [
        residual("P1", 3400),
        residual("P2", 3400, day=2),
        residual("P3", 3300, day=3),
        residual("P4", 3200, day=3),
    ]
    found = {tuple(sorted(outcomes(*order).items())) for order in permutations(four)}
    assert found == {(("P1", ""), ("P2", ""), ("P3", "over_customer_month"), ("P4", ""))}


def test_what_was_written_off_before_counts_and_exchange_differences_do_not() -> None:
    assert outcomes(residual("P", 1), spent=10_000) == {"P": "over_customer_month"}
    assert outcomes(residual("P", 1), spent=9_999) == {"P": ""}
    assert outcomes(residual("P", 50, code="CA09", paid_minor=10_050), spent=10_000) == {"P": ""}


@given(st.lists(st.tuples(st.integers(1, 3500), st.integers(1, 28)), max_size=30))
def test_a_customers_month_never_exceeds_its_cap(fees: list[tuple[int, int]]) -> None:
    residuals = [residual(f"P{n}", minor, day=day) for n, (minor, day) in enumerate(fees)]
    written = [one.residual.amount_minor for one in judge(residuals, CAPS, spent={}) if not one.refused]
    assert sum(written) <= POLICY.writeoffs.customer_month_sgd_minor
