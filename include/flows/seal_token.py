"""Seals a token for its row, and opens it: bound to its system and generation, so that no other row's opens there."""

import json
from collections.abc import Mapping
from typing import Any

from include.ports import Granted, Row, Safe, SealedValue


def seal_token(safe: Safe, system: str, granted: Granted | None, *, generation: int) -> dict[str, Any]:
    """The columns of a token, or of nothing, which shows that there are keys. Raises Fatal without them."""
    said = (
        {
            "access_token": granted.access_token,
            "refresh_token": granted.refresh_token,
            "address": granted.address,
        }
        if granted
        else {}
    )
    value = safe.seal(json.dumps(said), **_names(system, generation))
    return {"kid": value.kid, "wrapped_key": value.wrapped_key, "envelope": value.envelope}


def open_token(safe: Safe, system: str, held: Row) -> Mapping[str, str]:
    """What was granted. Raises Rejected when it is not as it was sealed there, Fatal without its key."""
    parts = {name: held[name] for name in ("kid", "wrapped_key", "envelope")}
    said: Mapping[str, str] = json.loads(
        safe.unseal(SealedValue(**(_names(system, held["generation"]) | parts)))
    )
    return said


def _names(system: str, generation: int) -> dict[str, Any]:
    return {"token": f"oauth2:{system}", "field": "token", "subject": f"generations/{generation}"}
