"""How the day's API calls are spent: on money first, by the cheaper of two ways, some kept for people."""

import math
from collections.abc import Mapping
from enum import StrEnum

from include.ports import Retryable

STOP_SHARE = 0.95
"""Share of the day's calls after which reading stops: the rest is for people and writes."""

MONEY_ONLY_SHARE = 0.85
"""Share after which only what carries money is read."""

REST_PAGE_ROWS = 2_000
BULK_PAGE_ROWS = 10_000
BULK_CALLS = 6
"""To make a bulk job, to ask after it a few times, to clear it away."""

BULK_FROM_ROWS = 20_000
"""Below this the wait for a job costs more than its calls save."""

MONEY = ("invoices", "opportunities")
"""Entities by business value: open invoices first, then deals; the rest has no money of its own."""


class Deferred(Retryable):
    """Read in part only: calls are kept for what matters more; the rest waits for the daily reset."""


class Way(StrEnum):
    """How to read an entity."""

    REST = "rest"
    BULK = "bulk"


class Budget:
    """What the last answer said of the day's calls; before the first answer nothing is known to be used."""

    def __init__(self) -> None:
        self.used, self.limit = 0, 0

    def note(self, *, used: int, limit: int) -> None:
        """What an answer states."""
        self.used, self.limit = used, limit

    @property
    def share(self) -> float:
        """The share of the day's calls that is used."""
        return self.used / self.limit if self.limit else 0.0

    def left(self, entity: str) -> float:
        """Calls an entity may still cost; infinite while nothing is known."""
        share = STOP_SHARE if entity in MONEY else MONEY_ONLY_SHARE
        return math.floor(self.limit * share) - self.used if self.limit else math.inf

    def check(self) -> None:
        """Raises Deferred when only people and writes may still call."""
        if self.share >= STOP_SHARE:
            raise Deferred(
                f"Salesforce: {self.share:.0%} of the daily API calls are used; wait for the reset"
            )


def choose(entity: str, *, rows: int, budget: Budget, limits: Mapping[str, int]) -> Way:
    """The way to read so many rows of an entity that the budget allows; few rows by REST, many in bulk.

    `limits`: what is left, by Salesforce's names. Raises Deferred when neither way is affordable.
    """
    left = min(budget.left(entity), limits.get("DailyApiRequests", math.inf))
    jobs = min(limits.get("DailyBulkV2QueryJobs", 1), limits.get("DailyBulkApiBatches", 1))
    costs = {
        Way.REST: math.ceil(rows / REST_PAGE_ROWS),
        Way.BULK: BULK_CALLS + math.ceil(rows / BULK_PAGE_ROWS),
    }
    ways = [Way.BULK, Way.REST] if rows >= BULK_FROM_ROWS else [Way.REST, Way.BULK]
    for way in ways:
        if costs[way] <= left and (way is Way.REST or jobs > 0):
            return way
    raise Deferred(
        f"Salesforce {entity}: {rows:,} rows cost {min(costs.values()):,} calls and {max(0, left):,.0f} are left "
        "for it today; the rest of the object was not read"
    )


def in_order_of_value(entities: tuple[str, ...]) -> tuple[str, ...]:
    """The entities, those with money first."""
    return tuple(sorted(entities, key=lambda name: MONEY.index(name) if name in MONEY else len(MONEY)))
