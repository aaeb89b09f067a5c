"""Policy is data: the YAML files beside this one, typed and checked on load, named by their hash."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.domain.breaks import Level
from include.domain.ownership import Ownership
from include.domain.residuals import ResidualRules
from include.policy.ownership import OwnershipRules
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


class Policy(_Strict):
    """Everything a rule may depend on, besides the data."""

    matching: dict[str, tuple[Pass, ...]]
    breaks: Breaks
    residuals: ResidualRules
    statuses: dict[str, dict[str, tuple[str, ...]]]
    ownership: OwnershipRules
    sha256: str

    @cached_property
    def canonical_status(self) -> dict[str, dict[str, str]]:
        """Entity -> the source's word in lower case -> canonical status."""
        return {
            entity: {word: status for status, words in statuses.items() for word in words}
            for entity, statuses in self.statuses.items()
        }

    @cached_property
    def field_ownership(self) -> Ownership:
        """Whose word counts, field by field."""
        return self.ownership.ownership()


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
