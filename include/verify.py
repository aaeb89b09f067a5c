"""Verifies a certificate: against the files beside it, the whole run computed again, or the rows in the database."""

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any
from uuid import UUID

from include.domain.certificates import Difference, Unusable, compare, compare_totals, contradictions
from include.flows.render_results import certificate_bytes
from include.flows.verify_run import verify_run
from include.ports import Fatal, NothingUsable
from include.store.postgres import PostgresStore

CERTIFICATE = "certificate.json"
TOTALS = "control_totals.csv"
LINE_SHOWN = 120
CHUNK_BYTES = 1 << 20

Recompute = Callable[[Path], object]
"""Reconcile the world again into a folder. Fatal after the results are written says that the run is not publishable."""


@dataclass(frozen=True)
class Verdict:
    """What a certificate is of, what it was held against, and where that differs."""

    certificate: dict[str, Any]
    against: str
    differences: list[Difference] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.differences

    def __str__(self) -> str:
        name = (
            f"certificate {str(self.certificate['certificate_sha256'])[:12]} of {self.certificate['as_of']}"
        )
        if self.holds:
            files, figures = len(self.certificate["outputs"]), len(self.certificate["totals"])
            return f"{name} holds against {self.against}: {files} files, {figures} totals"
        count = len(self.differences)
        return f"{name} does not hold against {self.against}: {count} difference{'s' if count > 1 else ''}"

    def as_json(self) -> dict[str, Any]:
        """The verdict for machines."""
        return {
            "holds": self.holds,
            "run_id": self.certificate.get("run_id"),
            "as_of": self.certificate.get("as_of"),
            "certificate_sha256": self.certificate.get("certificate_sha256"),
            "against": self.against,
            "differences": [{"where": one.where, "says": one.says} for one in self.differences],
        }


def verify_folder(results: Path) -> Verdict:
    """Check a certificate against itself and the files beside it. Raises NothingUsable without a certificate."""
    certificate, raw = read_certificate(results)
    try:
        found = [*contradictions(certificate), *_files(results, certificate, raw)]
    except Unusable as unusable:
        raise NothingUsable(f"{results / CERTIFICATE}: {unusable}") from unusable
    return Verdict(certificate, "the files beside it", found)


def verify_again(results: Path, again: Path, recompute: Recompute) -> Verdict:
    """As `verify_folder`, and against the run that `recompute` writes into the folder `again`.

    Raises NothingUsable; whatever `recompute` raises when it leaves no certificate.
    """
    first = verify_folder(results)
    try:
        recompute(again)
    except Fatal:
        if not (again / CERTIFICATE).is_file():
            raise
    recomputed, _ = read_certificate(again)
    found = list(first.differences)
    names = {one.where for one in found}
    found += [
        one for one in compare(first.certificate, recomputed) if one.where not in first.certificate["outputs"]
    ]
    for name in sorted({*first.certificate["outputs"], *recomputed["outputs"]}):
        if line := first_difference(results / name, again / name):
            found.append(Difference(name, line))
        elif first.certificate["outputs"].get(name) != recomputed["outputs"].get(name) and name not in names:
            found.append(Difference(name, "is what the run gives and is certified with another hash"))
    return Verdict(first.certificate, "the run computed again", found)


def verify_stored(database_url: str, run: str) -> Verdict:
    """Check the certificate of a run against what the database holds of it. Raises NothingUsable, Retryable."""
    try:
        run_id = UUID(run)
    except ValueError:
        raise NothingUsable(
            f"{run} is no id of a run; it looks like 8d0c7a52-6a53-5f3e-9d9e-2f4b1f6c7e10"
        ) from None
    certificate, differences = verify_run(PostgresStore(database_url), run_id)
    return Verdict(certificate, "the rows of its run", differences)


def day_of(results: Path) -> date:
    """The business day a certificate is of. Raises NothingUsable."""
    certificate, _ = read_certificate(results)
    try:
        return date.fromisoformat(str(certificate.get("as_of")))
    except ValueError:
        raise NothingUsable(f"{results / CERTIFICATE} is of no day: {certificate.get('as_of')!r}") from None


def read_certificate(results: Path) -> tuple[dict[str, Any], bytes]:
    """The certificate of a folder, and its bytes. Raises NothingUsable."""
    path = results / CERTIFICATE
    try:
        raw = path.read_bytes()
        certificate = json.loads(raw)
    except (OSError, ValueError) as error:
        raise NothingUsable(f"{path} cannot be read as a certificate: {error}") from error
    if not isinstance(certificate, dict):
        raise NothingUsable(f"{path} is no certificate: it holds no JSON object")
    return certificate, raw


def first_difference(certified: Path, computed: Path) -> str:
    """The first line in which two files differ, with both; empty when they do not or one is absent."""
    if not (certified.is_file() and computed.is_file()):
        return ""
    with certified.open("rb") as left, computed.open("rb") as right:
        for number, (stated, expected) in enumerate(zip_longest(left, right), start=1):
            if stated != expected:
                return f"line {number} is {_shown(stated)}, the run gives {_shown(expected)}"
    return ""


def _files(results: Path, certificate: dict[str, Any], raw: bytes) -> Iterator[Difference]:
    if raw != certificate_bytes(certificate):
        yield Difference(
            CERTIFICATE, "is not written as a run writes it: a name twice, other spaces or another order"
        )
    for name, digest in sorted(certificate["outputs"].items()):
        path = results / name
        if not path.is_file():
            yield Difference(name, "is missing")
        elif (found := _sha256(path)) != digest:
            yield Difference(
                name, f"was edited: its bytes have the hash {found[:12]}…, certified is {digest[:12]}…"
            )
    for path in sorted(results.iterdir()):
        if path.name != CERTIFICATE and path.name not in certificate["outputs"]:
            yield Difference(path.name, "is not certified, and lies beside what is")
    yield from _totals(results / TOTALS, certificate)


def _totals(path: Path, certificate: dict[str, Any]) -> Iterator[Difference]:
    if not path.is_file():
        return
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        yield Difference(TOTALS, f"cannot be read: {error}")
        return
    yield from compare_totals(certificate, rows)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _shown(line: bytes | None) -> str:
    if line is None:
        return "absent"
    text = line.decode(errors="backslashreplace").rstrip("\r\n")
    return repr(text if len(text) <= LINE_SHOWN else f"{text[:LINE_SHOWN]}…")
