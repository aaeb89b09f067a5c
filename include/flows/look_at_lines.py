"""Looks at what a deal sells, before the deal itself is looked at and judged: a read may be minutes behind."""

from include.domain.canonical_json import sha256
from include.domain.entities import ENTITIES
from include.flows.drain_inbox import Looked, keep_look
from include.flows.write_rows import typed
from include.ports import PartsLookup, Rejected, Store
from include.validation.rows import failures_of

ENTITY, LISTED = "deal_lines", "lines_of_deals"


def look_at_lines(lookup: PartsLookup, store: Store, *, deal: str) -> int:
    """Keep all lines of a deal as they are now; how many there are.

    Raises Rejected when one cannot be read, and what the lookup raises.
    """
    with store.transaction() as tx:
        look = tx.rows("next_look")[0]
    records = lookup.look_at_parts(ENTITY, of="opportunity_id", native_id=deal)
    rows = [lookup.translate(ENTITY, record.payload) for record in records]
    if failures := failures_of(ENTITY, rows):
        wrong = [f"{records[place].place}: {'; '.join(map(str, found))}" for place, found in failures.items()]
        raise Rejected("; ".join(wrong), reason="VALIDATION_HARD")
    lines = [
        typed(ENTITIES[ENTITY], row) | {"native_id": record.native_id, "row_hash": sha256(row)}
        for record, row in zip(records, rows, strict=True)
    ]
    listed = Looked(source=lookup.system, entity=LISTED, native_id=deal, facts={"lines": lines})
    with store.transaction() as tx:
        keep_look(tx, look, listed)
    return len(lines)
