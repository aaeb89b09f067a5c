"""A folder of bank statements as a source; the cursor is which files were read, each with its stamp.

A line's id is its booking's own (see `bookings`), so a file or a statement that comes again, and a month's statement
after its days', change nothing. A statement whose balances do not prove it complete is refused whole.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256 as sha256_of
from typing import Any

from include.connectors.bank.bookings import Booking, bookings
from include.connectors.bank.client import Content, Format, StatementFile, StatementFolder
from include.connectors.bank.personal import PERSONAL, SHOWN
from include.connectors.bank.reader import read_statements
from include.connectors.bank.translate import Statement, column, translate
from include.connectors.wire import sums, usable
from include.domain.canonical_json import sha256
from include.domain.statements import contradictions
from include.ports import Cursor, Page, RawRecord, SourceTotals, Translated

RECORDS_PER_PAGE = 5_000
FILES_PER_PAGE = 100
READ_SO_FAR = "/"
"""A key of every cursor that no file can be named, so that no cursor is empty."""

UNCHECKED = "; so the statement's balances could not be checked"


class BankSource:
    """CAMT.053 and MT940 files of one folder. `label` is what messages call it."""

    system = "bank"
    states_once = True  # a booking never changes: another content under its id is for a person to decide
    entities: Sequence[str] = ("bank_lines",)

    def __init__(
        self, folder: StatementFolder, *, label: str = "bank", files_per_page: int = FILES_PER_PAGE
    ) -> None:
        self._folder = folder
        self._label = label
        self._files_per_page = files_per_page

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:  # noqa: ARG002 - there is one entity
        """The lines of the next files that were not read, or changed since. Raises Fatal on a folder too full."""
        held = dict(cursor or {})
        files = self._folder.files()
        position = {file.name: held[file.name] for file in files if file.name in held}
        records: dict[tuple[str, str], RawRecord] = {}
        waiting = [file for file in files if held.get(file.name) != file.stamp]
        read: list[str] = []
        while waiting and len(read) < self._files_per_page and len(records) < RECORDS_PER_PAGE:
            file = waiting.pop(0)
            content = self._folder.read(file)
            if content is None:
                continue
            read.append(file.name)
            position[file.name] = file.stamp
            for record in self._records(file, content):
                records.setdefault((record.native_id, record.version), record)
        return Page(
            records=list(records.values()),
            next_cursor={READ_SO_FAR: f"{len(position)} files", **position},
            has_more=bool(waiting),
            request=", ".join(read),
        )

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """What the files between two cursors hold, by a second reading of those that are still there."""
        found: dict[tuple[str, str], Translated] = {}
        for file in self._folder.files():
            if until.get(file.name) == file.stamp != (after or {}).get(file.name):
                content = self._folder.read(file)
                for record in self._records(file, content) if content else ():
                    found[record.native_id, record.version] = self.translate(entity, record.payload)
        return SourceTotals(keys=frozenset(found), amounts=sums(entity, found.values()))

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002
        """The elements and tags a bank knows."""
        return column(field)

    def complete_until(self, cursor: Cursor) -> None:
        """Files hold what they hold; that every statement of a day has come, its balances alone can say."""

    shown: Mapping[str, Collection[str]] = SHOWN

    def personal(self, entity: str) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Where personal data stands in a payload."""
        return PERSONAL

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:  # noqa: ARG002
        """The booking in canonical field names."""
        return translate(payload)

    def notes(self) -> list[str]:
        """What lies in the folder and is not read."""
        return [f"{self._label}/{note}" for note in self._folder.notes()]

    def _records(self, file: StatementFile, content: Content) -> Iterator[RawRecord]:
        place = f"{self._label}/{file.name}"
        if content.refused:
            yield _refused_file(file, content, place, content.refused)
            return
        for number, statement in enumerate(read_statements(content.data, Format(file.format)), start=1):
            if statement.refused and not statement.source:
                yield _refused_file(file, content, place, statement.refused)
            else:
                known = f" ({statement.id})" if statement.id else ""
                yield from _statement_records(statement, f"{place}, statement {number}{known}")


def _refused_file(file: StatementFile, content: Content, place: str, reason: str) -> RawRecord:
    version = sha256_of(content.data).hexdigest() if content.data else file.stamp
    payload = {"file": file.name, "bytes": len(content.data), "sha256": version}
    return RawRecord(
        native_id=_key("file", file.name), version=version, payload=payload, place=place, damage=reason
    )


def _statement_records(statement: Statement, place: str) -> Iterator[RawRecord]:
    reason = statement.refused or _unproven(statement)
    if reason:
        version = sha256(dict(statement.source))
        yield RawRecord(
            native_id=_key("statement", statement.account, statement.id, version[:16]),
            version=version,
            payload=statement.source,
            place=place,
            damage=reason,
        )
        return
    unreadable = any(entry.damage and entry.counts for entry in statement.entries)
    for number, booking in enumerate(bookings(statement), start=1):
        yield _line(statement, booking, f"{place}, entry {number}", unreadable=unreadable)


def _unproven(statement: Statement) -> str:
    """Why the balances do not show the statement complete. One unreadable entry leaves nothing to add up."""
    moved: defaultdict[str, Decimal] = defaultdict(Decimal)
    counted = [entry for entry in statement.entries if entry.counts]
    if any(entry.damage for entry in counted):
        return ""
    for entry in counted:
        words = translate({"id": "", "account": "", **entry.payload})
        moved[words["currency"] or ""] += Decimal(words["amount"] or "")
    reasons = contradictions(statement.balances, moved=moved, entries=len(counted))
    return f"{'; '.join(reasons)}: none of its entries is used" if reasons else ""


def _line(statement: Statement, booking: Booking, place: str, *, unreadable: bool) -> RawRecord:
    entry = booking.entry
    unchecked = UNCHECKED if unreadable and entry.counts else ""
    return RawRecord(
        native_id=_key(booking.key),
        version=booking.version,
        payload={"id": booking.key, "account": statement.account, **entry.payload},
        place=place,
        damage=f"{entry.damage}{unchecked}" if entry.damage else "",
    )


def _key(*parts: str) -> str:
    """A key of these parts that every index holds."""
    text = " ".join(part for part in parts if part)
    return text if usable(text) else sha256({"key": text})
