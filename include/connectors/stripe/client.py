"""Stripe over its own SDK: lists, newest first, single objects and writes, with a pinned API version and limits."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import stripe

from include.connectors.shapes import a_moment, an_object, objects
from include.connectors.stripe.errors import Vanished, stop_of
from include.connectors.wire import NO_RETRIES, TIMEOUT_S, bounded_session, read_json, server_date
from include.domain.canonical_json import sha256
from include.ports import Fatal, Retryable, Uncertain

API_VERSION = "2026-10-28.endive"
NETWORK_RETRIES_MAX = 2
LIST_ROWS = 100
"""What Stripe gives at most in one answer."""

_OK = 200

logging.getLogger("stripe").setLevel(logging.WARNING)  # it tells of every request

Object = Mapping[str, Any]


class Listed(NamedTuple):
    """One answer of a list, and Stripe's clock when it gave it."""

    objects: list[Object]
    has_more: bool
    at: datetime
    version: str


class Position(NamedTuple):
    """A place in a list: the last object read, by when it was created (seconds since 1970) and its id."""

    created: int
    id: str


class _Whole(stripe.RequestsClient):
    """Keeps the body of what was read for us and gives the SDK an empty one, which it would read once more, as floats.

    What is no success goes to the SDK as it came, for its errors and retries; so does the answer to a write, in which
    the SDK must see whether it is none.
    """

    body = b""

    def request(self, method: str, *args: Any, **kwargs: Any) -> tuple[Any, int, Mapping[str, str]]:
        content, status, headers = super().request(method, *args, **kwargs)
        if status == _OK and method == "get":
            self.body, content = content, b"{}"
        return content, status, headers


class StripePayments:
    """Speaks to one account. `address` is another place that speaks Stripe's API, such as a twin."""

    def __init__(self, key: str, *, address: str = "", list_rows: int = LIST_ROWS) -> None:
        self._list_rows = list_rows
        session = bounded_session(NO_RETRIES)  # the SDK has its own
        session.max_redirects = 0  # the SDK would follow them to wherever they point
        self._http = _Whole(timeout=TIMEOUT_S, session=session)
        self.unrestricted = key.startswith("sk_")
        """Whether the key may do everything; a restricted one begins with rk_."""
        self._stripe = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            base_addresses={"api": address.rstrip("/")} if address else None,
            max_network_retries=NETWORK_RETRIES_MAX,
            http_client=self._http,
        )

    def server_now(self, collection: str) -> datetime:
        """Stripe's clock, UTC. Raises Retryable, Fatal."""
        return self.first(collection).at

    def first(self, collection: str, **params: Any) -> Listed:
        """The newest object of a list, which may be none. Raises Retryable, Fatal."""
        return self._list(collection, {"limit": 1} | params)

    def lists(self, collection: str, *, after: Position | None = None, **params: Any) -> Iterator[Listed]:
        """The answers of a list, one after the other. Raises Retryable, Fatal.

        New objects come before the newest, so they move no page; an object that is gone is passed by its time of
        creation, which may give its contemporaries a second time, and loses none.
        """
        while True:
            listed = self._page(collection, {"limit": self._list_rows} | params, after)
            yield listed
            if not listed.has_more:
                return
            after = self._onward(collection, listed, after)

    def objects(self, collection: str, **params: Any) -> Iterator[Object]:
        """Every object of a list. Raises Retryable, Fatal."""
        return chain.from_iterable(listed.objects for listed in self.lists(collection, **params))

    def object(self, collection: str, object_id: str, **params: Any) -> Object:
        """One object as it is now. Raises Rejected when there is none, Retryable, Fatal."""
        place = f"payments {collection}"
        try:
            self._service(collection).retrieve(object_id, params)
        except stripe.StripeError as error:
            raise stop_of(place, error) from None
        return an_object(read_json(self._http.body, place=place), place=place, having=("id",))

    def create(self, collection: str, params: Mapping[str, Any], *, key: str) -> Object:
        """Create an object once: the same key and params again give the same object (for a day, as Stripe keeps keys).

        Make `key` with `write_key`. Raises Rejected when it was refused, Uncertain when no answer came (it may exist),
        Retryable when it was not taken, Fatal.
        """
        place = f"payments {collection}"
        try:
            answer = self._service(collection).create(dict(params), {"idempotency_key": key})
            body = answer.last_response.body
            return an_object(read_json(body, place=place), place=place, having=("id",))
        except stripe.StripeError as error:
            raise stop_of(place, error, writing=True) from None
        except (Retryable, AttributeError, LookupError, TypeError, ValueError) as unread:
            # The SDK makes objects of the answer, whatever it is.
            name = type(unread).__name__
            raise Uncertain(f"{place}: the answer is no object ({name}); it may have been done") from None

    def _page(self, collection: str, params: Mapping[str, Any], after: Position | None) -> Listed:
        if after is None:
            return self._list(collection, params)
        try:
            return self._list(collection, {**params, "starting_after": after.id})
        except Vanished:
            created = {**params.get("created", {}), "lte": after.created}
            return self._list(collection, {**params, "created": created})

    def _onward(self, collection: str, listed: Listed, after: Position | None) -> Position:
        if not listed.objects:
            raise Retryable(f"payments {collection}: an empty page says there is more; trying again later")
        last = position_of(collection, listed.objects[-1])
        if after and last == after:
            raise Fatal(f"payments {collection}: the pages do not move on; starting_after is not obeyed")
        return last

    def _list(self, collection: str, params: Mapping[str, Any]) -> Listed:
        place = f"payments {collection}"
        try:
            # Raw: making an object of every value takes the SDK ten times as long as the answer itself.
            answer = self._stripe.raw_request("get", f"/v1/{collection}", **params)
        except stripe.StripeError as error:
            raise stop_of(place, error) from None
        body = an_object(read_json(self._http.body, place=place), place=place, having=("data",))
        found = objects(body["data"], place=place, having=("id",))
        version = str(answer.headers.get("Stripe-Version", ""))
        more = body.get("has_more") is True
        return Listed(found, more, server_date(answer.headers, place=place), version)

    def _service(self, collection: str) -> Any:
        return getattr(self._stripe.v1, collection)


def position_of(collection: str, listed: Object) -> Position:
    """Where an object stands in its list. Raises Retryable when it does not say when it was created."""
    at = a_moment(listed.get("created"), place=f"payments {collection}")
    return Position(int(at.timestamp()), str(listed["id"]))


def write_key(act: str, *facts: str) -> str:
    """The idempotency key of an act, from the facts that make it one: the same act, at any time, has the same key."""
    return f"tieout-{sha256([act, *facts])[:48]}"
