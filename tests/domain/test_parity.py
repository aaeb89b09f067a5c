"""Why two answers differ, and how a day measures: each explanation is confirmed by facts, or there is none."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.domain.business_days import Calendar
from include.domain.parity import (
    KINDS,
    Counted,
    Explained,
    Field,
    Kind,
    Pair,
    Sides,
    Tally,
    Told,
    metrics,
    totals_off,
    window,
)
from include.domain.parity_classes import explain
from include.domain.parity_evidence import Facts, Lens, alike
from include.domain.parity_replays import Owed, Received, as_applied, normalised, oldest_first, settled
from include.domain.parity_rows import Unreadable, read

DAY = date(2026, 6, 30)
YESTERDAY = DAY - timedelta(days=1)
WEEKDAYS = Calendar(frozenset({5, 6}))
DAY_END = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
LENS = Lens(
    day=DAY,
    settle_days=1,
    settle_until=DAY_END - timedelta(minutes=15),
    retried_within=timedelta(hours=1),
    zone=ZoneInfo("Asia/Singapore"),
    zones=(ZoneInfo("America/Los_Angeles"),),
    calendar=WEEKDAYS,
)
INVOICE = Told(
    amount_minor=10_900, tax_minor=900, currency="SGD", on_date=date(2026, 6, 1), due_date=date(2026, 7, 1)
)
PROVEN = Facts(proven_through=DAY_END, since=date(2026, 6, 1))


def only(
    kind: Kind, ours: Told | None, theirs: Told | None, facts: Facts = PROVEN, seq: int = 1
) -> Explained:
    """The explanation of the one field that differs."""
    [explained] = explain(Pair(kind=kind, key="K", seq=seq, ours=ours, theirs=theirs), facts, LENS).values()
    return explained


def said(explained: Explained) -> tuple[str, str]:
    return explained.kind_of, explained.cause


def test_equal_answers_have_no_difference():
    assert explain(Pair(kind="invoices", key="K", seq=1, ours=INVOICE, theirs=INVOICE), PROVEN, LENS) == {}


def test_what_nothing_explains_is_logic_without_evidence():
    found = only("invoices", INVOICE, replace(INVOICE, due_date=date(2026, 7, 9)))
    assert said(found) == ("logic", "")
    assert found.evidence == {}


def test_what_became_so_today_may_be_told_tomorrow():
    paid, before = Told(status="PAID"), Told(status="OPEN")
    today = Facts(since=DAY, before=before)
    assert said(only("statuses", paid, before, today)) == ("timing", "not_yet")
    assert said(only("statuses", paid, before, replace(today, since=YESTERDAY))) == ("logic", "")
    assert said(only("statuses", paid, Told(status="VOID"), today)) == ("logic", "")


def test_a_row_that_lacks_for_longer_than_a_day_was_missed_where_our_sources_are_whole():
    assert said(only("orders", INVOICE, None, replace(PROVEN, since=DAY))) == ("timing", "not_yet")
    assert said(only("orders", INVOICE, None)) == ("legacy_error", "missed")
    assert said(only("orders", INVOICE, None, Facts(since=date(2026, 6, 1)))) == ("logic", "")


def test_a_row_of_theirs_alone_is_wrong_only_where_no_source_holds_it():
    assert said(only("orders", None, INVOICE)) == ("legacy_error", "in_no_source")
    assert said(only("orders", None, INVOICE, replace(PROVEN, known="held: suggested"))) == (
        "logic",
        "left_out_by_us",
    )
    assert said(only("orders", None, INVOICE, replace(PROVEN, known="later: 1 July"))) == ("timing", "ahead")
    assert said(only("orders", None, INVOICE, Facts())) == ("logic", "")


def test_the_same_act_twice_within_the_hour_is_a_retry():
    first = replace(INVOICE, at=DAY_END - timedelta(hours=8))
    again = replace(first, at=DAY_END - timedelta(hours=8) + timedelta(seconds=40))
    found = only("invoices", None, again, replace(PROVEN, first=first), seq=2)
    assert said(found) == ("legacy_error", "duplicate")
    assert found.evidence["seconds_apart"] == 40
    later = replace(first, at=DAY_END - timedelta(hours=1))
    assert said(only("invoices", None, later, replace(PROVEN, first=first), seq=2)) == ("logic", "")
    other = replace(again, amount_minor=1)
    assert said(only("invoices", None, other, replace(PROVEN, first=first), seq=2)) == ("logic", "")


def test_a_second_row_that_says_something_else_is_no_retry_and_nothing_that_we_leave_out():
    for kind, first, second in (
        ("statuses", Told(status="PAID", on_date=DAY), Told(status="VOID", on_date=DAY)),
        ("matches", Told(text="inv-1", amount_minor=1), Told(text="inv-2", amount_minor=1)),
    ):
        facts = replace(PROVEN, first=first, known="invoice I1 is posted")
        assert said(only(kind, None, first, facts, seq=2)) == ("legacy_error", "duplicate")  # type: ignore[arg-type]
        assert said(only(kind, None, second, facts, seq=2)) == ("logic", "")  # type: ignore[arg-type]
    first = replace(INVOICE, text="so-1", status="COMPLETED")
    again = replace(INVOICE, text="so-2", status="CANCELLED")
    assert said(only("orders", None, again, replace(PROVEN, first=first), seq=2)) == (
        "legacy_error",
        "duplicate",
    )


def test_what_their_own_row_dates_after_the_day_is_ahead_whatever_we_hold_by_then():
    later = replace(INVOICE, on_date=DAY + timedelta(days=1))
    found = only("invoices", None, later)
    assert (said(found), found.evidence) == (("timing", "ahead"), {"dated": "2026-07-01"})
    never = replace(INVOICE, on_date=date(2062, 6, 30))
    assert said(only("invoices", None, never)) == ("legacy_error", "in_no_source"), "no time brings it"


def test_what_they_wrote_in_the_last_minutes_settles_only_if_it_was_so_before():
    late = Told(status="OPEN", at=DAY_END - timedelta(minutes=5))
    facts = replace(PROVEN, before=Told(status="OPEN"))
    assert said(only("statuses", Told(status="PAID"), late, facts)) == ("timing", "settling")
    assert said(only("statuses", Told(status="PAID"), replace(late, status="VOID"), facts)) == ("logic", "")
    assert said(only("statuses", Told(status="PAID"), late)) == ("logic", ""), "nobody knows what was before"


def test_one_record_under_two_ways_of_writing_its_key_is_a_difference_of_mapping():
    def lone(kind: Kind, ours: str, theirs: str) -> list[Pair]:
        return [
            Pair(kind=kind, key=ours, seq=1, ours=INVOICE, theirs=None),
            Pair(kind=kind, key=theirs, seq=1, ours=None, theirs=INVOICE),
        ]

    long, short = "006A0000001B2C3IAK", "006A0000001B2C3"
    pairs = [*lone("orders", long, short), *lone("invoices", "INV-1", "inv-1"), *lone("arr", "S1", "S2")]
    pairs += [*lone("invoices", "INV-2026-000042", "INV/2026/42"), *lone("matches", "P-7", "P7")]
    pairs += lone("statuses", "INV-2026-42", "INV-2026-420")
    found = alike(pairs)
    assert {one: found.pop(one) for one in list(found) if one[1][-1] in "27"} == {
        ("invoices", "INV-2026-000042"): "INV/2026/42",
        ("invoices", "INV/2026/42"): "INV-2026-000042",
        ("matches", "P-7"): "P7",
        ("matches", "P7"): "P-7",
    }
    assert found == {
        ("orders", long): short,
        ("orders", short): long,
        ("invoices", "INV-1"): "inv-1",
        ("invoices", "inv-1"): "INV-1",
    }
    assert said(only("orders", INVOICE, None, replace(PROVEN, alike=short))) == ("mapping", "other_key")
    assert said(only("orders", None, INVOICE, replace(PROVEN, alike=long))) == ("mapping", "other_key")


def test_a_date_is_that_of_another_zone_when_its_instant_fell_on_it_there():
    ours = Told(status="PAID", on_date=DAY)
    theirs = replace(ours, on_date=YESTERDAY)
    instant = datetime(2026, 6, 30, 3, 0, tzinfo=UTC)
    found = only("statuses", ours, theirs, Facts(at=instant))
    assert said(found) == ("legacy_error", "other_zone")
    assert found.evidence["zone"] == "America/Los_Angeles"
    assert said(only("statuses", ours, theirs, Facts(at=instant + timedelta(hours=9)))) == ("logic", "")
    assert said(only("statuses", ours, theirs)) == ("logic", ""), "a date alone shows nothing"
    wrong = replace(ours, on_date=DAY + timedelta(days=1))
    assert said(only("statuses", wrong, theirs, Facts(at=instant))) == ("logic", ""), "ours must be that day"


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-05:00", "2026-06-30T10:00:00"]
)
def test_an_instant_that_no_day_of_ours_holds_is_put_aside(at: str):
    with pytest.raises(Unreadable) as refused:
        read({"key": "K", "at": at}, statuses={})
    assert (refused.value.column, at in refused.value.reason) == ("at", True)


def test_a_word_that_nobody_translated_is_a_difference_of_mapping():
    assert said(only("statuses", Told(status="PAID"), Told(status="?clrd"))) == ("mapping", "unmapped_word")
    assert said(only("statuses", Told(status="PAID"), Told(status="OPEN"))) == ("logic", "")


@pytest.mark.parametrize(
    ("theirs", "cause"), [(1_090_000, "minor_units"), (109, "minor_units"), (-10_900, "sign")]
)
def test_amounts_a_hundred_times_off_are_a_difference_of_mapping(theirs: int, cause: str):
    ours = Told(amount_minor=10_900, currency="SGD")
    assert said(only("arr", ours, replace(ours, amount_minor=theirs))) == ("mapping", cause)


def test_tax_rounded_line_by_line_is_rounding_only_when_it_comes_to_their_figure():
    ours = Told(amount_minor=48_069, tax_minor=3_969, currency="SGD")
    by_line = replace(ours, amount_minor=48_070, tax_minor=3_970)
    two_off = replace(ours, amount_minor=48_071, tax_minor=3_971)
    lines = Facts(lines=10, percent=Decimal(9))
    pair = Pair(kind="invoices", key="K", seq=1, ours=ours, theirs=by_line)
    assert {name: said(one) for name, one in explain(pair, lines, LENS).items()} == {
        "amount": ("rounding", "per_line"),
        "tax": ("rounding", "per_line"),
    }
    pair = replace(pair, theirs=two_off)
    assert {said(one) for one in explain(pair, lines, LENS).values()} == {("logic", "")}
    pair = replace(pair, theirs=replace(ours, amount_minor=48_068, tax_minor=3_968))
    assert {said(one) for one in explain(pair, Facts(), LENS).values()} == {("rounding", "minor_unit")}


def test_one_minor_unit_of_net_is_not_rounding_of_tax():
    theirs = replace(INVOICE, amount_minor=10_901)
    assert said(only("invoices", INVOICE, theirs)) == ("logic", "")


def test_an_arr_without_an_amendment_names_the_amendment():
    ours = Told(amount_minor=30_000, currency="SGD")
    facts = replace(PROVEN, without={"A1": 24_000, "A2": 12_000})
    found = only("arr", ours, replace(ours, amount_minor=12_000), facts)
    assert (*said(found), found.evidence["amendments"]) == ("legacy_error", "missed_amendment", "A2")
    assert said(only("arr", ours, replace(ours, amount_minor=13_000), facts)) == ("logic", "")


def test_a_due_date_moved_off_a_weekend_is_another_rule():
    ours = replace(INVOICE, due_date=date(2026, 7, 4))
    assert said(only("invoices", ours, replace(ours, due_date=date(2026, 7, 6)))) == (
        "logic",
        "rolls_to_business_day",
    )
    assert said(only("invoices", ours, replace(ours, due_date=date(2026, 7, 7)))) == ("logic", "")


def test_tax_at_a_rate_of_other_days_is_another_rule():
    theirs = replace(INVOICE, amount_minor=10_800, tax_minor=800)
    facts = replace(PROVEN, percent=Decimal(9), other_percents={Decimal(8): "from 2023-01-01"})
    pair = Pair(kind="invoices", key="K", seq=1, ours=INVOICE, theirs=theirs)
    assert {said(one) for one in explain(pair, facts, LENS).values()} == {("logic", "other_tax_rate")}


OWED = [
    Owed(number="INV-1", issued_on=date(2026, 4, 1), gross_minor=100),
    Owed(number="INV-2", issued_on=date(2026, 5, 1), gross_minor=100),
    Owed(number="INV-3", issued_on=date(2026, 6, 1), gross_minor=100),
]
RECEIVED = [
    Received(payment_id="P", paid_on=date(2026, 5, 10), amount_minor=150, applied=(("INV-2", 100),)),
    Received(payment_id="Q", paid_on=date(2026, 7, 1), amount_minor=100, applied=(("INV-3", 100),)),
]


def test_money_applied_to_the_oldest_first_leaves_the_invoices_as_that_rule_would():
    outcome = settled(OWED, oldest_first(OWED, RECEIVED, until=DAY), until=DAY)
    assert outcome.statuses == {
        "INV-1": ("PAID", date(2026, 5, 10)),
        "INV-2": ("PARTIALLY_PAID", date(2026, 5, 10)),
        "INV-3": ("OPEN", None),
    }
    assert outcome.matches == {"P": ("inv-1 inv-2", 150)}
    assert settled(OWED, as_applied(RECEIVED, until=DAY), until=DAY).matches == {"P": ("inv-2", 100)}


def test_a_match_is_another_rule_where_that_rule_comes_to_it():
    replays = {"oldest_first": settled(OWED, oldest_first(OWED, RECEIVED, until=DAY), until=DAY)}
    facts = replace(PROVEN, replays=replays)
    ours = Told(text="inv-2", amount_minor=150, currency="SGD")
    pair = Pair(kind="matches", key="P", seq=1, ours=ours, theirs=replace(ours, text="inv-1 inv-2"))
    assert said(explain(pair, facts, LENS)["text"]) == ("logic", "oldest_first")
    pair = replace(pair, theirs=replace(ours, text="inv-3"))
    assert said(explain(pair, facts, LENS)["text"]) == ("logic", "")


def test_a_credit_note_counts_in_every_replay_and_shows_no_other_rule():
    whole = replace(OWED[0], credited=((date(2026, 5, 2), 100),))
    part = replace(OWED[1], credited=((date(2026, 6, 2), 40),))
    books = [whole, part, OWED[2]]
    own = settled(books, [], until=DAY)
    assert [own.statuses[one.number][0] for one in books] == ["PAID", "PARTIALLY_PAID", "OPEN"]
    assert oldest_first(books, RECEIVED, until=DAY)[0].number == "INV-2", "nothing is owed of the first"
    facts = replace(PROVEN, own=own, replays={"oldest_first": own})
    theirs = Told(status="OPEN")
    pair = Pair(kind="statuses", key="INV-3", seq=1, ours=Told(status="PAID"), theirs=theirs)
    assert said(explain(pair, facts, LENS)["status"]) == ("logic", ""), "our own rules come to the same"
    pair = replace(pair, key="INV-1")
    assert said(explain(pair, facts, LENS)["status"]) == ("logic", ""), "no rule leaves it open"


def test_an_invoice_cancelled_today_was_open_before_and_is_owed_by_nobody_since():
    cancelled = replace(OWED[0], closed_as="VOID", closed_on=DAY)
    assert settled([cancelled], [], until=YESTERDAY).statuses["INV-1"] == ("OPEN", None)
    assert settled([cancelled], [], until=DAY).statuses["INV-1"] == ("VOID", None)
    assert cancelled.changed_on == DAY
    assert [one.number for one in oldest_first([cancelled, OWED[1]], RECEIVED, until=DAY)] == ["INV-2"]


def test_an_unreadable_row_of_theirs_explains_that_it_lacks():
    found = only("invoices", INVOICE, None, replace(PROVEN, unread="invoices.csv, line 7: no date"))
    assert said(found) == ("mapping", "unreadable"), "what was not compared is not excused"
    perhaps = only("invoices", INVOICE, None, replace(PROVEN, unread_nameless=2))
    assert (said(perhaps), perhaps.evidence) == (("mapping", "perhaps_unreadable"), {"rows_without_key": 2})


def test_what_we_alone_conclude_is_not_held_against_them():
    match = Told(text="inv-1", amount_minor=100, currency="SGD")
    assert said(only("matches", match, None)) == ("legacy_error", "missed")
    assert said(only("matches", match, None, replace(PROVEN, named=False))) == (
        "logic",
        "concluded_by_us_alone",
    )


# --- rows


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"key": " "}, "key"),
        ({"key": "K", "currency": "S$"}, "currency"),
        ({"key": "K", "currency": "SGD", "amount": "1.005"}, "amount"),
        ({"key": "K", "amount": "1.00"}, "currency"),
        ({"key": "K", "on_date": "30/06/2026"}, "on_date"),
        ({"key": "K", "at": "2026-06-30T10:00:00"}, "at"),
    ],
)
def test_a_row_that_cannot_be_read_names_its_column(cells: Mapping[str, str], column: str):
    with pytest.raises(Unreadable) as refused:
        read(cells, statuses={})
    assert refused.value.column == column


def test_a_row_is_read_exactly_and_its_words_translated_or_marked():
    cells = {"key": "K", "currency": "JPY", "amount": "1200", "text": " SO-1  b ", "status": "Settled"}
    assert read(cells, statuses={"settled": "PAID"}) == (
        "K",
        Told(amount_minor=1_200, currency="JPY", status="PAID", text="so-1 b"),
    )
    assert read(cells, statuses={})[1].status == "?settled"
    assert read({"key": "P", "texts": "INV-2 INV-1 INV-2"}, statuses={})[1].text == "inv-1 inv-2"
    assert normalised("\uff33\uff2f\uff0d1\u00a0É") == "so-1 É"


# --- figures


def tally(field: Field, count: int = 1, **changes: Any) -> Tally:
    facts: dict[str, Any] = {
        "kind": "invoices",
        "field": field,
        "side": None,
        "kind_of": "logic",
        "cause": "",
    }
    facts |= {"accepted": False, "count": count, "currency": "SGD", "delta_minor": 0}
    return Tally(**facts | changes)


def measured(*tallies: Tally, **changes: Any) -> dict[str, Decimal | None]:
    every = dict.fromkeys(KINDS, Sides(ours=1000, theirs=1000, pairs=1000))
    facts: dict[str, Any] = {"kinds": every, "unreadable": 0, "doubled": 0, "totals": {}}
    return metrics(
        Counted(**facts | {"tallies": tallies} | changes), excused=frozenset({"timing", "legacy_error"})
    )


def test_a_day_without_differences_is_whole():
    figures = measured()
    assert {name: figures[name] for name in ("money", "status", "unexplained", "reruns")} == {
        "money": 100,
        "status": 100,
        "unexplained": 0,
        "reruns": None,
    }


def test_one_wrong_amount_in_a_thousand_is_not_all():
    assert measured(tally("amount"))["money"] == Decimal("99.9")
    assert measured(tally("amount", accepted=True))["money"] == 100
    assert measured(tally("amount", kind_of="legacy_error", cause="duplicate"))["money"] == 100
    assert measured(tally("amount", kind_of="rounding", cause="per_line"))["money"] == Decimal("99.9")


def test_keys_are_covered_both_ways():
    figures = measured(tally("key", side="theirs", count=2), tally("key", side="ours"))
    assert (figures["keys_in_ours"], figures["keys_in_theirs"]) == (Decimal("99.8"), Decimal("99.9"))


def test_no_explanation_makes_up_for_keys_that_are_not_in_both_and_two_people_may():
    missed = {"side": "ours", "kind_of": "legacy_error", "cause": "missed", "count": 400}
    figures = measured(tally("key", **missed))
    assert (figures["keys_in_theirs"], figures["keys_in_both"]) == (100, 60)
    assert measured(tally("key", **missed | {"side": "theirs"}))["keys_in_both"] == 60
    assert measured(tally("key", accepted=True, **missed))["keys_in_both"] == 100


def test_totals_agree_when_excused_differences_make_up_what_is_between_them():
    late = tally("key", side="ours", kind_of="timing", cause="not_yet", delta_minor=500)
    day = Counted(
        kinds={"invoices": Sides(ours=2, theirs=1, pairs=1)},
        unreadable=0,
        doubled=0,
        totals={("invoices", "SGD"): 500},
        tallies=[late],
    )
    excused = frozenset({"timing"})
    assert list(totals_off(day, excused=excused)) == []
    assert list(totals_off(replace(day, totals={("invoices", "SGD"): 501}), excused=excused)) == [
        ("invoices", "SGD", 1)
    ]
    assert measured(late, totals={("invoices", "SGD"): 501})["totals"] == 1


def test_an_accepted_currency_takes_both_amounts_out_of_the_totals():
    apart = {("orders", "EUR"): 10_000, ("orders", "USD"): -10_000}
    of_day = {"kinds": {"orders": Sides(ours=1, theirs=1, pairs=1)}, "totals": apart}
    mine = tally("currency", kind="orders", currency="EUR", delta_minor=10_000, accepted=True)
    other = replace(mine, currency="USD", delta_minor=-10_000, count=0)
    assert measured(mine, other, **of_day)["totals"] == 0
    assert measured(replace(mine, accepted=False), replace(other, accepted=False), **of_day)["totals"] == 2


def test_many_rows_of_one_kind_hide_nothing_of_another():
    kinds = dict.fromkeys(KINDS, Sides(ours=10_000, theirs=10_000, pairs=10_000))
    figures = measured(tally("status", 40, kind="statuses"), kinds=kinds)
    assert figures["status"] == Decimal("99.6")
    few = kinds | {"orders": Sides(ours=500, theirs=480, pairs=480)}
    lacking = measured(tally("key", 20, kind="orders", side="ours"), kinds=few)
    assert (lacking["keys_in_theirs"], lacking["keys_in_ours"]) == (96, 100)
    assert measured(tally("tax", 1, kind="orders"), kinds=few)["money"] < 100, "a field too many counts too"


def test_what_was_not_compared_is_not_measured():
    figures = measured(kinds=dict.fromkeys(KINDS, Sides(ours=500, theirs=0, pairs=0)))
    assert {figures[name] for name in ("money", "status", "text", "keys_in_ours")} == {None}
    assert measured(kinds={})["keys_in_theirs"] is None


def test_a_second_order_of_ours_counts():
    assert measured(doubled=1)["duplicates"] == 1


def test_a_row_of_theirs_that_nobody_could_read_counts():
    assert measured(unreadable=3)["unreadable"] == 3


def test_a_rerun_that_gave_something_else_counts():
    assert measured(reruns=4, reruns_same=3)["reruns"] == 75


def test_the_last_five_business_days_of_fourteen_are_judged():
    chosen = window(DAY, days=14, judged=5, calendar=WEEKDAYS)
    assert (chosen.days[0], chosen.days[-1], len(chosen.days)) == (date(2026, 6, 17), DAY, 14)
    assert [one.day for one in chosen.judged] == [24, 25, 26, 29, 30]


def test_a_month_that_ends_on_a_weekend_is_judged_on_its_last_day_too():
    chosen = window(date(2026, 6, 2), days=14, judged=5, calendar=WEEKDAYS)
    assert [one.day for one in chosen.judged] == [27, 28, 29, 31, 1, 2]
    earlier = window(date(2026, 6, 9), days=14, judged=5, calendar=WEEKDAYS)
    assert [one.day for one in earlier.judged] == [3, 4, 5, 8, 9], "it is not among the last ones"
