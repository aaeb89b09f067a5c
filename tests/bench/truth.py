"""Reads what a world says is so (truth/) and what a run said (result files), for the scorer to compare.

What the truth files mean stands in include/twin/generate/__init__.py; the result files in the WORLD format.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from include.domain.money import exponent

Pair = tuple[str, str]
REPORTING = "SGD"
RECEIVED = ("succeeded", "")
"""Status words of payments that are money; no other word of a generated world is."""


class Posted(NamedTuple):
    """One pair that somebody posted; `amount` is in major units of `currency`."""

    recon: str
    rule: str
    side_a: str
    side_b: str
    currency: str
    amount: Decimal

    @property
    def pair(self) -> Pair:
        return pair(self.side_a, self.side_b)


class Named(NamedTuple):
    """A break by what it says: one is right when the truth has the same."""

    code: str
    key: str


@dataclass(frozen=True)
class Truth:
    """What is so. Links are by reconciliation, pair -> amount; a reconciliation without any has no truth here."""

    links: dict[str, dict[Pair, Decimal]] = field(default_factory=dict)
    unmatchable: dict[str, dict[str, str]] = field(default_factory=dict)
    breaks: dict[str, set[Named]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)  # R3: payment -> what kind of case it is of
    payments: dict[str, tuple[date, str]] = field(default_factory=dict)
    rates: dict[str, list[tuple[date, Decimal]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """What a run posted and named. `as_of` is None when it left no certificate."""

    posted: list[Posted]
    breaks: dict[str, set[Named]]
    as_of: date | None = None


def pair(one: str, other: str) -> Pair:
    """The two ids in one order, whichever side was called a."""
    return (one, other) if one <= other else (other, one)


def read_truth(world: Path, *, only: str = "") -> Truth:
    """The truth about a world, of one reconciliation or of all; files it lacks are read as empty."""
    truth = Truth()
    for row in rows(world / "truth/links.csv"):
        if only not in {"", row["recon"]}:
            continue
        ids = pair(row["side_a_id"], row["side_b_id"])
        truth.links.setdefault(row["recon"], {})[ids] = Decimal(row["amount"] or 0)
    for row in rows(world / "truth/unmatchable.csv"):
        truth.unmatchable.setdefault(row["recon"], {})[row["side_id"]] = row["reason"]
    for row in rows(world / "truth/breaks.csv"):
        truth.breaks.setdefault(row["recon"], set()).add(Named(row["code"], row["key"]))
    for row in rows(world / "truth/faults.csv"):
        if row["recon"] == "R3":
            truth.kinds[row["key"]] = row["kind"]
    _read_world(world, truth)
    return truth


def _read_world(world: Path, truth: Truth) -> None:
    for row in rows(world / "payments/payments.csv"):
        if row.get("status", "").lower() in RECEIVED:
            truth.payments[row["id"]] = (date.fromisoformat(row["paid_on"]), row.get("currency", ""))
    for row in rows(world / "fx/rates.csv"):
        if row["to"] == REPORTING:
            known = (date.fromisoformat(row["date"]), Decimal(row["rate"]))
            truth.rates.setdefault(row["from"], []).append(known)


def read_results(folder: Path) -> Results:
    """What the result files of a run say. Raises FileNotFoundError when the folder holds none."""
    if not (folder / "matches.csv").is_file():
        raise FileNotFoundError(f"{folder} holds no matches.csv: it is not a folder of results")
    posted = [
        Posted(row["recon"], row["rule"], row["side_a_id"], row["side_b_id"], row["currency"], _money(row))
        for row in rows(folder / "matches.csv")
        if row["state"] == "posted"
    ]
    breaks: dict[str, set[Named]] = {}
    for row in rows(folder / "breaks.csv"):
        breaks.setdefault(row["recon"], set()).add(Named(row["code"], row["key"]))
    certificate = folder / "certificate.json"
    as_of = json.loads(certificate.read_text())["as_of"] if certificate.is_file() else None
    return Results(posted, breaks, date.fromisoformat(as_of) if as_of else None)


def money(minor: int, currency: str) -> Decimal:
    """Minor units as major ones. Raises UnknownCurrency."""
    return Decimal(minor).scaleb(-exponent(currency))


def rates_at(truth: Truth, day: date | None) -> dict[str, Decimal]:
    """Currency -> Singapore dollars for one of it, by the world's last rate up to the day."""
    known = {REPORTING: Decimal(1)}
    for currency, quotes in truth.rates.items():
        seen = [quote for quote in quotes if day is None or quote[0] <= day]
        if seen:
            known[currency] = max(seen)[1]
    return known


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file; none when there is no such file."""
    if path.is_file():
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)


def write_rows(path: Path, columns: Iterable[str], lines: Iterable[Iterable[str]]) -> int:
    """Write a CSV file with its header; how many rows it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for line in lines:
            writer.writerow(line)
            written += 1
    return written


def _money(row: dict[str, str]) -> Decimal:
    return Decimal(row["amount"] or 0)
