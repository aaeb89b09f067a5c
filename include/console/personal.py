"""What is personal in a record, kept from who may not see payloads."""

from collections.abc import Sequence
from dataclasses import replace

from include.console.access import Person
from include.console.permissions import May
from include.domain.entities import ENTITIES
from include.domain.side_by_side import Record


def hidden_from(who: Person, entity: str) -> frozenset[str]:
    """The fields of an entity that this person may not see."""
    if May.TRACE in who.may:
        return frozenset()
    return frozenset(field.name for field in ENTITIES[entity].fields if field.pii)


def visible(records: Sequence[Record], who: Person) -> list[Record]:
    """The records without what this person may not see: their facts say nothing of it."""
    return [replace(one, facts=_without(one, hidden_from(who, one.entity))) for one in records]


def _without(one: Record, hidden: frozenset[str]) -> dict[str, object]:
    return {name: value for name, value in one.facts.items() if name not in hidden}
