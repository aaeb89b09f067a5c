"""What a SOQL query may name: the fields of its sObject and of its parents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from operator import itemgetter

from include.twin.sobjects import Record, SObject, id_key
from include.twin.soql import Value


class QueryRefused(Exception):
    """Salesforce's refusal: `code` (INVALID_FIELD ...) and the message as text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Path:
    """A field, perhaps of a parent (`names` then has several parts), and how to read it from a record."""

    names: tuple[str, ...]
    kind: str
    value: Callable[[Record], Value]


@dataclass(frozen=True)
class Scope:
    """What a query may name: the fields of its sObject and of its parents; `today` in UTC."""

    sobject: SObject
    sobjects: Mapping[str, SObject]
    today: date

    def path(self, name: str) -> Path:
        """Raises QueryRefused."""
        *parents, own = name.split(".")
        if parents and parents[0].lower() == self.sobject.name.lower():
            parents = parents[1:]
        return self._own(own) if not parents else self._of_parent(parents[0], ".".join([*parents[1:], own]))

    def _own(self, name: str) -> Path:
        field = self.sobject.field(name)
        if field is None:
            raise self._unknown(name)
        return Path((field,), self.sobject.fields[field].type, itemgetter(field))

    def _of_parent(self, relationship: str, rest: str) -> Path:
        for spec in self.sobject.fields.values():
            if spec.relationship.lower() == relationship.lower() and spec.refers_to:
                parent = Scope(self.sobjects[spec.refers_to.lower()], self.sobjects, self.today)
                path = parent.path(rest)
                value = _value_of_parent(spec.name, parent.sobject, path)
                return Path((spec.relationship, *path.names), path.kind, value)
        raise QueryRefused(
            "INVALID_FIELD",
            f"Didn't understand relationship '{relationship}' in field path. If you are attempting to use a "
            "custom relationship, be sure to append the '__r' after the custom relationship name.",
        )

    def _unknown(self, name: str) -> QueryRefused:
        return QueryRefused(
            "INVALID_FIELD",
            f"No such column '{name}' on entity '{self.sobject.name}'. If you are attempting to use a custom "
            "field, be sure to append the '__c' after the custom field name.",
        )


def _value_of_parent(reference: str, parent: SObject, path: Path) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        found = parent.by_id.get(id_key(str(record[reference] or "")))
        return None if found is None else path.value(found)

    return value
