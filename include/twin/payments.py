"""The payments platform: Stripe's API over the payment files of a world. Shapes: `payments_objects.py`."""

import base64
import binascii
import hmac
import operator
import re
import secrets
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from include.twin.payments_listing import Listing
from include.twin.payments_objects import Item, Refused, load_items
from include.twin.payments_writes import Book, change, create
from include.twin.web import json_of, json_reply, web_app
from include.twin.world import Clock, World, utc_now

ACCOUNT_VERSION = "2026-10-28.endive"
"""What an account answers in when a request names no version."""

PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX = 10, 100
_FILTERS = {
    "charges": {"customer"},
    "refunds": {"charge"},
    "disputes": {"charge"},
    "payouts": {"status", "arrival_date"},
    "balance_transactions": {"payout", "type", "source", "currency"},
    "events": {"type"},
    "customers": {"email"},
    "payment_intents": {"customer"},
    "invoices": {"customer", "status", "subscription"},
}
_REFERENCES = {
    "data.balance_transaction": "balance_transaction",
    "balance_transaction": "balance_transaction",
}
"""What `expand` fills in: the name a list gives it and the one an object gives it -> the member."""
_PAGING = {"limit", "starting_after", "ending_before", "expand"}
_INSTANTS = {"created", "arrival_date"}
_FROM = ("created[gte]", "created[gt]")
_RELATIONS = {"": operator.eq, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def payments_app(world: World, *, key: str, clock: Clock = utc_now) -> Starlette:
    listings = {name: Listing(name, items) for name, items in load_items(world).items()}
    routes = [
        Route("/v1/{listing}", _list),
        Route("/v1/{listing}", create, methods=["POST"]),
        Route("/v1/{listing}/{id:path}", _retrieve),
        Route("/v1/{listing}/{id:path}", change, methods=["POST"]),
    ]
    app = web_app(
        routes,
        clock=clock,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard)],
        exception_handlers={Refused: _refusal, HTTPException: _no_such_path},
    )
    app.state.listings, app.state.key = listings, key
    app.state.book = Book(clock, partial(_put, listings))
    return app


def _put(listings: dict[str, Listing], collection: str, item: Item) -> None:
    listings[collection].put(item)


# --- every request


async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    if not request.url.path.startswith("/v1/"):
        return await go_on(request)
    given = _given_key(request)
    if not hmac.compare_digest(given.encode(), request.app.state.key.encode()):
        message = f"Invalid API Key provided: {given[:3]}***" if given else "You did not provide an API key."
        response = _refusal(request, Refused(401, message))
    else:
        response = await go_on(request)
    response.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
    response.headers["Stripe-Version"] = request.headers.get("stripe-version", ACCOUNT_VERSION)
    return response


def _given_key(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return given
    try:
        return base64.b64decode(given).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _refusal(_request: Request, refused: Exception) -> Response:
    facts = getattr(refused, "facts", {})
    error = {"type": "invalid_request_error", "message": str(refused), **facts}
    return json_reply({"error": error}, status=getattr(refused, "status", 400))


def _no_such_path(request: Request, _refused: Exception) -> Response:
    return _refusal(
        request, Refused(404, f"Unrecognized request URL ({request.method}: {request.url.path}).")
    )


# --- one object


def _listing_of(request: Request) -> Listing:
    listing: Listing | None = request.app.state.listings.get(request.path_params["listing"])
    if listing is None:
        raise HTTPException(404)
    return listing


def _retrieve(request: Request) -> Response:
    listing, asked = _listing_of(request), request.path_params["id"]
    at = listing.first_at.get(asked)
    if at is None:
        raise _no_such_object(404, listing, asked, "id")
    return Response(_shown(listing.items[at], _expanded(request)), media_type="application/json")


def _expanded(request: Request) -> set[str]:
    """The members a request wants whole, and not as the ids of what they refer to."""
    asked = [value for name, value in request.query_params.multi_items() if name.startswith("expand")]
    return {_REFERENCES[value] for value in asked if value in _REFERENCES}


def _shown(item: Item, expanded: set[str]) -> bytes:
    referred = [name for name in item.whole if name not in expanded]
    if not referred:
        return item.raw
    body = item.body
    return json_of({**body, **{name: body[name]["id"] for name in referred}})


def _no_such_object(status: int, listing: Listing, asked: str, param: str) -> Refused:
    singular = listing.name.removesuffix("s").replace("_", " ")
    return Refused(status, f"No such {singular}: '{asked}'", code="resource_missing", param=param)


# --- lists


def _list(request: Request) -> Response:
    listing = _listing_of(request)
    fits = [_filter(listing, name, text) for name, text in request.query_params.multi_items()]
    positions = _positions(listing, request)
    page, has_more = _page(
        listing, positions, lambda item: all(fit(item) for fit in fits), limit=_limit(request)
    )
    if "ending_before" in request.query_params:
        page.reverse()
    expanded, rest = _expanded(request), {"has_more": has_more, "url": request.url.path}
    shown = b",".join(_shown(item, expanded) for item in page)
    body = b'{"object":"list","data":[%b],%b' % (shown, json_of(rest)[1:])
    return Response(body, media_type="application/json")


def _page(
    listing: Listing, positions: Sequence[int], fits: Callable[[Item], bool], *, limit: int
) -> tuple[list[Item], bool]:
    page: list[Item] = []
    for item in filter(fits, (listing.items[position] for position in positions)):
        # Items that share an id share a page, over the limit if need be: the next page starts after their id.
        if len(page) >= limit and item.id != page[-1].id:
            return page, True
        page.append(item)
    return page, False


def _positions(listing: Listing, request: Request) -> Sequence[int]:
    """Where to look, nearest first: what is older than `starting_after`, or newer than `ending_before`."""
    asked = request.query_params
    payout = asked.get("payout")
    reach = listing.since(max((int(asked[name]) for name in _FROM if name in asked), default=0))
    everywhere = range(reach) if payout is None else listing.of_payout(payout)
    if "starting_after" in asked and "ending_before" in asked:
        raise Refused(400, "You cannot use both ending_before and starting_after.", code="parameter_invalid")
    for param, bounds in (("starting_after", listing.after), ("ending_before", listing.first_at)):
        if param not in asked:
            continue
        if asked[param] not in bounds:
            raise _no_such_object(400, listing, asked[param], param)
        border = bisect_left(everywhere, bounds[asked[param]])
        return everywhere[border:] if param == "starting_after" else everywhere[:border][::-1]
    return everywhere


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(PAGE_ROWS_DEFAULT))
    if not re.fullmatch(r"\d{1,9}", text):
        raise Refused(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param="limit")
    if not 1 <= int(text) <= PAGE_ROWS_MAX:
        message = f"This value must be from 1 to {PAGE_ROWS_MAX}."
        raise Refused(400, message, code="parameter_invalid_integer", param="limit")
    return int(text)


def _filter(listing: Listing, param: str, text: str) -> Callable[[Item], bool]:
    """What one parameter of the request asks of an item. Raises Refused."""
    name, _, relation = param.partition("[")
    relation = relation.removesuffix("]")
    if name in _PAGING:
        return lambda _item: True
    if name not in {"created"} | _FILTERS[listing.name]:
        raise Refused(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
    if name in _INSTANTS:
        return _instant_filter(name, relation, text)
    if name == "payout":
        return lambda item: item.payout == text
    return lambda item: bool(item.body[name] == text)


def _instant_filter(name: str, relation: str, text: str) -> Callable[[Item], bool]:
    compare = _RELATIONS.get(relation)
    if compare is None or not re.fullmatch(r"-?\d{1,12}", text):
        raise Refused(400, f"Invalid timestamp: {text}", code="parameter_invalid_integer", param=name)
    bound = int(text)
    if name == "created":
        return lambda item: bool(compare(item.created, bound))
    return lambda item: bool(compare(item.body[name], bound))
