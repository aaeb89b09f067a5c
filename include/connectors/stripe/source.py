"""Stripe as a source: what was created in a window and, some way back, what became of it since.

Stripe's objects have no stamp of their last change. So a window begins well before the last one ended, and an
object's version is the hash of what we read in it: an unchanged object read again is one we hold already.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import islice
from typing import Any

from include.connectors.stripe.client import Object, Position, StripePayments, position_of
from include.connectors.stripe.personal import PERSONAL, SHOWN
from include.connectors.stripe.translate import COLLECTIONS, is_attempt, recovered_attempt, translate
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


EVENTS_KEPT = timedelta(days=29)
"""https://docs.stripe.com/api/events: those of the last 30 days can be listed; a day is left for the reading."""


@dataclass(frozen=True)
class Stretch:
    """One list to walk. `recovered`: its objects stand for events that are no longer kept."""

    collection: str
    params: Mapping[str, Any]
    recovered: bool = False


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
        walk = walk_from(
            cursor,
            overlap=LOOKBACK[entity],
            horizon=lambda: self._client.server_now(COLLECTIONS[entity]) - SETTLE,
        )
        stretches = self._stretches(entity, walk)
        number, after = _place(walk)
        stretch = stretches[number]
        answers = self._client.lists(stretch.collection, after=after, **stretch.params)
        lists = list(islice(answers, self._lists_per_page))
        listed = [item for answer in lists for item in answer.objects]
        records = {
            (record.native_id, record.version): record
            for payload in self._payloads(entity, stretch, listed)
            for record in [self._record(entity, payload)]
        }
        at = None
        if lists[-1].has_more:
            last = position_of(stretch.collection, listed[-1])
            at = (f"{number}:{last.created}", last.id)
        elif number + 1 < len(stretches):
            at = (f"{number + 1}:0", "")
        return walk.page(
            list(records.values()),
            at=at,
            request=_asked(stretch, after, len(lists)),
            place=f"payments {stretch.collection}",
        )

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002 - the protocol's
        """Our names: they are close enough to its own."""
        return field

    def complete_until(self, cursor: Cursor) -> datetime:
        """The horizon of the last walk that is over."""
        return complete_until(cursor)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """The window listed once more, and added up. Raises Retryable, Fatal."""
        walk = window(after=after, until=until, overlap=LOOKBACK[entity])
        listed = (
            payload
            for stretch in self._stretches(entity, walk)
            for payload in self._payloads(
                entity, stretch, self._client.objects(stretch.collection, **stretch.params)
            )
        )
        amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
        return SourceTotals(keys=self._stated(entity, listed, amounts), amounts=amounts)

    shown: Mapping[str, Collection[str]] = SHOWN

    def personal(self, entity: str) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Where personal data stands in a payload."""
        return PERSONAL

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The object in canonical field names, money in major units."""
        return translate(entity, payload, zone=self._zone)

    def _stated(
        self, entity: str, listed: Iterable[Object], amounts: defaultdict[str, Decimal]
    ) -> Iterator[Key]:
        """The keys of what is listed, portion by portion; its amounts are added up on the way.

        What a list gives twice stands close together, so the portion before is all that need be remembered.
        """
        payloads = (payload for payload in listed if usable(payload["id"]))
        before: Mapping[Key, Translated] = {}
        while portion := list(islice(payloads, ROWS_AT_ONCE)):
            translated = ((payload, self.translate(entity, payload)) for payload in portion)
            stated = {(str(payload["id"]), sha256(row)): row for payload, row in translated}
            rows = {key: row for key, row in stated.items() if key not in before}
            for currency, total in sums(entity, rows.values()).items():
                amounts[currency] += total
            yield from rows
            before = stated

    def _stretches(self, entity: str, walk: Walk) -> list[Stretch]:
        """The lists to read for a window, newest first. Attempts from before the events kept are in the charges."""
        collection = COLLECTIONS[entity]
        whole = Stretch(collection, _window(entity, walk))
        floor = walk.until - EVENTS_KEPT
        if entity != "attempts" or (walk.after and walk.after >= floor) or self._keeps_events(floor):
            return [whole]
        kept, gone = int(floor.timestamp()), {"lt": int(floor.timestamp())}
        if walk.after:
            gone["gte"] = int(walk.after.timestamp())
        events = {**whole.params, "created": {**whole.params["created"], "gte": kept}}
        return [Stretch(collection, events), Stretch("charges", {"created": gone}, recovered=True)]

    def _keeps_events(self, floor: datetime) -> bool:
        """Whether this place keeps events for longer than Stripe does, as a twin may."""
        long_gone = int((floor - EVENTS_KEPT).timestamp())
        return bool(self._client.first("events", created={"lt": long_gone}).objects)

    def _payloads(self, entity: str, stretch: Stretch, listed: Iterable[Object]) -> Iterator[Object]:
        if stretch.recovered:
            yield from map(recovered_attempt, listed)
        elif entity == "payout_items":
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
            if item.get("type") != "payout":  # the payout's own line, which takes the sum of the others away
                yield {**item, "payout": payout["id"]}

    def _record(self, entity: str, payload: Object) -> RawRecord:
        row = self.translate(entity, payload)
        native_id, damage = record_key(payload["id"], row)
        collection = "balance_transactions" if entity == "payout_items" else COLLECTIONS[entity]
        place = f"/v1/{collection}" if damage else f"/v1/{collection}/{native_id}"
        return RawRecord(
            native_id=native_id, version=sha256(row), payload=payload, place=place, damage=damage
        )


def _asked(stretch: Stretch, after: Position | None, lists: int) -> str:
    created = "&".join(
        f"created[{end}]={at}" for end, at in sorted(stretch.params.get("created", {}).items())
    )
    begin = f"&starting_after={after.id}" if after else ""
    return f"/v1/{stretch.collection}?{created}{begin}, {lists} lists"


def _place(walk: Walk) -> tuple[int, Position | None]:
    """Which stretch a walk stands in, and where in it."""
    if walk.at is None:
        return 0, None
    number, _, created = walk.at[0].rpartition(":")
    return int(number or 0), Position(int(created), walk.at[1]) if walk.at[1] else None


def _window(entity: str, walk: Walk) -> dict[str, Any]:
    created = {"lte": int(walk.until.timestamp())}
    if walk.since:
        created["gte"] = int(walk.since.timestamp())
    return {"created": created} | ({"expand": ["data.balance_transaction"]} if entity == "payments" else {})
