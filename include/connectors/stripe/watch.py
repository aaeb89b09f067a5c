"""Stripe every second: events since the last glance, and once a minute all that may have shown up late.

A glance reads up to this moment, while its cursor goes no further than what has settled: events of the last minute are
read again by the next deep glance, with an overlap, and beside them refunds and disputes themselves, of which an event
may have been lost.

Of very many, as after an outage of a day, the newest are told: those are what somebody waits for.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from include.connectors.shapes import a_moment
from include.connectors.stripe.client import Listed, Object, StripePayments
from include.connectors.stripe.lookup import ENTITY_OF
from include.connectors.wire import usable
from include.ports import Cursor, Glance, Sign

SLACK = timedelta(seconds=3)
"""How far a glance goes back behind the one before."""

SETTLE, OVERLAP = timedelta(minutes=1), timedelta(minutes=2)
DEEP_EVERY = timedelta(minutes=1)
EVERY_S = 1.0
"""One call a second, of the hundred that may be made."""

MANY = 10_000
"""Of what happened; further back than so many nobody glances: looking at each costs a call, and the ten-minute read
takes a hundred in one.
"""

ALSO_LISTED = ("refunds", "disputes")

log = logging.getLogger(__name__)


class StripeWatch:
    """What happened to charges, refunds and disputes of one account."""

    system, name = "payments", "hints of events"

    def __init__(self, client: StripePayments) -> None:
        self._client = client

    @property
    def every_s(self) -> float:
        """A second: Stripe counts calls by the second and not by the day."""
        return EVERY_S

    def glance(self, cursor: Cursor | None) -> Glance:
        """Events since the last glance; the first one begins where a deep one would. Raises Retryable, Fatal."""
        if cursor is None:
            start = (self._client.server_now("events") - OVERLAP).isoformat()
            cursor = {"looked": start, "settled": start}
        looked, settled = (datetime.fromisoformat(cursor[name]) for name in ("looked", "settled"))
        deep = looked - settled >= SETTLE + DEEP_EVERY
        since = min(settled - OVERLAP, looked) if deep else looked - SLACK
        signs, now = self._events(since)
        if deep:
            signs += self._listed(since)
            settled = now - SETTLE
        # Stripe's clock may go back; then so do we.
        position = {"looked": now.isoformat(), "settled": min(settled, now).isoformat()}
        return Glance(signs=signs, next_cursor=position)

    def _events(self, since: datetime) -> tuple[list[Sign], datetime]:
        """The signs, and Stripe's clock when the first of them were read."""
        signs, times = list[Sign](), list[datetime]()
        for listed in self._newest("events", since):
            signs += [sign for event in listed.objects if (sign := _of_event(event))]
            times.append(listed.at)
        return signs, times[0]

    def _listed(self, since: datetime) -> list[Sign]:
        return [
            _sign(
                item, ENTITY_OF[collection], str(item["id"]), kind="listed", sequence=str(item.get("status"))
            )
            for collection in ALSO_LISTED
            for listed in self._newest(collection, since)
            for item in listed.objects
            if usable(item.get("id"))
        ]

    def _newest(self, collection: str, since: datetime) -> Iterator[Listed]:
        count = 0
        for listed in self._client.lists(collection, **_created(since)):
            yield listed
            count += len(listed.objects)
            if count >= MANY and listed.has_more:
                log.warning(
                    "Stripe: more than %d %s since %s; the ten-minute read takes those before, in few calls",
                    *(count, collection, f"{since:%Y-%m-%d %H:%M:%S}"),
                )
                return


def _created(since: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(since.timestamp())}}


def _of_event(event: Object) -> Sign | None:
    """None for an event about anything else, which nothing here follows from."""
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    about = about if isinstance(about, dict) else {}
    entity = ENTITY_OF.get(f"{str(about.get('object')).replace('.', '_')}s")
    if entity is None or not usable(event.get("id")) or not usable(about.get("id")):
        return None
    return _sign(event, entity, str(about["id"]), kind=str(event.get("type")), sequence=str(event["id"]))


def _sign(of: Object, entity: str, native_id: str, *, kind: str, sequence: str) -> Sign:
    event_id = str(of["id"]) if kind != "listed" else f"listed {native_id} {sequence}"
    return Sign(
        event_id=event_id,
        entity=entity,
        native_id=native_id,
        kind=kind,
        sequence=sequence,
        occurred_at=a_moment(of.get("created"), place="payments events"),
    )
