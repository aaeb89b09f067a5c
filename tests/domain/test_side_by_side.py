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
