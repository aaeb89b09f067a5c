"""Another path's row as text becomes an answer, or a reason why it cannot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from include.domain.currencies import EXPONENTS
from include.domain.money import InexactAmount, UnknownCurrency, to_minor
from include.domain.parity import Told
from include.domain.parity_replays import as_text, normalised
from include.domain.shown import cut

KEY_LENGTH_MAX = 500


@dataclass(frozen=True)
class Unreadable(Exception):
    """What is wrong with a row, and in which of our columns."""

    column: str
    reason: str


def read(cells: Mapping[str, str], *, statuses: Mapping[str, str]) -> tuple[str, Told]:
    """The key and the answer of a row. `statuses`: the other path's words in lower case -> ours.

    Raises Unreadable naming the first column that cannot be read.
    """
    key = cells.get("key", "").strip()
    if not key or len(key) > KEY_LENGTH_MAX or "\0" in "".join(cells.values()):
        raise Unreadable("key", "it names nothing" if not key else "it is no key")
    currency = _currency(cells.get("currency", "").strip())
    amounts = {name: _amount(name, cells.get(name, ""), currency) for name in ("amount", "tax")}
    days = {name: _read(name, cells.get(name, ""), date.fromisoformat) for name in ("on_date", "due_date")}
    return key, Told(
        amount_minor=amounts["amount"],
        tax_minor=amounts["tax"],
        currency=currency,
        on_date=days["on_date"],
        due_date=days["due_date"],
        status=_status(cells.get("status", ""), statuses),
        text=_text(cells),
        at=_read("at", cells.get("at", ""), _instant),
    )


def _currency(text: str) -> str | None:
    if text and text not in EXPONENTS:
        raise Unreadable("currency", f"{cut(text, 40)!r} is not an active ISO 4217 currency")
    return text or None


def _amount(name: str, text: str, currency: str | None) -> int | None:
    if not text.strip():
        return None
    try:
        return to_minor(text.strip(), currency=currency or "")
    except (InexactAmount, UnknownCurrency) as error:
        raise Unreadable(name if currency else "currency", str(error)) from None


def _read(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    if not text.strip():
        return None
    try:
        return parse(text.strip())
    except (ValueError, OverflowError):  # the first and the last hours of all years are in no other zone's
        raise Unreadable(name, f"{cut(text, 40)!r} is no date or instant of ISO 8601") from None


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def _status(text: str, statuses: Mapping[str, str]) -> str | None:
    word = text.strip().lower()
    return statuses.get(word, f"?{word}") if word else None


def _text(cells: Mapping[str, str]) -> str | None:
    if "texts" in cells:
        return as_text(cells["texts"].split()) or None
    return normalised(cells.get("text", "")) or None
