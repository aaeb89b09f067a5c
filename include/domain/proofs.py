"""Control totals: what was loaded is matched, open or excluded, to the minor unit, and no row is unaccounted for."""

from dataclasses import dataclass


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
