"""Changes to sObjects: what Salesforce checks before it saves a row, and the stamps it sets when it does.

Every change tells `journal` how to undo it, so that a call of all or nothing can be rolled back.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.twin.sobject_fields import NUMBER_TYPES, REQUIRED, Field
from include.twin.sobject_rules import deployed_rules
from include.twin.sobjects import Record, SObject, id_key, long_id, typed_value
from include.twin.soql import Value, stamp
from include.twin.world import parse_date

ID_LENGTHS = (15, 18)


class RowRefused(Exception):
    """Salesforce's refusal of one row: a code, a message, and the fields at fault."""

    def __init__(self, code: str, message: str, *fields: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.fields, self.status = code, fields, status


class Ambiguous(RowRefused):
    """Several rows have the external id asked for."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__(
            "DUPLICATE_EXTERNAL_ID", "external ID not unique: more than one record found", status=300
        )
        self.records = records


@dataclass
class Changes:
    """Makes changes to one organisation's sObjects; `at` is its clock, in whole seconds."""

    sobjects: Mapping[str, SObject]
    at: Callable[[], datetime]
    journal: list[Callable[[], object]] = field(default_factory=list)
    undoable: int = 0  # calls under way that may undo what they did

    @contextmanager
    def all_or_nothing(self) -> Iterator[Callable[[], None]]:
        """Gives a function that undoes every change made since."""
        before = len(self.journal)

        def undo() -> None:
            while len(self.journal) > before:
                self.journal.pop()()

        self.undoable += 1
        try:
            yield undo
        finally:
            self.undoable -= 1
            if not self.undoable:
                self.journal.clear()

    def _note(self, undo: Callable[[], object]) -> None:
        if self.undoable:
            self.journal.append(undo)

    def insert(self, sobject: SObject, values: Mapping[str, Any]) -> Record:
        """A new record. Raises RowRefused."""
        checked = self._checked(sobject, values)
        missing = [name for name in REQUIRED.get(sobject.name, ()) if checked.get(name) in {None, ""}]
        if missing:
            raise RowRefused(
                "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing
            )
        now = stamp(self.at())
        record: Record = {
            name: False if spec.type == "boolean" else None for name, spec in sobject.fields.items()
        }
        record |= {"Id": sobject.new_id(), "CreatedDate": now, "IsDeleted": False}
        if sobject.name.endswith("__c"):
            record["Name"] = record["Id"]
        self._keep_unique(sobject, record, checked)
        sobject.records.append(record)
        sobject.by_id[id_key(str(record["Id"]))] = record
        self._note(lambda: _forget(sobject, record))
        self.write(sobject, record, checked)
        return record

    def update(self, sobject: SObject, native_id: Any, values: Mapping[str, Any]) -> Record:
        """The record of an id, changed. Raises RowRefused."""
        record = self.living(sobject, native_id)
        checked = self._checked(sobject, values)
        for rule in deployed_rules().get(sobject.name, ()):
            if rule.is_broken(record, record | checked):
                raise RowRefused("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, rule.shown_at)
        self._keep_unique(sobject, record, checked)
        self.write(sobject, record, checked)
        return record

    def upsert(
        self, sobject: SObject, key: str, value: Any, values: Mapping[str, Any]
    ) -> tuple[Record, bool]:
        """The record with the external id, and whether it had to be made. Raises RowRefused, Ambiguous."""
        if key == "Id" and value in {None, ""}:
            return self.insert(sobject, values), True
        if key == "Id":
            return self.update(sobject, value, values), False
        found = self.with_key(sobject, key, value)
        if found:
            return self.update(sobject, found["Id"], values), False
        return self.insert(sobject, {**values, key: value}), True

    def delete(self, sobject: SObject, native_id: Any, *, hard: bool = False) -> Record:
        """Into the recycle bin, or out of it for good. Raises RowRefused."""
        record = self.living(sobject, native_id)
        self._touch(sobject, record, {"IsDeleted": True})
        if hard:
            self.purge(sobject, record)
        return record

    def purge(self, sobject: SObject, record: Record) -> None:
        """Gone for good, as from an emptied recycle bin."""
        place = sobject.records.index(record)
        _forget(sobject, record)
        self._note(lambda: _remember(sobject, record, place))

    def merge(self, sobject: SObject, winner: Any, loser: Any) -> None:
        """The loser goes into the recycle bin, naming its master; what referred to it refers to the winner."""
        kept, gone = self.living(sobject, winner), self.living(sobject, loser)
        self._touch(sobject, gone, {"IsDeleted": True, "MasterRecordId": kept["Id"]})
        for child in self.sobjects.values():
            for name, spec in child.fields.items():
                if spec.refers_to == sobject.name and name != "MasterRecordId":
                    for record in child.records:
                        if record[name] and id_key(str(record[name])) == id_key(str(gone["Id"])):
                            self._touch(child, record, {name: kept["Id"]})
        self._touch(sobject, kept, {})

    def living(self, sobject: SObject, native_id: Any) -> Record:
        """The record of an id, of 15 or 18 characters. Raises RowRefused."""
        record = sobject.by_id.get(id_key(str(native_id or "")))
        if record is None:
            if len(str(native_id or "")) not in ID_LENGTHS:
                raise RowRefused(
                    "MALFORMED_ID", f"{sobject.name} ID: id value of incorrect type: {native_id}", "Id"
                )
            raise RowRefused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
        if record["IsDeleted"] is True:
            raise RowRefused("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return record

    def with_key(self, sobject: SObject, key: str, value: Any) -> Record | None:
        """The living record with an external id. Raises RowRefused, Ambiguous."""
        name = sobject.field(key)
        if name is None or not (sobject.fields[name].external_id or name == "Id"):
            raise RowRefused(
                "NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404
            )
        found = sobject.index(name).get(str(value).casefold(), [])
        if len(found) > 1:
            raise Ambiguous(found)
        return found[0] if found else None

    def write(
        self, sobject: SObject, record: Record, values: Mapping[str, Value], *, stamped: str | None = None
    ) -> None:
        """Sets fields unchecked; `stamped`: when it is said to have happened, by default now."""
        changed = dict(values)
        if sobject.name == "Opportunity" and "StageName" in changed:
            stage = str(changed["StageName"] or "").casefold()
            changed |= {"IsClosed": stage.startswith("closed"), "IsWon": stage == "closed won"}
        self._touch(sobject, record, changed, stamped)

    def _touch(
        self, sobject: SObject, record: Record, values: Mapping[str, Value], stamped: str | None = None
    ) -> None:
        now = stamped or stamp(self.at())
        changed = {**values, "SystemModstamp": now, "LastModifiedDate": now}
        before = {name: record[name] for name in changed if name in record}

        def set_to(new: Mapping[str, Value]) -> None:
            _unindex(sobject, record)
            record.update(new)
            _index(sobject, record)

        set_to(changed)
        self._note(lambda: set_to(before))

    def _checked(self, sobject: SObject, values: Mapping[str, Any]) -> dict[str, Value]:
        checked: dict[str, Value] = {}
        for given, value in values.items():
            if given.lower() in {"attributes", "id"}:
                continue
            if isinstance(value, Mapping):
                name, value = self._by_parent(sobject, given, value)  # noqa: PLW2901  # the id its parent's key stands for
            else:
                name = sobject.field(given) or ""
            if not name:
                raise RowRefused(
                    "INVALID_FIELD", f"No such column '{given}' on sobject of type {sobject.name}", given
                )
            checked[name] = self._value(sobject.fields[name], value)
        return checked

    def _by_parent(self, sobject: SObject, given: str, parent: Mapping[str, Any]) -> tuple[str, Value]:
        for name, spec in sobject.fields.items():
            if spec.relationship.lower() == given.lower() and spec.refers_to:
                other = self.sobjects[spec.refers_to.lower()]
                key, value = next((key, value) for key, value in parent.items() if key != "attributes")
                found = self.with_key(other, key, value)
                if found is None:
                    message = (
                        f"Foreign key external ID: {value} not found for field {key} in entity {other.name}"
                    )
                    raise RowRefused("INVALID_FIELD", message)
                return name, found["Id"]
        return "", None

    def _value(self, spec: Field, value: Any) -> Value:
        if not spec.writable:
            message = f"Unable to create/update fields: {spec.name}. Please check the security settings of this field"
            raise RowRefused("INVALID_FIELD_FOR_INSERT_UPDATE", message, spec.name)
        if value is None or value == "":
            return False if spec.type == "boolean" else None
        typed = typed_value(spec.type, value) if isinstance(value, str) else value
        self._check_type(spec, typed)
        chosen = str(typed).split(";") if spec.type == "multipicklist" else [typed]
        if spec.values and not set(chosen) <= set(spec.values):
            message = f"{spec.name}: bad value for restricted picklist field: {typed}"
            raise RowRefused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, spec.name)
        if isinstance(typed, str) and len(typed) > spec.length:
            message = f"{spec.name}: data value too large: {typed[:20]}... (max length={spec.length})"
            raise RowRefused("STRING_TOO_LONG", message, spec.name)
        return self._reference(spec, typed) if spec.type == "reference" else typed

    def _check_type(self, spec: Field, value: Any) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            **dict.fromkeys(NUMBER_TYPES, number),
            "boolean": isinstance(value, bool),
            "date": isinstance(value, str) and parse_date(value) is not None,
            "datetime": isinstance(value, str) and value.endswith("+0000"),
        }.get(spec.type, isinstance(value, str))
        if not fits:
            message = f"Cannot deserialize instance of {spec.type} from value {value!s:.40}"
            raise RowRefused("JSON_PARSER_ERROR", message, spec.name)

    def _reference(self, spec: Field, value: Value) -> Value:
        if len(str(value)) not in ID_LENGTHS:
            raise RowRefused("MALFORMED_ID", f"{spec.name}: id value of incorrect type: {value}", spec.name)
        other = self.sobjects.get(spec.refers_to.lower())
        if other and other.name != "User" and id_key(str(value)) not in other.by_id:
            raise RowRefused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", spec.name)
        return long_id(str(value)) if len(str(value)) == ID_LENGTHS[0] else value

    def _keep_unique(self, sobject: SObject, record: Record, values: Mapping[str, Value]) -> None:
        for name, value in values.items():
            if sobject.fields[name].unique and value is not None:
                others = sobject.index(name).get(str(value).casefold(), [])
                if any(other is not record for other in others):
                    message = (
                        f"duplicate value found: {name} duplicates value on record with id: {others[0]['Id']}"
                    )
                    raise RowRefused("DUPLICATE_VALUE", message, name)


def _forget(sobject: SObject, record: Record) -> None:
    _unindex(sobject, record)
    sobject.records.remove(record)
    sobject.by_id.pop(id_key(str(record["Id"])), None)


def _remember(sobject: SObject, record: Record, place: int) -> None:
    sobject.records.insert(place, record)
    sobject.by_id[id_key(str(record["Id"]))] = record
    _index(sobject, record)


def _index(sobject: SObject, record: Record) -> None:
    for name, held in sobject.indexes.items():
        if record.get(name) is not None and record["IsDeleted"] is not True:
            held.setdefault(str(record[name]).casefold(), []).append(record)


def _unindex(sobject: SObject, record: Record) -> None:
    for name, held in sobject.indexes.items():
        key = str(record.get(name)).casefold()
        if key in held:
            held[key] = [other for other in held[key] if other is not record]
