"""A bank statement proves itself: what it opened with and what moved is what it closes with, in each currency."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Amounts = Mapping[str, Decimal]
"""ISO currency -> amount in major units, debits below zero."""


@dataclass(frozen=True, kw_only=True)
class Balances:
    """What a statement says the account held before its first entry and after its last."""

    opening: Amounts = field(default_factory=dict)
    closing: Amounts = field(default_factory=dict)


def contradictions(balances: Balances, *, moved: Amounts, entries: int) -> list[str]:
    """A sentence for each currency in which the statement does not prove that it is complete; none when it does."""
    currencies = sorted({*balances.opening, *balances.closing, *moved})
    if not currencies:
        return ["it states neither an opening nor a closing balance, so nothing shows that it is complete"]
    return [
        said
        for currency in currencies
        if (said := _contradiction(balances, currency, moved.get(currency, Decimal(0)), entries))
    ]


def _contradiction(balances: Balances, currency: str, moved: Decimal, entries: int) -> str:
    opening, closing = balances.opening.get(currency), balances.closing.get(currency)
    if opening is None or closing is None:
        absent = " and ".join(
            word for word, amount in (("opening", opening), ("closing", closing)) if amount is None
        )
        return f"{currency}: it states no {absent} balance, so nothing shows that it is complete"
    if opening + moved == closing:
        return ""
    return (
        f"{currency}: opening balance {opening:f} and entries of {moved:f} ({entries} in all) make "
        f"{opening + moved:f}, the closing balance is {closing:f}"
    )
