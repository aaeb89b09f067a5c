"""Control totals: what was loaded is matched, open or excluded, to the minor unit, and no row is unaccounted for."""

from dataclasses import dataclass

from include.domain.money import major


@dataclass(frozen=True, kw_only=True)
class ControlTotal:
    """One side of one reconciliation in one currency. Amounts in minor units; `lost_count` are rows kept as received
    that are neither loaded nor quarantined.
    """

    recon: str
    side: str
    currency: str | None
    loaded_count: int = 0
    quarantined_count: int = 0
    lost_count: int = 0
    loaded_minor: int = 0
    matched_minor: int = 0
    open_minor: int = 0
    excluded_minor: int = 0

    @property
    def difference_minor(self) -> int:
        """What is loaded and neither matched, open nor excluded; zero when the side ties."""
        return self.loaded_minor - self.matched_minor - self.open_minor - self.excluded_minor

    @property
    def proven(self) -> bool:
        return self.difference_minor == 0 and self.lost_count == 0


_SAYS = {
    "loaded": ("the source holds", "loaded and in quarantine are"),
    "decided": ("loaded are", "matched, open and excluded are"),
    "settled": ("there is to settle", "cash, residuals and credit make"),
    "carried": ("the opening, what came, and what was cleared make", "closed with are"),
    "sub_ledger": ("gross less settled and credited is", "open are"),
    "one_state": ("there are", "in exactly one state are"),
}
"""Proof -> how its expected and its found figure are said."""


@dataclass(frozen=True, kw_only=True)
class RunProof:
    """One proof of a run on one side in one currency. `measure` says what is counted: rows, or minor units.

    `wrong_items` differ one by one, also where their differences cancel out; `example` is the first of them.
    """

    proof: str
    recon: str
    side: str
    currency: str | None
    measure: str
    expected: int
    found: int
    difference: int
    wrong_items: int
    example: str | None
    holds: bool

    @property
    def key(self) -> str:
        """What names it among the proofs of a run."""
        return " ".join(part for part in (self.proof, self.recon, self.side, self.currency) if part)

    @property
    def sides(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """What its two figures are called, and what they come to."""
        expected, found = _SAYS[self.proof]
        return (expected, self._figure(self.expected)), (found, self._figure(self.found))

    def __str__(self) -> str:
        figures = ", ".join(f"{called} {figure}" for called, figure in self.sides)
        first = f", first {self.example}" if self.example else ""
        wrong = "1 item is" if self.wrong_items == 1 else f"{self.wrong_items:,} items are"
        return (
            f"{_spoken(self.proof)} does not hold for {self.recon} {_spoken(self.side)}: {figures}, a difference of "
            f"{self._figure(self.difference)}; {wrong} wrong{first}"
        )

    def _figure(self, amount: int) -> str:
        if self.measure == "minor" and self.currency:
            return f"{major(int(amount), currency=self.currency)} {self.currency}"
        return f"{int(amount):,} rows"


def _spoken(name: str) -> str:
    return name.replace("_", " ")
