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
    Counted,
    Explained,
    Field,
    Kind,
    Pair,
    Tally,
    Told,
    metrics,
    totals_off,
    window,
)
from include.domain.parity_classes import Facts, Lens, explain
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
    facts: dict[str, Any] = {
        "ours": 1000,
        "theirs": 1000,
        "unreadable": 0,
        "pairs": 1000,
        "doubled": 0,
        "totals": {},
    }
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


def test_totals_agree_when_excused_differences_make_up_what_is_between_them():
    late = tally("key", side="ours", kind_of="timing", cause="not_yet", delta_minor=500)
    day = Counted(
        ours=2, theirs=1, unreadable=0, pairs=1, doubled=0, totals={("invoices", "SGD"): 500}, tallies=[late]
    )
    excused = frozenset({"timing"})
    assert list(totals_off(day, excused=excused)) == []
    assert list(totals_off(replace(day, totals={("invoices", "SGD"): 501}), excused=excused)) == [
        ("invoices", "SGD", 1)
    ]
    assert measured(late, totals={("invoices", "SGD"): 501})["totals"] == 1


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
