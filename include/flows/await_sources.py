"""Waits, by asking to be retried, until every source is known to be complete through a day."""

from collections.abc import Iterable
from datetime import datetime

from include.ports import Retryable, Source, Store

SHOWN_MAX = 10


def await_sources(sources: Iterable[Source], store: Store, *, day_end: datetime) -> int:
    """The number of (system, entity) pairs proven complete through `day_end` and landed, which is all of them.

    Raises Retryable naming those whose newest proof failed, reaches less far or was never made, and those with pages
    not landed yet: no day is tied out on what may still come.
    """
    wanted = {(source.system, entity) for source in sources for entity in source.entities}
    with store.transaction() as tx:
        proven = {(row["system"], row["entity"]) for row in tx.rows("complete_sources", until=day_end)}
    if missing := sorted(wanted - proven):
        names = ", ".join(f"{system} {entity}" for system, entity in missing[:SHOWN_MAX])
        raise Retryable(f"not complete through {day_end:%Y-%m-%d %H:%M %Z}: {names} ({len(missing)} in all)")
    return len(wanted)
