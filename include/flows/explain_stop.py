"""What stops a day: breaks of a run that was refused. They have no life, for lives follow published runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from include.domain.money import InexactAmount, Money, UnknownCurrency
from include.domain.proofs import RunProof
from include.domain.shown import exact_sum
from include.ports import Row, Transaction

CODES = ("DQ02", "DQ06")
REFUSED_MAX = 50
"""Refused runs that are looked through, the newest first."""
SHOWN = 20
"""Of those of one run, and of what is missing from one source."""
ALL = 1_000
"""Of those of one run, where somebody wants all: some for each source, currency and proof."""


@dataclass(frozen=True)
class Line:
    """One thing that both sides say."""

    name: str
    values: tuple[str, str]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class Stop:
    """A break that stops its day. `sides` are what the two sides of `lines` are called; none where it has none.

    `apart`: what else is known of the difference.
    """

    found: Row
    sides: Sequence[str] = ()
    lines: Sequence[Line] = ()
    apart: str = ""


def stops_of(tx: Transaction, run_id: UUID, *, limit: int = SHOWN) -> list[Row]:
    """What stopped a run, code by code, the first few; each with how `many` there are."""
    return tx.rows("stopping_breaks", run_id=run_id, codes=list(CODES), limit=limit)


def explain_stop(tx: Transaction, break_id: UUID, *, say: Callable[[Money], str]) -> Stop | None:
    """A break of the newest refused run that has it, with its two sides; None where no such run has."""
    rows = tx.rows("stopping_break", break_id=break_id, codes=list(CODES), most=REFUSED_MAX)
    if not rows:
        return None
    return _unproven(tx, rows[0], say) if rows[0]["code"] == "DQ02" else _unbalanced(tx, rows[0])


def _unproven(tx: Transaction, found: Row, say: Callable[[Money], str]) -> Stop:
    """A source beside what came of it."""
    for proof in tx.rows("latest_proofs", proof_through=found["proof_through"]):
        if found["key"] == f"{proof['system']} {proof['entity']}":
            there, here = proof["source_amounts"], proof["held_amounts"]
            lines = [Line("rows", (f"{proof['source_count']:,}", f"{proof['held_count']:,}"))]
            lines += [
                Line(f"sum, {one or 'without currency'}", (_sum(there, one, say), _sum(here, one, say)))
                for one in sorted({*there, *here})
            ]
            return Stop(found, (f"{proof['system']} holds", "are here"), lines, _missing(proof))
    return Stop(found)


def _unbalanced(tx: Transaction, found: Row) -> Stop:
    """The two figures of a proof that does not hold."""
    for row in tx.rows("run_proofs", run_id=found["run_id"]):
        proof = RunProof(**row)
        if not proof.holds and proof.key == found["key"]:
            (expected, first), (is_found, second) = proof.sides
            name = "money" if proof.measure == "minor" else "rows"
            wrong = f"{proof.wrong_items:,} wrong one by one" if proof.wrong_items else ""
            example = f"the first is {proof.example}" if proof.example else ""
            apart = ", ".join(filter(None, (wrong, example)))
            return Stop(found, (expected, is_found), [Line(name, (first, second))], apart)
    return Stop(found)


def _missing(proof: Row) -> str:
    """What is missing from a source; a proof keeps the first keys only."""
    kept, count = proof["missing"][:SHOWN], proof["source_count"] - proof["held_count"]
    if not kept:
        return ""
    part = f", the first {len(kept)} of {count:,}:" if count > len(kept) else ""
    return f"missing are{part} {', '.join(kept)}"


def _sum(sums: dict[str, str], currency: str, say: Callable[[Money], str]) -> str:
    """A source's sum as money, and as the plain figure it states where that is no money of ours."""
    total = sums.get(currency, "0")
    try:
        return say(Money.parse(f"{Decimal(total):f}", currency))
    except (UnknownCurrency, InexactAmount):
        return f"{currency} {exact_sum(total, currency)}".strip()
