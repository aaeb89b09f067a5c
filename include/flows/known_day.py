"""What was open and matched on a day, as it was known at a later moment."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from include.ports import Row, Store


@dataclass(frozen=True)
class KnownDay:
    """The run that was shown for a day at a moment, and its invoices: open, or matched with a payment."""

    run_id: UUID
    as_of: date
    published_at: datetime
    certificate_sha256: str
    items: list[Row]


def known_day(store: Store, *, as_of: date, known_at: datetime) -> KnownDay | None:
    """What anybody who looked at `known_at` (an instant) was shown for the day; None when nothing was published yet."""
    with store.transaction() as tx:
        runs = tx.rows("known_run", as_of=as_of, known_at=known_at)
        if not runs:
            return None
        return KnownDay(**runs[0], items=tx.rows("known_items", run_id=runs[0]["run_id"]))
