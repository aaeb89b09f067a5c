"""What is personal in a record: kept from who may not see payloads, opened for who may, which is kept on record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from include.console.access import Person
from include.console.permissions import May
from include.domain.entities import COMPARED, ENTITIES
from include.domain.side_by_side import Record
from include.domain.stand_ins import BESIDE, replaced, tokens_in
from include.flows.open_sealed import open_sealed
from include.ports import Row, Stop, Store
from include.wiring import vault


@dataclass(frozen=True)
class Opened:
    """What a page shows, and why personal data in it stays sealed, where it does."""

    value: Any
    sealed: str = ""


def hidden_from(who: Person, entity: str) -> frozenset[str]:
    """The fields of an entity that this person may not see."""
    if May.TRACE in who.may:
        return frozenset()
    return frozenset(field.name for field in ENTITIES[entity].fields if field.hidden)


def visible(records: Sequence[Record], who: Person) -> list[Record]:
    """The records without what this person may not see: their facts say nothing of it."""
    return [replace(one, facts=_without(one, hidden_from(who, one.entity))) for one in records]


def opened_payloads(store: Store, payloads: Sequence[Row], who: Person, *, purpose: str) -> Opened:
    """Payloads as they were received, for who may see them; what the edge put beside them nobody needs to see."""
    received = [{name: said for name, said in row["payload"].items() if name != BESIDE} for row in payloads]
    found = _opened(store, received, who, purpose)
    shown = [row | {"payload": payload} for row, payload in zip(payloads, found.value, strict=True)]
    return Opened(shown, found.sealed)


def opened_records(store: Store, records: Sequence[Record], who: Person, *, purpose: str) -> list[Record]:
    """Records with personal data in clear where this person may see it; as they are where it cannot be opened."""
    plain = [replace(one, facts=_without(one, frozenset(COMPARED.get(one.entity, ())))) for one in records]
    if May.TRACE not in who.may:
        return plain
    found = _opened(store, [dict(one.facts) for one in plain], who, purpose)
    return [replace(one, facts=facts) for one, facts in zip(plain, found.value, strict=True)]


def _opened(store: Store, values: list[dict[str, Any]], who: Person, purpose: str) -> Opened:
    try:
        tokens = set(tokens_in(values))
        opened = open_sealed(store, vault.vault().unseal, tokens, actor=who.name, purpose=purpose)
    except Stop as stop:
        return Opened(values, str(stop))
    return Opened(replaced(values, opened))


def _without(one: Record, hidden: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in one.facts.items() if name not in hidden}
