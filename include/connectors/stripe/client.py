"""Stripe over its own SDK: lists, newest first, with a pinned API version and limits."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import stripe

from include.connectors.wire import TIMEOUT_S, read_json, server_date
from include.ports import Fatal, Retryable

API_VERSION = "2026-10-28.endive"
NETWORK_RETRIES_MAX = 2
LIST_ROWS = 100
"""What Stripe gives at most in one answer."""

_RETRYABLE_STATUSES = frozenset({200, 409, 429})  # 200: a page that is no JSON
_OK, _SERVER_ERROR = 200, 500

logging.getLogger("stripe").setLevel(logging.WARNING)  # it tells of every request

Object = Mapping[str, Any]


class Listed(NamedTuple):
    """One answer of a list, and Stripe's clock when it gave it."""

    objects: list[Object]
    has_more: bool
    at: datetime


class _Whole(stripe.RequestsClient):
    """Keeps a good answer's body for us and gives the SDK an empty one, which it would read once more and as floats.

    What is no success goes to the SDK as it came, for its errors and retries.
    """

    body = b""

    def request(self, *args: Any, **kwargs: Any) -> tuple[Any, int, Mapping[str, str]]:
        content, status, headers = super().request(*args, **kwargs)
        if status == _OK:
            self.body, content = content, b"{}"
        return content, status, headers


class StripePayments:
    """Reads one account. `address` is another place that speaks Stripe's API, such as a twin."""

    def __init__(self, key: str, *, address: str = "", list_rows: int = LIST_ROWS) -> None:
        self._list_rows = list_rows
        self._http = _Whole(timeout=TIMEOUT_S)
        self._stripe = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": address.rstrip("/")} if address else None,
            max_network_retries=NETWORK_RETRIES_MAX,
            http_client=self._http,
        )

    def server_now(self, collection: str) -> datetime:
        """Stripe's clock, UTC. Raises Retryable, Fatal."""
        return self._list(collection, {"limit": 1}).at

    def lists(self, collection: str, **params: Any) -> Iterator[Listed]:
        """The answers of a list, one after the other. Raises Retryable, Fatal."""
        while True:
            listed = self._list(collection, {"limit": self._list_rows} | params)
            yield listed
            if not listed.has_more:
                return
            params["starting_after"] = listed.objects[-1]["id"]

    def objects(self, collection: str, **params: Any) -> Iterator[Object]:
        """Every object of a list. Raises Retryable, Fatal."""
        return chain.from_iterable(listed.objects for listed in self.lists(collection, **params))

    def _list(self, collection: str, params: Mapping[str, Any]) -> Listed:
        place = f"payments {collection}"
        try:
            # Raw: making an object of every value takes the SDK ten times as long as the answer itself.
            answer = self._stripe.raw_request("get", f"/v1/{collection}", **params)
        except stripe.StripeError as error:
            raise _stop(place, error) from None
        body = read_json(self._http.body, place=place)
        return Listed(body["data"], body["has_more"], server_date(answer.headers, place=place))


def _stop(place: str, error: stripe.StripeError) -> Retryable | Fatal:
    # The SDK's message may quote what was sent or answered; the request id is enough to find it.
    status = error.http_status
    answer = f"{status}, request {error.request_id}" if status else "no answer"
    reason = f"{place}: {type(error).__name__} ({answer})"
    if status is None or status >= _SERVER_ERROR or status in _RETRYABLE_STATUSES:
        return Retryable(f"{reason}; trying again later")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return Fatal(f"{reason}; check the key in the payments_api connection and what it may read")
    return Fatal(f"{reason}; the request is not one this API version takes")
