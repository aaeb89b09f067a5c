"""The golden cases of annual recurring revenue: worked examples with their figures, each computed by what R5 uses."""

import csv
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.domain.arr import (
    Price,
    annualised,
    annualised_days,
    annualised_months,
    period_minor,
    prorated_invoice,
    tax_inside,
    unit_minor,
    uplifted,
)
from include.domain.arr_bridge import BridgeRow, Movement, View, bridge, movements
from include.domain.arr_reporting import Valued, total, valued
from include.domain.fx import rates_to
from include.domain.money import major, to_minor
from include.domain.renewals import add_months, business_date, inclusive_end, renewal
from include.domain.subscription_review import Case, OnRecord, differences
from include.domain.subscriptions import Amendment, ArrRules, Life, Step, Subscription, life_of

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("TIEOUT_SHARED") or ROOT.parent / "shared")
PLAYBOOK = SHARED / "data" / "mrr_playbook" / "data" / "subscription_periods.csv"

CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((ROOT / "tests" / "golden" / "arr_golden.json").read_text())
}
TODAY = date(2026, 6, 30)
ZERO = ArrRules()
KEEP_90 = ArrRules(kept_pause_days=90)


def given(case: str) -> dict[str, Any]:
    inputs: dict[str, Any] = CASES[case]["inputs"]
    return inputs


def expected(case: str) -> dict[str, Any]:
    figures: dict[str, Any] = CASES[case]["expected"]
    return figures


def price(unit: str, qty: object, interval: str, currency: str, **more: str) -> Price:
    return Price(
        unit_price=Decimal(unit),
        quantity=Decimal(str(qty)),
        interval=interval,
        currency=currency,
        **{name: Decimal(value) for name, value in more.items()},
    )


def day(text: str) -> date:
    return date.fromisoformat(text)


def lived(
    cost: Price, start: str, end: str | None, *changes: Amendment, rules: ArrRules = ZERO, as_of: date = TODAY
) -> Life:
    return life_of(sold(cost, start, end), changes, rules=rules, as_of=as_of)


def sold(cost: Price, start: str, end: str | None) -> Subscription:
    return Subscription(
        subscription_id="S", start_on=day(start), end_on=day(end) if end else None, price=cost
    )


def change(kind: str, on: str, **more: str) -> Amendment:
    values = {name: Decimal(value) for name, value in more.items()}
    return Amendment(amendment_id=f"{kind}-{on}", sequence=1, type=kind, effective_on=day(on), **values)


def moved(*lives: Life, view: View = "NET") -> dict[str, str]:
    """Month -> its movements in words, from the lives of one customer's subscriptions."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in movements([step for life in lives for step in life.steps()], view=view):
        found[f"{one.on:%Y-%m}"].append(said(one, lives[0].prices[0].price.currency))
    return {month: ", ".join(words) for month, words in found.items()}


def said(one: Movement, currency: str) -> str:
    return f"{one.kind.upper()} {major(one.amount_minor, currency=currency)}"


def arr_on(life: Life, on: str) -> str:
    return major(life.arr_on(day(on)), currency=life.prices[0].price.currency)


def test_g01_annual_seats_count_once_a_year() -> None:
    facts = given("G01")
    cost = price(facts["unit"], facts["qty"], facts["interval"], facts["cur"])
    assert major(annualised(cost), currency="SGD") == expected("G01")["arr"]


def test_g02_monthly_seats_count_twelve_times() -> None:
    facts = given("G02")
    cost = price(facts["unit"], facts["qty"], facts["interval"], facts["cur"])
    assert major(annualised(cost), currency="SGD") == expected("G02")["arr"]


def test_g03_a_quarterly_price_in_yen_counts_four_times() -> None:
    facts = given("G03")
    cost = price(facts["unit"], facts["qty"], facts["interval"], facts["cur"])
    assert major(annualised(cost), currency="JPY") == expected("G03")["arr"]


def test_g04_a_total_for_three_years_counts_by_its_months() -> None:
    facts = given("G04")
    arr = annualised_months(to_minor(facts["total"], currency="USD"), months=facts["months"])
    assert major(arr, currency="USD") == expected("G04")["arr"]


def test_g05_a_total_for_an_odd_term_counts_by_days_of_365() -> None:
    facts = given("G05")
    start, end = day(facts["start"]), day(facts["end_excl"])
    arr = annualised_days(to_minor(facts["total"], currency="SGD"), start=start, end=end)
    assert ((end - start).days, major(arr, currency="SGD")) == (
        expected("G05")["days"],
        expected("G05")["arr"],
    )


def test_g06_a_recurring_discount_lowers_arr_and_what_does_not_recur_is_no_part_of_it() -> None:
    facts = given("G06")
    cost = price(facts["unit"], facts["qty"], facts["interval"], facts["cur"], discount=facts["discount"])
    assert major(annualised(cost), currency="MYR") == expected("G06")["arr"]


def test_g07_a_ramp_counts_at_its_current_segment() -> None:
    [first, second, third] = given("G07")["segments"]
    ramp = lived(
        price(first[2], 1, "year", "USD"),
        first[0],
        third[1],
        change("PRICE", third[0], unit_price=third[2]),
        change("PRICE", second[0], unit_price=second[2]),
        as_of=date(2028, 6, 30),
    )
    figures = expected("G07")
    for on in ("2025-12-31", "2026-01-01", "2027-12-31", "2028-01-01"):
        assert arr_on(ramp, on) == figures[f"arr_{on.replace('-', '_')}"]
    assert moved(ramp)["2026-01"] == figures["movement_2026_01"]
    billed = sum(net for _, net in ramp.bills(sold(price(first[2], 1, "year", "USD"), first[0], third[1])))
    assert major(billed, currency="USD") == figures["tcv"]


def test_g08_free_months_spread_the_price_over_the_whole_term() -> None:
    facts = given("G08")
    arr = annualised_months(to_minor(facts["total"], currency="SGD"), months=facts["months"])
    assert major(arr, currency="SGD") == expected("G08")["arr"]


def test_g09_added_seats_are_invoiced_for_the_days_left_of_the_term() -> None:
    figures, seat = expected("G09"), price("240.00", 100, "year", "SGD")
    life = lived(seat, "2025-01-01", "2026-01-01", change("COTERM", "2025-07-01", quantity="125"))
    assert (arr_on(life, "2025-06-30"), arr_on(life, "2025-07-01")) == (
        figures["arr_before"],
        figures["arr_after"],
    )
    assert moved(life)["2025-07"] == f"EXPANSION {figures['expansion']}"
    invoice = prorated_invoice(
        seat,
        added=Decimal(25),
        on=day("2025-07-01"),
        term_start=day("2025-01-01"),
        term_end=day("2026-01-01"),
        tax_rate=Decimal("0.09"),
    )
    assert (invoice.days_remaining, invoice.days_in_term) == (
        figures["days_remaining"],
        figures["days_in_term"],
    )
    amounts = [major(m, currency="SGD") for m in (invoice.net_minor, invoice.tax_minor, invoice.total_minor)]
    assert amounts == [figures["prorated_invoice_ex_tax"], figures["gst9"], figures["invoice_total"]]


def test_g10_a_downgrade_at_renewal_is_a_contraction() -> None:
    figures = expected("G10")
    life = lived(
        price("50000", 1, "month", "THB"),
        "2024-09-01",
        "2025-09-01",
        change("RENEW", "2025-09-01", unit_price="32000"),
    )
    assert arr_on(life, "2025-08-31") == figures["arr_2025_08_31"]
    assert arr_on(life, "2025-09-01") == figures["arr_2025_09_01"]
    assert moved(life)["2025-09"] == f"CONTRACTION {figures['contraction']}"


def test_g11_a_pause_is_churn_and_reactivation_unless_policy_keeps_pauses_up_to_90_days() -> None:
    figures = expected("G11")
    cost, pause = price("2000", 1, "month", "AUD"), change("PAUSE", "2025-04-01")

    def paused(resume: str, rules: ArrRules) -> Life:
        return lived(cost, "2024-01-01", None, pause, change("RESUME", resume), rules=rules)

    life = paused("2025-07-01", ZERO)
    for on in ("2025-03-31", "2025-04-01", "2025-07-01"):
        assert arr_on(life, on) == figures["policy_ZERO"][f"arr_{on.replace('-', '_')}"]
    [_, out, back] = movements(life.steps())
    assert f"{said(out, 'AUD')} reason={out.whys[0]}" == figures["policy_ZERO"]["apr"]
    assert f"{said(back, 'AUD')} reason={back.whys[0]}" == figures["policy_ZERO"]["jul"]
    assert (day("2025-07-01") - day("2025-04-01")).days == figures["policy_KEEP_90d"]["pause_days"]
    assert moved(paused("2025-07-01", KEEP_90)) == moved(life)
    assert moved(paused("2025-06-30", KEEP_90)) == {"2024-01": "NEW 24000.00"}


def test_g12_a_cancellation_counts_from_the_day_it_takes_effect() -> None:
    figures, cost = expected("G12"), price("1500", 1, "month", "USD")
    at_period_end = lived(cost, "2024-06-01", None, change("CANCEL", "2025-06-01"))
    at_once = lived(cost, "2024-06-01", None, change("CANCEL", "2025-05-10"))
    assert arr_on(at_period_end, "2025-05-31") == figures["a"]["arr_2025_05_31"]
    assert arr_on(at_period_end, "2025-06-01") == figures["a"]["arr_2025_06_01"]
    assert arr_on(at_once, "2025-05-09") == figures["b"]["arr_2025_05_09"]
    assert arr_on(at_once, "2025-05-10") == figures["b"]["arr_2025_05_10"]
    assert moved(at_period_end)[figures["a"]["churn_month"]] == "CHURN 18000.00"
    assert moved(at_once)[figures["b"]["churn_month"]] == "CHURN 18000.00"


def test_g13_who_comes_back_is_reactivated_and_within_a_month_nothing_moved() -> None:
    figures = expected("G13")
    left = lived(price("10000", 1, "month", "HKD"), "2024-02-15", "2025-02-15")
    returned = lived(price("8000", 1, "month", "HKD"), "2025-05-20", None)
    months = moved(left, returned)
    assert (months["2025-02"], months["2025-05"]) == (figures["c1"]["feb"], figures["c1"]["may"])
    out = lived(price("100", 1, "month", "HKD"), "2024-03-10", "2025-03-10")
    back = lived(price("100", 1, "month", "HKD"), "2025-03-25", None)
    assert figures["c2"]["mar_net_bridge"] == "no movement"
    assert "2025-03" not in moved(out, back)
    assert figures["c2"]["mar_gross_bridge"] == "CHURN and REACTIVATION of equal amount"
    assert moved(out, back, view="GROSS")["2025-03"] == "CHURN 1200.00, REACTIVATION 1200.00"


def test_g14_an_uplift_rounds_the_unit_price_first() -> None:
    figures = expected("G14")
    unit = uplifted(Decimal(9850), rate=Decimal("0.035"), currency="JPY")
    life = lived(
        price("9850", 37, "month", "JPY"),
        "2024-04-01",
        "2025-04-01",
        change("RENEW", "2025-04-01", unit_price=str(unit)),
    )
    assert f"{unit:f}" == figures["new_unit"]
    assert (arr_on(life, "2025-03-31"), arr_on(life, "2025-04-01")) == (
        figures["arr_before"],
        figures["arr_after"],
    )
    assert moved(life)["2025-04"] == f"EXPANSION {figures['expansion']}"
    assert arr_on(life, "2025-04-01") != figures["wrong_if_rounded_last"]


def test_g15_a_late_renewal_is_churn_and_reactivation_or_within_grace_a_flag() -> None:
    figures = expected("G15")
    contract = sold(price("90000", 1, "month", "INR"), "2024-03-31", "2025-03-31")
    renewed = change("RENEW", "2025-04-08")
    strict = life_of(contract, [renewed], rules=ZERO, as_of=TODAY.replace(year=2025))
    assert arr_on(strict, "2025-03-31") == "0.00"
    assert (moved(strict)["2025-03"], moved(strict)["2025-04"]) == (
        "CHURN 1080000.00",
        "REACTIVATION 1080000.00",
    )
    assert figures["grace0"].startswith("Mar CHURN 1080000.00 (as-of 2025-03-31 ARR 0), Apr REACTIVATION")
    lenient = ArrRules(renewal_grace_days=30)
    life = life_of(contract, [renewed], rules=lenient, as_of=TODAY.replace(year=2025))
    backdated = life_of(contract, [change("RENEW", "2025-03-31")], rules=ZERO, as_of=TODAY.replace(year=2025))
    assert moved(life) == moved(backdated) == {"2024-03": "NEW 1080000.00"}
    record = OnRecord(status="ACTIVE", renewal_on=day("2026-03-31"), arr_minor=1_080_000_00)
    [late] = differences(
        Case(subscription=contract, amendments=[renewed], life=life, record=record, rules=lenient)
    )
    assert (late.code, "8 days late" in late.evidence) == ("SU06", True)
    assert figures["grace30_or_backdated"] == "no movement; flag RENEWAL_LATE_8D"


def quoted(on: str) -> Mapping[str, Decimal]:
    """SGD for one of each currency, crossed through the euro."""
    quotes = given("G16")["rates"][on]
    return rates_to("SGD", [("EUR", currency, Decimal(rate)) for currency, rate in quotes.items()])


def book(after: str) -> dict[str, Valued]:
    """The book of G16, unmoved over a month that begins at the rates of 2024-12-31 and ends at those of `after`."""
    found = {}
    for account, currency, amount in given("G16")["book"]:
        arr = to_minor(amount, currency=currency)
        row = BridgeRow(month=day("2025-03-01"), opening=arr, closing=arr)
        rates = {"budget": quoted("2024-12-31"), "before": quoted("2024-12-31"), "after": quoted(after)}
        one = valued(row, currency=currency, **rates)
        assert one is not None
        found[account] = one
    return found


def test_g16_at_constant_rates_an_unchanged_book_does_not_move() -> None:
    figures, rows = expected("G16"), book("2024-12-31")
    assert {account: major(row.closing, currency="SGD") for account, row in rows.items()} == figures[
        "per_sub_sgd"
    ]
    whole = total(list(rows.values()))
    assert major(whole.at_budget.closing, currency="SGD") == figures["total_sgd"]
    assert major(whole.as_reported.closing, currency="SGD") == figures["closing_at_const_fx"]
    assert major(whole.as_reported.fx, currency="SGD") == figures["movement"]


def test_g17_as_reported_the_same_book_moves_on_a_line_of_its_own() -> None:
    figures, rows = expected("G17"), book("2025-03-31")
    assert {account: major(row.closing, currency="SGD") for account, row in rows.items()} == figures[
        "per_sub_sgd_2025_03_31"
    ]
    reported = total(list(rows.values())).as_reported
    amounts = [major(m, currency="SGD") for m in (reported.opening, reported.fx, reported.closing)]
    assert amounts == [figures["opening"], figures["fx_movement"], figures["closing"]]
    assert reported.new + reported.expansion + reported.contraction + reported.churn == reported.residual == 0


def test_g18_renewals_count_from_the_anchor_and_end_with_short_months() -> None:
    figures, anchor = expected("G18"), day(given("G18")["anchor"])
    found = [renewal(anchor, number=number, term_months=1) for number in (1, 2, 3, 4, 13)]
    assert [one.isoformat() for one in found] == figures["seq"]
    chained = add_months(add_months(anchor, 1), 1)
    assert chained.isoformat() == figures["wrong_chained"] != found[1].isoformat()


def test_g19_a_leap_day_renews_on_the_28th_until_it_exists_again() -> None:
    figures, anchor = expected("G19"), day(given("G19")["anchor"])
    found = [renewal(anchor, number=number, term_months=12) for number in (1, 2, 3, 4)]
    assert [one.isoformat() for one in found] == figures["renewals"]
    assert inclusive_end(found[0]).isoformat() == figures["salesforce_inclusive_end_first"]
    assert add_months(day("2023-02-28"), 12).isoformat() == figures["feb28_2023_plus_12m"]


def test_g20_an_instant_falls_on_the_business_date_of_its_zone() -> None:
    singapore = ZoneInfo("Asia/Singapore")
    instants = [
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) for text in given("G20")["events"]
    ]
    found = [business_date(instant, zone=singapore).isoformat() for instant in instants]
    assert found == expected("G20")["sg_business_dates"]


def test_g21_each_currency_rounds_to_its_own_decimals() -> None:
    figures, dinar = expected("G21"), price("12.3455", 1, "month", "KWD")
    unit, arr = (major(minor, currency="KWD") for minor in (unit_minor(dinar), annualised(dinar)))
    assert f"KWD unit {unit} -> ARR {arr}" == figures["kwd_monthly_12_3455_x12"]
    dong = uplifted(Decimal(1_250_000), rate=Decimal("0.0333"), currency="VND")
    assert f"{dong:f}" == figures["vnd_uplift"]
    assert str(annualised_months(1_000_000, months=36)) == figures["krw_third"]


def test_g22_tax_inside_a_price_is_no_revenue() -> None:
    facts, figures = given("G22"), expected("G22")
    cost = price(facts["gross"], facts["qty"], facts["interval"], facts["cur"], tax_included=facts["gst"])
    assert (major(unit_minor(cost), currency="SGD"), major(annualised(cost), currency="SGD")) == (
        figures["net_unit"],
        figures["arr"],
    )
    net = period_minor(price("99", 1, "month", "SGD", tax_included=facts["gst"]))
    assert major(net, currency="SGD") == figures["sgd_99_incl_net"]
    assert major(tax_inside(99_00, net_minor=net), currency="SGD") == figures["sgd_99_incl_tax"]


@pytest.mark.parametrize("view", ["NET", "GROSS"])
def test_g23_a_plan_swapped_on_one_day_only_expands(view: View) -> None:
    old = lived(price("30000", 1, "year", "SGD"), "2024-06-16", None, change("CANCEL", "2025-06-16"))
    new = lived(price("42000", 1, "year", "SGD"), "2025-06-16", None)
    assert moved(old, new, view=view)["2025-06"] == expected("G23")["jun"]


def test_g24_a_merge_moves_nothing_and_restates_history() -> None:
    """X and Y become Z: their contracts are Z's from their first day on, so no month shows the merge."""
    x = lived(price("10000", 1, "year", "SGD"), "2024-01-01", None)
    y = lived(price("15000", 1, "year", "SGD"), "2024-01-01", None)
    merged = movements([*x.steps(), *y.steps()])
    after = [one.amount_minor for one in merged if one.on >= day("2025-01-01")]
    assert major(sum(after), currency="SGD") == f"{expected('G24')['movement']}"
    [*_, last] = bridge(merged, through=day("2025-06-30"))
    assert major(last.closing, currency="SGD") == "25000.00"
    assert "restated history sums 25,000.00" in expected("G24")["note"]


def test_g25_a_portfolio_bridges_and_keeps_so_much_of_its_opening() -> None:
    figures, facts = expected("G25"), given("G25")
    rows = []
    for account, opening, closing in facts["portfolio"]:
        steps = [Step(day("2025-01-01"), opening, "START"), Step(day("2025-02-01"), closing - opening, "")]
        if account in facts["previously_active"]:
            steps += [Step(day("2024-01-01"), 1, "START"), Step(day("2024-02-01"), -1, "END")]
        found = {row.month: row for row in bridge(movements(steps), through=day("2025-02-28"))}
        row = found.get(day("2025-02-01"), BridgeRow(month=day("2025-02-01")))
        one = valued(row, currency="SGD", budget={}, before={}, after={})
        assert one is not None
        rows.append(one)
    whole = total(rows).at_budget
    names = ("opening", "new", "expansion", "contraction", "churn", "reactivation", "closing")
    assert {name: getattr(whole, name) for name in names} == {name: figures[name] for name in names}
    assert (str(whole.gross_retention), str(whole.net_retention)) == (
        figures["grr"],
        figures["nrr_ex_reactivation"],
    )


CATEGORIES = {"expansion": "upgrade", "contraction": "downgrade"}


def playbook(since: date | None) -> tuple[dict[str, list[Any]], dict[str, str], str]:
    """Movements by category (how many, how much), the MRR of some months, and the sum over all months."""
    if not PLAYBOOK.exists():
        pytest.skip(f"the mrr-playbook periods are not here ({PLAYBOOK}); set TIEOUT_SHARED")
    steps: defaultdict[str, list[Step]] = defaultdict(list)
    with PLAYBOOK.open() as file:
        for row in csv.DictReader(file):
            amount = int(row["monthly_amount"])
            steps[row["customer_id"]] += [
                Step(day(row["start_date"]), amount, "START"),
                Step(day(row["end_date"]), -amount, "END"),
            ]
    assert len(steps) == given("G26")["customers"]
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    mrr: defaultdict[date, int] = defaultdict(int)
    for periods in steps.values():
        changes = movements(periods, since=since)
        for one in changes:
            loss = one.kind in {"churn", "contraction"}
            tally = found[CATEGORIES.get(one.kind, one.kind)]
            tally[0] += 1
            tally[1] += -one.amount_minor if loss else one.amount_minor
        for row in bridge(changes, through=TODAY):
            mrr[row.month] += row.closing
    categories = {kind: [many, str(amount)] for kind, (many, amount) in found.items()}
    return categories, {f"{month}": str(amount) for month, amount in mrr.items()}, str(sum(mrr.values()))


@pytest.mark.parametrize(
    ("reading", "since"), [("full_history", None), ("as_published_spine_from_2018_01_01", date(2018, 1, 1))]
)
def test_g26_the_mrr_playbook_gives_its_published_movements(reading: str, since: date | None) -> None:
    figures = expected("G26")[reading]
    categories, mrr, whole = playbook(since)
    assert categories == figures["categories"]
    assert {month: mrr[month] for month in figures["mrr"]} == figures["mrr"]
    assert whole == figures["sum_all_months"]
    assert str(sum(int(amount) for _, amount in categories.values())) == figures["net"]


def test_every_golden_case_has_its_test() -> None:
    tested = {name.split("_")[1].upper() for name in globals() if name.startswith("test_g")}
    assert tested == set(CASES)
