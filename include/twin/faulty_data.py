"""Faults in what the twin holds: rows that show late, share a stamp, change without one, vanish or lose a field."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from include.twin.erp_database import STAMP, Database, Table
from include.twin.erp_schema import Field
from include.twin.faults import DATA_KINDS, BadFault, Fault, Injector
from include.twin.payments_listing import Listing
from include.twin.payments_objects import Item
from include.twin.salesforce_org import Org
from include.twin.sobject_changes import RowRefused
from include.twin.sobject_fields import standard_field
from include.twin.sobjects import SObject, id_key
from include.twin.soql import stamp
from include.twin.world import parse_date, parse_decimal, parse_instant

KEPT = "kept"
"""In place of an instant: the row changes and its stamp does not."""


class Shelf(Protocol):
    """The rows of one kind of object in one system, whatever that system keeps them in."""

    def rows(self) -> list[Any]:
        """The rows as the system keeps them."""

    def put(self, rows: list[Any]) -> None:
        """Hold these rows from now on."""

    def has(self, row: Any, ids: Iterable[str]) -> bool:
        """Whether a row is one of these."""

    def changed(self, row: Any, values: Mapping[str, Any], at: datetime | None) -> Any:
        """The row with other values, stamped anew unless `at` is None."""

    def fields(self, hide: str = "", show: Mapping[str, Any] | None = None) -> None:
        """Hide a field from our user, or show one that was not there."""


@dataclass(frozen=True)
class _Records:
    sobject: SObject

    def rows(self) -> list[Any]:
        return list(self.sobject.records)

    def put(self, rows: list[Any]) -> None:
        by_id = {id_key(str(row["Id"])): row for row in reversed(rows) if row["Id"]}
        self.sobject.records, self.sobject.by_id, self.sobject.indexes = rows, by_id, {}

    def has(self, row: Any, ids: Iterable[str]) -> bool:
        return id_key(str(row["Id"])) in set(map(id_key, ids))

    def changed(self, row: Any, values: Mapping[str, Any], at: datetime | None) -> Any:
        stamps = dict.fromkeys(("SystemModstamp", "LastModifiedDate"), stamp(at)) if at else {}
        return {**row, **stamps, **values}

    def fields(self, hide: str = "", show: Mapping[str, Any] | None = None) -> None:
        left = {name: kind for name, kind in self.sobject.fields.items() if name != hide}
        new = {name: standard_field(name, self.sobject.name) for name in show or {}}
        # Rows first: a field that is shown is in every one of them.
        self.put([{**row, **(show or {})} for row in self.rows()])
        self.sobject.fields = left | new


@dataclass(frozen=True)
class _Table:
    database: Database
    table: Table

    def rows(self) -> list[Any]:
        with self.database.lock:
            return list(self.table.all())

    def put(self, rows: list[Any]) -> None:
        with self.database.lock:
            self.table.hold(rows)

    def has(self, row: Any, ids: Iterable[str]) -> bool:
        return str(row["id"]) in ids

    def changed(self, row: Any, values: Mapping[str, Any], at: datetime | None) -> Any:
        kinds = {name: one.kind for name, one in self.table.fields.items()}
        typed = {name: _typed(kinds.get(name, str), value) for name, value in values.items()}
        return {**row, **(dict.fromkeys(("write_date", STAMP), at) if at else {}), **typed}

    def fields(self, hide: str = "", show: Mapping[str, Any] | None = None) -> None:
        left = {name: kind for name, kind in self.table.fields.items() if name != hide}
        with self.database.lock:
            self.put([{**row, **(show or {})} for row in self.rows()])
            self.table.show(left | dict.fromkeys(show or {}, Field(str)))


@dataclass(frozen=True)
class _Listings:
    listings: dict[str, Listing]
    name: str

    def rows(self) -> list[Any]:
        return list(self.listings[self.name].items)

    def put(self, rows: list[Any]) -> None:
        self.listings[self.name] = Listing(self.name, rows)

    def has(self, row: Any, ids: Iterable[str]) -> bool:
        return row.id in ids

    def changed(self, row: Any, values: Mapping[str, Any], at: datetime | None) -> Any:
        # Stripe has no stamp of a change, only of the beginning; a change does not move that unless told to.
        return Item({**row.body, **({"created": int(at.timestamp())} if at else {}), **values}, row.payout)

    def fields(self, hide: str = "", show: Mapping[str, Any] | None = None) -> None:
        left = [
            Item({n: v for n, v in item.body.items() if n != hide} | dict(show or {}), item.payout)
            for item in self.rows()
        ]
        self.put(left)


@dataclass
class DataFaults:
    """Does the faults of data to the systems of one twin."""

    injector: Injector
    org: Org
    database: Database
    listings: dict[str, Listing]
    _hidden: dict[int, list[Any]] = field(default_factory=dict)
    _running: dict[int, list[str]] = field(default_factory=dict)

    def arm(self, fault: Fault) -> None:
        """Arm a fault; one of data that waits for nothing strikes at once. Raises BadFault."""
        if fault.kind == "late_commit":
            self._hide(fault)
        elif fault.kind in DATA_KINDS and not fault.waits:
            self.injector.note(fault, detail=self.strike(fault))
            return
        elif fault.kind in DATA_KINDS and fault.kind != "clock_skew":
            self._shelf(fault)  # so that a wrong name is refused now
        self.injector.arm(fault)

    def strike(self, fault: Fault) -> str:
        """Do it now; says what was done. Raises BadFault."""
        if fault.kind == "clock_skew":
            self.injector.skew[fault.system] = timedelta(seconds=float(fault.values["seconds"]))
            return f"{fault.values['seconds']} s"
        deeds: dict[str, Callable[[Shelf, Fault], str]] = {
            "late_commit": self._show,
            "tie": self._tie,
            "change": self._change,
            "hard_delete": self._hard_delete,
            "merge": self._merge,
            "hidden_field": self._hide_field,
            "new_field": self._new_field,
        }
        return deeds[fault.kind](self._shelf(fault), fault)

    def _shelf(self, fault: Fault) -> Shelf:
        name = str(fault.values["object"])
        everything: dict[str, Mapping[str, Any]] = {
            "salesforce": self.org.sobjects,
            "erp": self.database.tables,
            "payments": self.listings,
        }
        kept = everything[fault.system]
        if name not in kept and name.lower() not in kept:
            raise BadFault(f"{fault.system} has no {name}; it has {', '.join(sorted(kept))}")
        if fault.system == "salesforce":
            return _Records(self.org.sobjects[name.lower()])
        if fault.system == "erp":
            return _Table(self.database, self.database.tables[name])
        return _Listings(self.listings, name)

    def _hide(self, fault: Fault) -> None:
        shelf = self._shelf(fault)
        mine = [row for row in shelf.rows() if shelf.has(row, _ids(fault))]
        if not mine:
            raise BadFault(f"{fault.system} {fault.values['object']} has none of {', '.join(_ids(fault))}")
        self._hidden[id(fault)] = mine
        shelf.put([row for row in shelf.rows() if not shelf.has(row, _ids(fault))])
        self._announce(fault, mine)

    def _show(self, shelf: Shelf, fault: Fault) -> str:
        shown = self._hidden.pop(id(fault), [])
        shelf.put([*shelf.rows(), *shown])
        self._announce(fault, [])
        return f"{len(shown)} rows became visible"

    def _announce(self, fault: Fault, hidden: list[Any]) -> None:
        """Salesforce tells since when its oldest transaction has been running, and nothing of the others."""
        if fault.system == "salesforce" and fault.values.get("announced", True):
            self._running[id(fault)] = [str(row["SystemModstamp"]) for row in hidden]
            oldest = min((one for stamps in self._running.values() for one in stamps), default="")
            self.org.open_since = parse_instant(oldest)

    def _now(self, fault: Fault) -> datetime:
        return self.injector.clock_of(fault.system)()

    def _change(self, shelf: Shelf, fault: Fault) -> str:
        return self._update(shelf, fault, fault.values["values"], fault.values.get("stamp"))

    def _tie(self, shelf: Shelf, fault: Fault) -> str:
        return self._update(shelf, fault, {}, fault.values["stamp"])

    def _update(self, shelf: Shelf, fault: Fault, values: Mapping[str, Any], stated: Any) -> str:
        at = None if stated == KEPT else self._now(fault)
        if stated not in {KEPT, None}:
            at = stated if isinstance(stated, datetime) else parse_instant(str(stated))
        elif fault.system == "payments":
            at = None
        ids, rows = _ids(fault), shelf.rows()
        mine = [shelf.has(row, ids) for row in rows]
        shelf.put(
            [shelf.changed(row, values, at) if own else row for row, own in zip(rows, mine, strict=True)]
        )
        return f"{sum(mine)} rows changed"

    def _hard_delete(self, shelf: Shelf, fault: Fault) -> str:
        rows = shelf.rows()
        left = [row for row in rows if not shelf.has(row, _ids(fault))]
        shelf.put(left)
        return f"{len(rows) - len(left)} rows deleted"

    def _merge(self, shelf: Shelf, fault: Fault) -> str:
        """As a person does it: the losers go to the recycle bin, and what referred to them refers to the winner."""
        if not isinstance(shelf, _Records):
            raise BadFault("only Salesforce merges records")
        winner = str(fault.values["winner"])
        try:
            for loser in _ids(fault):
                self.org.changes.merge(shelf.sobject, winner, loser)
        except RowRefused as refused:
            raise BadFault(f"{shelf.sobject.name}: {refused}") from None
        return f"{len(_ids(fault))} merged into {winner}"

    def _hide_field(self, shelf: Shelf, fault: Fault) -> str:
        shelf.fields(hide=str(fault.values["field"]))
        return f"{fault.values['field']} is hidden"

    def _new_field(self, shelf: Shelf, fault: Fault) -> str:
        shelf.fields(show={str(fault.values["field"]): fault.values.get("value")})
        return f"{fault.values['field']} is new"


def _ids(fault: Fault) -> list[str]:
    return [str(one) for one in fault.values["ids"]]


def _typed(kind: type, value: Any) -> Any:
    """A value as told in JSON, in the type of an ERP's field; garbage as it is."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return value
    if kind is Decimal:
        return parse_decimal(str(value)) if parse_decimal(str(value)) is not None else value
    if kind is datetime:
        return parse_instant(str(value)) or value
    return (parse_date(str(value)) or value) if kind is date else value
