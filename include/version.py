"""Which code this is: the hash a certificate carries, so that a result can be traced to what computed it."""

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

DECIDING = ("include/domain", "include/flows", "include/validation", "sql/queries", "sql/schema")
"""What can change a result, as the schema's views can. Connectors cannot: a certificate names the rows they gave."""


@cache
def code_sha256() -> str:
    """Hex digest over the deciding files, by name and content."""
    digest = hashlib.sha256()
    for folder in DECIDING:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".sql"}:
                digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()
