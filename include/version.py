"""Which code this is: the hash a certificate carries, so that a result can be traced to what computed it."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

DECIDING = (
    *("include/domain", "include/flows", "include/validation"),
    *("sql/queries", "sql/schema", "sql/expectations"),
)
"""What can change a result, as the schema's views can. Connectors cannot: a certificate names the rows they gave."""


READING = (
    *("include/domain", "include/validation", "include/connectors", "include/vault"),
    "include/flows/judge_rows.py",
)
"""What can change whether a row can be read, by us ..."""

READERS = ("pandera", "pandas", "lxml", "mt-940", "msgspec")
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


class Release(NamedTuple):
    """What is promoted: everything that runs, by three hashes and the one over them."""

    code: str
    rules: str
    schema: str

    @property
    def sha256(self) -> str:
        """The one hash."""
        return hashlib.sha256(f"{self.code}|{self.rules}|{self.schema}".encode()).hexdigest()


RUNNING = ("include", "dags", "plugins", "sql", "requirements.lock", "airflow_settings.yaml")
"""What runs, besides rules and schema, which have hashes of their own."""

_RULES, _SCHEMA = "include/policy", "sql/schema"
_LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache"}


def release(root: Path = ROOT) -> Release:
    """Which code, rules and schema these files are."""
    files = {path.relative_to(root).as_posix(): path for place in RUNNING for path in _below(root / place)}
    rules = [name for name in files if name.startswith(f"{_RULES}/") and name.endswith(".yaml")]
    schema = [name for name in files if name.startswith(f"{_SCHEMA}/")]
    parts = (sorted(set(files) - set(rules) - set(schema)), sorted(rules), sorted(schema))
    code, _, of_schema = (_sha256_of({name: files[name] for name in part}) for part in parts)
    # As the policy names itself.
    stated = (Path(name).stem.encode() + b"\0" + files[name].read_bytes() for name in parts[1])
    return Release(code, hashlib.sha256(b"".join(stated)).hexdigest(), of_schema)


def _below(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return [path for path in sorted(place.rglob("*")) if path.is_file() and not _LEFT_OUT & set(path.parts)]


def _sha256_of(files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
