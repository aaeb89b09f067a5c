"""Every query has a name and lives in `sql/queries`, every invariant in `sql/checks`; this module finds them there."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import LiteralString

SQL = Path(__file__).parents[2] / "sql"

_HEAD = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
"""A query's name, or that of a part which the queries below it in the file share: in them `{name}` stands for it."""


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
        _, *split = _HEAD.split(path.read_text(encoding="utf-8"))
        parts: dict[str, str] = {}
        for kind, name, text in zip(split[::3], split[1::3], split[2::3], strict=True):
            if kind == "part":
                parts[name] = text.strip()
            elif name in found:
                raise ValueError(f"{path}: a second query is named {name!r}")
            else:
                found[name] = _whole(text.strip(), parts)
    return found


def _whole(text: str, parts: Mapping[str, str]) -> LiteralString:
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text
