"""Policy is data: the YAML files beside this one, typed and checked on load, named by their hash."""

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

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
from include.policy.environments import DEFAULT, SETTING, Environment, Environments, with_differences
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
    environments: Environments
    here: str
    sha256: str

    @property
    def environment(self) -> Environment:
        """Where this is."""
        return self.environments.root[self.here]

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


def load_policy(folder: Path = FOLDER, *, environment: str | None = None) -> Policy:
    """Read and check every policy file, as they are in an environment: by default the one TIEOUT_ENVIRONMENT names.

    Raises Fatal naming the file or the entry that is wrong, or the environment nobody knows.
    """
    return policy_of(read_files(folder), environment=environment, place=str(folder))


def read_files(folder: Path = FOLDER) -> dict[str, str]:
    """The policy files by name, without their suffix."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}


def policy_of(files: Mapping[str, str], *, environment: str | None = None, place: str = "policy") -> Policy:
    """As `load_policy`, of files that were read. `place` is where they lie, for messages."""
    here = environment or os.environ.get(SETTING) or DEFAULT
    if missing := sorted(Policy.model_fields.keys() - files.keys() - {"here", "sha256"}):
        raise Fatal(f"{place} is no whole policy: it has no {', '.join(f'{name}.yaml' for name in missing)}")
    try:
        return _read(tuple(sorted(files.items())), here)
    except (ValidationError, yaml.YAMLError) as error:
        raise Fatal(f"{place}: {error}") from error


def rules_sha256(files: Mapping[str, str]) -> str:
    """The hash that names these files, whatever environment they are read for."""
    parts = (name.encode() + b"\0" + files[name].encode() for name in sorted(files))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _stated(name: str, text: str) -> Any:
    try:
        return yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise yaml.YAMLError(f"{name}.yaml: {error}") from None


@lru_cache(maxsize=8)
def _read(named: tuple[tuple[str, str], ...], here: str) -> Policy:
    """The policy that the files state, made once a process for equal files: checking them takes 50 ms.

    libyaml reads them ten times faster than Python.
    """
    files = dict(named)
    stated = {name: _stated(name, text) for name, text in files.items()}
    environments = Environments.model_validate(stated.get("environments"))
    if here not in environments.root:
        raise Fatal(
            f"{SETTING} is {here}, which policy/environments.yaml does not know; "
            f"it knows {', '.join(environments.root)}"
        )
    digest = rules_sha256(files)
    for name, one in environments.root.items():
        other = with_differences(stated, one.differences)
        if name == here and one.differences:
            # What is other here has a name of its own.
            told = json.dumps(one.differences, sort_keys=True)
            digest = hashlib.sha256(f"{digest}\0{told}".encode()).hexdigest()
        if name == here:
            policy = Policy(**other, here=here, sha256=digest)
        elif one.differences:
            Policy(**other, here=name, sha256=digest)  # what is wrong is found before it gets there
    return policy
