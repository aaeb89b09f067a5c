"""One way to write a value as JSON, so that equal values have equal bytes and equal hashes."""

import hashlib
import json
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

_FLAT = frozenset({str, type(None)})
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def dumps(value: Any) -> str:
    """JSON with sorted keys, no spaces, NFC text, decimals as strings. Raises TypeError on a float."""
    text = _ENCODER.encode(value if _is_flat(value) else _plain(value))
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def sha256(value: Any) -> str:
    """Hex digest of `dumps(value)`."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()


def _is_flat(value: Any) -> bool:
    """A mapping of text to text or nothing, as most rows are: JSON says it as it is."""
    return (
        type(value) is dict
        and _FLAT.issuperset(map(type, value.values()))
        and {str}.issuperset(map(type, value))
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float):
        raise TypeError("a float has no exact text; use Decimal, int or str")
    return value
