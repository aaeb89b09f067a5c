"""Every query has a name and lives in `sql/queries`, every invariant in `sql/checks`; this module finds them there."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

SQL = Path(__file__).parents[2] / "sql"

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class UnknownQuery(LookupError):
    """No file in sql/queries has a query of this name."""


def query(name: str) -> LiteralString:
    """The text of a named query: ours, never a user's. Raises UnknownQuery."""
    try:
        return _queries()[name]
    except KeyError:
        raise UnknownQuery(f"sql/queries has no query named {name!r}") from None


def check(name: str) -> LiteralString:
    """The text of an invariant of `sql/checks`, whose rows are what breaks it."""
    return (SQL / "checks" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def _queries() -> dict[str, LiteralString]:
    found: dict[str, LiteralString] = {}
    for path in sorted((SQL / "queries").glob("*.sql")):
        _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"{path}: a second query is named {name!r}")
            found[name] = cast("LiteralString", text.strip())
    return found
