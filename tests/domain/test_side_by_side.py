from typing import Any

from include.domain.side_by_side import Record, side_by_side


def payment(**facts: Any) -> Record:
    known = {"amount_minor": 1000, "currency": "SGD", "customer_id": "C1"} | facts
    return Record("payments", "pay-1", "1", "payments.csv, line 2", known)


def invoice(**facts: Any) -> Record:
    known = {"gross_minor": 1000, "currency": "SGD", "customer_id": "C1", "number": "INV-1"} | facts
    return Record("invoices", "I1", "1", "invoices.csv, line 2", known)


def differing(*records: Record) -> list[str]:
    return [line.name for line in side_by_side(records) if line.differs]


def test_records_that_agree_differ_in_nothing():
    assert differing(payment(), invoice()) == []


def test_another_amount_currency_or_customer_differs():
    assert differing(payment(), invoice(gross_minor=999)) == ["amount"]
    assert differing(payment(), invoice(currency="USD")) == ["amount", "currency"]
    assert differing(payment(), invoice(customer_id="C2")) == ["customer"]


def test_a_reference_and_a_number_are_each_systems_own():
    [line] = [
        one for one in side_by_side([payment(reference="your bill"), invoice()]) if "number" in one.name
    ]
    assert (list(line.values), line.differs) == (["your bill", "INV-1"], False)


def test_what_one_of_them_does_not_say_contradicts_nothing():
    account = Record("accounts", "001", "1", "Account.csv", {"name": "Ann Ltd", "tax_id": None})
    customer = Record("customers", "C1", "1", "party", {"name": "Ann Ltd", "tax_id": "201912345K"})
    assert differing(account, customer) == []


def test_an_account_that_names_another_customer_differs():
    account = Record("accounts", "001", "1", "Account.csv", {"name": "Ann", "erp_customer_id": "C2"})
    customer = Record("customers", "C1", "1", "party", {"name": "Ann"})
    assert differing(account, customer) == ["customer"]


def test_parts_of_one_amount_need_not_be_that_amount():
    records = [payment(), invoice(gross_minor=400), invoice(gross_minor=600, currency="USD")]
    lines = {line.name: line.differs for line in side_by_side(records, parts=True)}
    assert (lines["amount"], lines["currency"]) == (False, True)


def test_an_amount_is_written_as_asked():
    [line] = [
        one for one in side_by_side([payment()], say=lambda money: f"{money.minor}!") if one.name == "amount"
    ]
    assert list(line.values) == ["1000!"]


def record(entity: str, **facts: Any) -> Record:
    return Record(entity, entity, "1", f"{entity}.csv, line 2", {"currency": "SGD"} | facts)


def test_an_order_is_held_against_its_deal_and_not_against_an_invoice_with_tax_or_for_a_part() -> None:
    order, deal = record("orders", amount_minor=12000), record("opportunities", amount_minor=12000)
    assert differing(order, deal, record("invoices", gross_minor=1090)) == []
    assert differing(order, record("opportunities", amount_minor=13000)) == ["amount"]


def test_a_payout_is_the_sum_of_many_and_is_held_against_the_bank_alone() -> None:
    payout, line = record("payouts", net_minor=900), record("bank_lines", amount_minor=900)
    assert differing(payout, line, record("payments", amount_minor=500)) == []
    assert differing(payout, record("bank_lines", amount_minor=800)) == ["amount"]
    assert differing(record("refunds", amount_minor=500), payout) == []


def test_what_a_subscription_is_worth_and_renews_on_is_shown_and_a_list_price_is_no_unit_price() -> None:
    held = record(
        "subscriptions", arr_minor=735953, unit_price="89.1", end_date="2026-12-09", renewal_date="2027-01-08"
    )
    lines = {
        one.name: list(one.values)
        for one in side_by_side([held, record("opportunities", list_price="99.0", discount_percent="10")])
    }
    assert lines["ARR"] == ["7359.53 SGD", ""]
    assert (lines["due or end"], lines["renewal"]) == (["2026-12-09", ""], ["2027-01-08", ""])
    assert (lines["unit price"], lines["list price"]) == (["89.10 SGD", ""], ["", "99.00 SGD"])


def test_a_price_of_more_decimals_than_money_has_and_a_quantity_are_grouped_as_they_are() -> None:
    lines = side_by_side([record("subscriptions", unit_price="0.00250", quantity="120000.0")])
    assert {line.name: list(line.values) for line in lines if line.name in ("unit price", "quantity")} == {
        "unit price": ["0.0025"],
        "quantity": ["120,000"],
    }


def test_an_invoice_says_what_of_it_is_tax() -> None:
    [line] = [one for one in side_by_side([invoice(tax_minor=90)]) if "tax" in one.name]
    assert list(line.values) == ["0.90 SGD"]


def test_two_customers_differ_in_what_they_say_and_not_in_being_two() -> None:
    other = Record("customers", "C2", "1", "party", {"tax_id": "201912345K"})
    assert differing(record("customers", tax_id="201912345K"), other) == []
    assert differing(record("customers", tax_id="196800306E"), other) == ["tax number"]
