"""What an answer must be before anything is read out of it: another system may say whatever it likes.

Everything here raises Retryable when it is not: it may be something in between that answered, or one record alone.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from include.ports import Retryable

Object = Mapping[str, Any]


def an_object(value: Any, *, place: str, having: Sequence[str] = ()) -> Object:
    """The value, which must be a record with these names."""
    if not isinstance(value, dict):
        raise _other(place, "is no record")
    if lacking := [name for name in having if name not in value]:
        raise _other(place, f"lacks {', '.join(lacking)}")
    return value


def objects(value: Any, *, place: str, having: Sequence[str] = ()) -> list[Object]:
    """The value, which must be a list of records that all have these names."""
    wanted = frozenset(having)
    if not isinstance(value, list):
        raise _other(place, "is no list")
    if not all(type(one) is dict and wanted <= one.keys() for one in value):
        named = f" with {', '.join(having)}" if having else ""
        raise _other(place, f"lists what is no record{named}")
    return value


def a_count(value: Any, *, place: str) -> int:
    """The value, which must be a whole number from nought on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _other(place, "counts in no number")
    return value


def a_number(value: Any, *, place: str) -> Decimal:
    """The value, which must be a number."""
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise _other(place, "sums up to no number")
    return Decimal(value)


def an_id(value: Any, *, place: str) -> int | str:
    """The value, which must name a record: a number or a text."""
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise _other(place, "names a record by neither number nor text")
    return value


def an_instant(text: Any, *, place: str) -> datetime:
    """The moment of an ISO 8601 text with its zone, UTC."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _other(place, "is stamped with no time") from None


def a_moment(seconds: Any, *, place: str) -> datetime:
    """The moment of whole seconds since 1970, UTC."""
    try:
        return datetime.fromtimestamp(a_count(seconds, place=place), UTC)
    except (ValueError, OverflowError, OSError):
        raise _other(place, "is stamped with no time") from None


def _other(place: str, what: str) -> Retryable:
    """Never with what was answered, which may be anybody's."""
    return Retryable(f"{place}: the answer {what}; it is not what its API promises")
