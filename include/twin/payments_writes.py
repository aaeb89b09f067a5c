"""What the payments platform makes when told to: customers, charges, refunds and payment intents, each once a key.

Shapes and errors: https://docs.stripe.com/api. A key is remembered for a day, with the parameters it came with; what
was refused before anything was done is not remembered (https://docs.stripe.com/api/idempotent_requests).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from include.twin.payments_disputes import DISPUTED, decided, disputed
from include.twin.payments_objects import MODELESS, Item, Refused
from include.twin.web import json_reply
from include.twin.world import Clock

KEYS_KEPT = timedelta(hours=24)
_AMOUNT_MAX = 99_999_999
_FEE_THOUSANDTHS, _FEE_FIXED = 34, 50
_DECLINED = {
    "tok_chargeDeclined": "generic_decline",
    "tok_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
}
"""https://docs.stripe.com/testing#declined-payments: what to pay with -> why it is refused."""

Body = dict[str, Any]
Form = Mapping[str, str]


@dataclass
class Answer:
    """What a key was answered with, and for which request."""

    asked: tuple[str, str]
    at: datetime
    status: int
    body: Body


@dataclass
class Book:
    """What is written: `put` puts an item into a collection, in the place of one of its id."""

    clock: Clock
    put: Callable[[str, Item], None]
    answers: dict[str, Answer] = field(default_factory=dict)

    def now(self) -> int:
        return int(self.clock().timestamp())


async def create(request: Request) -> Response:
    """POST /v1/{collection}. Raises Refused."""
    make = _MAKERS.get(request.path_params["listing"])
    if make is None:
        raise HTTPException(404)
    book: Book = request.app.state.book
    text, key = (await request.body()).decode(errors="replace"), request.headers.get("idempotency-key", "")
    asked = (request.url.path, "&".join(sorted(text.split("&"))))
    if known := _known(book, key, asked):
        return json_reply(known.body, status=known.status, Idempotent_Replayed="true", Idempotency_Key=key)
    try:
        status, body = 200, make(request, book, dict(parse_qsl(text)))
    except Refused as refused:
        if refused.status != _CARD_REFUSED:
            raise
        status, body = refused.status, {"error": {"message": str(refused), **refused.facts}}
    if key:
        book.answers[key] = Answer(asked, book.clock(), status, body)
    return json_reply(body, status=status, **({"Idempotency_Key": key} if key else {}))


_CARD_REFUSED = 402


def _known(book: Book, key: str, asked: tuple[str, str]) -> Answer | None:
    known = book.answers.get(key) if key else None
    if known is None or book.clock() - known.at > KEYS_KEPT:
        return None
    if known.asked != asked:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
        raise Refused(400, message, type="idempotency_error")
    return known


def _customer(_request: Request, book: Book, form: Form) -> Body:
    body = _new("cus", "customer", book, form) | {
        "email": form.get("email"),
        "name": form.get("name"),
        "description": form.get("description"),
    }
    book.put("customers", Item(body))
    return body


def _charge(_request: Request, book: Book, form: Form) -> Body:
    source = form.get("source", "")
    if not source:
        raise _missing("source")
    return _charged(book, form, source, intent=None)


def _charged(book: Book, form: Form, source: str, *, intent: str | None) -> Body:
    """A charge, its balance transaction and its event; a refused one stays as a failed charge. Raises Refused."""
    amount, reason = _amount(form), _DECLINED.get(source)
    charge = _new("ch", "charge", book, form) | {
        "amount": amount,
        "amount_refunded": 0,
        "balance_transaction": None,
        "captured": reason is None,
        "currency": _currency(form),
        "customer": form.get("customer"),
        "description": form.get("description"),
        "failure_code": "card_declined" if reason else None,
        "failure_message": "Your card was declined." if reason else None,
        "outcome": {"reason": reason, "type": "issuer_declined" if reason else "authorized"},
        "paid": reason is None,
        "payment_intent": intent,
        "payment_method": source,
        "refunded": False,
        "status": "failed" if reason else "succeeded",
    }
    if not reason:
        fee = amount * _FEE_THOUSANDTHS // 1_000 + _FEE_FIXED
        charge["balance_transaction"] = _moved(book, charge, amount=amount, fee=fee)
    book.put("charges", Item(charge))
    _happened(book, f"charge.{charge['status']}", charge)
    if source in DISPUTED:
        dispute = disputed(charge, _new("dp", "dispute", book, {}))
        book.put("disputes", Item(dispute))
        _happened(book, "charge.dispute.created", dispute)
    if reason:
        facts = {
            "type": "card_error",
            "code": "card_declined",
            "decline_code": reason,
            "charge": charge["id"],
        }
        raise Refused(_CARD_REFUSED, "Your card was declined.", **facts)
    return charge


def _intent(_request: Request, book: Book, form: Form) -> Body:
    """A payment intent that is confirmed at once: one attempt to pay."""
    method = form.get("payment_method", "")
    if form.get("confirm") != "true" or not method:
        raise _missing("payment_method")
    intent = _new("pi", "payment_intent", book, form) | {
        "amount": _amount(form),
        "currency": _currency(form),
        "customer": form.get("customer"),
        "description": form.get("description"),
        "latest_charge": None,
        "payment_method": method,
        "status": "requires_payment_method",
    }
    book.put("payment_intents", Item(intent))
    try:
        charge = _charged(book, form, method, intent=intent["id"])
    except Refused as refused:
        intent["latest_charge"] = refused.facts.get("charge")
        book.put("payment_intents", Item(intent))
        _happened(book, "payment_intent.payment_failed", intent)
        raise
    intent |= {"latest_charge": charge["id"], "status": "succeeded"}
    book.put("payment_intents", Item(intent))
    _happened(book, "payment_intent.succeeded", intent)
    return intent


async def change(request: Request) -> Response:
    """POST /v1/disputes/{id}: evidence decides it at once. Raises Refused."""
    listing, asked = request.app.state.listings["disputes"], request.path_params["id"]
    at = listing.first_at.get(asked)
    if request.path_params["listing"] != "disputes" or at is None:
        raise HTTPException(404)
    form, book = dict(parse_qsl((await request.body()).decode(errors="replace"))), request.app.state.book
    dispute = listing.items[at].body
    if closed := decided(dispute, form):
        book.put("disputes", Item(closed))
        _happened(book, "charge.dispute.closed", closed)
    return json_reply(closed or dispute)


def _refund(request: Request, book: Book, form: Form) -> Body:
    listing = request.app.state.listings["charges"]
    at = listing.first_at.get(form.get("charge", ""))
    if at is None:
        raise Refused(404, f"No such charge: '{form.get('charge')}'", code="resource_missing", param="charge")
    charge = listing.items[at].body
    left = charge["amount"] - charge.get("amount_refunded", 0)
    if not left:
        raise Refused(
            400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = _amount(form) if "amount" in form else left
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise Refused(400, message, param="amount")
    charge["amount_refunded"] = charge.get("amount_refunded", 0) + amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    refund = _new("re", "refund", book, form) | {
        "amount": amount,
        "charge": charge["id"],
        "currency": charge["currency"],
        "payment_intent": charge.get("payment_intent"),
        "reason": form.get("reason"),
        "status": "succeeded",
    }
    book.put("charges", Item(charge, listing.items[at].payout))
    refund["balance_transaction"] = _moved(book, refund, amount=-amount, fee=0)
    book.put("refunds", Item(refund))
    _happened(book, "charge.refunded", charge)
    _happened(book, "refund.created", refund)
    return refund


def _moved(book: Book, cause: Body, *, amount: int, fee: int) -> Body:
    body = {
        "id": f"txn_{secrets.token_hex(12)}",
        "object": "balance_transaction",
        "amount": amount,
        "created": cause["created"],
        "currency": cause["currency"],
        "fee": fee,
        "net": amount - fee,
        "source": cause["id"],
        "type": cause["object"],
    }
    book.put("balance_transactions", Item(body))
    return body


def _happened(book: Book, kind: str, about: Body) -> None:
    event = {
        "id": f"evt_{secrets.token_hex(12)}",
        "object": "event",
        "created": book.now(),
        "data": {"object": dict(about)},
        "livemode": False,
        "type": kind,
    }
    book.put("events", Item(event))


def _new(prefix: str, kind: str, book: Book, form: Form) -> Body:
    metadata = {name[9:-1]: text for name, text in form.items() if name.startswith("metadata[")}
    return {
        "id": f"{prefix}_{secrets.token_hex(12)}",
        "object": kind,
        "created": book.now(),
        **({} if kind in MODELESS else {"livemode": False}),
        "metadata": metadata,
    }


def _amount(form: Form) -> int:
    text = form.get("amount", "")
    if not text:
        raise _missing("amount")
    if not text.isascii() or not text.isdigit():
        raise Refused(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param="amount")
    if not 0 < int(text) <= _AMOUNT_MAX:
        message = "This value must be greater than or equal to 1."
        raise Refused(400, message, code="parameter_invalid_integer", param="amount")
    return int(text)


def _currency(form: Form) -> str:
    if not form.get("currency"):
        raise _missing("currency")
    return form["currency"].lower()


def _missing(param: str) -> Refused:
    return Refused(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


_MAKERS: Mapping[str, Callable[[Request, Book, Form], Body]] = {
    "customers": _customer,
    "charges": _charge,
    "payment_intents": _intent,
    "refunds": _refund,
}
