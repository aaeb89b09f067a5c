"""The ECB's reference rates as a source; the cursor is which documents were read, each with its stamp."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256 as sha256_of
from itertools import islice
from typing import Any

from include.connectors.ecb.client import Document, Place
from include.connectors.ecb.translate import Unreadable, column, quotes, translate
from include.connectors.folder import Content, WatchedFile
from include.connectors.wire import record_key
from include.domain.canonical_json import sha256
from include.domain.entities import ENTITIES
from include.ports import Cursor, Page, RawRecord, SourceTotals, Translated

RECORDS_PER_PAGE = 20_000
READ_SO_FAR = "/"
"""A key of every cursor that no document can be named: the one being read, its stamp and how many rates of it."""

_KEY = ENTITIES["fx_rates"].key
_DAY_SHOWN = 40


class EcbSource:
    """The rates of one place. `label` is what messages call it; rates before `since` are left alone."""

    system = "fx"
    entities: Sequence[str] = ("fx_rates",)

    def __init__(
        self, place: Place, *, label: str = "fx", since: date | None = None, page: int = RECORDS_PER_PAGE
    ) -> None:
        self._place = place
        self._label = label
        self._since = since.isoformat() if since else ""
        self._page = page
        # Files that contradict each other are for a person to decide; the ECB may correct itself.
        self.states_once = not place.restates

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:  # noqa: ARG002 - there is one entity
        """The next rates of documents that were not read, or changed since. Raises Retryable, Fatal."""
        held = dict(cursor or {})
        documents = self._place.documents()
        position = {one.name: held[one.name] for one in documents if one.name in held}
        at = held.get(READ_SO_FAR, "").split("\n")
        records: list[RawRecord] = []
        asked: list[str] = []
        for document in documents:
            if held.get(document.name) == document.stamp:
                continue
            start = int(at[2]) if at[:2] == [document.name, document.stamp] else 0
            content = self._place.content(document)
            if content is None:
                continue
            asked.append(f"{document.name} after rate {start}")
            for read, record in self._records(document, content, after=start):
                if len(records) == self._page:
                    place = f"{document.name}\n{document.stamp}\n{start}"
                    following = {**position, READ_SO_FAR: place}
                    return Page(
                        records=records, next_cursor=following, has_more=True, request=", ".join(asked)
                    )
                records.append(record)
                start = read
            position[document.name] = document.stamp
        over = {**position, READ_SO_FAR: ""}
        return Page(records=records, next_cursor=over, has_more=False, request=", ".join(asked))

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:  # noqa: ARG002
        """What the documents read between two cursors state, read once more. Raises Retryable, Fatal."""
        keys: set[tuple[str, str]] = set()
        for document in self._place.documents():
            if until.get(document.name) == document.stamp != (after or {}).get(document.name):
                content = self._place.content(document)
                for _, record in self._records(document, content) if content else ():
                    keys.add((record.native_id, record.version))
        return SourceTotals(keys=frozenset(keys))

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002
        """The columns and attributes the ECB knows."""
        return column(field)

    def complete_until(self, cursor: Cursor) -> None:
        """Documents hold what they hold; a banking day without its rates is a break of the run."""

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:  # noqa: ARG002
        """The rate in canonical field names."""
        return translate(payload)

    def notes(self) -> list[str]:
        """What lies beside the documents and is not read."""
        return [f"{self._label}/{note}" for note in getattr(self._place, "notes", tuple)()]

    def _records(
        self, document: Document | WatchedFile, content: Content, *, after: int = 0
    ) -> Iterator[tuple[int, RawRecord]]:
        """The records of a document behind so many of its quotes, each with how many are read with it."""
        place = f"{self._label}/{document.name}"
        found = after
        reason = content.refused
        try:
            for quote in () if reason else islice(quotes(content.data, document.format), after, None):
                found += 1
                payload = quote._asdict()
                row = translate(payload)
                if (row["rate_date"] or "") >= self._since:
                    yield found, _record(payload, row, f"{place}, {quote.day[:_DAY_SHOWN]}")
        except Unreadable as unreadable:
            reason = str(unreadable)
        if reason or not found:
            said = reason or "states no rate"
            said += f"; what stands before it ({found} rates) is used" if found else ""
            yield found, _refused(document, content, place, said)


def _record(payload: Mapping[str, Any], row: Translated, place: str) -> RawRecord:
    native_id, damage = record_key("/".join(row[name] or "" for name in _KEY), payload)
    return RawRecord(
        native_id=native_id,
        version=sha256(payload),
        payload=payload,
        place=place.replace("\0", ""),
        damage=damage,
    )


def _refused(document: Document | WatchedFile, content: Content, place: str, reason: str) -> RawRecord:
    version = sha256_of(content.data).hexdigest() if content.data else document.stamp
    payload = {"file": document.name, "bytes": len(content.data), "sha256": version}
    return RawRecord(
        native_id=f"file {document.name}", version=version, payload=payload, place=place, damage=reason
    )
