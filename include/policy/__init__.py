"""Policy is data: the YAML files beside this one, typed and checked on load, named by their hash."""

import hashlib
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.domain.arr_bridge import View
from include.domain.breaks import REPORTING_CURRENCY, Level
from include.domain.fx import rates_to
from include.domain.residuals import ResidualRules
from include.domain.subscriptions import ArrRules
from include.policy.orders import Orders
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


class Identity(_Strict):
    """When two records are one company (R1); the numbers are explained in identity.yaml."""

    review_score: int
    other_country_costs: int
    candidates_max: int
    block_pairs_max: int
    bearers_max: int
    generations_max: int
    free_mail: frozenset[str]


class Budget(_Strict):
    """Constant exchange rates: `rates` are units of a currency for one of `base`."""

    base: str
    rates: dict[str, Decimal]

    def worth(self) -> dict[str, Decimal]:
        """Currency -> units of the reporting currency for one of it."""
        return rates_to(REPORTING_CURRENCY, [(self.base, quote, rate) for quote, rate in self.rates.items()])


class Arr(_Strict):
    """How annual recurring revenue is recalculated and shown."""

    pause: Literal["ZERO", "KEEP"]
    keep_days: int = Field(ge=0, le=90)
    renewal_grace_days: int = Field(ge=0)
    bridge_view: View
    budget: Budget

    @property
    def rules(self) -> ArrRules:
        return ArrRules(
            kept_pause_days=self.keep_days if self.pause == "KEEP" else 0,
            renewal_grace_days=self.renewal_grace_days,
        )


class Policy(_Strict):
    """Everything a rule may depend on, besides the data."""

    matching: dict[str, tuple[Pass, ...]]
    arr: Arr
    breaks: Breaks
    residuals: ResidualRules
    identity: Identity
    statuses: dict[str, dict[str, tuple[str, ...]]]
    orders: Orders
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
