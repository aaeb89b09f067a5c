"""Our words in plain finance language, and figures as people read them."""

import unicodedata

from include.domain.money import major

SHOWN_CHARACTERS = 240
NOTHING = "\N{EN DASH}"

BUCKETS = {
    "current": "not yet due",
    "1-30": "1 to 30 days",
    "31-60": "31 to 60 days",
    "61-90": "61 to 90 days",
    "over-90": "over 90 days",
}
"""Aging bucket -> how late its invoices are, in order."""

SEVERITIES = {"S1": "critical", "S2": "high", "S3": "medium", "S4": "low"}

RULES = {
    "P0": ("Applied already", "the payments platform names the invoice, and the amount agrees"),
    "P1": ("By reference", "the payer named the invoices and paid their exact sum"),
    "P2": ("By reference, rewritten", "the same, with the invoice number written differently"),
    "P4": ("By amount and date", "nothing was named; one open invoice fits, and no other set of items does"),
    "P5": ("By sum and date", "nothing was named; one set of open invoices adds up, and no other does"),
}
"""Pass of policy/matching.yaml -> its name and why its matches are sure; a pass without a line is shown as it is."""

AMBIGUITIES = {
    2: "several open invoices fit equally well",
    1: "one invoice fits, but other open items explain the same money",
    0: "nothing singles out one invoice",
}
"""Invoices a held payment could be for -> why it was held."""


def money(minor: int, currency: str) -> str:
    """Minor units with their currency and thousands separators: 123456 SGD -> "SGD 1,234.56"."""
    return f"{currency} {amount(minor, currency)}"


def amount(minor: int, currency: str) -> str:
    """Minor units in major units with thousands separators, exact."""
    whole, point, fraction = major(abs(minor), currency=currency).partition(".")
    sign = "\N{MINUS SIGN}" if minor < 0 else ""
    return f"{sign}{int(whole):,}{point}{fraction}"


def counted(number: int, noun: str) -> str:
    """A count with its noun: "1 payment", "1,812 payments"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(part: int, whole: int) -> str:
    """A share with one decimal, rounded half up; whole must be positive."""
    permille = (2000 * part + whole) // (2 * whole)
    return f"{permille // 10}.{permille % 10}\N{NO-BREAK SPACE}%"


def line(text: str) -> str:
    """Text from outside on one line, without characters that hide or reorder others, cut at SHOWN_CHARACTERS."""
    visible = " ".join("".join(" " if c.isspace() else c for c in text if _is_shown(c)).split())
    return visible if len(visible) <= SHOWN_CHARACTERS else visible[: SHOWN_CHARACTERS - 1] + "…"


def _is_shown(character: str) -> bool:
    return character.isspace() or not unicodedata.category(character).startswith("C")
