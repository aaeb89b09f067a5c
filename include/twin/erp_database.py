"""The twin's ERP in memory: records by model and id, stamped by the twin's clock, changed all or nothing."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from threading import RLock
from typing import Any

from include.twin.erp_schema import SCHEMA, Field
from include.twin.world import Clock

Record = dict[str, Any]
"""A record's values. One that refers to others holds their ids; `many` of them as a list."""

STAMP = "last_modified_at"
_DATETIME_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class UnknownName(Exception):
    """A model or field that is not there; a real Tryton breaks on it."""


@dataclass
class Table:
    """One model's records by id as text, in the order they came; and by stamp, sorted when asked."""

    name: str
    fields: dict[str, Field]
    records: dict[str, Record] = field(default_factory=dict)
    twins: list[Record] = field(default_factory=list)  # an id the world states twice: found by a search alone
    _by_stamp: list[tuple[datetime, tuple[int, Any], Record]] = field(default_factory=list)
    _kinds: list[tuple[str, bool]] = field(default_factory=list)

    def all(self) -> Iterator[Record]:
        yield from self.records.values()
        yield from self.twins

    def by_stamp(self, since: datetime | None) -> Iterator[Record]:
        """The records from a stamp on, in the order of stamp and id."""
        if not self._by_stamp:
            rows = ((one[STAMP], id_key(one["id"]), one) for one in self.all())
            self._by_stamp = sorted(rows, key=lambda row: row[:2])
        start = bisect_left(self._by_stamp, since, key=lambda row: row[0]) if since else 0
        return (row[2] for row in self._by_stamp[start:])

    def hold(self, records: Sequence[Record]) -> None:
        """These and no others from now on."""
        self.records = {str(one["id"]): one for one in reversed(records)}
        self.records = {native_id: self.records[native_id] for native_id in reversed(self.records)}
        self.twins = [one for one in records if one is not self.records[str(one["id"])]]
        self.changed()

    def show(self, fields: dict[str, Field]) -> None:
        """These fields and no others from now on."""
        self.fields, self._kinds = fields, []

    def changed(self) -> None:
        self._by_stamp = []

    def kinds(self) -> list[tuple[str, bool]]:
        """Each field, and whether it holds many."""
        if len(self._kinds) != len(self.fields):
            self._kinds = [(name, one.many) for name, one in self.fields.items()]
        return self._kinds


class Database:
    """Tables, and writing to them. Readers and writers take `lock`."""

    def __init__(self, clock: Clock) -> None:
        self.tables = {name: Table(name, dict(fields)) for name, fields in SCHEMA.items()}
        self.lock = RLock()
        self._clock = clock
        self._numbers = {name: count(1) for name in self.tables}
        self._undo: list[Callable[[], object]] | None = None  # outside a transaction nothing is undone
        self._began = datetime.min.replace(tzinfo=UTC)

    def table(self, model: str) -> Table:
        """Raises UnknownName."""
        if model not in self.tables:
            raise UnknownName(model)
        return self.tables[model]

    def find(self, model: str, native_id: Any) -> Record | None:
        return self.table(model).records.get(str(native_id))

    def get(self, model: str, native_id: Any) -> Record:
        return self.table(model).records[str(native_id)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: an error undoes what was written."""
        with self.lock:
            undo: list[Callable[[], object]] = []
            self._undo = undo
            # Of two transactions within a step of the clock the second is later, or no lock would see it.
            self._began = max(self._clock(), self._began + timedelta(microseconds=1))
            try:
                yield
            except Exception:
                for step in reversed(undo):
                    step()
                for table in self.tables.values():
                    table.changed()
                raise
            finally:
                self._undo = None

    def add(self, model: str, values: Mapping[str, Any], *, created: datetime | None = None) -> Record:
        """A record with the next number, unless `values` names its id."""
        table = self.table(model)
        native_id = values.get("id")
        if native_id is None:
            native_id = next(number for number in self._numbers[model] if str(number) not in table.records)
        empty: Record = {name: [] if many else None for name, many in table.kinds()}
        at = created or self._began
        record = {**empty, **values, "id": native_id, "create_date": at, STAMP: at}
        if str(native_id) in table.records:
            table.twins.append(record)
        else:
            table.records[str(native_id)] = record
            self._undo_by(lambda: table.records.pop(str(native_id)))
        table.changed()
        return record

    def set(self, model: str, record: Record, values: Mapping[str, Any]) -> None:
        """Change a record; its stamp is the start of the transaction, as on PostgreSQL."""
        before = dict(record)
        self._undo_by(lambda: record.update(before))
        record.update(values)
        record["write_date"] = record[STAMP] = self._began
        self.table(model).changed()

    def _undo_by(self, step: Callable[[], object]) -> None:
        if self._undo is not None:
            self._undo.append(step)

    def remove(self, model: str, record: Record) -> None:
        table = self.table(model)
        self._undo_by(lambda: table.records.update({str(record["id"]): record}))
        del table.records[str(record["id"])]
        table.changed()

    def read(self, model: str, record: Record, names: Sequence[str]) -> dict[str, Any]:
        """What was asked for, as JSON: names with dots are nested. Raises UnknownName."""
        shown: dict[str, Any] = {"id": record["id"], "__name__": model}
        nested: dict[str, list[str]] = {}
        for name in names:
            here, _, rest = name.partition(".")
            if rest:
                nested.setdefault(here, []).append(rest)
            elif here not in nested and here not in {"id", "__name__"}:
                shown[here] = self._value(model, record, here)
        for here, rest_names in nested.items():
            shown[here] = self._nested(model, record, here, rest_names)
        return shown

    def _value(self, model: str, record: Record, name: str) -> Any:
        if name == "rec_name":
            return record.get("number") or record.get("name") or f"[{record['id']}]"
        if name not in self.table(model).fields:
            raise UnknownName(name)
        return to_json(record[name])

    def _nested(self, model: str, record: Record, name: str, names: Sequence[str]) -> Any:
        known = self.table(model).fields.get(name)
        if known is None or not known.target:
            raise UnknownName(name)
        if known.many:
            return [self._target(known.target, one, names) for one in record[name]]
        return None if record[name] is None else self._target(known.target, record[name], names)

    def _target(self, model: str, native_id: Any, names: Sequence[str]) -> dict[str, Any]:
        # A world may refer to what is not there; a real database may not.
        found = self.find(model, native_id) or {"id": native_id, **dict.fromkeys(self.table(model).fields)}
        return self.read(model, found, names)


def id_key(native_id: Any) -> tuple[int, Any]:
    """Ids in one order: those of records made here are numbers, a world's are text."""
    return (0, native_id) if isinstance(native_id, int) else (1, str(native_id))


def to_json(value: Any) -> Any:
    """A value as Tryton writes it."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, date):
        names = _DATETIME_PARTS if isinstance(value, datetime) else _DATETIME_PARTS[:3]
        return {"__class__": type(value).__name__} | {name: getattr(value, name) for name in names}
    return value


def from_json(value: Any) -> Any:
    """The reverse of to_json. Raises TypeError, ValueError or ArithmeticError on what is no such value."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, parts = value.get("__class__"), {name: part for name, part in value.items() if name != "__class__"}
    if kind == "Decimal":
        return Decimal(parts.get("decimal", ""))
    if kind == "date":
        return date(**parts)
    if kind == "datetime":
        return datetime(**parts, tzinfo=UTC)
    if kind is None:
        return {name: from_json(part) for name, part in parts.items()}
    raise ValueError(f"no value is written as {value!r}")
