"""Breaks: differences someone must explain, with an identity that survives re-runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal
from uuid import UUID, uuid5

from include.domain.fx import convert

NAMESPACE = UUID("8d0c7a52-6a53-5f3e-9d9e-2f4b1f6c7e10")
REPORTING_CURRENCY = "SGD"

WORTH_BELOW = 10**18
"""SGD minor units: more than any of our items is worth, and sums of it can be kept."""

Level = Literal["S1", "S2", "S3", "S4"]
"""Severity, S1 being the worst."""


@dataclass(frozen=True, kw_only=True)
class Break:
    """One difference. `key` is what a person looks up; `amount_minor` is in `currency`; `since` is the fact's date.

    `severity` is for a code whose severity depends on the case; else policy says it.
    """

    recon: str
    code: str
    key: str
    evidence: str
    currency: str | None = None
    amount_minor: int | None = None
    since: date | None = None
    severity: Level | None = None


def break_id(*, recon: str, family: str, key: str) -> UUID:
    """The same difference has the same id in every run, also when its code changes within the family."""
    return uuid5(NAMESPACE, f"{recon}|{family}|{key}")


def in_reporting_currency(amount_minor: int, *, currency: str, rates: Mapping[str, Decimal]) -> int | None:
    """SGD minor units, rounded half up; None when no rate (SGD per one unit of the currency) is known.

    None too where it makes WORTH_BELOW or more: that is no worth, but a rate that somebody mistyped.
    """
    rate = Decimal(1) if currency == REPORTING_CURRENCY else rates.get(currency)
    if rate is None:
        return None
    try:
        worth = convert(amount_minor, rate=rate, base=currency, quote=REPORTING_CURRENCY)
    except InvalidOperation:  # more digits than are counted with
        return None
    return worth if abs(worth) < WORTH_BELOW else None


def severity(amount_sgd_minor: int | None, *, thresholds: Mapping[Level, int], unknown: Level) -> Level:
    """The first level whose threshold (SGD minor units) the amount reaches; `unknown` when the value is."""
    if amount_sgd_minor is None:
        return unknown
    levels = sorted(thresholds.items(), key=lambda level: -level[1])
    return next((name for name, least in levels if abs(amount_sgd_minor) >= least), levels[-1][0])
