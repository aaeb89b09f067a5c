"""The world's Salesforce files as sObjects: typed fields, system stamps, look-up by id."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from include.twin.sobject_fields import (
    NUMBER_TYPES,
    PREFIXES,
    STANDARD,
    SYSTEM,
    Field,
    deployed_fields,
    granted,
    standard_field,
)
from include.twin.soql import Value, stamp
from include.twin.world import Row, World, business_noon, parse_date, parse_instant, parse_number

Record = dict[str, Value]

LONG_ID_CHARS = 18
# Stamps end this long before the twin's start: so all lie behind the horizon a careful reader takes, and none
# changes while the twin runs.
SETTLED = timedelta(minutes=10)
_BEGINNING = datetime(2000, 1, 1, 4, tzinfo=UTC)
_ID_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_OWN_CUSTOM_PREFIX = 0xA00
_STAMP = re.compile(r"[0-9]{4}-.{23}")


@dataclass
class SObject:
    """`records` as they came; `by_id`: the first record of each id. A field taken out of `fields` is hidden."""

    name: str
    prefix: str
    fields: dict[str, Field]
    records: list[Record]
    by_id: dict[str, Record]
    indexes: dict[str, dict[str, list[Record]]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def field(self, name: str) -> str | None:
        """The field's own spelling; None when there is no such field."""
        if name in self.fields:
            return name
        return next((field for field in self.fields if field.lower() == name.lower()), None)

    def index(self, name: str) -> dict[str, list[Record]]:
        """The living records by a field's value without case, kept up to date by include/twin/sobject_changes.py."""
        if name not in self.indexes:
            self.indexes[name] = {}
            for record in self.records:
                if record[name] is not None and record["IsDeleted"] is not True:
                    self.indexes[name].setdefault(str(record[name]).casefold(), []).append(record)
        return self.indexes[name]

    def new_id(self) -> str:
        """An id nobody has yet."""
        for number in self.numbers:
            short = f"{self.prefix}5g{_base62(number):0>10}"
            if short not in self.by_id:
                return long_id(short)
        raise AssertionError


def load_sobjects(world: World, *, now: datetime) -> dict[str, SObject]:
    """Every salesforce/X.csv as sObject X, by lower-case name; the standard and deployed objects always."""
    names = {table.removeprefix("salesforce/") for table in world.tables if table.startswith("salesforce/")}
    names |= {*STANDARD, *deployed_fields()}
    custom = itertools.count(_OWN_CUSTOM_PREFIX)
    return {
        name.lower(): _sobject(
            name,
            PREFIXES.get(name) or f"{next(custom):03x}",
            world.rows(f"salesforce/{name}"),
            latest=now - SETTLED,
        )
        for name in sorted(names)
    }


@lru_cache(maxsize=1 << 18)
def id_key(text: str) -> str:
    """An id without the last three of its 18 characters, which only check its capitals; other text as is."""
    return text[:15] if len(text) == LONG_ID_CHARS and long_id(text[:15]) == text else text


def long_id(text: str) -> str:
    """The 18-character form of a 15-character id."""
    chunks = (text[start : start + 5] for start in range(0, len(text), 5))
    return text + "".join(
        _ID_SUFFIX[sum(1 << i for i, char in enumerate(chunk) if "A" <= char <= "Z")] for chunk in chunks
    )


def comparison_key(field_type: str, value: Value) -> tuple[int, Any]:
    """Orders and equates values of a field as Salesforce does: ids by 15 characters, text without case.

    Garbage (text in a field of numbers or days) is a rank of its own: equal to nothing that a query can name.
    """
    if not isinstance(value, str):
        return (0, value)
    if field_type in {"id", "reference"}:
        return (0, id_key(value))
    if field_type in NUMBER_TYPES | {"boolean"}:
        return (1, value)
    if field_type in {"date", "datetime"}:
        well_formed = parse_date(value) if field_type == "date" else _STAMP.fullmatch(value)
        return (0 if well_formed else 1, value)
    return (0, value.casefold())


def describe(sobject: SObject, root: str) -> dict[str, Any]:
    """What the list of all sObjects says of one."""
    url = f"{root}/sobjects/{sobject.name}"
    record_url = url + "/{ID}"
    may = granted().get(sobject.name, frozenset({"Create", "Edit", "Delete"}))
    yes = ("queryable", "retrieveable", "replicateable")
    return {
        "name": sobject.name,
        "label": sobject.name.removesuffix("__c").replace("_", " "),
        "keyPrefix": sobject.prefix,
        "custom": sobject.name.endswith("__c"),
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": record_url},
        **dict.fromkeys(yes, True),
        "createable": "Create" in may,
        "updateable": "Edit" in may,
        "deletable": "Delete" in may,
    }


def typed_value(field_type: str, text: str) -> Value:
    """The text as the JSON value its field's type asks for; text that does not look right stays text."""
    if not text:
        return None
    if field_type in NUMBER_TYPES:
        number = parse_number(text)
        return text if number is None else number
    if field_type == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if field_type == "datetime":
        instant = parse_instant(text)
        return stamp(instant) if instant else text
    return text


def _sobject(name: str, prefix: str, rows: Sequence[Row], *, latest: datetime) -> SObject:
    deployed = deployed_fields().get(name, {})
    standard = STANDARD.get(name, "Id Name OwnerId" if deployed else "Id").split()
    columns = (column for row in rows for column in row)
    names = dict.fromkeys([*standard, *deployed, *columns, *SYSTEM.split()])
    fields = {field: deployed.get(field) or standard_field(field, name) for field in names if field}
    records = [_record(row, fields, latest=latest) for row in rows]
    by_id = {id_key(str(record["Id"])): record for record in reversed(records) if record["Id"]}
    return SObject(name, prefix, fields, records, by_id)


def _record(row: Row, fields: Mapping[str, Field], *, latest: datetime) -> Record:
    record = {name: typed_value(field.type, row.get(name, "")) for name, field in fields.items()}
    entered = business_noon(row.get("CloseDate", "")) or _BEGINNING
    changed = parse_instant(row.get("SystemModstamp") or row.get("LastModifiedDate", "")) or entered
    record["SystemModstamp"] = stamp(min(changed, latest))
    record["LastModifiedDate"] = record["LastModifiedDate"] or record["SystemModstamp"]
    record["CreatedDate"] = record["CreatedDate"] or stamp(min(entered, changed, latest))
    record["IsDeleted"] = record["IsDeleted"] or False
    return record


def _base62(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
