"""Checks a parity pack without a database: its signature, its hashes, and that its tables bear out what it says."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.flows.bear_out_pack import contradictions
from include.flows.pack_parity import FORMAT, MANIFEST, TABLES, rows_of
from include.ports import Fatal, NothingUsable
from include.signing import ALGORITHM, NoKey, fingerprint, holds, sign

SIGNATURE = "signature.json"


@dataclass(frozen=True)
class PackVerdict:
    """What a pack is of, and what is wrong with it. `signed_with`: the fingerprint of the key of its signature."""

    manifest: Mapping[str, Any]
    signed_with: str
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        span = f"{self.manifest.get('first_day')} to {self.manifest.get('last_day')}"
        if not self.holds:
            return f"the pack of {span} does not hold: {len(self.problems)} problem(s)"
        people = ", ".join(f"{role} {who}" for role, who in self.manifest["signed_by"].items())
        return f"the pack of {span} holds: {people or 'nobody'} signed; sealed with key {self.signed_with}"

    def as_json(self) -> dict[str, Any]:
        """The verdict for machines."""
        facts = {
            name: self.manifest.get(name) for name in ("first_day", "last_day", "content_sha256", "signed_by")
        }
        return {"holds": self.holds, **facts, "signed_with": self.signed_with, "problems": self.problems}


def seal(files: Mapping[str, bytes], *, key: Path) -> dict[str, bytes]:
    """The pack with a signature over its manifest. Raises Fatal without a key."""
    try:
        public_key, signature = sign(files[MANIFEST], key=key)
    except (NoKey, OSError) as error:
        raise Fatal(f"the pack cannot be sealed: {error}; `tieout parity key` makes a key") from None
    sealed = {"algorithm": ALGORITHM, "public_key": public_key, "signature": signature}
    return dict(files) | {SIGNATURE: (json.dumps(sealed, indent=1) + "\n").encode()}


def verify_pack(folder: Path, *, public_key: str = "") -> PackVerdict:
    """Check a pack; `public_key`: the key it must be sealed with, as hex, by default the one it names.

    Raises NothingUsable when there is no pack.
    """
    manifest, raw = _read(folder, MANIFEST)
    sealed, _ = _read(folder, SIGNATURE)
    problems: list[str] = []
    named = str(sealed.get("public_key", ""))
    try:
        if not holds(raw, public_key=named, signature=str(sealed.get("signature", ""))):
            problems.append(f"{MANIFEST} is not what was sealed")
        if public_key and public_key.lower() != named.lower():
            problems.append(f"it is sealed with key {fingerprint(named)}, and not with the one asked for")
        signed_with = fingerprint(named)
    except NoKey as error:
        problems.append(str(error))
        signed_with = ""
    problems += _files(folder, manifest)
    if not problems:
        problems += _read_and_compared(folder, manifest)
    return PackVerdict(manifest, signed_with, problems)


def _read_and_compared(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """What the tables contradict; a table that says something unreadable is a problem of the pack, and ends it."""
    problems: list[str] = []
    try:
        tables = {name: rows_of((folder / name).read_bytes()) for name in TABLES}
        for name, columns in TABLES.items():
            if lacking := [
                row for row in tables[name] if None in row.values() or row.keys() != {*columns.split()}
            ]:
                return [f"{name} has not the columns of a pack: {lacking[0]}"[:200]]
        problems.extend(contradictions(tables, manifest))
    except (ValueError, ArithmeticError, KeyError, TypeError, AttributeError, csv.Error) as error:
        problems.append(f"its tables cannot be read: {error}")
    return problems


def _read(folder: Path, name: str) -> tuple[dict[str, Any], bytes]:
    try:
        raw = (folder / name).read_bytes()
        value = json.loads(raw)
    except (OSError, ValueError) as error:
        raise NothingUsable(f"{folder} holds no parity pack: {name}: {error}") from None
    if not isinstance(value, dict):
        raise NothingUsable(f"{folder / name} is not what a pack has")
    return value, raw


def _files(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    if manifest.get("format") != FORMAT:
        yield f"its format is {manifest.get('format')!r}, and not {FORMAT}"
    named = manifest.get("files")
    if not isinstance(named, dict):
        yield f"it names no files in {MANIFEST}"
        return
    there = {path.name for path in folder.iterdir() if path.is_file() or path.name not in named}
    there -= {MANIFEST, SIGNATURE}
    for name in sorted((TABLES.keys() | named.keys()) - there):
        yield f"{name} is missing"
    for name in sorted(there - named.keys()):
        yield f"{name} is no part of it"
    for name in sorted(there & named.keys()):
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != named[name]:
            yield f"{name} was changed"
