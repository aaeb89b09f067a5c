"""Policy is data: the YAML files beside this one, typed and checked on load, named by their hash."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.domain.breaks import Level
from include.ports import Fatal

FOLDER = Path(__file__).parent


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pass(_Strict):
    """One step of a matching cascade; the numbers mean what its rule says."""

    name: str = Field(alias="pass")
    rule: str
    most_invoices: int = 0
    days_before_issue: int = 0
    days_after_due: int = 0


class BreakCode(_Strict):
    """One kind of break."""

    recon: str
    family: str
    severity: Level | Literal["by_value"]
    owner: str
    name: str
    action: str


class Breaks(_Strict):
    """All break codes, and what an amount makes of `by_value`."""

    severity_by_value: dict[Level, int]
    unknown_value: Level
    codes: dict[str, BreakCode]


class Contract(_Strict):
    """What the card platform takes of a charge. See policy/payouts.yaml."""

    percent_bps: int
    fixed_minor: dict[str, int]
    equivalent_within_percent: int
    least_charges: int


class PayoutDays(_Strict):
    """How long money may be on its way, in days unless a name says business."""

    payout_every: int
    settling: int
    payout_late: int
    wire_before: int
    wire_after: int
    payout_after: int
    payout_grace_business: int
    timing_business: int
    resend: int


class Payouts(_Strict):
    """What R4 takes for granted about payouts and the bank's lines."""

    contract: Contract
    days: PayoutDays
    unexplained_debits: bool
    conversion_within_percent: int
    blank_references: tuple[str, ...]
    payout_item_kinds: dict[str, tuple[str, ...]]


class Policy(_Strict):
    """Everything a rule may depend on, besides the data."""

    matching: dict[str, tuple[Pass, ...]]
    payouts: Payouts
    breaks: Breaks
    statuses: dict[str, dict[str, tuple[str, ...]]]
    sha256: str

    @cached_property
    def canonical_status(self) -> dict[str, dict[str, str]]:
        """Entity -> the source's word in lower case -> canonical status."""
        return {
            entity: {word: status for status, words in statuses.items() for word in words}
            for entity, statuses in self.statuses.items()
        }


def load_policy(folder: Path = FOLDER) -> Policy:
    """Read and check every policy file. Raises Fatal naming the file or the entry that is wrong."""
    texts = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}
    digest = hashlib.sha256(
        b"".join(name.encode() + b"\0" + text for name, text in texts.items())
    ).hexdigest()
    try:
        return Policy(**{name: yaml.safe_load(text) for name, text in texts.items()}, sha256=digest)
    except (ValidationError, yaml.YAMLError) as error:
        raise Fatal(f"{folder}: {error}") from error
