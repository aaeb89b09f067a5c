"""R4 from files to results: payments in payouts, payouts and transfers at the bank, and whatever does not arrive."""

import json
from pathlib import Path

import pytest

from include.policy import load_policy
from tests.flows.conftest import Draw, Results, TieOut

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "payout_netting.json").read_text())

CHARGES = """
C1 - - SGD 109.00 2026-03-02 succeeded - 4.21
C2 - - SGD 109.00 2026-03-02 succeeded - 4.21
C3 - - SGD 109.00 2026-03-02 succeeded - 4.21
"""
ITEMS = """
PO-0001 C1 charge SGD 109.00 4.21 104.79
PO-0001 C2 charge SGD 109.00 4.21 104.79
PO-0001 C3 charge SGD 109.00 4.21 104.79
PO-0001 C1 refund SGD -109.00 0.00 -109.00
"""
REFUND = "R1 C1 SGD 109.00 2026-03-03 succeeded"
PAYOUT = "PO-0001 SGD 205.37 2026-03-06 paid"
LINE = "B1 A 2026-03-06 SGD 205.37 PAYOUT_po_0001"


def posted(found: Results) -> set[tuple[str, str]]:
    return {(a, b) for _, a, b in posted_by_rule(found)}


def posted_by_rule(found: Results) -> set[tuple[str, str, str]]:
    return {
        (m["rule"], m["side_a_id"], m["side_b_id"])
        for m in found.matches
        if (m["recon"], m["state"]) == ("R4", "posted")
    }


def breaks(found: Results) -> dict[tuple[str, str], str]:
    return {(one["code"], one["key"]): one["amount"] for one in found.breaks if one["recon"] == "R4"}


def fates(found: Results, side: str) -> list[tuple[str, ...]]:
    names = ("currency", "loaded", "matched", "open", "excluded", "proven")
    return [
        tuple(t[name] for name in names) for t in found.totals if t["side"] == side and t["recon"] == "R4"
    ]


def test_the_golden_payout_is_followed_from_its_payments_to_the_bank(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(paid=CHARGES, refunds=REFUND, payouts=PAYOUT, payout_items=ITEMS, bank_lines=LINE))
    assert posted_by_rule(found) == {
        ("P0", "C1", "PO-0001"),
        ("P0", "C2", "PO-0001"),
        ("P0", "C3", "PO-0001"),
        ("P0", "R1", "PO-0001"),
        ("P1", "PO-0001", "B1"),
    }
    amounts = {m["side_a_id"]: (m["amount"], m["residual"]) for m in found.matches if m["recon"] == "R4"}
    assert amounts["C1"] == ("104.79", "-4.21")
    assert amounts["R1"] == ("-109.00", "0.00")
    assert amounts["PO-0001"] == (GOLDEN["expect_payout"], "0.00")
    assert breaks(found) == {}
    for side in ("payout", "payout_item", "bank_line"):
        assert fates(found, side) == [("SGD", "205.37", "205.37", "0.00", "0.00", "true")]


def test_a_payout_that_is_not_the_sum_of_its_items_is_a_break_of_the_difference(
    draw: Draw, tie_out: TieOut
) -> None:
    payout, line = PAYOUT.replace("205.37", "205.38"), LINE.replace("205.37", "205.38")
    found = tie_out(draw(paid=CHARGES, refunds=REFUND, payouts=payout, payout_items=ITEMS, bank_lines=line))
    assert breaks(found) == {("PO03", "PO-0001"): "0.01"}
    assert fates(found, "payout_item") == [("SGD", "205.37", "0.00", "205.37", "0.00", "true")]


def test_fees_beyond_the_contract_are_claimed(draw: Draw, tie_out: TieOut) -> None:
    items = "PO-0001 C1 charge SGD 109.00 8.42 100.58"
    found = tie_out(draw(payouts="PO-0001 SGD 100.58 2026-03-06 paid", payout_items=items))
    assert breaks(found) == {("PO04", "PO-0001"): "4.21"}


def test_the_fixed_fee_of_a_currency_the_contract_does_not_list_is_what_most_charges_have(
    draw: Draw, tie_out: TieOut
) -> None:
    fair = "\n".join(f"PO-000{n} C{n} charge USD 100.00 3.77 96.23" for n in range(1, 5))
    unfair = "PO-0009 C9 charge USD 100.00 7.54 92.46"
    nets = "\n".join(f"PO-000{n} USD 96.23 2026-03-06 paid" for n in range(1, 5))
    found = tie_out(
        draw(payouts=f"{nets}\nPO-0009 USD 92.46 2026-03-06 paid", payout_items=f"{fair}\n{unfair}")
    )
    assert breaks(found) == {("PO04", "PO-0009"): "3.77"}


@pytest.mark.parametrize(
    ("as_of", "severity"),
    [("2026-03-06", "S4"), ("2026-03-11", "S4"), ("2026-03-13", "S3"), ("2026-03-16", "S1")],
)
def test_a_payout_not_at_the_bank_is_timing_for_five_business_days(
    draw: Draw, tie_out: TieOut, as_of: str, severity: str
) -> None:
    lines = "B0 A 2026-03-02 SGD 1.00 X"
    found = tie_out(
        draw(paid=CHARGES, refunds=REFUND, payouts=PAYOUT, payout_items=ITEMS, bank_lines=lines),
        as_of=as_of,
    )
    assert [
        (one["key"], one["amount"], one["severity"]) for one in found.breaks if one["code"] == "PO01"
    ] == [("PO-0001", "205.37", severity)]
    assert fates(found, "payout") == [("SGD", "205.37", "0.00", "205.37", "0.00", "true")]


def test_where_nobody_loaded_the_bank_nothing_is_missing_there(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid=f"{CHARGES}\nW1 - - SGD 70.00 2026-01-02 succeeded",
            refunds=REFUND,
            payouts=PAYOUT,
            payout_items=ITEMS,
        )
    )
    assert breaks(found) == {}


def test_where_nobody_loaded_payments_no_line_is_unexplained(draw: Draw, tie_out: TieOut) -> None:
    assert breaks(tie_out(draw(bank_lines=LINE))) == {}


def test_a_line_that_nothing_explains_is_asked_about(draw: Draw, tie_out: TieOut) -> None:
    lines = f"{LINE}\nB2 A 2026-03-09 SGD 77.00 GIFT\nB3 A 2026-03-09 SGD -5.00 CHARGES"
    found = tie_out(draw(paid=CHARGES, refunds=REFUND, payouts=PAYOUT, payout_items=ITEMS, bank_lines=lines))
    assert breaks(found) == {("PO02", "B2"): "77.00", ("PO02", "B3"): "-5.00"}
    assert fates(found, "bank_line") == [("SGD", "277.37", "205.37", "72.00", "0.00", "true")]


def test_an_unnamed_payout_is_the_only_line_of_its_amount(draw: Draw, tie_out: TieOut) -> None:
    line = "B1 A 2026-03-09 SGD 205.37 - PLATFORM"
    found = tie_out(draw(payouts=PAYOUT, bank_lines=line))
    assert posted_by_rule(found) == {("P4", "PO-0001", "B1")}


def test_the_line_of_someone_who_pays_by_transfer_is_no_unnamed_payout(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-02 succeeded Amber",
            payouts=PAYOUT,
            bank_lines="B1 A 2026-03-02 SGD 50.00 - AMBER\nB2 A 2026-03-09 SGD 205.37 - AMBER",
        )
    )
    assert posted(found) == {("P1", "B1")}
    assert breaks(found) == {("PO01", "PO-0001"): "205.37", ("PO02", "B2"): "205.37"}


def test_an_unnamed_payout_is_not_posted_when_two_lines_could_be_it(draw: Draw, tie_out: TieOut) -> None:
    lines = "B0 A 2026-03-01 SGD -1.00\nB1 A 2026-03-09 SGD 205.37\nB2 A 2026-03-09 SGD 205.37"
    found = tie_out(draw(payouts=PAYOUT, bank_lines=lines))
    assert posted(found) == set()
    assert breaks(found) == {
        ("PO01", "PO-0001"): "205.37",
        ("PO02", "B1"): "205.37",
        ("PO02", "B2"): "205.37",
    }


def test_a_longer_id_that_starts_like_a_payouts_does_not_name_it(draw: Draw, tie_out: TieOut) -> None:
    payouts = f"{PAYOUT}\nPO-0001-AGAIN SGD 205.37 2026-03-06 paid"
    lines = "B1 A 2026-03-06 SGD 205.37 STRIPE_PO_0001_AGAIN\nB2 A 2026-03-06 SGD 205.37 PO0001"
    found = tie_out(draw(payouts=payouts, bank_lines=lines))
    assert posted(found) == {("PO-0001-AGAIN", "B1"), ("PO-0001", "B2")}


def test_a_named_payout_of_another_amount_is_not_posted(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(payouts=PAYOUT, bank_lines=LINE.replace("205.37", "200.00")))
    assert (posted(found), breaks(found)) == (set(), {("PO01", "PO-0001"): "205.37"})


def test_a_payout_booked_twice_is_the_first_line_and_the_other_is_asked_about(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(draw(payouts=PAYOUT, bank_lines=f"{LINE}\n{LINE.replace('B1', 'B2')}"))
    assert posted_by_rule(found) == {("P1", "PO-0001", "B1")}
    assert breaks(found) == {("PO02", "B2"): "205.37"}


def test_a_payout_that_came_in_parts_is_all_the_lines_that_name_it(draw: Draw, tie_out: TieOut) -> None:
    lines = "B1 A 2026-03-06 SGD 200.00 PO-0001\nB2 A 2026-03-09 SGD 5.37 rest_of_PO-0001"
    found = tie_out(draw(payouts=PAYOUT, bank_lines=lines))
    assert posted_by_rule(found) == {("P5", "PO-0001", "B1"), ("P5", "PO-0001", "B2")}
    assert ({m["amount"] for m in found.matches}, len({m["match_id"] for m in found.matches})) == (
        {"200.00", "5.37"},
        1,
    )
    assert breaks(found) == {}
    for side in ("payout", "bank_line"):
        assert fates(found, side) == [("SGD", "205.37", "205.37", "0.00", "0.00", "true")]


def test_a_payout_that_came_and_went_back_is_missing(draw: Draw, tie_out: TieOut) -> None:
    lines = "B1 A 2026-03-06 SGD 205.37 PO-0001\nB2 A 2026-03-09 SGD -205.37 return_PO-0001"
    found = tie_out(draw(payouts=PAYOUT, bank_lines=lines))
    assert (posted(found), breaks(found)) == (set(), {("PO01", "PO-0001"): "205.37"})


def test_one_line_that_names_several_payouts_is_all_of_them(draw: Draw, tie_out: TieOut) -> None:
    payouts = f"{PAYOUT}\nPO-0002 SGD 100.00 2026-03-06 paid"
    found = tie_out(draw(payouts=payouts, bank_lines="B1 A 2026-03-06 SGD 305.37 PO-0001_PO-0002"))
    assert posted_by_rule(found) == {("P5", "PO-0001", "B1"), ("P5", "PO-0002", "B1")}
    assert breaks(found) == {}
    for side in ("payout", "bank_line"):
        assert fates(found, side) == [("SGD", "305.37", "305.37", "0.00", "0.00", "true")]


def test_lines_and_payouts_that_add_up_on_one_day_are_suggested(draw: Draw, tie_out: TieOut) -> None:
    payouts = f"{PAYOUT}\nPO-0002 SGD 100.00 2026-03-06 paid\nPO-0003 SGD 70.00 2026-03-10 paid"
    lines = "B1 A 2026-03-06 SGD 305.37 - PLATFORM\nB2 A 2026-03-10 SGD 30.00\nB3 A 2026-03-10 SGD 40.00"
    found = tie_out(draw(payouts=payouts, bank_lines=lines))
    assert (posted(found), found.suggested) == (
        set(),
        {("PO-0001", "B1"), ("PO-0002", "B1"), ("PO-0003", "B2"), ("PO-0003", "B3")},
    )
    assert {code for code, _ in breaks(found)} == {"PO01", "PO02"}


def test_transfers_banked_as_one_line_are_suggested(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-02 succeeded Amber\nP2 - - SGD 60.00 2026-03-02 succeeded Amber",
            bank_lines="B1 A 2026-03-02 SGD 110.00 - AMBER",
        )
    )
    assert (posted(found), found.suggested) == (set(), {("P1", "B1"), ("P2", "B1")})


def test_a_sum_that_two_sets_make_up_is_not_suggested(draw: Draw, tie_out: TieOut) -> None:
    money = "\n".join(f"P{n} - - SGD {n}0.00 2026-03-02 succeeded Amber" for n in (1, 2, 3, 4))
    found = tie_out(draw(paid=money, bank_lines="B1 A 2026-03-02 SGD 50.00 - AMBER"))
    assert (posted(found), found.suggested) == (set(), set())


def test_a_failed_payout_that_the_bank_returned_is_missed_once_and_its_lines_are_not(
    draw: Draw, tie_out: TieOut
) -> None:
    lines = "B1 A 2026-03-06 SGD 205.37 PO-0001\nB2 A 2026-03-09 SGD -205.37 return_PO-0001"
    found = tie_out(draw(payouts=PAYOUT.replace("paid", "failed"), bank_lines=lines))
    assert breaks(found) == {("PO01", "PO-0001"): "205.37"}


def test_items_of_a_payout_nobody_told_of_are_said_once_a_payout(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            payouts="PO-0000 SGD 0.00 2026-03-01 paid\nPO-0009 SGD lots 2026-03-06 paid",
            payout_items=ITEMS + "PO-0009 - adjustment SGD 1.00 0 1.00\nPO-0008 - fee USD -1.00 0 -1.00",
        )
    )
    assert {key: amount for key, amount in breaks(found).items() if key[0] == "PO05"} == {
        ("PO05", "PO-0001"): "205.37",
        ("PO05", "PO-0008"): "-1.00",
    }


def test_where_nobody_loaded_payouts_their_items_are_not_without_one(draw: Draw, tie_out: TieOut) -> None:
    assert breaks(tie_out(draw(payout_items=ITEMS))) == {}


def test_a_contract_that_is_not_the_platforms_is_said_once(draw: Draw, tie_out: TieOut) -> None:
    """2.9 percent and 0.30 instead of 3.4 and 0.50; one payout is charged something else again."""
    fair = "\n".join(
        f"PO-000{n} C{n} charge SGD {n}00.00 {n * 290 / 100 + 0.3:.2f} {n * 9710 / 100 - 0.3:.2f}"
        for n in range(1, 6)
    )
    nets = "\n".join(f"PO-000{n} SGD {n * 9710 / 100 - 0.3:.2f} 2026-03-06 paid" for n in range(1, 6))
    found = tie_out(
        draw(
            payouts=f"{nets}\nPO-0009 SGD 93.60 2026-03-06 paid",
            payout_items=f"{fair}\nPO-0009 C9 charge SGD 100.00 6.40 93.60",
        )
    )
    assert breaks(found) == {("PO04", "contract SGD"): "-6.00", ("PO04", "PO-0009"): "3.20"}
    [told] = [one["evidence"] for one in found.breaks if one["key"] == "contract SGD"]
    assert (
        "(3.4 % and 0.50 SGD) does not fit 6 payouts in SGD: 5 of 6 charges were charged 2.9 % and 0.30 SGD"
        in told
    )


def test_where_no_one_rate_fits_the_contract_is_questioned_once_all_the_same(
    draw: Draw, tie_out: TieOut
) -> None:
    """Two kinds of cards, half of the charges each."""
    rows = [(n, 29 if n % 2 else 39) for n in range(1, 7)]
    items = "\n".join(
        f"PO-000{n} C{n} charge SGD {n}00.00 {n * percent / 10 + 0.3:.2f} {n * (100 - percent / 10) - 0.3:.2f}"
        for n, percent in rows
    )
    nets = "\n".join(
        f"PO-000{n} SGD {n * (100 - percent / 10) - 0.3:.2f} 2026-03-06 paid" for n, percent in rows
    )
    found = tie_out(draw(payouts=nets, payout_items=items))
    assert set(breaks(found)) == {("PO04", "contract SGD")}
    [told] = [one["evidence"] for one in found.breaks if one["key"] == "contract SGD"]
    assert told.endswith("no one percentage and fixed part fits most charges; together they are 3.56 %")


def test_a_currency_may_have_a_percentage_of_its_own(
    draw: Draw, tie_out: TieOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = load_policy()
    contract = policy.payouts.contract.model_copy(update={"percent_bps_in": {"SGD": 290}})
    payouts = policy.payouts.model_copy(update={"contract": contract})
    monkeypatch.setattr(
        "tests.flows.conftest.load_policy", lambda: policy.model_copy(update={"payouts": payouts})
    )
    items = "PO-0001 C1 charge SGD 100.00 3.40 96.60\nPO-0002 C2 charge SGD 100.00 3.90 96.10"
    nets = "PO-0001 SGD 96.60 2026-03-06 paid\nPO-0002 SGD 96.10 2026-03-06 paid"
    assert breaks(tie_out(draw(payouts=nets, payout_items=items))) == {("PO04", "PO-0002"): "0.50"}


def test_a_converted_payout_costs_the_difference_to_the_days_rate(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            payouts="PO-0001 USD 100.00 2026-03-06 paid",
            bank_lines="B1 A 2026-03-06 SGD 133.98 PO-0001",
            rates="2026-03-06 USD SGD 1.342487 ECB\n2026-03-05 USD SGD 9.9 ECB",
        )
    )
    assert posted_by_rule(found) == {("P3", "PO-0001", "B1")}
    assert breaks(found) == {("PO08", "PO-0001"): "-0.27"}
    assert fates(found, "payout") == [("USD", "100.00", "100.00", "0.00", "0.00", "true")]
    assert fates(found, "bank_line") == [("SGD", "133.98", "133.98", "0.00", "0.00", "true")]


def test_a_converted_payout_without_a_rate_of_the_day_is_not_guessed(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            payouts="PO-0001 USD 100.00 2026-03-06 paid",
            bank_lines="B1 A 2026-03-06 SGD 133.98 PO-0001",
            rates="2026-03-05 USD SGD 1.342487 ECB",
        )
    )
    assert (posted(found), breaks(found)) == (set(), {("PO08", "PO-0001"): ""})


def test_a_failed_payout_is_sent_again_by_a_later_one(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid=CHARGES,
            refunds=REFUND,
            payouts=f"{PAYOUT.replace('paid', 'failed')}\nPO-0002 SGD 205.37 2026-03-13 paid",
            payout_items=f"{ITEMS}\nPO-0002 - payout_failure SGD 205.37 0.00 205.37",
            bank_lines="B1 A 2026-03-02 SGD 1.00 X\nB2 A 2026-03-13 SGD 205.37 PO-0002",
        )
    )
    assert breaks(found) == {("PO02", "B1"): "1.00"}
    assert ("PO-0002", "B2") in posted(found)
    assert ("C1", "PO-0001") in posted(found)
    assert fates(found, "payout") == [("SGD", "410.74", "205.37", "0.00", "205.37", "true")]


def test_a_failed_payout_that_nobody_sends_again_is_missed(draw: Draw, tie_out: TieOut) -> None:
    lines = "B1 A 2026-03-02 SGD -1.00 X"
    failed = draw(payouts=PAYOUT.replace("paid", "failed"), bank_lines=lines)
    assert breaks(tie_out(failed, as_of="2026-03-20")) == {}
    assert breaks(tie_out(failed, as_of="2026-03-21")) == {("PO01", "PO-0001"): "205.37"}


def test_reserves_and_payouts_that_take_money_are_named(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            payouts="PO-0001 SGD -20.00 2026-03-06 paid",
            payout_items="PO-0001 - reserve SGD -15.00 0 -15.00\nPO-0001 - adjustment SGD -5.00 0 -5.00",
            bank_lines="B1 A 2026-03-06 SGD -20.00 PO-0001",
        )
    )
    assert posted(found) == {("PO-0001", "B1")}
    assert breaks(found) == {("PO06", "PO-0001"): "-15.00", ("PO07", "PO-0001"): "-20.00"}


def test_a_charge_waits_for_its_payout_before_anyone_asks(draw: Draw, tie_out: TieOut) -> None:
    world = draw(
        paid=f"{CHARGES}\nC9 - - SGD 10.00 2026-03-10 succeeded - 0.84",
        refunds=REFUND,
        payouts=PAYOUT.replace("2026-03-06", "2026-03-02"),
        payout_items=ITEMS,
    )
    assert breaks(tie_out(world, as_of="2026-03-25")) == {}
    assert breaks(tie_out(world, as_of="2026-03-26")) == {("PO05", "C9"): "10.00"}


def test_a_charge_of_a_payout_still_to_come_is_not_missed(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="C9 - - SGD 10.00 2026-03-10 succeeded - 0.84",
            payouts="PO-0000 SGD 0.00 2026-03-01 paid\nPO-0009 SGD 9.16 2026-05-01 pending",
            payout_items="PO-0009 C9 charge SGD 10.00 0.84 9.16",
        )
    )
    assert (posted(found), breaks(found)) == (set(), {})
    assert fates(found, "payout_item") == [("SGD", "9.16", "0.00", "9.16", "0.00", "true")]


def test_a_payment_in_two_payouts_is_posted_to_neither(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="C1 - - SGD 109.00 2026-03-02 succeeded - 4.21",
            payouts="PO-0001 SGD 104.79 2026-03-06 paid\nPO-0002 SGD 104.79 2026-03-13 paid",
            payout_items="PO-0001 C1 charge SGD 109.00 4.21 104.79\nPO-0002 C1 charge SGD 109.00 4.21 104.79",
        )
    )
    assert posted(found) == set()
    assert breaks(found) == {("PO03", "PO-0001"): "109.00", ("PO03", "PO-0002"): "109.00"}


def test_two_equal_refunds_of_a_payment_are_settled_only_when_one_payout_has_both(
    draw: Draw, tie_out: TieOut
) -> None:
    refunds = "R1 C1 SGD 10.00 2026-03-03 succeeded\nR2 C1 SGD 10.00 2026-03-03 succeeded"
    charge = "PO-0001 C1 charge SGD 109.00 4.21 104.79"
    paid = "C1 - - SGD 109.00 2026-03-02 succeeded - 4.21"
    both = tie_out(
        draw(
            paid=paid,
            refunds=refunds,
            payouts="PO-0001 SGD 84.79 2026-03-06 paid",
            payout_items=f"{charge}\nPO-0001 C1 refund SGD -10.00 0 -10.00\nPO-0001 C1 refund SGD -10.00 0 -10.00",
        )
    )
    assert posted(both) == {("C1", "PO-0001"), ("R1", "PO-0001"), ("R2", "PO-0001")}


def test_a_lost_dispute_is_followed_by_its_own_id_with_its_fee(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            disputes="D1 C1 SGD 109.00 2026-03-03 lost",
            payouts="PO-0001 SGD -124.00 2026-03-06 paid",
            payout_items="PO-0001 D1 adjustment SGD -109.00 15.00 -124.00",
        )
    )
    assert posted(found) == {("D1", "PO-0001")}
    assert [m["residual"] for m in found.matches] == ["-15.00"]


def test_a_transfer_is_the_line_with_its_payer_amount_and_day(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-02 succeeded Amber_Bay_Pte._Ltd.\n"
            "P2 - - SGD 50.00 2026-03-02 succeeded Vector_Spring_Inc\n"
            "P3 - - SGD 60.00 2026-03-02 succeeded Công_ty_Đông_Á_một_hai_ba_bốn_năm_sáu",
            bank_lines="B1 A 2026-03-02 SGD 50.00 - VECTOR_SPRING_INC\n"
            "B2 A 2026-03-03 SGD 50.00 NONREF AMBER_BAY_PTE_LTD\n"
            "B3 A 2026-03-02 SGD 60.00 - CÔNG_TY_ĐÔNG_Á_MỘT_HAI_BA_BỐN",
        )
    )
    assert posted(found) == {("P1", "B2"), ("P2", "B1"), ("P3", "B3")}
    assert breaks(found) == {}


def test_transfers_nobody_can_tell_apart_are_suggested(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-02 succeeded Amber\nP2 - - SGD 50.00 2026-03-02 succeeded Amber",
            bank_lines="B1 A 2026-03-02 SGD 50.00 - AMBER\nB2 A 2026-03-02 SGD 50.00 - AMBER",
        )
    )
    assert (posted(found), breaks(found)) == (set(), {})
    assert found.suggested == {("P1", "B1"), ("P1", "B2"), ("P2", "B1"), ("P2", "B2")}
    assert fates(found, "bank_line") == [("SGD", "100.00", "0.00", "100.00", "0.00", "true")]


def test_a_repeated_payment_is_the_line_of_its_own_day(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="P1 - INV-100 SGD 50.00 2026-03-02 succeeded Amber\n"
            "P2 - INV-100 SGD 50.00 2026-03-04 succeeded Amber",
            bank_lines="B1 A 2026-03-02 SGD 50.00 INV-100 AMBER\nB2 A 2026-03-04 SGD 50.00 INV-100 AMBER",
        )
    )
    assert posted_by_rule(found) == {("P1", "P1", "B1"), ("P1", "P2", "B2")}


def test_a_line_that_may_be_another_payments_is_not_posted_for_its_day_alone(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-01 succeeded Amber\nP2 - - SGD 50.00 2026-03-03 succeeded Amber",
            bank_lines="B0 A 2026-02-27 SGD -1.00 - BANK\nB2 A 2026-03-03 SGD 50.00 - AMBER",
        )
    )
    assert posted(found) == set()
    assert breaks(found) == {("PO05", "P1"): "50.00", ("PO05", "P2"): "50.00"}
    assert found.suggested >= {("P1", "B2"), ("P2", "B2")}


def test_references_that_speak_against_each_other_are_never_posted(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="P1 - INV-100 SGD 50.00 2026-03-02 succeeded Amber",
            bank_lines="B1 A 2026-03-02 SGD 50.00 INV-999 AMBER",
        )
    )
    assert (posted(found), found.suggested) == (set(), {("P1", "B1")})


def test_a_transfer_the_bank_does_not_show_is_missed_after_its_window(draw: Draw, tie_out: TieOut) -> None:
    world = draw(
        paid="P1 - - SGD 50.00 2026-03-02 succeeded Amber",
        bank_lines="B1 A 2026-03-01 SGD -1.00 - BANK",
    )
    assert breaks(tie_out(world, as_of="2026-03-07")) == {}
    assert breaks(tie_out(world, as_of="2026-03-08")) == {("PO05", "P1"): "50.00"}


@pytest.mark.parametrize(
    ("as_of", "found_codes"), [("2026-03-30", set()), ("2026-03-31", {("CA11", "P1")}), ("2026-04-01", set())]
)
def test_a_transfer_the_bank_will_show_next_month_is_cut_off(
    draw: Draw, tie_out: TieOut, as_of: str, found_codes: set[tuple[str, str]]
) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-30 succeeded Amber",
            bank_lines="B1 A 2026-03-01 SGD -1.00 - BANK\nB2 A 2026-04-01 SGD 50.00 - AMBER",
        ),
        as_of=as_of,
    )
    assert set(breaks(found)) == found_codes


def test_where_payouts_are_loaded_without_items_any_payment_may_be_in_one(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(paid=CHARGES + "P1 - - SGD 50.00 2026-03-02 succeeded", payouts=PAYOUT, bank_lines=LINE)
    )
    assert (posted(found), breaks(found)) == ({("PO-0001", "B1")}, {})


def test_a_refund_of_a_transfer_is_the_debit_of_its_amount(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-02 succeeded Amber",
            refunds="R1 P1 SGD 20.00 2026-03-05 succeeded",
            bank_lines="B1 A 2026-03-02 SGD 50.00 - AMBER\nB2 A 2026-03-05 SGD -20.00",
        )
    )
    assert posted(found) == {("P1", "B1"), ("R1", "B2")}
    assert {m["amount"] for m in found.matches if m["side_a_id"] == "R1"} == {"-20.00"}


def test_a_payment_of_unknown_status_is_neither_posted_nor_missed_but_a_rival(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-02 odd Amber\nP2 - - SGD 50.00 2026-03-02 succeeded",
            bank_lines="B0 A 2026-03-01 SGD -1.00 - BANK\nB1 A 2026-03-02 SGD 50.00 - AMBER",
        )
    )
    assert posted(found) == set()
    assert breaks(found) == {}
    assert found.suggested == {("P1", "B1"), ("P2", "B1")}


def test_a_payout_of_unknown_status_is_untouchable(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(payouts=PAYOUT.replace("paid", "odd"), payout_items=ITEMS, bank_lines=LINE))
    assert (posted(found), breaks(found)) == (set(), {})
    assert fates(found, "payout") == [("SGD", "205.37", "0.00", "205.37", "0.00", "true")]


def test_an_item_nobody_could_read_withholds_the_verdict_on_its_payout(draw: Draw, tie_out: TieOut) -> None:
    items = ITEMS.replace("C1 refund SGD -109.00", "C1 refund SGD lots")
    found = tie_out(draw(payouts=PAYOUT, payout_items=items))
    assert breaks(found) == {}
    assert ("DQ01" in {one["code"] for one in found.breaks}) is True


def test_a_row_nobody_could_read_may_be_the_one_where_only_the_amount_speaks(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(
            paid="P1 - - SGD 50.00 2026-03-02 succeeded\nP2 - - SGD lots 2026-03-02 succeeded",
            bank_lines="B1 A 2026-03-02 SGD 50.00",
        )
    )
    assert (posted(found), found.suggested) == (set(), {("P1", "B1")})


def test_item_types_nobody_mapped_are_told_and_still_netted(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(payouts="PO-0001 SGD 5.00 2026-03-06 paid", payout_items="PO-0001 - mystery SGD 5.00 0 5.00")
    )
    assert breaks(found) == {("DQ05", "PO-0001"): ""}


@pytest.mark.parametrize("turn", [1, -1])
def test_the_order_of_rows_changes_nothing(draw: Draw, tie_out: TieOut, turn: int) -> None:
    def turned(text: str) -> str:
        return "\n".join(text.strip().splitlines()[::turn])

    payments = (
        f"{CHARGES}\nP1 - - SGD 50.00 2026-03-02 succeeded Amber\nP2 - - SGD 50.00 2026-03-02 succeeded Amber"
    )
    lines = f"{LINE}\nB2 A 2026-03-02 SGD 50.00 - AMBER\nB3 A 2026-03-02 SGD 50.00 - AMBER"
    found = tie_out(
        draw(
            paid=turned(payments),
            refunds=REFUND,
            payouts=PAYOUT,
            payout_items=turned(ITEMS),
            bank_lines=turned(lines),
        )
    )
    rows = [tuple(m.values()) for m in found.matches]
    assert rows == sorted(rows, key=lambda row: (row[1], row[0], row[4], row[6]))
    assert len(posted(found)) == 5
    assert found.suggested == {("P1", "B2"), ("P1", "B3"), ("P2", "B2"), ("P2", "B3")}
