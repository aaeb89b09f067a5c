"""What we rely on in an ERP, asked of the twin and of a real Tryton alike: a difference is a defect of the twin."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from include.ledger import NewCreditNote, NewPayment, OrderLine
from include.ports import Fatal, Rejected, Retryable, Uncertain
from tests.contract.erp.conftest import Erp
from tests.contract.erp.selling import (
    NUMBERS,
    TODAY,
    customer,
    day,
    invoiced,
    latest,
    line,
    money,
    order,
    paid,
)

# --- reading


def test_a_record_has_its_id_its_model_and_what_was_asked_for(erp: Erp):
    made = customer(erp)
    row = erp.only(
        "party.party", [["id", "=", int(made.native_id)]], ["name", "email", "parent", "addresses"]
    )
    assert set(row) == {"id", "__name__", "name", "email", "parent", "addresses"}
    assert (row["__name__"], row["name"], row["email"]) == ("party.party", "Acme Pte Ltd", "ap@acme.example")
    assert row["parent"] is None
    assert [type(address) for address in row["addresses"]] == [int]


def test_what_is_asked_for_by_a_path_is_nested(erp: Erp):
    sold = erp.ledger().order(order(erp))
    row = erp.only("sale.sale", [["id", "=", int(sold.native_id)]], ["currency.code", "lines.quantity"])
    assert row["currency"] == {"__name__": "currency.currency", "id": row["currency"]["id"], "code": "SGD"}
    assert [line["quantity"] for line in row["lines"]] == [2.0]


def test_without_fields_a_record_is_its_name(erp: Erp):
    made = customer(erp)
    row = erp.only("party.party", [["id", "=", int(made.native_id)]], [])
    assert set(row) == {"id", "__name__", "rec_name"}


def test_a_record_that_was_never_changed_has_a_stamp_all_the_same(erp: Erp):
    """write_date is null until the first change."""
    row = erp.rows(
        "currency.currency", [["code", "=", "JPY"]], ["write_date", "create_date", "last_modified_at"]
    )[0]
    assert row["write_date"] is None
    assert row["last_modified_at"] == row["create_date"]
    assert row["create_date"]["__class__"] == "datetime"
    assert "microsecond" in row["create_date"]


def test_money_is_a_decimal_and_a_day_is_a_date(erp: Erp):
    invoice = invoiced(erp)
    row = erp.only(
        "account.invoice",
        [["id", "=", int(invoice.native_id)]],
        ["total_amount", "tax_amount", "invoice_date"],
    )
    assert row["total_amount"] == money("218.11")
    assert row["tax_amount"] == money("18.01")
    assert row["invoice_date"]["__class__"] == "date"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("party.party", 200),
        ("party.party?f=colour", 500),
        ("no.model", 500),
        ("party.party/999999", 404),
        ("party.party?d=*", 500),
        ("party.party?d=InRleHQi", 500),
    ],
)
def test_what_cannot_be_read_is_a_page_of_html(erp: Erp, asked: str, status: int):
    customer(erp)  # where there is nobody, no field is read
    answer = erp.ask("GET", asked)
    assert answer.status_code == status
    kind = "application/json" if status == 200 else "text/html; charset=utf-8"
    assert answer.headers["Content-Type"] == kind
    if status != 200:
        assert answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize("key", ["", "Bearer another", "Basic x"])
def test_without_the_key_nothing_is_told(erp: Erp, key: str):
    answer = erp.ask("GET", "party.party", headers={"Authorization": key})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "text/html; charset=utf-8")


def test_pages_are_counted_in_records(erp: Erp):
    for _ in range(3):
        customer(erp)
    order_by = [["id", "ASC"]]
    everything = [row["id"] for row in erp.rows("party.party", order=order_by)]
    page = [row["id"] for row in erp.rows("party.party", order=order_by, params={"s": 2, "p": 1})]
    assert page == everything[1:3]


def test_a_range_ends_before_its_last_number_and_tells_how_many_there_are(erp: Erp):
    for _ in range(3):
        customer(erp)
    total = len(erp.rows("party.party"))
    answer = erp.ask("GET", "party.party", headers={"Range": "records=0-2"})
    assert (answer.status_code, len(answer.json())) == (200, 2)
    assert answer.headers["Content-Range"] == f"records 0-2/{total}"
    assert erp.ask("GET", "party.party", headers={"Range": "records=900-902"}).status_code == 416


# --- business rules


def refusal(answer: Any) -> str:
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    body = answer.json()
    assert (set(body), body["status"]) == ({"status", "message", "description"}, 400)
    return body["message"]


def test_a_reference_to_nobody_is_refused(erp: Erp):
    values = {"party": 999999, "currency": erp.rows("currency.currency", [["code", "=", "SGD"]])[0]["id"]}
    message = refusal(erp.ask("POST", "sale.sale", json=values))
    assert message == 'The value "999999" for field "Party" in "Sale" does not exist.'


def test_a_key_names_one_order(erp: Erp):
    new = order(erp)
    sold = erp.ledger().order(new)
    party = int(new.customer_id)
    currency = erp.rows("currency.currency", [["code", "=", "SGD"]])[0]["id"]
    values = {"party": party, "currency": currency, "tieout_key": new.key}
    message = refusal(erp.ask("POST", "sale.sale", json=values))
    assert message == 'The key "tieout_key" names another record already.'
    assert erp.only("sale.sale", [["tieout_key", "=", new.key]], [])["id"] == int(sold.native_id)


def test_the_reference_of_a_sale_may_be_given_twice(erp: Erp):
    first, second = order(erp, opportunity_id="006-same"), order(erp, opportunity_id="006-same")
    assert erp.ledger().order(first).native_id != erp.ledger().order(second).native_id


def test_a_crm_account_has_one_customer(erp: Erp):
    customer(erp)
    known = erp.rows("party.party", [["crm_account", "!=", None]], ["crm_account"])[0]["crm_account"]
    message = refusal(erp.ask("POST", "party.party", json={"name": "Another", "crm_account": known}))
    assert message == "The CRM account belongs to another party already."


def test_a_button_that_is_not_due_is_refused(erp: Erp):
    invoice = invoiced(erp)
    message = refusal(erp.ask("POST", f"account.invoice/{invoice.native_id}/post", json={}))
    assert message == f'You can not call "post" on "{invoice.number}" of "Account Invoice".'


def test_a_posted_invoice_does_not_change(erp: Erp):
    invoice = invoiced(erp)
    place = f"account.invoice/{invoice.native_id}"
    message = refusal(erp.ask("PUT", place, json={"invoice_date": day(TODAY + timedelta(days=9))}))
    assert message == (
        f'You are not allowed to modify the field "Invoice Date" in record "{invoice.number}" of "Account Invoice".'
    )
    message = refusal(erp.ask("DELETE", place))
    assert message == f'You cannot modify invoice "{invoice.number}" because it is posted, paid or cancelled.'


def test_a_posted_invoice_may_become_disputed(erp: Erp):
    invoice = invoiced(erp)
    place = f"account.invoice/{invoice.native_id}"
    assert erp.ask("PUT", place, json={"disputed": True}, fields=["disputed"]).json()["disputed"] is True


def test_invoice_numbers_follow_the_days(erp: Erp):
    last = latest(erp) + timedelta(days=1)
    first = invoiced(erp, on=last)
    with pytest.raises(Rejected, match="later number has a later date") as refused:
        invoiced(erp, on=last - timedelta(days=3))
    assert first.number in str(refused.value)


def test_an_unknown_button_and_an_unknown_record_are_pages(erp: Erp):
    made = customer(erp)
    assert erp.ask("POST", f"party.party/{made.native_id}/dance", json={}).status_code == 403
    assert erp.ask("PUT", "party.party/999999", json={"name": "x"}).status_code == 404
    assert erp.ask("POST", "party.party", json={"colour": "x"}).status_code == 500


def test_a_required_field_is_asked_for(erp: Erp):
    message = refusal(
        erp.ask("POST", "sale.sale", json={"party": int(customer(erp).native_id), "currency": None})
    )
    assert message == 'A value is required for field "Currency" in "Sale".'


@pytest.mark.parametrize(
    ("model", "values", "label"),
    [
        ("account.invoice", {"account": 39, "journal": 1}, '"Type" in "Account Invoice"'),
        ("account.payment", {"kind": "receivable", "amount": money("5")}, '"Journal" in "Account Payment"'),
    ],
)
def test_the_api_fills_in_nothing_a_form_would(erp: Erp, model: str, values: dict[str, Any], label: str):
    currency = erp.rows("currency.currency", [["code", "=", "SGD"]])[0]["id"]
    party = int(customer(erp).native_id)
    address = erp.only("party.party", [["id", "=", party]], ["addresses"])["addresses"][0]
    given = {
        "account.invoice": {"currency": currency, "invoice_address": address},
        "account.payment": {"date": day(TODAY)},
    }[model]
    answer = erp.ask("POST", model, json={"party": party, **values, **given})
    assert refusal(answer) == f"A value is required for field {label}."


def test_money_received_is_not_approved_but_processed(erp: Erp):
    """Only the wizard does that, and REST has no wizards."""
    invoice = invoiced(erp)
    owed = erp.only("account.invoice", [["id", "=", int(invoice.native_id)]], ["party", "lines_to_pay"])
    journal = erp.only("account.payment.journal", [["name", "=", "Card SGD"]], [])["id"]
    values = {
        "journal": journal, "kind": "receivable", "party": owed["party"], "line": owed["lines_to_pay"][0],
        "amount": money("5"), "date": day(TODAY),
    }  # fmt: skip
    made = erp.ask("POST", "account.payment", json=values, fields=["number", "state"]).json()
    place = f"account.payment/{made['id']}"
    assert erp.ask("POST", f"{place}/submit", json={}, fields=["state"]).json()["state"] == "submitted"
    for button in ("approve", "succeed"):
        message = refusal(erp.ask("POST", f"{place}/{button}", json={}))
        assert message == f'You can not call "{button}" on "{made["number"]}" of "Account Payment".'


# --- JSON-RPC


def test_a_wrong_password_is_refused(erp: Erp):
    assert erp.rpc("common.db.login", erp.user, {"password": "wrong"}, "en").status_code == 401
    assert erp.rpc("model.party.party.read", [1], ["name"], {}, session="bm9ib2R5OjE6eA==").status_code == 401


def test_a_record_changed_meanwhile_is_not_overwritten(erp: Erp):
    made, session = int(customer(erp).native_id), erp.session()
    read = erp.rpc("model.party.party.read", [made], ["_timestamp"], {}, session=session).json()["result"]
    seen = {"_timestamp": {f"party.party,{made}": read[0]["_timestamp"]}}
    assert (
        "error" not in erp.rpc("model.party.party.write", [made], {"name": "B"}, seen, session=session).json()
    )
    late = erp.rpc("model.party.party.write", [made], {"name": "C"}, seen, session=session)
    assert (late.status_code, late.json()["error"][0]) == (200, "ConcurrencyException")
    assert erp.only("party.party", [["id", "=", made]], ["name"])["name"] == "B"


# --- acts


def test_the_same_key_twice_is_one_order(erp: Erp):
    new = order(erp)
    first, second = erp.ledger().order(new), erp.ledger().order(new)
    assert first.native_id == second.native_id
    assert len(erp.rows("sale.sale", [["reference", "=", new.opportunity_id]])) == 1


def test_an_order_that_names_its_deal_by_the_short_id_is_the_deal_s(erp: Erp):
    new = order(erp)
    deal = f"{new.opportunity_id:x<15}"
    placed = erp.ledger().order(replace(new, opportunity_id=deal))
    found = erp.ledger().order_of(f"{deal}IAZ")
    assert found is not None
    assert found.native_id == placed.native_id


def test_an_attempt_that_ended_half_way_is_taken_on(erp: Erp):
    new = order(erp)
    sold = erp.ledger().order(new)
    half = order(erp, key=new.key + "|half", customer_id=new.customer_id)
    product = erp.only("product.product", [["code", "=", "PLAN"]], ["default_uom"])
    address = erp.only("party.party", [["id", "=", int(new.customer_id)]], ["addresses"])["addresses"][0]
    currency = erp.rows("currency.currency", [["code", "=", "SGD"]])[0]["id"]
    line = {
        "product": product["id"],
        "unit": product["default_uom"],
        "quantity": 2,
        "unit_price": money("100.05"),
    }
    values = {
        "party": int(new.customer_id), "reference": half.opportunity_id, "currency": currency,
        "invoice_address": address, "tieout_key": half.key, "sale_date": day(TODAY), "lines": [["create", [line]]],
    }  # fmt: skip
    left = erp.ask("POST", "sale.sale", json=values, fields=["state"]).json()
    assert left["state"] == "draft"
    taken_on = erp.ledger().order(half)
    assert (taken_on.native_id, taken_on.state) == (str(left["id"]), sold.state)


def test_an_order_that_was_never_confirmed_is_written_anew_when_its_deal_has_changed(erp: Erp):
    new = order(erp)
    stopped = erp.ledger()
    press, pressed = stopped.client.act, []

    def dies_before_confirming(model: str, record: Any, action: str, **options: Any) -> Any:
        pressed.append(action)
        if action == "confirm":
            raise Retryable("the worker is gone")
        return press(model, record, action, **options)

    with pytest.raises(Uncertain), patch.object(stopped.client, "act", dies_before_confirming):
        stopped.order(new)
    assert pressed == ["quote", "confirm"]
    cheaper = replace(new, lines=[line("100.00")])
    sold = erp.ledger().order(cheaper)
    found = erp.ledger().order_placed(cheaper)
    assert found is not None
    assert (found.native_id, found.state) == (sold.native_id, sold.state)
    assert sold.state not in ("draft", "quotation")


def test_a_key_that_names_another_order_is_a_mistake(erp: Erp):
    new = order(erp)
    erp.ledger().order(new)
    with pytest.raises(Rejected, match="another order"):
        erp.ledger().order(order(erp, key=new.key, customer_id=new.customer_id))


def test_an_order_is_found_by_its_key_and_refused_when_it_is_over_another_amount(erp: Erp):
    new = order(erp)
    assert erp.ledger().order_placed(new) is None
    sold = erp.ledger().order(new)
    found = erp.ledger().order_placed(new)
    assert found is not None
    assert (found.native_id, found.key) == (sold.native_id, new.key)
    cheaper = replace(new, lines=[line("100.00")])
    for act in (erp.ledger().order, erp.ledger().order_placed):
        with pytest.raises(Rejected, match="another order") as refused:
            act(cheaper)
        assert refused.value.reason == "KEY_PAYLOAD_MISMATCH"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"currency": "XXX"}, "currency.currency XXX"),
        ({"customer_id": "999999"}, "party.party 999999"),
        (
            {"lines": [OrderLine(product="NONE", quantity=Decimal(1), unit_price=Decimal(1))]},
            "product.product NONE",
        ),
    ],
)
def test_an_order_for_what_is_not_there_is_refused_by_name(erp: Erp, changed: dict[str, Any], named: str):
    with pytest.raises(Rejected, match=named):
        erp.ledger().order(order(erp, **changed))


def test_an_invoice_is_paid_once(erp: Erp):
    invoice = invoiced(erp)
    number = next(NUMBERS)
    new = NewPayment(
        key=f"payment/v1|{number}",
        invoice_id=invoice.native_id,
        amount=Decimal("218.11"),
        paid_on=latest(erp),
    )
    first, second = erp.ledger().payment(new), erp.ledger().payment(new)
    assert (first.native_id, first.state) == (second.native_id, "succeeded")
    row = erp.only(
        "account.invoice", [["id", "=", int(invoice.native_id)]], ["state", "amount_to_pay", "reconciled"]
    )
    assert (row["state"], row["reconciled"]["__class__"]) == ("paid", "date")
    assert Decimal(row["amount_to_pay"]["decimal"]) == 0


def test_more_than_is_owed_is_refused_by_the_erps_rule(erp: Erp):
    invoice = invoiced(erp)
    assert paid(erp, invoice, "200.00").state == "succeeded"
    with pytest.raises(Rejected, match="more would be paid than is owed"):
        paid(erp, invoice, "18.12")


def test_an_invoice_paid_in_parts_owes_nothing_and_stays_posted(erp: Erp):
    """Tryton ends a debt by itself only where one payment does; the rest is the bookkeeper's."""
    invoice = invoiced(erp)
    paid(erp, invoice, "200.00")
    paid(erp, invoice, "18.11")
    row = erp.only("account.invoice", [["id", "=", int(invoice.native_id)]], ["state", "amount_to_pay"])
    assert (row["state"], Decimal(row["amount_to_pay"]["decimal"])) == ("posted", 0)


def test_a_payment_of_another_amount_is_not_the_payment_of_this_key(erp: Erp):
    invoice = invoiced(erp)
    key = f"payment/v1|{next(NUMBERS)}"
    erp.ledger().payment(NewPayment(key=key, invoice_id=invoice.native_id, amount=Decimal(1), paid_on=TODAY))
    with pytest.raises(Rejected, match="another amount"):
        erp.ledger().payment(
            NewPayment(key=key, invoice_id=invoice.native_id, amount=Decimal(2), paid_on=TODAY)
        )


@pytest.mark.parametrize(("net", "total"), [(None, "-218.11"), (Decimal("50.00"), "-54.50")])
def test_a_credit_note_takes_back_all_or_a_part_once(erp: Erp, net: Decimal | None, total: str):
    invoice = invoiced(erp)
    new = NewCreditNote(
        key=f"credit/v1|{next(NUMBERS)}", invoice_id=invoice.native_id, credited_on=latest(erp), net=net
    )
    first, second = erp.ledger().credit_note(new), erp.ledger().credit_note(new)
    assert (first.native_id, first.state) == (second.native_id, "posted")
    row = erp.only(
        "account.invoice",
        [["id", "=", int(first.native_id)]],
        ["total_amount", "origin_invoices", "sequence_type_cache"],
    )
    assert row["total_amount"] == money(total)
    assert (row["origin_invoices"], row["sequence_type_cache"]) == ([int(invoice.native_id)], "credit_note")


def test_an_order_without_an_invoice_yet_is_worth_another_try(erp: Erp):
    new = order(erp)
    values = {"party": int(new.customer_id), "currency": 1, "tieout_key": new.key}
    draft = erp.ask("POST", "sale.sale", json=values).json()
    with pytest.raises(Retryable, match="no invoice yet"):
        erp.ledger().invoice(str(draft["id"]), issued_on=TODAY)


def test_the_wrong_key_is_fatal(erp: Erp):
    other = Erp(erp.kind, erp.address, "another-key", erp.user, erp.password)
    with pytest.raises(Fatal, match="erp_api"):
        other.source().fetch_page("customers", None)


def test_no_word_of_a_refusal_names_the_customer(erp: Erp):
    made = customer(erp)
    erp.ask("DELETE", f"party.party/{made.native_id}")
    with pytest.raises(Rejected) as refused:
        erp.ledger().order(order(erp, customer_id=made.native_id))
    assert "Acme" not in str(refused.value)


# --- invoices line by line


def test_an_order_billed_line_by_line_has_an_invoice_for_each_line_asked_for_and_no_other(erp: Erp):
    ledger = erp.ledger()
    sold = ledger.order(order(erp, lines=[line("30.00"), line("40.00")], line_by_line=True, po_number="PO-7"))
    assert_processed(erp, sold.native_id, invoices=0)
    keys = [f"invoice/v1|{next(NUMBERS)}" for _ in range(2)]
    second = ledger.invoice_line(sold.native_id, line=2, key=keys[1], issued_on=latest(erp))
    assert second.state == "posted"
    again = ledger.invoice_line(sold.native_id, line=2, key=keys[1], issued_on=latest(erp))
    assert again == second
    assert_processed(erp, sold.native_id, invoices=1)
    first = ledger.invoice_line(sold.native_id, line=1, key=keys[0], issued_on=latest(erp))
    rows = erp.rows(
        "account.invoice",
        [["id", "in", [int(first.native_id), int(second.native_id)]]],
        ["untaxed_amount", "tieout_key", "sales"],
    )
    told = {row["id"]: (row["untaxed_amount"], row["tieout_key"]) for row in rows}
    assert told == {
        int(first.native_id): (money("60.00"), keys[0]),
        int(second.native_id): (money("80.00"), keys[1]),
    }
    assert all([str(one) for one in row["sales"]] == [sold.native_id] for row in rows)
    assert (
        erp.only("sale.sale", [["id", "=", int(sold.native_id)]], ["description"])["description"] == "PO PO-7"
    )


def test_a_line_that_is_not_there_and_an_order_billed_as_a_whole_are_refused(erp: Erp):
    ledger = erp.ledger()
    by_line = ledger.order(order(erp, line_by_line=True))
    whole = ledger.order(order(erp))
    for sold, number in ((by_line, 2), (whole, 1)):
        with pytest.raises(Rejected, match="line by line"):
            ledger.invoice_line(sold.native_id, line=number, key=f"k{next(NUMBERS)}", issued_on=latest(erp))


def assert_processed(erp: Erp, sale: str, *, invoices: int) -> None:
    row = erp.only("sale.sale", [["id", "=", int(sale)]], ["state", "invoices"])
    assert (row["state"], len(row["invoices"])) == ("processing", invoices)
