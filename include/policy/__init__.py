"""Policy is data: the YAML files beside this one, typed and checked on load, named by their hash."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from include.domain.breaks import Level
from include.domain.business_days import Calendars
from include.domain.ownership import Ownership
from include.domain.residuals import ResidualRules
from include.domain.service_levels import Desk
from include.domain.write_offs import WriteOffRules
from include.policy.alerts import Alerts
from include.policy.arr import Arr
from include.policy.effects import ClosedWon, Delivery, Dunning, PaymentFailure, Renewals
from include.policy.identity import Identity
from include.policy.lives import Lives
from include.policy.orders import Orders
from include.policy.ownership import OwnershipRules
from include.policy.parity import Parity
from include.policy.payouts import Payouts
from include.policy.quality import Freshness, Quality
from include.policy.reporting import Reporting
from include.policy.strict import Strict
from include.ports import Fatal

FOLDER = Path(__file__).parent


class Pass(Strict):
    """One step of a matching cascade; the numbers mean what its rule says."""

    name: str = Field(alias="pass")
    rule: str
    most_invoices: int = 0
    days_before_issue: int = 0
    days_after_due: int = 0


class BreakCode(Strict):
    """One kind of break."""

    recon: str
    family: str
    severity: Level | Literal["by_value"]
    owner: str
    name: str
    action: str


class Breaks(Strict):
    """All break codes, and what an amount makes of `by_value`."""

    severity_by_value: dict[Level, int]
    unknown_value: Level
    codes: dict[str, BreakCode]


class Policy(Strict):
    """Everything a rule may depend on, besides the data."""

    matching: dict[str, tuple[Pass, ...]]
    arr: Arr
    payouts: Payouts
    breaks: Breaks
    residuals: ResidualRules
    identity: Identity
    statuses: dict[str, dict[str, tuple[str, ...]]]
    orders: Orders
    writeoffs: WriteOffRules
    lives: Lives
    calendars: Calendars
    ownership: OwnershipRules
    quality: Quality
    freshness: Freshness
    delivery: Delivery
    closed_won: ClosedWon
    payment_failure: PaymentFailure
    dunning: Dunning
    renewals: Renewals
    reporting: Reporting
    alerts: Alerts
    parity: Parity
    sha256: str

    @cached_property
    def canonical_status(self) -> dict[str, dict[str, str]]:
        """Entity -> the source's word in lower case -> canonical status."""
        return {
            entity: {word: status for status, words in statuses.items() for word in words}
            for entity, statuses in self.statuses.items()
        }

    @property
    def desk(self) -> Desk:
        """Where deadlines are kept."""
        zone = self.calendars.entity.zone
        return Desk(self.calendars.own, zone, self.lives.service_levels, self.lives.escalation)

    @cached_property
    def field_ownership(self) -> Ownership:
        """Whose word counts, field by field."""
        return self.ownership.ownership()


def load_policy(folder: Path = FOLDER) -> Policy:
    """Read and check every policy file. Raises Fatal naming the file or the entry that is wrong."""
    texts = tuple((path.stem, path.read_bytes()) for path in sorted(folder.glob("*.yaml")))
    try:
        return _read(texts)
    except (ValidationError, yaml.YAMLError) as error:
        raise Fatal(f"{folder}: {error}") from error


def _read(texts: tuple[tuple[str, bytes], ...]) -> Policy:
    """The policy that files of these names and contents state; libyaml reads them ten times faster than Python."""
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + text for name, text in texts)).hexdigest()
    stated = {name: yaml.load(text, yaml.CSafeLoader) for name, text in texts}
    return Policy(**stated, sha256=digest)
