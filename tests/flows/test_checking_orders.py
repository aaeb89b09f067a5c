"""R2 from files to results: which order is whose, and what deals, orders and invoices differ in."""

from decimal import Decimal

import pytest

from include.local.databases import DatabaseUrls
from tests.flows.conftest import Draw, Results, TieOut
from tests.flows.test_runs import certificate_of

WON = "X Won true true 1200.00 SGD 2026-01-05"
ORDER = "O SO-1 C1 2026-01-06 SGD 1200.00 confirmed X"
OF_Y = "P SO-2 C1 2026-01-06 SGD 1200.00 confirmed Y"
INVOICE = "I INV-1 C1 2026-01-10 2026-02-09 SGD 1308.00 posted O 1200.00 108.00"


def pairs(found: Results, state: str = "posted") -> set[tuple[str, str]]:
    return {
        (m["side_a_id"], m["side_b_id"]) for m in found.matches if m["recon"] == "R2" and m["state"] == state
    }


def evidence(found: Results, code: str) -> str:
    (only,) = [one["evidence"] for one in found.breaks if one["code"] == code]
    return only


def test_a_deal_its_order_and_its_invoice_tie_out(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(opportunities=f"{WON} O", orders=ORDER, invoices=INVOICE))
    assert (pairs(found), found.codes) == ({("X", "O"), ("O", "I")}, set())
    fates = {
        row["side"]: (row["matched"], row["open"], row["excluded"])
        for row in found.totals
        if row["recon"] == "R2"
    }
    assert fates == {"opportunity": ("1200.00", "0.00", "0.00"), "order": ("1200.00", "0.00", "0.00")}


@pytest.mark.parametrize(
    ("deal", "order"), [("X", "-"), ("-", "O")], ids=["only_the_order_says_so", "only_the_deal_says_so"]
)
def test_one_side_may_name_the_other(draw: Draw, tie_out: TieOut, deal: str, order: str) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} {order}",
            orders=f"O SO-1 C1 2026-01-06 SGD 1200.00 confirmed {deal}",
            invoices=INVOICE,
        )
    )
    assert (pairs(found), found.codes) == ({("X", "O"), ("O", "I")}, set())


@pytest.mark.parametrize(
    ("held", "named"),
    [("006D000000IqhSLIAZ", "006D000000IqhSL"), ("006D000000IqhSL", "006D000000IqhSLIAZ")],
    ids=["in_short", "in_full_where_a_report_was_exported"],
)
def test_an_order_may_name_its_opportunity_by_the_other_form_of_its_id(
    draw: Draw, tie_out: TieOut, held: str, named: str
) -> None:
    found = tie_out(
        draw(opportunities=WON.replace("X", held), orders=ORDER.replace(" X", f" {named}"), invoices=INVOICE)
    )
    assert (held, "O") in pairs(found)
    assert found.codes == set()


@pytest.mark.parametrize("named", ["DEAL-2026-00001", "DEAL-2026-00001-02"])
def test_an_order_is_of_the_very_deal_it_names_though_another_s_id_begins_alike(
    draw: Draw, tie_out: TieOut, named: str
) -> None:
    ids = ["DEAL-2026-00001", "DEAL-2026-00001-02"]
    found = tie_out(
        draw(
            opportunities="\n".join(WON.replace("X", one) for one in ids),
            orders=ORDER.replace(" X", f" {named}"),
        )
    )
    assert pairs(found) == {(named, "O")}


def test_an_order_is_of_no_deal_whose_id_only_begins_as_the_one_it_names(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON.replace('X', 'DEAL-2026-00001-02')}\n{WON.replace('X', 'Y')}",
            orders=f"{ORDER.replace(' X', ' DEAL-2026-00001')}\n{OF_Y}",
        )
    )
    assert pairs(found) == {("Y", "P")}


@pytest.mark.parametrize("named", ["006D000000IqhSLIAZ", "006D000000IqhSL"])
def test_an_order_whose_deal_cannot_be_read_is_not_without_one(
    draw: Draw, tie_out: TieOut, named: str
) -> None:
    unread = WON.replace("X", "006D000000IqhSLIAZ").replace("1200.00", "much")
    found = tie_out(
        draw(
            opportunities=f"{unread}\n{WON.replace('X', 'Y')}",
            orders=f"{ORDER.replace(' X', f' {named}')}\n{OF_Y}",
        )
    )
    assert not [code for code, key in found.codes if key == "O"]
    assert pairs(found) == {("Y", "P")}


def test_conflicting_references_are_never_posted(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} O\nY Won true true 1200.00 SGD 2026-01-05 P\nZ Won true true 9.00 SGD 2026-01-05",
            orders="O SO-1 C1 2026-01-06 SGD 1200.00 draft Y\nP SO-2 C1 2026-01-06 SGD 1200.00 draft X\n"
            "Q SO-3 C1 2026-01-06 SGD 9.00 draft Z",
        )
    )
    assert pairs(found) == {("Z", "Q")}
    assert pairs(found, "suggested") == {("X", "O"), ("X", "P"), ("Y", "O"), ("Y", "P")}


def test_orders_that_add_up_to_their_deal_are_all_its_orders(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} O",
            orders="O SO-1 C1 2026-01-06 SGD 600.00 draft X\nP SO-2 C1 2026-01-06 SGD 600.00 draft X",
        )
    )
    assert (pairs(found), found.codes) == ({("X", "O"), ("X", "P")}, set())


def test_a_second_order_like_the_one_the_deal_names_is_a_duplicate(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} O",
            orders=f"{ORDER}\nP SO-2 C1 2026-01-05 SGD 1200.00 confirmed X",
            invoices=INVOICE,
        )
    )
    assert (pairs(found), found.codes) == ({("X", "O"), ("O", "I")}, {("OR06", "P")})


def test_of_like_orders_that_the_deal_does_not_name_none_is_posted(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities=WON,
            orders="O SO-1 C1 2026-01-06 SGD 1200.00 on_hold X\nP SO-2 C1 2026-01-07 SGD 1200.00 on_hold X",
        )
    )
    assert (pairs(found), found.codes) == (set(), {("OR06", "P")})


@pytest.mark.parametrize(
    ("closed", "level"), [("2026-03-31", "S4"), ("2026-03-30", "S1"), ("2026-04-01", None)]
)
def test_a_deal_without_order_is_timing_on_its_day_and_late_after_it(
    draw: Draw, tie_out: TieOut, closed: str, level: str | None
) -> None:
    found = tie_out(
        draw(opportunities=f"{WON} O\nY Won true true 50.00 SGD {closed}", orders=ORDER, invoices=INVOICE)
    )
    levels = {(one["code"], one["key"], one["severity"]) for one in found.breaks}
    assert levels == ({("OR01", "Y", level)} if level else set())


def test_a_deal_whose_order_was_cancelled_has_none(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} O\nY Won true true 50.00 SGD 2026-01-05 P",
            orders=f"{ORDER}\nP SO-2 C1 2026-01-06 SGD 50.00 cancelled Y",
            invoices=INVOICE,
        )
    )
    assert found.codes == {("OR01", "Y")}
    assert "names order P, which is cancelled" in evidence(found, "OR01")


def test_an_order_without_opportunity_is_named(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} O",
            orders=f"{ORDER}\nP SO-2 C1 2026-03-20 SGD 50.00 confirmed -\nQ SO-3 C1 2026-03-20 SGD 50.00 confirmed N",
            invoices=INVOICE,
        )
    )
    assert found.codes == {("OR02", "P"), ("OR02", "Q")}


def test_a_world_without_crm_misses_no_opportunity(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(orders=ORDER.replace(" X", " -"), invoices=INVOICE))
    assert found.codes == set()


def test_a_world_without_erp_misses_no_order(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(opportunities=f"{WON} O\nY Won true true 50.00 SGD 2026-01-05"))
    assert found.codes == set()


@pytest.mark.parametrize(
    ("deal", "code", "amount"),
    [
        ("X Won true true 1320.00 SGD 2026-01-05 O", "OR03", "120.00"),
        ("X Won true true 1200.01 SGD 2026-01-05 O", "OR03", "0.01"),
        ("X Won true true 1200.00 USD 2026-01-05 O", "OR04", "1200.00"),
    ],
)
def test_an_amount_or_currency_that_differs_is_posted_and_named(
    draw: Draw, tie_out: TieOut, deal: str, code: str, amount: str
) -> None:
    found = tie_out(draw(opportunities=deal, orders=ORDER, invoices=INVOICE))
    assert [(one["code"], one["key"], one["amount"]) for one in found.breaks] == [(code, "O", amount)]
    assert pairs(found) == {("X", "O"), ("O", "I")}
    assert {m["residual_reason"] for m in found.matches} == {code, ""}


@pytest.mark.parametrize(("closed", "state"), [("false", "open"), ("true", "lost")])
def test_an_order_that_stands_while_its_deal_is_not_won_is_named(
    draw: Draw, tie_out: TieOut, closed: str, state: str
) -> None:
    deal = f"X Any_stage {closed} false 1200.00 SGD 2026-01-05 O"
    found = tie_out(draw(opportunities=deal, orders=ORDER, invoices=INVOICE))
    assert found.codes == {("OR12", "X")}
    assert f"is {state}" in evidence(found, "OR12")


def test_a_stage_label_alone_says_nothing_about_a_deal(draw: Draw, tie_out: TieOut) -> None:
    deals = "X Closed_Won - - 1200.00 SGD 2026-01-05 O\nY Closed_Won - - 50.00 SGD 2026-01-05"
    found = tie_out(draw(opportunities=deals, orders=ORDER, invoices=INVOICE))
    assert (pairs(found), found.codes) == ({("X", "O"), ("O", "I")}, set())


@pytest.mark.parametrize(("as_of", "codes"), [("2026-02-05", set()), ("2026-02-06", {("OR09", "P")})])
def test_an_order_is_to_be_invoiced_within_thirty_days(
    draw: Draw, tie_out: TieOut, as_of: str, codes: set[tuple[str, str]]
) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} O\nY Won true true 50.00 SGD 2026-01-05 P",
            orders=f"{ORDER}\nP SO-2 C1 2026-01-06 SGD 50.00 confirmed Y",
            invoices=INVOICE,
        ),
        as_of=as_of,
    )
    assert found.codes == codes


def test_an_order_of_unknown_status_is_untouchable_but_not_absent(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities="X Won true true 1320.00 SGD 2026-01-05 O\nY Won true true 50.00 SGD 2026-01-05 P",
            orders=f"{ORDER.replace('confirmed', 'mystery')}\nP SO-2 C1 2026-03-20 SGD 50.00 confirmed Y",
        )
    )
    assert {code for code, _ in found.codes} == {"DQ05"}
    assert pairs(found) == {("Y", "P")}


SERVICE = "S C1 2026-01-10 2027-01-10 SGD 2 50.00 month active"
MONTHLY = "\n".join(
    f"I{month} INV-{month} C1 2026-{month:02}-10 2026-{month + 1:02}-09 SGD 109.00 posted O 100.00 9.00"
    for month in (1, 2, 3)
)


@pytest.mark.parametrize(
    ("terms", "codes"),
    [
        ("10 Rep 12 Seat 55.56", set()),  # 50.00 less than a minor unit apart
        ("0 Rep 12 Seat 50.00", set()),
        ("0 Rep 12 Seat 600.00", set()),  # a year's price
        ("0 Rep 12 Seat 45.00", {("OR05", "O")}),
        ("0 Rep 24 Seat 50.00", {("OR07", "O")}),
        ("25 Rep 12 Seat 50.00", {("OR08", "X")}),
        ("20 Manager 12 Seat 62.50", set()),
    ],
)
def test_a_price_term_or_discount_that_differs_is_named(
    draw: Draw, tie_out: TieOut, terms: str, codes: set[tuple[str, str]]
) -> None:
    found = tie_out(
        draw(opportunities=f"{WON} O - {terms}", orders=ORDER, invoices=MONTHLY, subscriptions=SERVICE)
    )
    assert found.codes == codes


def test_an_order_that_could_be_either_of_two_subscriptions_is_not_judged_by_one(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(
            opportunities=f"{WON} O - 0 Rep 24 Seat 45.00",
            orders=ORDER,
            invoices=MONTHLY,
            subscriptions=f"{SERVICE}\n{SERVICE.replace('S C1', 'T C1')}",
        )
    )
    assert found.codes == set()


@pytest.mark.parametrize(("net", "code", "amount"), [("80.00", "OR11", "20.00"), ("130.00", "OR10", "30.00")])
def test_a_period_billed_otherwise_than_agreed_is_named(
    draw: Draw, tie_out: TieOut, net: str, code: str, amount: str
) -> None:
    tax = Decimal(net) * 9 / 100
    wrong = f"I2 INV-2 C1 2026-02-10 2026-03-09 SGD {Decimal(net) + tax:.2f} posted O {net} {tax:.2f}"
    invoices = "\n".join([*MONTHLY.splitlines()[::2], wrong])
    found = tie_out(draw(opportunities=f"{WON} O", orders=ORDER, invoices=invoices, subscriptions=SERVICE))
    assert [(one["code"], one["key"], one["amount"]) for one in found.breaks] == [(code, "O", amount)]


def test_what_an_amendment_changed_is_due_from_its_day_on(draw: Draw, tie_out: TieOut) -> None:
    more = MONTHLY.replace("SGD 109.00 posted O 100.00 9.00", "SGD 163.50 posted O 150.00 13.50")
    invoices = "\n".join([MONTHLY.splitlines()[0], *more.splitlines()[1:]])
    found = tie_out(
        draw(
            opportunities=f"{WON} O",
            orders=ORDER,
            invoices=invoices,
            subscriptions=SERVICE,
            amendments="A S 1 QTY 2026-02-10 3 50.00",
        )
    )
    assert found.codes == set()


@pytest.mark.parametrize(
    ("state", "gross", "codes"),
    [
        ("done", "60.00", {("OR11", "P")}),
        ("confirmed", "60.00", set()),
        ("confirmed", "140.00", {("OR10", "P")}),
        ("done", "100.00", set()),
    ],
)
def test_a_sale_is_billed_what_was_ordered(
    draw: Draw, tie_out: TieOut, state: str, gross: str, codes: set[tuple[str, str]]
) -> None:
    found = tie_out(
        draw(
            orders=f"P SO-2 C2 2026-01-06 SGD 100.00 {state} -",
            invoices=f"J INV-9 C2 2026-01-10 2026-02-09 SGD {gross} posted P {gross} 0.00",
        )
    )
    assert found.codes == codes


@pytest.mark.parametrize(("interval", "codes"), [("-", {("OR11", "P")}), ("month", set())])
def test_a_deal_billed_by_the_period_is_not_billed_too_little_before_its_end(
    draw: Draw, tie_out: TieOut, interval: str, codes: set[tuple[str, str]]
) -> None:
    found = tie_out(
        draw(
            opportunities=f"Z Won true true 120.00 SGD 2026-01-06 P - - - 12 - - {interval}",
            orders="P SO-2 C2 2026-01-06 SGD 120.00 done Z",
            invoices="J INV-9 C2 2026-01-10 2026-02-09 SGD 10.00 posted P 10.00 0.00",
        )
    )
    assert found.codes == codes


def test_an_invoice_issued_twice_is_a_duplicate_and_two_instalments_are_none(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(
            orders="P SO-2 C2 2026-01-06 SGD 100.00 processing -\nQ SO-3 C2 2026-01-06 SGD 100.00 processing -",
            invoices="J INV-9 C2 2026-01-10 2026-02-09 SGD 100.00 posted P 100.00 0.00\n"
            "K INV-8 C2 2026-01-10 2026-02-09 SGD 100.00 posted P 100.00 0.00\n"
            "L INV-7 C2 2026-01-10 2026-02-09 SGD 50.00 posted Q 50.00 0.00\n"
            "M INV-6 C2 2026-01-10 2026-02-09 SGD 50.00 posted Q 50.00 0.00",
        )
    )
    assert found.codes == {("OR06", "J")}


@pytest.mark.parametrize(
    ("country", "issued", "net", "tax", "wrong"),
    [
        ("SG", "2022-12-31", "100.00", "7.00", False),
        ("SG", "2023-01-01", "100.00", "8.00", False),
        ("SG", "2024-01-01", "100.00", "9.00", False),
        ("SG", "2024-01-01", "100.00", "8.00", True),
        ("SG", "2024-01-01", "0.50", "0.05", False),  # 4.5 cents
        ("SG", "2024-01-01", "0.50", "0.04", True),
        ("AU", "2026-01-10", "100.00", "0.00", True),
        ("HK", "2026-01-10", "100.00", "5.00", True),
        ("FR", "2026-01-10", "100.00", "5.00", False),  # no rate in policy
    ],
)
def test_tax_is_that_of_the_country_on_the_day(
    draw: Draw, tie_out: TieOut, *, country: str, issued: str, net: str, tax: str, wrong: bool
) -> None:
    gross = Decimal(net) + Decimal(tax)
    found = tie_out(
        draw(
            customers=f"C1 One - {country}",
            invoices=f"I INV-1 C1 {issued} {issued} SGD {gross} posted - {net} {tax}",
        )
    )
    assert found.codes == ({("OR13", "I")} if wrong else set())


@pytest.mark.parametrize(("paid_on", "wrong"), [("2023-12-31", False), ("2024-01-02", True)])
def test_a_payment_before_the_invoice_is_the_time_of_supply(
    draw: Draw, tie_out: TieOut, paid_on: str, *, wrong: bool
) -> None:
    found = tie_out(
        draw(
            customers="C1 One - SG",
            invoices="I INV-1 C1 2024-01-01 2024-01-31 SGD 108.00 posted - 100.00 8.00",
            payments=f"P C1 - SGD 108.00 {paid_on} succeeded I",
        )
    )
    assert (("OR13", "I") in found.codes) is wrong


def test_a_product_that_never_has_a_list_price_is_off_the_list(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            opportunities="X Won true true 100.00 USD 2026-01-05 - - - - - GTX_Pro 100\n"
            "Y Won true true 100.00 USD 2026-01-05 - - - - - GTXPro -\n"
            "Z Lost true false 100.00 USD 2026-01-05 - - - - - GTXPro -\n"
            "V Won true true 80.00 USD 2026-01-05 - - - - - GTX_Pro 100\n"
            "W Won true true 79.00 USD 2026-01-05 - - - - - GTX_Pro 100"
        )
    )
    assert found.codes == {("OR05", "Y"), ("OR08", "W")}
    assert "any of its 2 opportunities" in evidence(found, "OR05")


def test_an_invoice_to_another_customer_than_its_orders_is_suggested_and_named(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(draw(opportunities=f"{WON} O", orders=ORDER, invoices=INVOICE.replace("C1", "C2")))
    assert (pairs(found), found.codes) == ({("X", "O")}, {("OR14", "I")})
    assert pairs(found, "suggested") == {("O", "I")}


def test_an_order_of_another_customer_than_the_deals_account_is_named(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts="ACC Else - - - C2",
            customers="C2 Else - - - ACC",
            opportunities=f"{WON} O ACC\nY Won true true 50.00 SGD 2026-01-05 - ACC",
            orders=f"{ORDER}\nP SO-2 C1 2026-03-20 SGD 50.00 confirmed Y",
            invoices=INVOICE,
        )
    )
    assert {("OR14", "O"), ("OR14", "P")} <= found.codes
    assert {("X", "O")} <= pairs(found)
    assert ("Y", "P") in pairs(found, "suggested")  # Y's order is named by one side


def test_the_order_of_rows_changes_no_byte(draw: Draw, server_urls: DatabaseUrls) -> None:
    rows = {
        "opportunities": f"{WON} O\nY Won true true 5.00 SGD 2026-01-05\nZ Open false false 7.00 SGD 2026-01-05 Q",
        "orders": f"{ORDER}\nP SO-2 C1 2026-01-06 SGD 1200.00 done X\nQ SO-3 C1 2026-01-06 SGD 7.00 done Z",
        "invoices": MONTHLY,
        "subscriptions": SERVICE,
    }
    turned = {name: "\n".join(reversed(text.splitlines())) for name, text in rows.items()}
    certificates = {
        certificate_of(server_urls, draw(**world, folder=folder))
        for folder, world in (("as_is", rows), ("turned", turned))
    }
    assert len(certificates) == 1


def test_an_amendment_dated_before_its_subscription_begins_counts_from_its_start(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(
            subscriptions="S C1 2026-01-01 - SGD 1 10.00 month active - -",
            amendments="A S 1 QTY 2025-12-01 2 -",
        )
    )
    assert all(total["proven"] == "true" for total in found.totals)


@pytest.mark.parametrize(("deal", "order"), [("X", "-"), ("-", "O")])
def test_an_order_dated_later_than_the_day_is_not_missing(
    draw: Draw, tie_out: TieOut, deal: str, order: str
) -> None:
    found = tie_out(
        draw(
            opportunities=f"Y Won true true 10.00 SGD 2026-01-05 P\n{WON} {order}",
            orders=f"P SO-2 C1 2026-01-05 SGD 10.00 confirmed Y\nO SO-1 C1 2026-02-06 SGD 1200.00 confirmed {deal}",
        ),
        as_of="2026-01-08",
    )
    assert not [key for code, key in found.codes if code == "OR01"]


def test_an_order_of_a_later_day_is_of_the_deal_it_names_and_of_none_with_a_like_id(
    draw: Draw, tie_out: TieOut
) -> None:
    """Fifteen characters name a deal only where they are all that is said."""
    waits, names = "006000000000000001", "006000000000000002"
    found = tie_out(
        draw(
            opportunities=f"Y Won true true 10.00 SGD 2026-01-05 P\n{WON.replace('X', waits)}",
            orders="P SO-2 C1 2026-01-05 SGD 10.00 confirmed Y\n"
            f"O SO-1 C1 2026-02-06 SGD 1200.00 confirmed {names}",
        ),
        as_of="2026-01-08",
    )
    assert [key for code, key in found.codes if code == "OR01"] == [waits]
