"""Stripe as a source: what was created in a window and, some way back, what became of it since.

Stripe's objects have no stamp of their last change. So a window begins well before the last one ended, and an
object's version is the hash of what we read in it: an unchanged object read again is one we hold already.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import islice
from typing import Any

from include.connectors.stripe.client import Object, StripePayments
from include.connectors.stripe.translate import COLLECTIONS, is_attempt, translate
from include.connectors.windows import Key, Walk, complete_until, walk_from, window
from include.connectors.wire import record_key, sums, usable
from include.domain.canonical_json import sha256
from include.ports import Cursor, Page, RawRecord, SourceTotals, Translated

SETTLE = timedelta(minutes=1)
LISTS_PER_PAGE = 50
ROWS_AT_ONCE = 1_000

LOOKBACK = {
    "payments": timedelta(days=14),  # bank debits fail or settle within
    "attempts": timedelta(hours=1),  # events do not change
    "refunds": timedelta(days=30),  # may fail weeks after they were made
    "disputes": timedelta(days=120),  # are decided within
    "payouts": timedelta(days=14),  # may fail after they were paid
    "payout_items": timedelta(days=14),
}


class StripeSource:
    """Charges and what became of them in one account; days are days of `zone`."""

    system = "payments"
    states_once = False
    entities: Sequence[str] = tuple(COLLECTIONS)

    def __init__(self, client: StripePayments, *, zone: tzinfo, lists_per_page: int = LISTS_PER_PAGE) -> None:
        self._client = client
        self._zone = zone
        self._lists_per_page = lists_per_page

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """The window's next objects, newest first as Stripe lists them. Raises Retryable, Fatal."""
        collection = COLLECTIONS[entity]
        walk = walk_from(
            cursor,
            overlap=LOOKBACK[entity],
            horizon=lambda: self._client.server_now(collection) - SETTLE,
        )
        start = {"starting_after": walk.at[1]} if walk.at else {}
        lists = list(
            islice(self._client.lists(collection, **_window(entity, walk), **start), self._lists_per_page)
        )
        listed = [item for answer in lists for item in answer.objects]
        records = [self._record(entity, payload) for payload in self._payloads(entity, listed)]
        last = listed[-1] if lists[-1].has_more else None
        return walk.page(records, at=(str(last["created"]), str(last["id"])) if last else None)

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002 - the protocol's
        """Our names: they are close enough to its own."""
        return field

    def complete_until(self, cursor: Cursor) -> datetime:
        """The horizon of the last walk that is over."""
        return complete_until(cursor)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """The window listed once more, and added up. Raises Retryable, Fatal."""
        walk = window(after=after, until=until, overlap=LOOKBACK[entity])
        listed = self._client.objects(COLLECTIONS[entity], **_window(entity, walk))
        amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
        return SourceTotals(keys=self._stated(entity, listed, amounts), amounts=amounts)

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The object in canonical field names, money in major units."""
        return translate(entity, payload, zone=self._zone)

    def _stated(
        self, entity: str, listed: Iterable[Object], amounts: defaultdict[str, Decimal]
    ) -> Iterator[Key]:
        """The keys of what is listed, portion by portion; its amounts are added up on the way."""
        payloads = (payload for payload in self._payloads(entity, listed) if usable(payload["id"]))
        while portion := list(islice(payloads, ROWS_AT_ONCE)):
            translated = ((payload, self.translate(entity, payload)) for payload in portion)
            rows = {(str(payload["id"]), sha256(row)): row for payload, row in translated}
            for currency, total in sums(entity, rows.values()).items():
                amounts[currency] += total
            yield from rows

    def _payloads(self, entity: str, listed: Iterable[Object]) -> Iterator[Object]:
        if entity == "payout_items":
            for payout in listed:
                yield from self._items(payout)
        elif entity == "attempts":
            yield from filter(is_attempt, listed)
        else:
            yield from listed

    def _items(self, payout: Object) -> Iterator[Object]:
        # Stripe does not tell what is in a payout made by hand: it has no items, only an amount.
        if not usable(payout["id"]) or not payout.get("automatic", True):
            return
        for item in self._client.objects("balance_transactions", payout=payout["id"]):
            if item["type"] != "payout":  # the payout's own line, which takes the sum of the others away
                yield {**item, "payout": payout["id"]}

    def _record(self, entity: str, payload: Object) -> RawRecord:
        row = self.translate(entity, payload)
        native_id, damage = record_key(payload["id"], row)
        collection = "balance_transactions" if entity == "payout_items" else COLLECTIONS[entity]
        place = f"/v1/{collection}" if damage else f"/v1/{collection}/{native_id}"
        return RawRecord(
            native_id=native_id, version=sha256(row), payload=payload, place=place, damage=damage
        )


def _window(entity: str, walk: Walk) -> dict[str, Any]:
    created = {"lte": int(walk.until.timestamp())}
    if walk.since:
        created["gte"] = int(walk.since.timestamp())
    return {"created": created} | ({"expand": ["data.balance_transaction"]} if entity == "payments" else {})
