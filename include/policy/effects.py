"""The parameters of delivery, the Closed-Won gate, payment failures and dunning, as their policy files have them."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, PositiveInt, field_validator

from include.domain.closed_won import CHECKS, GateRules
from include.domain.delivery import Pace
from include.domain.dunning import DunningRules, Rung
from include.domain.payment_failure import Cap, FailureRules
from include.domain.renewal_steps import RenewalRules, RenewalStep
from include.policy.orders import Orders
from include.policy.strict import Strict


class Patience(Strict):
    """How long to wait, and when to give up."""

    lease_seconds: PositiveInt
    first_wait_seconds: PositiveInt
    longest_wait_seconds: PositiveInt
    attempts_max: PositiveInt
    keys_live_hours: PositiveInt
    doubt_days: PositiveInt
    silences_max: PositiveInt
    rest_seconds: PositiveInt


class Scarce(Strict):
    """What a system's daily calls are kept for when they run short: all but what can wait."""

    short_percent: int = Field(gt=0, le=100)
    can_wait: tuple[str, ...]


class Delivery(Strict):
    """How messages are delivered. `reasons`: why one is parked -> who mends it.

    `waiting_max`: from so many messages waiting for a system on, what landed waits to be told.
    `replayed_hourly_max`: so many are sent again by people within an hour, and no more; `replayed_alone_max`: by one.
    `replay_asked_hours`: for so long others may approve what one asked for.
    """

    patience: Patience = Field(alias="pace")
    scarce: Scarce
    waiting_max: PositiveInt
    replayed_hourly_max: PositiveInt
    replayed_alone_max: PositiveInt
    replay_asked_hours: int = Field(gt=0, le=744)
    reasons: dict[str, str]

    @property
    def asked_for(self) -> timedelta:
        """How long what somebody asks for waits for another."""
        return timedelta(hours=self.replay_asked_hours)

    @property
    def pace(self) -> Pace:
        """The same in time spans."""
        told = self.patience
        return Pace(
            lease=timedelta(seconds=told.lease_seconds),
            first_wait=timedelta(seconds=told.first_wait_seconds),
            longest_wait=timedelta(seconds=told.longest_wait_seconds),
            attempts_max=told.attempts_max,
            keys_live=timedelta(hours=told.keys_live_hours),
            doubt=timedelta(days=told.doubt_days),
            silences_max=told.silences_max,
            rest=timedelta(seconds=told.rest_seconds),
            can_wait=self.scarce.can_wait,
            short_percent=self.scarce.short_percent,
        )


class Products(Strict):
    """The ERP's codes for what is sold at home and abroad."""

    domestic: str
    abroad: str


class ClosedWon(Strict):
    """The gate, but for what it has in common with R2. `unrecorded`: check -> what becomes of a fact nobody told.

    `alone_up_to`: currency -> the most, in major units, that an order is worth which leaves without two people.
    """

    alone_up_to: dict[str, PositiveInt]
    payment_terms_days_max: PositiveInt
    financing_months_max: PositiveInt
    unrecorded: dict[str, Literal["blocks", "passes"]]
    flags_hold_invoice: frozenset[str]
    products: Products

    @field_validator("unrecorded")
    @classmethod
    def _every_check(cls, stated: dict[str, Literal["blocks", "passes"]]) -> dict[str, str]:
        if stated.keys() != CHECKS.keys():
            raise ValueError(f"names other checks than the gate has: {sorted(stated.keys() ^ CHECKS.keys())}")
        return dict(stated)

    def rules(self, orders: Orders) -> GateRules:
        """With the ladder and the longest term of R2: one deal, one rule."""
        return GateRules(
            ladder=tuple((rung.approver, rung.up_to_percent) for rung in orders.discounts.ladder),
            term_months_max=orders.term_months_max,
            payment_terms_days_max=self.payment_terms_days_max,
            financing_months_max=self.financing_months_max,
            optional=frozenset(name for name, what in self.unrecorded.items() if what == "passes"),
            flags_hold_invoice=self.flags_hold_invoice,
        )


class SchemeCap(Strict):
    """So many tries of one card within so many hours."""

    most: PositiveInt
    within_hours: PositiveInt


class PaymentFailure(Strict):
    """Declined payments."""

    hard: frozenset[str]
    advice_wait_hours: dict[str, PositiveInt]
    retry_days: tuple[PositiveInt, ...]
    task_after: PositiveInt
    caps: dict[str, tuple[SchemeCap, ...]]

    @property
    def rules(self) -> FailureRules:
        """The same, as the domain reads it."""
        caps = {
            scheme: tuple(Cap(cap.most, timedelta(hours=cap.within_hours)) for cap in caps)
            for scheme, caps in self.caps.items()
        }
        waits = {code: timedelta(hours=hours) for code, hours in self.advice_wait_hours.items()}
        return FailureRules(
            hard=self.hard,
            waits=waits,
            retry_days=self.retry_days,
            task_after=self.task_after,
            caps=caps,
        )


class DunningRung(Strict):
    """One level of the ladder."""

    level: PositiveInt
    name: str
    from_days: int
    approval: bool = False


class Dunning(Strict):
    """The ladder and the least worth asking for."""

    ladder: tuple[DunningRung, ...] = Field(min_length=1)
    least_sgd_minor: int

    @property
    def rules(self) -> DunningRules:
        """The same, lowest rung first."""
        rungs = (Rung(one.level, one.name, one.from_days, one.approval) for one in self.ladder)
        return DunningRules(
            ladder=tuple(sorted(rungs, key=lambda one: one.level)), least_sgd_minor=self.least_sgd_minor
        )


class RenewalTask(Strict):
    """Something to do so many days before the renewal date."""

    name: str
    days_before: int = Field(ge=0)
    opens: bool = False


class RenewalDeal(Strict):
    """What the organisation calls the first stage and the type of an opportunity that renews."""

    stage: str
    type: str


class Renewals(Strict):
    """What a contract's end asks of people beforehand."""

    steps: tuple[RenewalTask, ...] = Field(min_length=1)
    overdue_days_max: int
    opportunity: RenewalDeal

    @property
    def rules(self) -> RenewalRules:
        """The same, the earliest step first."""
        steps = sorted(
            (RenewalStep(one.name, one.days_before, one.opens) for one in self.steps),
            key=lambda one: -one.days_before,
        )
        return RenewalRules(steps=tuple(steps), overdue_days_max=self.overdue_days_max)
