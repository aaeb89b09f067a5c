"""Checks a parity pack without a database: its signature, its hashes, and that its tables bear out what it says."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from include.domain.break_life import identity
from include.flows.pack_parity import FORMAT, MANIFEST, TABLES
from include.flows.sign_parity import ROLES
from include.ports import Fatal, NothingUsable
from include.signing import ALGORITHM, NoKey, fingerprint, holds, sign

SIGNATURE = "signature.json"
DAYS_MIN, JUDGED_MIN = 14, 5

Rows = Sequence[Mapping[str, str]]


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
        people = ", ".join(f"{role} {who}" for role, who in dict(self.manifest.get("signed_by", {})).items())
        if not self.holds:
            return f"the pack of {span} does not hold: {len(self.problems)} problem(s)"
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
        problems += _contradictions({name: _rows(folder / name) for name in TABLES}, manifest)
    return PackVerdict(manifest, signed_with, problems)


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
    named: Mapping[str, str] = manifest.get("files", {})
    there = {path.name for path in folder.iterdir()} - {MANIFEST, SIGNATURE}
    for name in sorted((TABLES.keys() | named.keys()) - there):
        yield f"{name} is missing"
    for name in sorted(there - named.keys()):
        yield f"{name} is no part of it"
    for name in sorted(there & named.keys()):
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != named[name]:
            yield f"{name} was changed"


def _rows(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _contradictions(tables: Mapping[str, Rows], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Where the tables say something else than the pack as a whole."""
    yield from _people(tables["signatures.csv"])
    yield from _days(tables["days.csv"], tables["differences.csv"], tables["quarantine.csv"])
    yield from _limits(tables["metrics.csv"], tables["days.csv"])
    yield from _register(tables["differences.csv"], tables["accepted.csv"])
    for one in manifest.get("obstacles", []):
        yield f"it could not be signed: {one}"


def _people(signatures: Rows) -> Iterator[str]:
    for role in ROLES:
        if role not in {row["role"] for row in signatures}:
            yield f"nobody signed as {role}"
    if len({identity(row["person"]) for row in signatures}) < len(signatures):
        yield "one person signed for several roles"


def _days(days: Rows, differences: Rows, quarantine: Rows) -> Iterator[str]:
    dates = [date.fromisoformat(row["day"]) for row in days]
    if len(dates) < DAYS_MIN or dates != [dates[0] + timedelta(days=n) for n in range(len(dates))]:
        yield f"it is not of {DAYS_MIN} days in a row"
    judged = [one for one, row in zip(dates, days, strict=True) if row["judged"] == "true"]
    if len(judged) < JUDGED_MIN:
        yield f"fewer than {JUDGED_MIN} days were judged"
    elif not any((one + timedelta(days=1)).day == 1 for one in dates if one >= judged[0]):
        yield "no month ends in the judged days"
    for what, rows, column in (
        ("differences", differences, "differences"),
        ("unreadable rows", quarantine, "quarantined_count"),
    ):
        many = Counter(row["day"] for row in rows)
        for row in days:
            if many[row["day"]] != int(row[column]):
                yield f"{row['day']} says {row[column]} {what}, and {many[row['day']]} are listed"


def _limits(metrics: Rows, days: Rows) -> Iterator[str]:
    judged = {row["day"] for row in days if row["judged"] == "true"}
    for row in metrics:
        if row["day"] in judged and not _passes(row):
            yield f"{row['day']}: {row['metric']} is {row['value'] or 'not measured'}"


def _passes(row: Mapping[str, str]) -> bool:
    if not row["value"]:
        return row["required"] == "false"
    try:
        value = Decimal(row["value"])
        low = not row["at_least"] or value >= Decimal(row["at_least"])
        return low and (not row["at_most"] or value <= Decimal(row["at_most"]))
    except InvalidOperation:
        return False


def _register(differences: Rows, accepted: Rows) -> Iterator[str]:
    """Every entry has two people, and every difference that names one is such a difference."""
    entries = {row["accepted_no"]: row for row in accepted}
    for row in accepted:
        if not row["checker"] or identity(row["maker"]) == identity(row["checker"]):
            yield f"entry {row['accepted_no']} of the register was not approved by a second person"
    shared = ("kind", "field", "class", "cause")
    for row in differences:
        number = row["accepted_no"]
        if not number:
            continue
        entry = entries.get(number)
        if (
            entry is None
            or any(entry[name] != row[name] for name in shared)
            or entry["expires_on"] < row["day"]
        ):
            yield f"{row['day']} {row['kind']} {row['key']}: entry {number} of the register does not let it stay"
