"""policy/quality.yaml and policy/freshness.yaml."""

from typing import Literal

from pydantic import Field

from include.policy.strict import Strict

Kind = Literal[
    "required",
    "valid",
    "plausible",
    "unique",
    "number",
    "word",
    "stated",
    "read",
    "held",
    "refers",
    "fresh",
    "recent",
    "drift",
    "agrees",
]
UntilMended = Literal["block", "warn"]


class Flow(Strict):
    """What a flow promises of one system's data. See policy/freshness.yaml."""

    system: str
    behind_minutes: int = Field(ge=0)
    newest_business_days: dict[str, int]


class Freshness(Strict):
    """The promises of all flows, by dag."""

    flows: dict[str, Flow]


class KindRule(Strict):
    """What happens while an expectation of a kind is not met, and who mends it."""

    until_mended: UntilMended
    owner: str


class Drift(Strict):
    """When a window of days differs from those before it. See policy/quality.yaml for the units."""

    window_days: int = Field(gt=0)
    windows: int = Field(gt=1)
    least_rows: int
    least_amounts: int = Field(gt=1)
    chance_sigmas: int = Field(ge=0)
    volume_sigmas: int
    amount_percent: int
    mix_percent: int
    blank_points: int
    day_weeks: int = Field(gt=3)
    day_least_facts: int
    day_volume_percent: int
    day_amount_percent: int


class Agreement(Strict):
    """How far back, and after which time, two systems must say the same."""

    window_days: int
    bank_business_days: int
    told_ahead_days: int


class Quality(Strict):
    """What is expected of the data, and what follows when it is not met."""

    kinds: dict[Kind, KindRule]
    overrides: dict[str, UntilMended]
    stated_percent: dict[str, dict[str, int]]
    unread_percent_max: int
    fewer_percent_max: int
    drift: Drift
    agreement: Agreement
    pages_days: int = Field(gt=0)

    def until_mended(self, expectation: str, kind: Kind) -> UntilMended:
        """What happens while this expectation is not met."""
        return self.overrides.get(expectation, self.kinds[kind].until_mended)
