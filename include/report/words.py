"""Our words in plain finance language."""

import re
import unicodedata

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

CHANGES = {"opened": "New", "closed": "Gone", "moved": "Other kind or amount"}
"""What became of a break since the day before -> how it is said, in order."""

VERDICTS = {"fail": "FAILED", "warn": "look", "pass": "fine", "unjudged": "cannot be told yet"}

WHY_RESTATED = {
    "late": "it, its cash or its credit came later",
    "corrected": "its source or the amount applied to it changed",
    "withdrawn": "it is no longer owed, or no longer money",
    "unmatched": "what had settled it no longer does",
    "unexplained": "nothing explains it",
}

ARR_LINES = (
    ("opening_minor", "Opening", 1),
    ("new_minor", "New customers", 1),
    ("expansion_minor", "Expansion", 1),
    ("reactivation_minor", "Customers who came back", 1),
    ("contraction_minor", "Contraction", -1),
    ("churn_minor", "Customers who left", -1),
    ("fx_minor", "Exchange rates", 1),
    ("closing_minor", "Closing", 1),
)
"""A month's figure -> how it is called, and which way it counts; in the order of the bridge."""

RULES = {
    "carried": ("Carried forward", "applied on an earlier day, and its facts still stand"),
    "manual": ("By hand", "a person matched them, and as many others as policy asks approved it"),
    "P0": ("Applied already", "the payments platform names the invoice, and the amount agrees"),
    "P1": ("By reference", "the payer named the invoices and paid their exact sum"),
    "P2": ("By reference, rewritten", "the same, with the invoice number written differently"),
    "P3": (
        "By reference, with a residual",
        "the payer named the invoice; a fee, tax or discount explains the rest",
    ),
    "P6": (
        "Less credit",
        "the invoices that were named, or the one set that fits, come to what was paid once a credit is taken off",
    ),
    "P8": ("By a group member's reference", "the invoice named belongs to a company of the payer's group"),
    "P9": ("In part", "the payer named the invoice and paid part of it, or too much"),
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


_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that Unicode calls letters or marks and that readers show as nothing, or not at all."""

BLANK = "\N{BRAILLE PATTERN BLANK}"

_R = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_RIGHT_TO_LEFT = re.compile(f"[{_R}](?:[^\\w]*[{_R}])*")
"""Words written from right to left, without the figures and other words between them."""

_ISOLATE, _END = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def line(text: str) -> str:
    """Text from outside on one line, without characters that hide or reorder others, cut at SHOWN_CHARACTERS.

    What is written from right to left keeps to itself: figures after it stay in their order.
    """
    shown = visible(text)
    return isolated(shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 1] + "…")


def isolated(text: str) -> str:
    """Text whose words from right to left turn nothing around them."""
    if text.isascii():
        return text
    return _RIGHT_TO_LEFT.sub(lambda found: f"{_ISOLATE}{found[0]}{_END}", text)


def visible(text: str) -> str:
    """Text from outside on one line, without characters that hide or reorder others."""
    if not text.isascii():
        text = _UNSEEN.sub("", text.replace(BLANK, " "))
    if not text.isprintable():
        text = "".join(" " if c.isspace() else c for c in text if _is_shown(c))
    return " ".join(text.split())


def _is_shown(character: str) -> bool:
    return character.isspace() or not unicodedata.category(character).startswith("C")
