"""The world's payment files as Stripe's objects.

Amounts are integers of the smallest unit, in Stripe's factor for the currency; instants are seconds since
1970, a business date being 12:00 in Singapore. An amount that is no such integer is served as the text it is.
A date that is none becomes 0 and stands in the metadata, as do the columns Stripe has no place for.
"""

import json
from collections.abc import Mapping
from typing import Any

from include.twin.web import json_of
from include.twin.world import Row, World, business_noon, parse_decimal, parse_instant

# https://docs.stripe.com/currencies: currencies not named here count in hundredths. So do ISK and UGX, though
# they have no smaller unit.
_WHOLE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THOUSANDTHS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
MODELESS = frozenset({"balance_transaction", "refund"})
"""Objects of Stripe's that do not say whether they are of live or of test mode."""

REFERRING = ("balance_transaction",)
"""Members held whole and shown as the id of what they are, unless a request has them expanded."""

WORLD_METHOD = "pm_card_visa"
"""What every payment of a world was made with: a card that pays when it is asked again."""

_ATTEMPT_TYPES = {"succeeded": "charge.succeeded", "failed": "charge.failed"}


class Refused(Exception):
    """A reply in Stripe's shape of error; `facts` are its further members (code, param)."""

    def __init__(self, status: int, message: str, **facts: str) -> None:
        super().__init__(message)
        self.status, self.facts = status, facts


class Item:
    """An object as served, kept as the JSON it is served as: a million of them must fit into memory.

    `payout`: the payout that holds it, which Stripe filters by but does not show. `whole`: its members of REFERRING.
    """

    __slots__ = ("created", "id", "payout", "raw", "whole")

    def __init__(self, body: Mapping[str, Any], payout: str = "") -> None:
        self.raw = json_of(body)
        self.id = str(body["id"] or "")
        self.created: int = body["created"]
        self.payout = payout
        self.whole = tuple(name for name in REFERRING if isinstance(body.get(name), dict))

    @property
    def body(self) -> dict[str, Any]:
        """The object, read anew each time."""
        body: dict[str, Any] = json.loads(self.raw)
        return body


def load_items(world: World) -> dict[str, list[Item]]:
    """The items of each collection of the API, by its name."""
    charges = [Item(_charge(row)) for row in world.rows("payments/payments")]
    charge_of: dict[str | None, Item] = {charge.id: charge for charge in reversed(charges)}
    payouts = [_payout(row) for row in world.rows("payments/payouts")]
    paid_at = {payout["id"]: payout["created"] for payout in payouts}
    return {
        "charges": charges,
        "refunds": [Item(_reversal(row, "refund", "created_on")) for row in world.rows("payments/refunds")],
        "disputes": [Item(_reversal(row, "dispute", "opened_on")) for row in world.rows("payments/disputes")],
        "payouts": [Item(payout) for payout in payouts],
        "balance_transactions": _payout_items(world, paid_at),
        "events": [Item(_attempt(row, charge_of)) for row in world.rows("payments/attempts")],
        # A world holds none of these; what is written comes in here.
        "customers": [],
        "payment_intents": [],
        "invoices": [],
    }


def _charge(row: Row) -> dict[str, Any]:
    created, metadata = _dated(row, "paid_on")
    served = ["id", "customer_id", "reference", "currency", "amount", "fee", "paid_on", "status"]
    charge = _head(row, "charge", metadata | _rest(row, served)) | {
        "amount": _minor(row, "amount"),
        "balance_transaction": None,
        "created": created,
        "customer": row.get("customer_id") or None,
        "description": row.get("reference") or None,
        "failure_code": None,
        "outcome": None,
        "paid": row.get("status") == "succeeded",
        "payment_method": WORLD_METHOD,
    }
    if row.get("fee"):
        charge["balance_transaction"] = _transaction(f"txn_{charge['id']}", charge, fee=_minor(row, "fee"))
    return charge


def _transaction(identity: str, charge: Mapping[str, Any], *, fee: Any) -> dict[str, Any]:
    amount = charge["amount"]
    known = isinstance(amount, int) and isinstance(fee, int)
    return {
        "id": identity,
        "object": "balance_transaction",
        "amount": amount,
        "created": charge["created"],
        "currency": charge["currency"],
        "fee": fee,
        "net": amount - fee if known else None,
        "source": charge["id"],
        "type": "charge",
    }


def _reversal(row: Row, kind: str, date_column: str) -> dict[str, Any]:
    created, metadata = _dated(row, date_column)
    served = ["id", "payment_id", "currency", "amount", date_column, "status"]
    return _head(row, kind, metadata | _rest(row, served)) | {
        "amount": _minor(row, "amount"),
        "charge": row.get("payment_id") or None,
        "created": created,
    }


def _payout(row: Row) -> dict[str, Any]:
    arrival, metadata = _dated(row, "arrival_date")
    # Stripe's payout knows its net alone; gross and fee go along in major units, as the world has them.
    return _head(
        row, "payout", metadata | _rest(row, ["id", "currency", "net", "arrival_date", "status"])
    ) | {
        "amount": _minor(row, "net"),
        "arrival_date": arrival,
        "automatic": True,
        "created": arrival,
        "method": "standard",
    }


def _payout_items(world: World, paid_at: Mapping[str | None, int]) -> list[Item]:
    counts: dict[str, int] = {}
    items = []
    for row in world.rows("payments/payout_items"):
        payout = row.get("payout_id", "")
        counts[payout] = counts.get(payout, 0) + 1
        body = {
            "id": f"txn_{payout}_{counts[payout]}",
            "object": "balance_transaction",
            "amount": _minor(row, "gross"),
            "created": paid_at.get(payout, 0),
            "currency": row.get("currency", "").lower() or None,
            "fee": _minor(row, "fee"),
            "net": _minor(row, "net"),
            "source": row.get("payment_id") or None,
            "type": row.get("type") or None,
        }
        items.append(Item(body, payout))
    return items


def _attempt(row: Row, charge_of: Mapping[str | None, Item]) -> dict[str, Any]:
    """An attempt as the event of a charge that succeeded or failed; other outcomes keep their word."""
    outcome, decline = row.get("outcome", ""), row.get("decline_code") or None
    occurred = parse_instant(row.get("occurred_at", ""))
    garbage = {} if occurred else _rest({"occurred_at": row.get("occurred_at", "")}, [])
    payment = row.get("payment_id") or None
    known = charge_of.get(payment)
    charge = known.body if known else {"id": payment, "object": "charge", "metadata": {}}
    cards = ["network_code", "advice_code", "scheme", "card"]
    served = ["id", "payment_id", "outcome", "decline_code", "occurred_at", *cards]
    told = {name: row.get(name) or None for name in cards}
    advice = told["advice_code"] or ""
    charge |= {
        "failure_code": decline,
        "metadata": charge["metadata"] | _rest(row, served) | garbage,
        "outcome": {
            "reason": decline,
            "type": "issuer_declined" if decline else "authorized",
            "network_decline_code": told["network_code"],
            "network_advice_code": advice[3:] if advice.startswith("MAC") else None,
            "advice_code": None if advice.startswith("MAC") else told["advice_code"],
        },
        "payment_method_details": {
            "card": {"brand": told["scheme"], "fingerprint": told["card"]},
            "type": "card",
        },
        "paid": outcome == "succeeded",
        "status": outcome or None,
    }
    return {
        "id": row.get("id") or None,
        "object": "event",
        "created": int(occurred.timestamp()) if occurred else 0,
        "data": {"object": charge},
        "livemode": False,
        "type": _ATTEMPT_TYPES.get(outcome, f"charge.{outcome or 'updated'}"),
    }


def _head(row: Row, kind: str, metadata: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row.get("id") or None,
        "object": kind,
        "currency": row.get("currency", "").lower() or None,
        **({} if kind in MODELESS else {"livemode": False}),
        "metadata": metadata,
        "status": row.get("status") or None,
    }


def _minor(row: Row, column: str) -> int | str | None:
    text, currency = row.get(column, ""), row.get("currency", "").upper()
    amount = parse_decimal(text)
    if amount is None:
        return text or None
    minor = amount * (1 if currency in _WHOLE else 1000 if currency in _THOUSANDTHS else 100)
    return int(minor) if minor == int(minor) else text


def _dated(row: Row, column: str) -> tuple[int, dict[str, str]]:
    noon = business_noon(row.get(column, ""))
    return (int(noon.timestamp()), {}) if noon else (0, _rest({column: row.get(column, "")}, []))


def _rest(row: Row, served: list[str]) -> dict[str, str]:
    return {column: text for column, text in row.items() if column and column not in served and text}
