"""What Tryton and Stripe answer when something is wrong, over HTTP, and what we make of it."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest

from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.source import StripeSource
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.source import TrytonSource
from include.ports import Away, Fatal, Retryable, Source, Stop
from tests.connectors.conftest import Live, Start
from tests.serving import Answers, serving

SECRET = "tax id S1234567A"


@contextmanager
def answering(status: int, body: str, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server with one answer to everything: its address, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(Answers):
        def answer(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

    with serving(Handler) as address:
        yield address, asked


def erp(address: str) -> Source:
    return TrytonSource(TrytonClient(f"{address}/erp", key="a-key-of-erp"))


def payments(address: str) -> Source:
    return StripeSource(StripePayments("sk_live_secret", address=address), zone=ZoneInfo("Asia/Singapore"))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stripe.HTTPClient._sleep_time_seconds", lambda *_: 0)


@pytest.mark.parametrize(
    ("source", "status", "body", "stop"),
    [
        (erp, 401, f"<html>{SECRET}", Fatal),
        (erp, 403, f"<html>{SECRET}", Fatal),
        (erp, 404, f"<html>{SECRET}", Fatal),
        (erp, 400, f'{{"description": "{SECRET}"}}', Fatal),
        (erp, 429, SECRET, Away),
        (erp, 500, f"<html>{SECRET}", Retryable),
        (erp, 503, f"<html>{SECRET}", Away),
        (erp, 200, f"<html>{SECRET}", Away),
        (erp, 200, f'{{"odd": "{SECRET}"}}', Retryable),
        (payments, 401, f'{{"error": {{"message": "{SECRET}"}}}}', Fatal),
        (payments, 400, f'{{"error": {{"message": "{SECRET}"}}}}', Fatal),
        (payments, 429, f'{{"error": {{"message": "{SECRET}"}}}}', Away),
        (payments, 500, f'{{"error": {{"message": "{SECRET}"}}}}', Retryable),
        (payments, 503, f"<html>{SECRET}", Away),
        (payments, 200, f"<html>{SECRET}", Away),
    ],
)
def test_an_error_says_what_to_do_next_and_nothing_it_should_not(
    source: Callable[[str], Source], status: int, body: str, stop: type[Stop]
):
    with answering(status, body) as (address, _), pytest.raises(stop) as stopped:
        source(address).fetch_page(source(address).entities[-2], None)
    assert type(stopped.value) is stop
    for word in (SECRET, "a-key-of-erp", "sk_live_secret"):
        assert word not in str(stopped.value)
    assert SECRET not in "".join(traceback.format_exception(stopped.value))


@pytest.mark.parametrize(("source", "entity"), [(erp, "invoices"), (payments, "payments")])
def test_nobody_at_the_address_is_worth_another_try(source: Callable[[str], Source], entity: str):
    with answering(200, "") as (address, _):
        pass
    with pytest.raises(Retryable, match="answer"):
        source(address).fetch_page(entity, None)


def test_a_payout_made_by_hand_is_not_asked_for_items():
    listing = '{"data": [{"id": "po_1", "automatic": false, "created": 1}], "has_more": false}'
    with answering(200, listing, Date="Mon, 05 Jan 2026 04:10:00 GMT") as (address, asked):
        assert payments(address).fetch_page("payout_items", None).records == []
    assert all(path.startswith("/v1/payouts") for path in asked)


def test_a_redirect_does_not_take_the_erp_key_elsewhere():
    with answering(200, "[]") as (elsewhere, asked):
        with answering(302, "", Location=elsewhere) as (address, _), pytest.raises(Fatal, match="302"):
            erp(address).fetch_page("invoices", None)
        assert asked == []


@pytest.mark.parametrize(
    ("wrong", "entity", "advice"),
    [
        (lambda twin: twin.erp(key="wrong"), "invoices", "erp_api"),
        (lambda twin: twin.payments(key="sk_wrong"), "payments", "payments_api"),
    ],
)
def test_a_wrong_key_names_the_connection_to_check(
    live: Start, wrong: Callable[[Live], Source], entity: str, advice: str
):
    with pytest.raises(Fatal, match=advice):
        wrong(live({})).fetch_page(entity, None)
