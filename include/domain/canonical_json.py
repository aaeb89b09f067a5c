"""One way to write a value as JSON, so that equal values have equal bytes and equal hashes."""

import hashlib
import json
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


def dumps(value: Any) -> str:
    """JSON with sorted keys, no spaces, NFC text, decimals as strings. Raises TypeError on a float."""
    return unicodedata.normalize(
        "NFC", json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    )


def sha256(value: Any) -> str:
    """Hex digest of `dumps(value)`."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()


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
