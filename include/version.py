"""Which code this is: the hash a certificate carries, so that a result can be traced to what computed it."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]

DECIDING = (
    *("include/domain", "include/flows", "include/validation"),
    *("sql/queries", "sql/schema", "sql/expectations"),
)
"""What can change a result, as the schema's views can. Connectors cannot: a certificate names the rows they gave."""


READING = ("include/domain", "include/validation", "include/connectors", "include/flows/judge_rows.py")
"""What can change whether a row can be read, by us ..."""

READERS = ("pandera", "pandas", "lxml", "mt-940")
"""... and by the packages it is read with."""


@cache
def code_sha256() -> str:
    """Hex digest over the deciding files, by name and content."""
    return _sha256(DECIDING)


@cache
def reading_sha256() -> str:
    """Hex digest over what reads rows, by name and content, and over the versions of the packages that help."""
    return _sha256(READING, *(f"{name}=={version(name)}" for name in READERS))


def _sha256(places: tuple[str, ...], *words: str) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for place in places:
        for path in [ROOT / place, *sorted((ROOT / place).rglob("*"))]:
            if path.suffix in {".py", ".sql"}:
                digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()
