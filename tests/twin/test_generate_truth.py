"""The truth of a generated world agrees with its files, and its faults are as frequent as they should be."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from include.twin.generate import generate_world
from include.twin.generate.faults import CASH, IDENTITY, ORDERS, PAYOUTS, SUBSCRIPTIONS, Cash

SIZE = 20_000
AS_OF = "2026-06-30"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated") / "default"
    generate_world(out=out, seed=11, size=SIZE, profile="default")
    return out


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated") / "clean"
    generate_world(out=out, seed=11, size=2_000, profile="clean")
    return out


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generated") / "hostile"
    generate_world(out=out, seed=11, size=5_000, profile="hostile")
    return out


@cache
def table(world: Path, path: str) -> tuple[dict[str, str], ...]:
    with (world / path).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def by_id(world: Path, path: str) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in table(world, path)}


def links(world: Path, recon: str) -> Iterator[tuple[str, str, Decimal]]:
    for row in table(world, "truth/links.csv"):
        if row["recon"] == recon:
            yield row["side_a_id"], row["side_b_id"], Decimal(row["amount"])


@cache
def breaks(world: Path, code: str) -> dict[str, str]:
    return {row["key"]: row["amount"] for row in table(world, "truth/breaks.csv") if row["code"] == code}


def kinds(world: Path, recon: str) -> Counter[str]:
    return Counter(row["kind"] for row in table(world, "truth/faults.csv") if row["recon"] == recon)


def share_is_about(count: int, total: int, share: float) -> bool:
    """Within four standard errors of a count."""
    return count > 0 and abs(count - total * share) <= 4 * (total * share) ** 0.5


def test_true_pairs_exist_in_the_files_and_are_seen_by_as_of(world: Path):
    payments, invoices = by_id(world, "payments/payments.csv"), by_id(world, "erp/invoices.csv")
    for payment_id, invoice_id, _ in links(world, "R3"):
        assert payments[payment_id]["paid_on"] <= AS_OF
        assert payments[payment_id]["status"] == "succeeded"
        assert invoices[invoice_id]["issue_date"] <= payments[payment_id]["paid_on"]
        assert invoices[invoice_id]["status"] != "cancelled"


def test_a_payment_is_applied_in_full_but_for_what_a_break_explains(world: Path):
    applied: dict[str, Decimal] = defaultdict(Decimal)
    for payment_id, _, amount in links(world, "R3"):
        applied[payment_id] += amount
    overpaid, exchanged = breaks(world, "CA04"), breaks(world, "CA09")
    for payment_id, amount in applied.items():
        if payment_id not in exchanged:
            paid = Decimal(by_id(world, "payments/payments.csv")[payment_id]["amount"])
            assert paid - amount == Decimal(overpaid.get(payment_id, "0")), payment_id


def test_no_invoice_gets_more_than_its_gross(world: Path):
    applied: dict[str, Decimal] = defaultdict(Decimal)
    for _, invoice_id, amount in links(world, "R3"):
        applied[invoice_id] += amount
    invoices = by_id(world, "erp/invoices.csv")
    assert all(amount <= Decimal(invoices[invoice]["gross"]) for invoice, amount in applied.items())


def test_a_credit_note_and_the_payment_net_of_it_make_the_gross(world: Path):
    netted = {row["key"] for row in table(world, "truth/faults.csv") if row["kind"] == Cash.CREDIT_NOTE}
    credited = {row["invoice_id"]: Decimal(row["gross"]) for row in table(world, "erp/credit_notes.csv")}
    invoices = by_id(world, "erp/invoices.csv")
    assert netted
    for payment_id, invoice_id, amount in links(world, "R3"):
        if payment_id in netted:
            assert amount + credited[invoice_id] == Decimal(invoices[invoice_id]["gross"])


@pytest.mark.parametrize("code", ["CA07", "CA08", "CA10", "CA17"])
def test_a_short_payment_and_its_explained_rest_make_the_gross(world: Path, code: str):
    invoice_of = {payment: invoice for payment, invoice, _ in links(world, "R3")}
    invoices = by_id(world, "erp/invoices.csv")
    short = breaks(world, code)
    assert short
    for payment_id, missing in short.items():
        gross = Decimal(invoices[invoice_of[payment_id]]["gross"])
        assert (
            Decimal(by_id(world, "payments/payments.csv")[payment_id]["amount"]) + Decimal(missing) == gross
        )


def test_withheld_tax_is_a_rate_of_net(world: Path):
    invoice_of = {payment: invoice for payment, invoice, _ in links(world, "R3")}
    invoices = by_id(world, "erp/invoices.csv")
    for payment_id, missing in breaks(world, "CA08").items():
        net = Decimal(invoices[invoice_of[payment_id]]["net"])
        percent = Decimal(missing) / net * 100
        assert min(abs(percent - rate) for rate in (2, 3, 5, 8, 10)) < Decimal("0.01")


def test_a_cross_currency_payment_is_near_the_rate_of_its_day(world: Path):
    rates = {(row["date"], row["from"]): Decimal(row["rate"]) for row in table(world, "fx/rates.csv")}
    invoices = by_id(world, "erp/invoices.csv")
    exchanged = breaks(world, "CA09")
    assert exchanged
    for payment_id, invoice_id, amount in links(world, "R3"):
        if payment_id in exchanged:
            payment = by_id(world, "payments/payments.csv")[payment_id]
            fair = amount * rates[payment["paid_on"], invoices[invoice_id]["currency"]]
            assert payment["currency"] == "SGD"
            assert abs(Decimal(payment["amount"]) - fair) <= fair * Decimal("0.0050") + Decimal("0.02")


def test_a_payment_without_a_reference_is_held_or_is_the_only_one_of_its_amount(world: Path):
    held = {row["side_id"] for row in table(world, "truth/unmatchable.csv")}
    evidenced = {b for a, b, _ in links(world, "R3") if by_id(world, "payments/payments.csv")[a]["reference"]}
    waiting: dict[tuple[str, str, str], list[dict[str, str]]] = defaultdict(list)
    for invoice in table(world, "erp/invoices.csv"):
        if invoice["id"] not in evidenced and invoice["status"] != "cancelled":
            waiting[invoice["customer_id"], invoice["currency"], invoice["gross"]].append(invoice)
    blind = [row for row in table(world, "payments/payments.csv") if not row["reference"]]
    sure = [row for row in blind if row["id"] not in held and row["paid_on"] <= AS_OF]
    assert sure
    for payment in sure:
        paid_on = date.fromisoformat(payment["paid_on"])
        near = [
            invoice
            for invoice in waiting[payment["customer_id"], payment["currency"], payment["amount"]]
            if (date.fromisoformat(invoice["issue_date"]) - paid_on).days <= 5
            and (paid_on - date.fromisoformat(invoice["due_date"])).days <= 90
        ]
        assert len(near) <= 1


def test_a_held_payment_has_a_break_that_says_why(world: Path):
    codes = {"ambiguous": "CA16", "no_counterpart": "CA02", "duplicate": "CA05", "void_invoice": "CA19"}
    codes |= {"scale_error": "CA20", "many_to_many": "CA16"}
    for row in table(world, "truth/unmatchable.csv"):
        assert row["side_id"] in breaks(world, codes[row["reason"]])


def test_a_payout_is_its_items_to_the_cent(world: Path):
    gross, fee, net = (defaultdict(Decimal) for _ in range(3))
    for item in table(world, "payments/payout_items.csv"):
        assert Decimal(item["gross"]) - Decimal(item["fee"]) == Decimal(item["net"])
        payout = item["payout_id"]
        gross[payout] += Decimal(item["gross"]) if item["type"] == "charge" else 0
        fee[payout] += Decimal(item["fee"])
        net[payout] += Decimal(item["net"])
    payouts = table(world, "payments/payouts.csv")
    assert len(payouts) > 100
    for payout in payouts:
        held = tuple(Decimal(payout[column]) for column in ("gross", "fee", "net"))
        assert held == (gross[payout["id"]], fee[payout["id"]], net[payout["id"]])


def test_a_bank_line_is_its_payout_or_its_wire_to_the_cent(world: Path):
    lines = by_id(world, "bank/lines.csv")
    converted = breaks(world, "PO08")
    for side, line_id, amount in links(world, "R4"):
        if line_id in lines and side not in converted:
            assert Decimal(lines[line_id]["amount"]) == amount


def test_the_card_fee_is_that_of_the_golden_case(clean: Path):
    charges = [
        row for row in table(clean, "payments/payments.csv") if row["fee"] and row["currency"] == "SGD"
    ]
    fees = {row["amount"]: row["fee"] for row in charges}
    assert charges
    for amount, fee in fees.items():
        exact = Decimal(amount) * Decimal("0.034") + Decimal("0.50")
        assert abs(Decimal(fee) - exact) <= Decimal("0.005")


def test_arr_movements_bridge_each_month_and_months_are_chained(world: Path):
    closing: dict[str, Decimal] = defaultdict(Decimal)
    for row in table(world, "truth/arr.csv"):
        opening, new, up, down, churn, back, end = (Decimal(text) for text in list(row.values())[3:])
        assert opening + new + up - down - churn + back == end
        assert opening == closing[row["customer_id"]]
        closing[row["customer_id"]] = end
    on_record: dict[str, Decimal] = defaultdict(Decimal)
    wrong = {key for code in ("SU01", "SU05") for key in breaks(world, code)}
    doubtful = set()
    for row in table(world, "erp/subscriptions.csv"):
        on_record[row["customer_id"]] += Decimal(row["arr"])
        doubtful |= {row["customer_id"]} if row["id"] in wrong else set()
    assert {customer for customer in closing if closing[customer] != on_record[customer]} <= doubtful


# Their shares hang on who the largest customers are: which of them withhold, are abroad, are billed often.
CLUSTERED = {Cash.WITHHOLDING, Cash.FX, Cash.MANY_INVOICES, Cash.MANY_TO_MANY, Cash.EXACT}


@pytest.mark.parametrize("kind", [kind for kind in CASH if kind not in CLUSTERED])
def test_each_kind_of_payment_has_its_share(world: Path, kind: Cash):
    found = kinds(world, "R3")
    assert share_is_about(found[kind], found.total(), CASH[kind] / 10_000)


@pytest.mark.parametrize("kind", sorted(CLUSTERED))
def test_each_kind_that_depends_on_the_customer_has_about_its_share(world: Path, kind: Cash):
    found = kinds(world, "R3")
    assert found[kind] / found.total() == pytest.approx(CASH[kind] / 10_000, rel=0.4)


@pytest.mark.parametrize(
    ("recon", "shares", "of"),
    [("R1", IDENTITY, "R1"), ("R2", ORDERS, "contracts"), ("R5", SUBSCRIPTIONS, "contracts")],
)
def test_each_other_fault_has_its_share(world: Path, recon: str, shares: dict[str, int], of: str):
    found = kinds(world, recon)
    total = found.total() if of == "R1" else len(table(world, "erp/subscriptions.csv"))
    for kind, share in shares.items():
        if kind != "clean":
            assert share_is_about(found[kind], total, share / 1000), kind


def test_breaks_between_deals_and_orders_can_be_seen(world: Path):
    orders, invoices = by_id(world, "erp/orders.csv"), by_id(world, "erp/invoices.csv")
    deals = {row["Id"]: row for row in table(world, "salesforce/Opportunity.csv")}
    invoiced = {row["order_id"] for row in invoices.values()}
    ordered = Counter(row["opportunity_id"] for row in orders.values())
    assert all(ordered[key] == 0 and deals[key]["IsWon"] == "true" for key in breaks(world, "OR01"))
    assert all(orders[key]["opportunity_id"] == "" for key in breaks(world, "OR02"))
    for key in breaks(world, "OR03"):
        assert orders[key]["amount"] != deals[orders[key]["opportunity_id"]]["Amount"]
    for key in breaks(world, "OR04"):
        assert orders[key]["currency"] != deals[orders[key]["opportunity_id"]]["CurrencyIsoCode"]
    assert all(ordered[orders[key]["opportunity_id"]] == 2 for key in breaks(world, "OR06"))
    assert all(key not in invoiced for key in breaks(world, "OR09"))
    assert all(deals[key]["IsWon"] == "false" and ordered[key] for key in breaks(world, "OR12"))


def test_wrong_taxes_are_the_only_ones_off_the_rate_of_their_country(world: Path):
    percents = {"SGD": 9, "USD": 0, "AUD": 10, "JPY": 10, "INR": 18, "MYR": 8, "IDR": 11, "HKD": 0}
    percents |= {"THB": 7, "PHP": 12, "KRW": 10, "VND": 10, "CNY": 6}
    off = set()
    for row in table(world, "erp/invoices.csv"):
        exact = Decimal(row["net"]) * percents[row["currency"]] / 100
        if abs(Decimal(row["tax"]) - exact) > Decimal("0.5"):
            off.add(row["id"])
    assert off == set(breaks(world, "OR13"))


def test_breaks_of_payouts_can_be_seen(world: Path):
    payouts = by_id(world, "payments/payouts.csv")
    reached = {a for a, _, _ in links(world, "R4")}
    assert all(key not in reached for key in breaks(world, "PO01"))
    negative = {key for key, row in payouts.items() if row["net"].startswith("-")}
    assert negative
    assert negative == set(breaks(world, "PO07"))


def test_breaks_of_identity_can_be_seen(world: Path):
    accounts = {row["Id"]: row for row in table(world, "salesforce/Account.csv")}
    customers = by_id(world, "erp/customers.csv")
    tax_ids = Counter(row["TaxId__c"] for row in accounts.values())
    paired = {account: customer for account, customer, _ in links(world, "R1")}
    assert set(paired) <= accounts.keys()
    assert set(paired.values()) <= customers.keys()
    assert all(key not in paired for key in breaks(world, "ID01"))
    assert all(key not in paired.values() for key in breaks(world, "ID02"))
    assert all(tax_ids[accounts[key]["TaxId__c"]] > 1 for key in breaks(world, "ID03"))
    assert all(accounts[key]["ParentId"] in paired for key in breaks(world, "ID07"))
    for key in breaks(world, "ID05"):
        assert paired[customers[key]["crm_account_id"]] != key


def test_wrong_renewal_dates_and_states_are_the_only_ones(world: Path):
    off_date, off_state = set(), set()
    for row in table(world, "erp/subscriptions.csv"):
        runs = row["end_date"] > AS_OF
        if row["renewal_date"] != (row["end_date"] if runs else ""):
            off_date.add(row["id"])
        if (row["status"] == "active") != runs:
            off_state.add(row["id"])
    assert off_date == set(breaks(world, "SU02"))
    assert off_state == set(breaks(world, "SU04"))


def test_lateness_and_disputes_are_those_of_real_receivables(world: Path):
    invoices = by_id(world, "erp/invoices.csv")
    last: dict[str, int] = {}
    for payment_id, invoice_id, _ in links(world, "R3"):
        paid = date.fromisoformat(by_id(world, "payments/payments.csv")[payment_id]["paid_on"])
        late = (paid - date.fromisoformat(invoices[invoice_id]["due_date"])).days
        last[invoice_id] = max(late, last.get(invoice_id, late))
    assert sum(days > 0 for days in last.values()) / len(last) == pytest.approx(0.356, abs=0.03)
    assert sum(days > 7 for days in last.values()) / len(last) == pytest.approx(0.186, abs=0.03)
    disputed = sum(row["disputed"] == "true" for row in invoices.values())
    assert disputed / len(invoices) == pytest.approx(0.227, abs=0.03)


def test_customers_pay_in_the_currencies_and_rhythms_asked_for(world: Path):
    currencies = Counter(row["currency"] for row in table(world, "erp/customers.csv"))
    for currency, share in {"SGD": 0.30, "USD": 0.25, "AUD": 0.09, "JPY": 0.08}.items():
        assert share_is_about(currencies[currency], currencies.total(), share)
    rhythms = Counter(row["interval"] for row in table(world, "erp/subscriptions.csv"))
    assert share_is_about(rhythms["year"], rhythms.total(), 0.30)


def test_a_clean_world_has_no_faults_but_unpaid_invoices(clean: Path):
    for path in ("truth/breaks.csv", "truth/faults.csv", "truth/unmatchable.csv", "payments/refunds.csv"):
        assert table(clean, path) == ()
    numbers = {row["id"]: row["number"] for row in table(clean, "erp/invoices.csv")}
    paid = {a: b for a, b, _ in links(clean, "R3")}
    payments = table(clean, "payments/payments.csv")
    assert all(row["reference"] == numbers[paid[row["id"]]] for row in payments)
    assert 0 < len(numbers) - len(paid) < len(numbers) / 5


def test_in_a_clean_world_nothing_is_dated_after_as_of(clean: Path):
    for path, column in {"payments/payments.csv": "paid_on", "bank/lines.csv": "value_date"}.items():
        assert max(row[column] for row in table(clean, path)) <= AS_OF


def test_some_payments_of_the_default_world_come_after_as_of_and_are_not_in_the_truth(world: Path):
    late = {row["id"] for row in table(world, "payments/payments.csv") if row["paid_on"] > AS_OF}
    assert late
    assert not late & {a for a, _, _ in links(world, "R3")}


def test_a_hostile_world_has_few_prices_and_many_payments_without_a_reference(hostile: Path):
    found = kinds(hostile, "R3")
    assert found[Cash.NO_REFERENCE] / found.total() == pytest.approx(0.30, abs=0.05)
    prices = {
        (row["unit_price"], row["quantity"])
        for row in table(hostile, "erp/subscriptions.csv")
        if row["currency"] == "SGD" and row["interval"] == "month"
    }
    assert len(prices) <= 10


@pytest.mark.parametrize(
    ("shares", "whole"),
    [(CASH, 10_000), (IDENTITY, 1000), (ORDERS, 1000), (PAYOUTS, 1000), (SUBSCRIPTIONS, 1000)],
)
def test_the_shares_of_a_table_make_a_whole(shares: dict[str, int], whole: int):
    assert sum(shares.values()) == whole
