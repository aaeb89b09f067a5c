"""The ECB's words in ours: one euro is so many units of another currency on one day.

The only place that knows its files: https://www.ecb.europa.eu/stats/eurofxref/, as CSV (a column a currency, a line a
day) and as XML (a <Cube> a day, one below it a currency).
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from include.connectors.ecb.client import Format
from include.connectors.safe_xml import RefusedXml, local_name, read_xml
from include.domain.shown import cut
from include.domain.target_days import FEED
from include.ports import Translated

BASE = "EUR"

# https://www.ecb.europa.eu/euro/intro: joined the euro; and what replaced money of before a reform.
WITHDRAWN = frozenset(["BGN", "CYP", "EEK", "HRK", "LTL", "LVL", "MTL", "ROL", "SIT", "SKK", "TRL"])
"""Currencies of the history that no longer exist, and that nothing is owed in."""

_NOT_QUOTED = frozenset({"", "N/A", "-"})
_CURRENCY = re.compile(r"[A-Z]{3}")


class Unreadable(ValueError):
    """A document that is no list of rates; the message says why."""


class Quote(NamedTuple):
    """One cell of a document, as text: day, currency, units for one euro."""

    day: str
    currency: str
    rate: str


def quotes(data: bytes, form: str) -> Iterator[Quote]:
    """Every rate that is quoted, in the document's order. Raises Unreadable, before the first or between two."""
    found = _of_xml(data) if form == Format.XML else _of_csv(data)
    return (quote for quote in found if quote.rate not in _NOT_QUOTED and quote.currency not in WITHDRAWN)


def translate(payload: Mapping[str, Any]) -> Translated:
    """A rate in canonical names; what is no rate (a whole document) has none of them."""
    if "rate" not in payload:
        return {}
    return {
        "rate_date": _day(payload["day"]),
        "from_currency": BASE,
        "to_currency": payload["currency"],
        "rate": payload["rate"],
        "source": FEED,
    }


def column(name: str) -> str:
    """What the ECB calls a canonical field."""
    return {"rate_date": "Date or Cube/@time", "to_currency": "the currency", "rate": "the rate"}.get(
        name, name
    )


def _of_csv(data: bytes) -> Iterator[Quote]:
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(rows, [])]
        if not header or header[0].lower() != "date":
            raise Unreadable("its first line does not begin with Date, so it is no list of the ECB's")
        if odd := [name for name in header[1:] if name and not _CURRENCY.fullmatch(name)]:
            raise Unreadable(f"the column {cut(repr(odd[0]), 20)} is no currency")
        if len(set(filter(None, header))) < len([*filter(None, header)]):
            raise Unreadable("a currency has two columns")
        for cells in rows:
            if len(cells) not in (0, len(header)):
                raise Unreadable(f"line {rows.line_num} has {len(cells)} cells, the first {len(header)}")
            for name, cell in zip(header[1:], cells[1:], strict=False):
                if name:
                    yield Quote(cells[0].strip(), name, cell.strip())
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"is not readable as CSV ({type(error).__name__})") from None


def _of_xml(data: bytes) -> Iterator[Quote]:
    try:
        root = read_xml(data)
    except RefusedXml as refused:
        raise Unreadable(str(refused)) from None
    days = [node for node in root.iter() if local_name(node.tag) == "Cube" and "time" in node.attrib]
    if not days:
        raise Unreadable("holds no <Cube time=…>, so it is no list of the ECB's")
    for day in days:
        for cube in day:
            yield Quote(day.get("time", ""), cube.get("currency", ""), cube.get("rate", ""))


def _day(text: str) -> str:
    """The ISO day; the daily CSV writes 09 May 2025. What is neither is passed on."""
    try:
        return datetime.strptime(text, "%d %B %Y").date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return text
