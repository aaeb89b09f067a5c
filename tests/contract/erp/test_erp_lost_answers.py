"""An answer lost on its way: what was done is found by its key, and nothing is done twice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests

from include.ledger import NewOrder
from include.ports import Rejected, Retryable, Uncertain
from tests.contract.erp.conftest import Erp
from tests.contract.erp.selling import NUMBERS, customer, invoiced, latest, line, order, paid
from tests.serving import Answers, serving


@contextmanager
def losing(erp: Erp, path: str, *, when: str) -> Iterator[Erp]:
    """The ERP behind a line that breaks once, on a POST to this path, before or after the ERP has heard it."""
    lost = threading.Event()

    class Line(Answers):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            breaks = self.command == "POST" and path in self.path and not lost.is_set()
            if breaks:
                lost.set()
            if not (breaks and when == "before"):
                origin = erp.address.rsplit("/", 1)[0]
                headers = {name: value for name, value in self.headers.items() if name != "Host"}
                reply = requests.request(
                    self.command, origin + self.path, data=body, headers=headers, timeout=30
                )
            if breaks:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(reply.status_code)
            for name in ("Content-Type", "Date"):
                self.send_header(name, reply.headers.get(name, ""))
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

    with serving(Line) as address:
        database = erp.address.rsplit("/", 1)[1]
        yield replace(erp, address=f"{address}/{database}")
    assert lost.is_set(), "nothing was lost"


def orders_of(erp: Erp, new: NewOrder) -> list[Any]:
    return erp.rows("sale.sale", [["reference", "=", new.opportunity_id]], ["state"])


def test_an_order_whose_answer_was_lost_is_found_and_finished(erp: Erp):
    new = order(erp)
    with losing(erp, "/rest/model/sale.sale?", when="after") as line:
        sold = line.ledger().order(new)
    assert [row["id"] for row in orders_of(erp, new)] == [int(sold.native_id)]
    assert sold.number


def test_an_order_that_did_not_get_there_is_uncertain_and_made_once_when_repeated(erp: Erp):
    new = order(erp)
    with losing(erp, "/rest/model/sale.sale?", when="before") as line:
        with pytest.raises(Uncertain):
            line.ledger().order(new)
        assert orders_of(erp, new) == []
        sold = line.ledger().order(new)
    assert [row["id"] for row in orders_of(erp, new)] == [int(sold.native_id)]


@pytest.mark.parametrize("button", ["quote", "confirm"])
def test_a_button_whose_answer_was_lost_is_not_pressed_again(erp: Erp, button: str):
    new = order(erp)
    with losing(erp, f"/{button}?", when="after") as line:
        sold = line.ledger().order(new)
    assert sold.state == erp.ledger().order(new).state == "processing"


@pytest.mark.parametrize("button", ["quote", "confirm"])
def test_an_order_begun_for_a_win_before_becomes_that_of_the_next_win(erp: Erp, button: str):
    begun = order(erp)
    with losing(erp, f"/{button}?", when="before") as wire, pytest.raises(Uncertain):
        wire.ledger().order(begun)
    now = replace(begun, key=f"{begun.key}|won again", lines=[line("90.00")])
    sold = erp.ledger().order(now)
    assert [row["id"] for row in orders_of(erp, now)] == [int(sold.native_id)]
    placed = erp.ledger().order_placed(now)
    assert placed
    assert (placed.native_id, placed.state) == (sold.native_id, "processing")


@pytest.mark.parametrize("step", ["/account.payment?", "/submit?", "/rpc/", "/succeed?"])
def test_a_payment_whose_answer_was_lost_is_booked_once(erp: Erp, step: str):
    invoice = invoiced(erp)
    number = next(NUMBERS)
    with losing(erp, step, when="after") as line:
        try:
            first = paid(line, invoice, "218.11", key=f"payment/v1|{number}")
        except (Uncertain, Retryable):
            first = None
        second = paid(line, invoice, "218.11", key=f"payment/v1|{number}")
    assert second.state == "succeeded"
    assert first is None or first.native_id == second.native_id
    assert len(erp.rows("account.payment", [["tieout_key", "=", f"payment/v1|{number}"]])) == 1


def test_an_invoice_whose_posting_was_not_answered_is_posted_once(erp: Erp):
    sold = erp.ledger().order(order(erp))
    with losing(erp, "/post?", when="after") as line:
        [invoice] = line.ledger().invoice(sold.native_id, issued_on=latest(erp))
    assert (invoice.state, bool(invoice.number)) == ("posted", True)


def test_workers_that_are_given_the_same_order_make_one(erp: Erp):
    new = order(erp, customer_id=customer(erp).native_id)

    def attempt(_number: int) -> str | None:
        try:
            return erp.ledger().order(new).native_id
        except (Retryable, Rejected):  # the other one is at it; the next attempt finds it done
            return None

    with ThreadPoolExecutor(4) as workers:
        made = set(workers.map(attempt, range(4))) - {None}
    [row] = orders_of(erp, new)
    assert made == {str(row["id"])}
    assert erp.ledger().order(new).state == "processing"
