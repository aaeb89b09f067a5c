"""Hands out part of the audit log with its proof: the rows, and the signed seals they stand under.

Whoever has the files and the public key can check without us that every row is one that was sealed, word for word. They
cannot show that nothing else would have fitted: the seals name how many rows they cover, not what those say.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.domain.audit_chain import COLUMNS, Event, Seal, events, leaf, line
from include.domain.canonical_json import dumps
from include.flows.seal_audit import read_blocks, sealed_until
from include.flows.verify_audit import Holds
from include.ports import NothingUsable, Rejected, Row, Store, Transaction
from include.report.spreadsheets import marked, unmarked

EVENTS, SEALS, MANIFEST = "events.csv", "seals.jsonl", "manifest.json"
FORMAT = "tieout-audit-export/1"
SEALS_AT_ONCE = 50
CELL_MAX = 2**30
PROOF = ("seal_sha256", "public_key", "signature", "ids", "leaves")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows; everything given must hold. `until` is not included; `act` is how it begins."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    act: str | None = None
    entity: str | None = None


@dataclass(frozen=True)
class Exported:
    """How many rows were handed out under how many seals, and how many fit that no seal covers yet.

    `more_unsealed`: there may be more of the latter, which were counted no further.
    """

    rows: int
    seals: int
    unsealed: int
    more_unsealed: bool = False


def export_audit(store: Store, wanted: Wanted, *, out: Path, rows_max: int | None = None) -> Exported:
    """Write the files into a folder. Raises NothingUsable when it holds some already, Rejected over `rows_max`."""
    out.mkdir(parents=True, exist_ok=True)
    if (out / MANIFEST).exists():
        raise NothingUsable(f"{out} holds an export already; name another folder")
    until, rows, seals = sealed_until(store, count_max=0), 0, 0  # only those that fit are counted
    with (
        (out / EVENTS).open("w", encoding="utf-8", newline="") as log,
        (out / SEALS).open("w", encoding="utf-8") as proofs,
        store.transaction() as tx,
    ):
        table = csv.writer(log, lineterminator="\r\n")
        table.writerow([*COLUMNS, "seal"])
        most = None if rows_max is None else rows_max + 1
        found = tx.rows("audit_wanted", **vars(wanted), most=most)
        _refuse_many(found, rows_max)
        for some in (found[place : place + SEALS_AT_ONCE] for place in range(0, len(found), SEALS_AT_ONCE)):
            for proof, chosen in _read(tx, some):
                proofs.write(f"{dumps(proof)}\n")
                table.writerows(
                    [*(marked(event[name]) for name in COLUMNS), proof["seal"]] for event in chosen
                )
                rows, seals = rows + len(chosen), seals + 1
        [waiting] = tx.rows("audit_wanted_unsealed", **vars(wanted), most=most)
    done = Exported(rows, seals, waiting["rows"], more_unsealed=waiting["rows"] == most)
    _write_manifest(out, wanted, done, until)
    return done


def _refuse_many(found: Sequence[Row], rows_max: int | None) -> None:
    count = sum(len(row["ids"]) for row in found)
    if rows_max is not None and count > rows_max:
        raise Rejected(
            f"more than {rows_max:,} rows fit, which is what a page hands out: ask for less, or use tieout audit export"
        )


def _read(tx: Transaction, some: Sequence[Row]) -> Iterator[tuple[dict[str, Any], list[Event]]]:
    """Of each seal what proves it, and the rows of it that are wanted."""
    wanted = {row["seal"]: set(row["ids"]) for row in some}
    seals = tx.rows("seals_named", seals=list(wanted))
    for seal, block in zip(seals, read_blocks(tx, seals), strict=True):
        chosen: list[Event] = [
            one for one in events(block["lines"].encode()) if int(one["id"]) in wanted[seal["seal"]]
        ]
        yield Seal.of(seal).facts() | {name: seal[name] for name in PROOF}, chosen


def _write_manifest(out: Path, wanted: Wanted, done: Exported, until: Row) -> None:
    manifest = {
        "format": FORMAT,
        "wanted": {name: value for name, value in vars(wanted).items() if value is not None},
        "rows": done.rows,
        "seals": done.seals,
        "unsealed_left_out": None if done.more_unsealed else done.unsealed,
        **({"unsealed_left_out_at_least": done.unsealed} if done.more_unsealed else {}),
        "sealed_through": until["seal"],
        "sealed_at": until["sealed_at"],
        "files": {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in (EVENTS, SEALS)},
    }
    (out / MANIFEST).write_text(f"{dumps(manifest)}\n", encoding="utf-8")


@dataclass(frozen=True)
class ExportVerdict:
    """What an export holds, by which keys it is signed, and what is wrong with it."""

    rows: int
    seals: int
    keys: frozenset[str]
    found: tuple[str, ...]


def verify_export(folder: Path, *, holds: Holds, public_keys: Sequence[str] = ()) -> ExportVerdict:
    """Check every row against its seal and every seal against its signature. Raises NothingUsable without an export."""
    manifest = _manifest(folder)
    found: list[str] = []
    for name, digest in manifest["files"].items():
        if name in (EVENTS, SEALS) and hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            found.append(f"{name} is not the file that was handed out")
    seals, keys = {}, set()
    for number, facts in enumerate(_lines(folder / SEALS), start=1):
        wrong = _seal_wrong(facts, holds, public_keys)
        found += [f"{SEALS} line {number}: {wrong}"] if wrong else []
        keys.add(str(facts.get("public_key")))
        if not wrong:
            leaves = bytes.fromhex(facts["leaves"])
            seals[str(facts["seal"])] = {
                str(one): leaves[32 * place : 32 * place + 32] for place, one in enumerate(facts["ids"])
            }
    rows, seen = 0, set[str]()
    for rows, (event, seal) in enumerate(_events(folder / EVENTS), start=1):
        sealed = seals.get(seal, {}).get(event["id"])
        if sealed is None or leaf(line(event)) != sealed:
            found.append(f"{EVENTS} row {rows}: event {event['id']} is not what seal {seal} covers")
        elif event["id"] in seen:
            found.append(f"{EVENTS} row {rows}: event {event['id']} stands there twice")
        elif not _fits(event, manifest.get("wanted") or {}):
            found.append(f"{EVENTS} row {rows}: event {event['id']} does not fit what was asked for")
        seen.add(event["id"])
    if rows != manifest["rows"]:
        found.append(f"{EVENTS} holds {rows} rows, {manifest['rows']} were handed out")
    return ExportVerdict(rows, len(seals), frozenset(keys), tuple(found))


def _fits(event: Event, wanted: Mapping[str, Any]) -> bool:
    """Whether a sealed row is one that was asked for; as `audit_wanted` has it. `wanted` may be anything."""
    try:
        at = datetime.fromisoformat(event["at"]).replace(tzinfo=UTC)
        since, until = (datetime.fromisoformat(str(wanted.get(one) or _EVER[one])) for one in _EVER)
        named = all(event[one] == wanted[one] for one in ("actor", "entity") if one in wanted)
        return since <= at < until and named and event["act"].startswith(str(wanted.get("act", "")))
    except (ValueError, TypeError, AttributeError):
        return False


_EVER = {"since": "0001-01-01T00:00:00+00:00", "until": "9999-12-31T00:00:00+00:00"}


def _seal_wrong(facts: Mapping[str, Any], holds: Holds, public_keys: Sequence[str]) -> str:
    try:
        seal = Seal.of(facts)
        if public_keys and facts["public_key"] not in public_keys:
            return f"seal {seal.seal} is signed by a key that is none of those given"
        if not holds(seal.statement(), public_key=facts["public_key"], signature=facts["signature"]):
            return f"seal {seal.seal} is not what was signed"
        if hashlib.sha256(bytes.fromhex(facts["leaves"])).hexdigest() != seal.leaves_sha256:
            return f"the hashes of the rows of seal {seal.seal} are not those that were sealed"
        return "" if len(facts["ids"]) == seal.rows else f"seal {seal.seal} covers another number of rows"
    except (KeyError, ValueError, TypeError) as error:
        return f"is no seal: {error}"


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or not {EVENTS, SEALS} <= manifest["files"].keys():
            raise NothingUsable(f"{folder / MANIFEST} is no export of an audit log")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NothingUsable(f"{folder} holds no export of an audit log: {error}") from error
    return dict(manifest)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as handle:
        for text in handle:
            try:
                facts = json.loads(text)
            except ValueError:
                facts = {}
            yield facts if isinstance(facts, dict) else {}


def _events(path: Path) -> Iterator[tuple[Event, str]]:
    csv.field_size_limit(CELL_MAX)
    with path.open(encoding="utf-8", newline="") as handle:
        for cells in csv.reader(handle):
            if cells[:1] == ["id"]:
                continue
            texts = [*map(unmarked, cells), *[""] * (len(COLUMNS) + 1)]
            yield dict(zip(COLUMNS, texts, strict=False)), texts[len(COLUMNS)]
