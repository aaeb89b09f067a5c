"""What Tryton refuses, and the next step it becomes; and what of its words may be told."""

import json
import traceback

import pytest
import requests

from include.connectors.tryton.reasons import UNKNOWN, told
from include.connectors.tryton.refusals import refused_writing, unanswered
from include.connectors.tryton.wizards import TrytonWizards
from include.ports import Away, Fatal, Rejected, Retryable, Stop, Uncertain
from tests.connectors.test_erp_and_payments_clients import SECRET, answering, erp

RULE = (
    '{"status": 400, "message": "You cannot modify invoice \\"INV-2026-00001\\" because it is posted, paid or '
    'cancelled.", "description": ""}'
)


def answer(status: int, text: str = "") -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, text.encode()
    return response


@pytest.mark.parametrize(
    ("status", "text", "stop"),
    [
        (400, RULE, Rejected),
        (400, "<html>", Fatal),
        (401, "<html>", Fatal),
        (403, "<html>", Fatal),
        (404, "<html>", Rejected),
        (408, "", Uncertain),
        (429, "", Away),
        (500, "<html>", Retryable),
        (502, "<html>", Uncertain),
        (503, "<html>", Away),
        (504, "<html>", Uncertain),
    ],
)
def test_a_refused_write_says_what_to_do_next(status: int, text: str, stop: type[Stop]):
    refused = refused_writing(answer(status, text), place="sale.sale")
    assert type(refused) is stop
    assert "sale.sale" in str(refused)


def test_a_broken_rule_is_told_with_the_document_it_names():
    refused = refused_writing(answer(400, RULE), place="account.invoice/1")
    assert "it is posted, paid or cancelled, and cannot be changed (invoice INV-2026-00001)" in str(refused)


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (
            'A value is required for field "Invoice Date" in "Account Invoice".',
            "a required field is empty (field Invoice Date, Account Invoice)",
        ),
        (
            'You can not call "post" on "Jane Doe" of "Sale".',
            "the record is not in the state for this button (Sale, post)",
        ),
        (
            'The key "tieout_key" names another record already.',
            "the key names another record already",
        ),
        (
            'To number the invoice "INV-2026-00002", you must set an invoice date after "11/01/2026" for "Jane 3".',
            "an invoice with a later number has a later date (invoice INV-2026-00002, 11/01/2026)",
        ),
        (
            'Value "S1234567A" for field "Code" of "Jane Doe" in "Party" is not one of the allowed options.',
            "a field does not offer this value (field Code, Party)",
        ),
        (
            'You cannot overpay invoice "INV-1 [Jane Doe]" because there is no more left to pay.',
            "more would be paid than is owed",
        ),
    ],
)
def test_of_a_refusal_the_rule_is_told_and_the_fields_numbers_and_days_it_names(message: str, rule: str):
    assert told(message) == rule


CANARY = "jane doe"


@pytest.mark.parametrize(
    "message",
    [
        "Customer jane doe is blocked",
        "Customer 'jane doe' is blocked",
        'Party "jane doe" has no address',
        'You can not call "jane doe" on "1" of "Sale". jane doe',
        'You cannot modify invoice "jane "doe" jane doe" because it is posted, paid or cancelled.',
        'A value is required for field "jane doe" in "jane doe".',
        "jane doe is required for field jane doe",
        'Sale "Jane Doe" of "Jane Doe" has the same sale "Jane Doe" as payment "JANE DOE 1", call "Jane Doe"',
        'You are not allowed to execute wizard "jane doe".',
        'You cannot delete invoice "jane doe" because it has a number.',
        'The value "1" for field "Name" in "Party" is too long (jane doe > jane doe).',
        'The party "x" has the same jane doe "jane doe".',
        "jane doe\nThe CRM account belongs to another party already.",
        "jane doe" * 1_000,
    ],
)
def test_whoever_a_refusal_of_the_erp_names_is_not_named_by_our_error(message: str):
    body = json.dumps({"status": 400, "message": message, "description": message})
    refused = refused_writing(answer(400, body), place="sale.sale")
    assert type(refused) is Rejected
    assert CANARY not in str(refused).lower()
    assert CANARY not in "".join(traceback.format_exception(refused))


@pytest.mark.parametrize("kind", ["UserError", "UserWarning"])
def test_whoever_a_wizard_names_is_not_named_by_our_error(kind: str):
    with answering(200, json.dumps({"id": 1, "error": [kind, ["jane doe", "jane doe", "jane doe"]]})) as (
        at,
        _,
    ):
        wizards = TrytonWizards(f"{at}/erp", user="tieout", password="x")
        with pytest.raises(Rejected) as refused:
            wizards.run("account.payment.process", model="account.payment", records=[1], company=1)
    assert CANARY not in str(refused.value)
    assert UNKNOWN in str(refused.value)


def test_a_connection_refused_sent_nothing():
    with pytest.raises(requests.ConnectionError) as refused:
        requests.post("http://127.0.0.1:9/", timeout=2)
    assert type(unanswered(refused.value, place="sale.sale")) is Away


@pytest.mark.parametrize("error", [requests.ReadTimeout(), requests.ConnectionError("reset")])
def test_an_answer_that_does_not_come_leaves_it_open(error: requests.RequestException):
    assert type(unanswered(error, place="sale.sale")) is Uncertain


def test_an_answer_that_leaves_out_a_field_stops_the_reading():
    """What the key's user may not read is left out without a word."""
    body = f'[{{"id": 1, "__name__": "company.company", "name": "{SECRET}"}}]'
    with (
        answering(200, body, Date="Mon, 05 Jan 2026 04:10:00 GMT") as (address, _),
        pytest.raises(Fatal) as stopped,
    ):
        erp(address).fetch_page("orders", None)
    assert "leave out" in str(stopped.value)
    assert "reference" in str(stopped.value)
    assert SECRET not in str(stopped.value)


def test_a_database_of_several_companies_asks_which():
    body = '[{"id": 1}, {"id": 2}]'
    with (
        answering(200, body, Date="Mon, 05 Jan 2026 04:10:00 GMT") as (address, _),
        pytest.raises(Fatal, match="company"),
    ):
        erp(address).fetch_page("orders", None)
