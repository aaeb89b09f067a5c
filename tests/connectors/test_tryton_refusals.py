"""What Tryton refuses, and the next step it becomes; and what of its words may be told."""

import pytest
import requests

from include.connectors.tryton.refusals import message_text, refused_writing, unanswered
from include.ports import Away, Fatal, Rejected, Retryable, Stop, Uncertain
from tests.connectors.test_erp_and_payments_clients import SECRET, answering, erp

RULE = '{"status": 400, "message": "You cannot modify invoice \\"INV-2026-00001\\".", "description": ""}'


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


def test_a_broken_rule_is_told_in_trytons_words():
    refused = refused_writing(answer(400, RULE), place="account.invoice/1")
    assert 'You cannot modify invoice "INV-2026-00001".' in str(refused)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('Party "Jane Doe" has no address', 'Party "…" has no address'),
        ('The value "a@b.example" is wrong', 'The value "…" is wrong'),
        ('A value is required for field "Invoice Date" in "Account Invoice".', None),
        ('You can not call "post" on "1 [006A]" of "Sale".', None),
        ('set an invoice date after "11/01/2026"', None),
        ('The key "tieout_key" names another record already.', None),
    ],
)
def test_of_what_is_quoted_only_numbers_and_trytons_own_words_are_told(message: str, told: str | None):
    assert message_text(message) == (told or message)


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
