"""policy/alerts.yaml: what somebody is told at once, and how."""

from datetime import time, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import Field, PositiveInt, field_validator

from include.domain.alert_words import SENTENCES
from include.domain.alerts import AlertRule, Channel, Growth
from include.domain.breaks import Level
from include.policy.strict import Strict


class Watched(Strict):
    """How long ago a flow's last work may be.

    `optional`: it is missed only once it has worked at all, or is promised and has a place to read from.
    """

    late_minutes: PositiveInt
    optional: bool = False


class Limits(Strict):
    """From where on something is told. See policy/alerts.yaml for the units."""

    shown_max: PositiveInt
    large_sgd_minor: PositiveInt
    uncertain_minutes: PositiveInt
    waiting_minutes: PositiveInt
    replay_minutes: PositiveInt
    mail_minutes: PositiveInt
    unproven_minutes: PositiveInt
    quarantined_rows: PositiveInt
    budget_percent: PositiveInt
    webhook_minutes: PositiveInt
    webhook_events: PositiveInt
    channel_failures: PositiveInt
    conflict_days: PositiveInt
    dead_days: PositiveInt
    mail_days: PositiveInt
    lapsed_hours: PositiveInt
    budget_hours: PositiveInt
    channel_hours: PositiveInt
    recent_days: PositiveInt
    rollback_money_minutes: PositiveInt
    rollback_runs: PositiveInt
    rollback_coverage_percent: Decimal = Field(gt=0, le=100)


class FactRule(Strict):
    """How severe a fact is at least, where it is told, by which playbook, and when it is told again.

    `grows`: whether more of it is told as worse; by `count`, where its money is of what waits and not of what is wrong.
    """

    severity: Level
    channels: tuple[Channel, ...] = Field(min_length=1)
    playbook: str = Field(pattern=r"^\w+$")
    remind_hours: PositiveInt
    grows: bool | Literal["count"] = False


class Grown(Strict):
    """When more of the same is told: `factor` times as much as was told last, and not within `after_minutes` of it."""

    factor: int = Field(ge=2)
    after_minutes: PositiveInt


class Alerts(Strict):
    """All that is watched and told."""

    recover_after_minutes: PositiveInt
    grown: Grown
    flows: dict[str, Watched]
    day_due: time
    limits: Limits
    facts: dict[str, FactRule]

    @field_validator("facts")
    @classmethod
    def _every_kind(cls, stated: dict[str, FactRule]) -> dict[str, FactRule]:
        if stated.keys() != SENTENCES.keys():
            raise ValueError(f"names other facts than there are: {sorted(stated.keys() ^ SENTENCES.keys())}")
        return stated

    @property
    def rules(self) -> dict[str, AlertRule]:
        """The same as the domain reads it, by kind."""
        factor, after = self.grown.factor, timedelta(minutes=self.grown.after_minutes)
        return {
            kind: AlertRule(
                severity=one.severity,
                channels=one.channels,
                playbook=one.playbook,
                remind_after=timedelta(hours=one.remind_hours),
                growth=Growth(factor, after, by_money=one.grows is True) if one.grows else None,
            )
            for kind, one in self.facts.items()
        }

    @property
    def patience(self) -> timedelta:
        """How long a fact must not have been seen to be over."""
        return timedelta(minutes=self.recover_after_minutes)
