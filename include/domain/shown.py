"""Texts where room is short, or where some of their characters would do something."""

import re
from collections.abc import Mapping
from decimal import Decimal

from include.domain.currencies import EXPONENTS

_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def cut(text: str, most: int) -> str:
    """The text, or as many characters as fit with … in place of the rest: nobody must take a part for the whole."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 charge", "1,812 charges"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def on_terminal(text: str) -> str:
    """Text from outside on one line: what would steer a terminal, or turn text around, is written out."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def json_on_terminal(text: str) -> str:
    """The same for JSON, which stays JSON and keeps its lines."""
    return "\n".join(
        _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in text.split("\n")
    )


def sums_apart(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What a source adds up to and what is here, in major units, in every currency in which they differ."""
    apart = [one for one in sorted({*there, *here}) if there.get(one) != here.get(one)]
    said = (
        f"{one or 'without currency'} {exact_sum(there.get(one, '0'), one)} there, "
        f"{exact_sum(here.get(one, '0'), one)} here"
        for one in apart
    )
    return f"sums: {'; '.join(said)}" if apart else "the sums agree"


def exact_sum(total: str, currency: str) -> str:
    """A sum in major units, of any code and size: with the currency's own decimals, and with more where it has more."""
    exact = Decimal(total)
    decimals = max(EXPONENTS.get(currency, 0), -int(exact.normalize().as_tuple().exponent))
    return f"{exact:,.{decimals}f}"
