"""R5 from files to results: what recurs month by month, which deal sold it, and what is wrong on record."""

import psycopg
import pytest

from include.flows import recalculate_arr
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Results, TieOut, load, results

SEATS = "S C1 2025-04-01 2026-04-01 SGD 10 9.90 month active 2026-04-01 1188.00"
"""Ten seats a month for a year, on record as they should be."""

LATER = "2026-06-30"


@pytest.fixture
def reconciled(draw: Draw, tie_out: TieOut) -> TieOut:
    """Draw a world and reconcile it as of a day."""

    def run(*, as_of: str = "2026-03-31", **drawn: str) -> Results:
        return tie_out(draw(**drawn), as_of=as_of)

    return run  # type: ignore[return-value]


def months(found: Results) -> dict[str, str]:
    """Month -> what moved and where it closed, of the one customer drawn."""
    kinds = ("new", "expansion", "contraction", "churn", "reactivation")
    return {
        row["month"]: " ".join(
            [f"{kind} {row[kind]}" for kind in kinds if float(row[kind])] + [row["closing"]]
        )
        for row in found.arr
    }


def billed(*, net: str = "99.00", since: str = "", order: str = "O") -> str:
    """Invoices of the twelve months of `SEATS`, from month `since` on with another net amount."""
    days = [f"2025-{month:02d}-01" for month in range(4, 13)] + [
        f"2026-{month:02d}-01" for month in range(1, 4)
    ]
    return "\n".join(
        f"{order}{day} INV-{order}-{day} C1 {day} {day} SGD 99.00 paid {order} {net if day >= since else '99.00'}"
        for day in days
    )


ORDER = "O SO-1 C1 2025-03-20 SGD 1188.00 processing DEAL"
DEAL = "DEAL Closed_Won 1188.00 SGD O A1"


def test_a_subscription_recurs_from_its_start_until_before_its_end(reconciled: TieOut) -> None:
    found = reconciled(subscriptions=SEATS, as_of="2026-04-01")
    by_month = months(found)
    assert by_month["2025-04"] == "new 1188.00 1188.00"
    assert by_month["2026-03"] == "1188.00"
    assert by_month["2026-04"] == "churn 1188.00 0.00"
    assert len(by_month) == 13


def test_amendments_in_any_order_expand_pause_and_end_it(reconciled: TieOut) -> None:
    lines = [
        "1 S 1 QTY 2025-06-10 20 -",
        "2 S 2 PRICE 2025-08-01 - 9.00",
        "3 S 3 pause 2025-10-01 - -",
        "4 S 4 RESUME 2025-12-05 - -",
        "5 S 5 CANCEL 2026-02-15 - -",
    ]
    found = reconciled(
        subscriptions="S C1 2025-04-01 2026-04-01 SGD 10 9.90 month cancelled - 0.00",
        amendments="\n".join(reversed(lines)),
    )
    assert {month: said for month, said in months(found).items() if " " in said} == {
        "2025-04": "new 1188.00 1188.00",
        "2025-06": "expansion 1188.00 2376.00",
        "2025-08": "contraction 216.00 2160.00",
        "2025-10": "churn 2160.00 0.00",
        "2025-12": "reactivation 2160.00 2160.00",
        "2026-02": "churn 2160.00 0.00",
    }
    assert found.breaks == []


def test_two_subscriptions_of_a_customer_move_as_one(reconciled: TieOut) -> None:
    found = reconciled(
        subscriptions="A C1 2025-04-01 2025-10-01 SGD 1 100.00 month expired - 0.00\n"
        "B C1 2025-10-01 2026-10-01 SGD 1 150.00 month active 2026-10-01 1800.00"
    )
    assert months(found)["2025-10"] == "expansion 600.00 1800.00"


def test_an_order_billed_by_the_subscriptions_schedule_leads_to_its_deal(reconciled: TieOut) -> None:
    found = reconciled(subscriptions=SEATS, orders=ORDER, deals=DEAL, invoices=billed())
    [match] = [row for row in found.matches if row["recon"] == "R5"]
    assert (match["rule"], match["side_a_id"], match["side_b_id"]) == ("S1", "S", "DEAL")
    assert (match["amount"], match["state"]) == ("1188.00", "posted")


def test_a_wrong_bill_does_not_hide_the_order(reconciled: TieOut) -> None:
    found = reconciled(
        subscriptions=SEATS,
        orders=ORDER,
        deals=DEAL,
        invoices=billed(net="79.20", since="2026-03-01"),
    )
    assert ("S2", "S", "DEAL") in found.posted
    assert not [code for code in found.codes if code[0].startswith("SU")]


def test_two_orders_alike_are_both_shown_and_neither_is_posted(reconciled: TieOut) -> None:
    found = reconciled(
        subscriptions=SEATS,
        orders=f"{ORDER}\nP SO-2 C1 2025-03-20 SGD 1188.00 processing TWIN",
        deals=f"{DEAL}\nTWIN Closed_Won 1188.00 SGD P A1",
        invoices=f"{billed()}\n{billed(order='P')}",
    )
    assert found.suggested == {("S", "DEAL"), ("S", "TWIN")}
    assert not [rule for rule, _, _ in found.posted if rule.startswith("S")]


@pytest.mark.parametrize(("crm", "missing"), [("", set()), ("OTHER Prospecting 5.00 SGD - A1", {"S"})])
def test_an_order_without_a_deal_is_missing_in_the_crm_only_if_the_crm_was_loaded(
    reconciled: TieOut, crm: str, missing: set[str]
) -> None:
    orphan = ORDER.replace("DEAL", "-")
    found = reconciled(subscriptions=SEATS, orders=orphan, invoices=billed(), deals=crm)
    assert {key for code, key in found.codes if code == "SU03"} == missing


@pytest.mark.parametrize(
    ("on_record", "amendments", "code", "amount"),
    [
        ("active 2026-04-01 1188.00", "", None, ""),
        ("active 2026-04-01 1306.80", "", "SU01", "118.80"),
        ("active 2026-04-01 1188.00", "1 S 1 QTY 2025-09-01 5 -", "SU05", "594.00"),
        ("active 2026-04-01 600.00", "1 S 1 QTY 2025-09-01 5 -", "SU01", "6.00"),
        ("active 2026-04-01 1188.00", "1 S 1 CANCEL 2025-09-01 - -", "SU05", "1188.00"),
        ("active 2026-04-30 1188.00", "", "SU02", ""),
        ("active 2026-03-31 1188.00", "", "SU02", ""),
        ("cancelled 2026-04-01 1188.00", "", "SU04", ""),
        ("cancelled - 0.00", "", "SU04", ""),
        ("paused 2026-04-01 0.00", "", "SU04", ""),
        ("trial - 500.00", "", None, ""),
        ("active - -", "", None, ""),
        ("- - -", "", None, ""),
    ],
)
def test_one_cause_on_record_is_one_break(
    reconciled: TieOut, on_record: str, amendments: str, code: str | None, amount: str
) -> None:
    row = f"S C1 2025-04-01 2026-04-01 SGD 10 9.90 month {on_record}"
    found = reconciled(subscriptions=row, amendments=amendments)
    assert [(one["code"], one["key"], one["amount"]) for one in found.breaks] == (
        [(code, "S", amount)] if code else []
    )


def test_what_ended_and_is_still_called_active_is_a_wrong_status(reconciled: TieOut) -> None:
    found = reconciled(subscriptions=SEATS, as_of=LATER)
    assert found.codes == {("SU04", "S")}
    assert "service ended on 2026-04-01" in found.breaks[0]["evidence"]


def test_what_ended_and_is_still_billed_is_a_late_renewal(reconciled: TieOut) -> None:
    past = "X INV-X C1 2026-04-01 2026-04-01 SGD 99.00 posted O 99.00"
    found = reconciled(
        subscriptions=SEATS, orders=ORDER, deals=DEAL, invoices=f"{billed()}\n{past}", as_of=LATER
    )
    assert {code for code in found.codes if code[0].startswith("SU")} == {("SU06", "S")}


def test_a_renewal_after_the_end_is_late(reconciled: TieOut) -> None:
    found = reconciled(
        subscriptions=SEATS.replace("2026-04-01 1188", "2027-04-01 1188"),
        amendments="1 S 1 RENEW 2026-04-08 - -",
        as_of=LATER,
    )
    assert found.codes == {("SU06", "S")}
    assert months(found)["2026-04"] == "1188.00"


def test_bills_that_keep_saying_something_else_are_a_wrong_schedule(reconciled: TieOut) -> None:
    found = reconciled(
        subscriptions=SEATS,
        orders=ORDER,
        deals=DEAL,
        invoices=billed(net="79.20", since="2026-02-01"),
    )
    [wrong] = [one for one in found.breaks if one["code"].startswith("SU")]
    assert (wrong["code"], wrong["amount"]) == ("SU07", "-237.60")


def test_an_unknown_status_or_amendment_is_raised_and_nothing_else_said(reconciled: TieOut) -> None:
    found = reconciled(
        subscriptions="S C1 2025-04-01 2026-04-01 SGD 10 9.90 month zombie - 5.00\n"
        "T C1 2025-04-01 2026-04-01 SGD 10 9.90 month active - 5.00",
        amendments="1 T 1 TWIST 2025-09-01 5 -",
    )
    assert found.codes == {("DQ05", "subscription S"), ("DQ05", "amendment 1")}
    assert found.arr[-1]["closing"] == "2376.00"


def test_a_subscription_whose_amendment_cannot_be_read_is_not_judged(reconciled: TieOut) -> None:
    wrong = SEATS.replace("1188.00", "7.00")
    found = reconciled(
        subscriptions=f"{wrong}\n{wrong.replace('S C1', 'T C1')}", amendments="1 S 1 QTY 2025-99-01 5 -"
    )
    assert found.codes == {("DQ01", "amendments 1"), ("SU01", "T")}


def test_all_currencies_come_together_at_budget_rates_with_an_fx_line(
    draw: Draw, tie_out: TieOut, database_url: str
) -> None:
    tie_out(
        draw(
            subscriptions="S C1 2026-01-01 2027-01-01 USD 1 1000.00 year active 2027-01-01 1000.00\n"
            "T C1 2026-01-01 2027-01-01 XAF 1 1000 year active 2027-01-01 1000",
            rates="2026-01-30 USD SGD 1.30\n2026-02-27 USD SGD 1.35",
        ),
        as_of="2026-02-28",
    )
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT opening_minor, new_minor, fx_minor, closing_minor, left_out FROM recon.arr_reported ORDER BY month"
        ).fetchall()
    assert found == [(0, 1363_37, -63_37, 1300_00, ["XAF"]), (1300_00, 0, 50_00, 1350_00, ["XAF"])]


def test_a_deal_of_another_customers_account_is_only_suggested(reconciled: TieOut) -> None:
    found = reconciled(
        accounts="A1 Else - - - C2",
        customers="C2 Else - - - A1",
        subscriptions=SEATS,
        orders=ORDER,
        deals=DEAL,
        invoices=billed(),
    )
    assert {pair for pair in found.suggested if pair[0] == "S"} == {("S", "DEAL")}
    assert not [code for code in found.codes if code[0].startswith("SU")]


def test_customers_one_by_one_give_what_all_at_once_give(
    draw: Draw, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time is the same run, which refuses to give other bytes."""
    wrong = [SEATS.replace("S C1", f"S{i} C{i}").replace("1188.00", f"{i}.00") for i in range(3)]
    load(store, draw(subscriptions="\n".join(wrong)))
    at_once = results(store, "2026-03-31")
    monkeypatch.setattr(recalculate_arr, "BUCKET_CUSTOMERS", 1)
    one_by_one = results(store, "2026-03-31")
    assert at_once == one_by_one
    assert at_once.codes == {("SU01", "S0"), ("SU01", "S1"), ("SU01", "S2")}


@pytest.mark.parametrize(
    ("later", "record", "codes"),
    [
        # the export of May says what is so in May: on 31 March it need not have said so
        ("2026-05-10", "active 2027-04-01 2376.00", set()),
        ("2026-05-10", "active 2027-04-01 1188.00", set()),
        ("2026-05-10", "active 2027-04-01 999.00", {("SU01", "S")}),
        # nothing we know is later than the day: then the record is of the day
        ("2026-03-30", "active 2027-04-01 2376.00", {("SU01", "S")}),
    ],
)
def test_a_record_that_is_right_today_is_not_wrong_about_a_past_day(
    tie_out: TieOut, draw: Draw, later: str, record: str, codes: set[tuple[str, str]]
) -> None:
    found = tie_out(
        draw(
            subscriptions=f"S C1 2025-04-01 2027-04-01 SGD 10 9.90 month {record}",
            amendments="1 S 1 QTY 2026-05-01 20 -",
            payments=f"P C1 - SGD 1.00 {later}",
        )
    )
    assert {code for code in found.codes if code[0].startswith("SU")} == codes


def test_a_price_beyond_all_revenue_stops_no_day_and_is_said_of_its_row(reconciled: TieOut) -> None:
    most = "999999999999 999999999.99"
    found = reconciled(
        subscriptions=f"{SEATS}\nT C2 2025-04-01 2026-04-01 USD {most} month active 2026-04-01 1.00"
    )
    assert found.codes == {("DQ01", "subscriptions T")}
    assert "unit_price: too large with quantity" in found.breaks[0]["evidence"]
    assert months(found)["2025-04"] == "new 1188.00 1188.00"


def test_an_amendment_to_a_price_beyond_all_revenue_is_left_out_and_said(reconciled: TieOut) -> None:
    lines = "1 S 1 QTY 2025-06-10 999999999999999 -\n2 S 2 PRICE 2025-08-01 - 999999999999999\n3 S 3 QTY 2025-09-01 5 -"
    found = reconciled(subscriptions=SEATS, amendments=lines)
    assert found.codes == {("DQ01", "amendment 1"), ("DQ01", "amendment 2")}
    assert months(found)["2025-09"] == "contraction 594.00 594.00"


def test_a_rate_that_somebody_mistyped_values_nothing_and_stops_no_day(reconciled: TieOut) -> None:
    found = reconciled(
        invoices="1 INV-1 C1 2026-03-01 2026-03-31 KWD 999999999999999.00 open",
        payments="P C1 INV-9 KWD 999999999999999.00 2026-03-02",
        subscriptions="S C1 2026-01-01 2027-01-01 KWD 1 1000.00 year active 2027-01-01 1000.00",
        rates="2026-03-02 KWD SGD 1000000000\n2026-03-31 KWD SGD 1000000001",
    )
    assert found.codes == {("CA01", "P"), ("DQ01", "fx_rates 2026-03-31/KWD/SGD/")}
