"""Figures as their reader writes them: grouped and signed by locale, exact to the minor unit."""

import re
from copy import copy
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, get_decimal_symbol, parse_pattern

from include.domain.currencies import EXPONENTS
from include.domain.money import InexactAmount, exponent, to_minor

DIGITS_MAX = 60
MINUS = "\N{MINUS SIGN}"

_GROUPED, _DECIMALS = r"-?[0-9]{1,3}(?:,[0-9]{3})+", r"\.[0-9]+"
_NUMBER = rf"(?:{_GROUPED}|-?[0-9]{{1,15}})(?:{_DECIMALS})?"
_STARTS = r"(?<![\w.,/:'-])"
_IN_A_SENTENCE = re.compile(
    rf"""(?<!\w)(?P<mark>['"])(?:(?:\\.|[^\\]){{0,300}}?(?P=mark)(?!\w)|.{{0,300}}?…)"""
    rf"|{_STARTS}(?P<amount>{_NUMBER}) (?P<currency>[A-Z]{{3}})\b"
    rf"|{_STARTS}(?P<before>[A-Z]{{3}}) (?P<after>{_NUMBER})(?![\w-]|[.,:/][0-9])"
    rf"|{_STARTS}(?P<count>{_GROUPED}(?:{_DECIMALS})?(?= [a-z])|-?[0-9]+{_DECIMALS}(?= (?:percent\b|%|of [0-9]{{4}}-)))"
)
"""What our sentences quote, which is somebody else's; "1234.56 SGD" and "SGD 1,234.56"; "1,234 rows", "12.5 percent",
and "1.3444 of 2026-05-01", a rate. (A quote has an end to look for: marks that never close would cost their square. A
mark behind a backslash is of what is quoted.)"""


@dataclass(frozen=True)
class Figures:
    """`locale` is one babel knows, such as `en_SG`, `de_DE`, `en_IN`."""

    locale: str

    def money(self, minor: int, currency: str) -> str:
        """Minor units with their currency: 123456 SGD -> "SGD 1,234.56"."""
        return f"{currency} {self.amount(minor, currency)}"

    def amount(self, minor: int, currency: str) -> str:
        """Minor units in major units, never rounded; below zero with a minus sign of full width."""
        decimals = exponent(currency)
        return self._signed(minor, decimals)

    def said(self, sentence: str) -> str:
        """A sentence of ours with its figures as its reader writes them: "pays 1234.56 SGD" -> "pays SGD 1,234.56".

        What is quoted stays to the letter, and so does what may be an id: a number without commas and without a unit.
        """
        return _IN_A_SENTENCE.sub(self._figure_said, sentence)

    def _figure_said(self, found: re.Match[str]) -> str:
        if found["mark"]:
            return found[0]
        if found["count"]:
            return self.plain(Decimal(found["count"].replace(",", "")))
        amount = (found["amount"] or found["after"]).replace(",", "")
        currency = found["currency"] or found["before"]
        if EXPONENTS.get(currency) != len(amount.partition(".")[2]):
            return found[0]
        try:
            return self.money(to_minor(amount, currency=currency), currency)
        except InexactAmount:  # more than any amount of ours: a name, or a source that is wrong
            return found[0]

    def rounded(self, minor: int, currency: str) -> str:
        """Whole major units, rounded half away from zero: for pictures, whose figures stand exactly beside them."""
        unit = 10 ** exponent(currency)
        whole = (2 * abs(minor) + unit) // (2 * unit)
        return self.number(-whole if minor < 0 else whole)

    def number(self, count: int) -> str:
        """A count: "1,812"."""
        return self._signed(count, 0)

    def counted(self, count: int, noun: str) -> str:
        """A count with its noun: "1 payment", "1,812 payments"."""
        return f"{self.number(count)} {noun}{'' if count == 1 else 's'}"

    def percent(self, part: int, whole: int) -> str:
        """A share with one decimal, rounded half up; whole must be positive, part not below zero."""
        permille = (2000 * part + whole) // (2 * whole)
        return self.tenths(permille) + "\N{NO-BREAK SPACE}%"

    def tenths(self, tenths: int) -> str:
        """Tenths as a number with one decimal: 1025 -> "102.5"."""
        whole, rest = divmod(abs(tenths), 10)
        return f"{MINUS if tenths < 0 else ''}{self.number(whole)}{get_decimal_symbol(self.locale)}{rest}"

    def hundredths(self, hundredths: int) -> str:
        """Hundredths as a number with two decimals: 1025 -> "10.25"."""
        return self._signed(hundredths, 2)

    def plain(self, number: Decimal) -> str:
        """A number with the decimals it has: "1,234.5"."""
        decimals = max(0, -int(number.as_tuple().exponent))
        return self._signed(int(number.scaleb(decimals)), decimals)

    def _signed(self, minor: int, decimals: int) -> str:
        with localcontext() as context:
            context.prec = DIGITS_MAX
            value = Decimal(abs(minor)).scaleb(-decimals)
            shown = _pattern(self.locale, decimals).apply(value, Locale.parse(self.locale))
        return f"{MINUS}{shown}" if minor < 0 else shown


@lru_cache(maxsize=256)
def _pattern(locale: str, decimals: int) -> NumberPattern:
    """The locale's way to group, with exactly so many decimals."""
    pattern = copy(parse_pattern(Locale.parse(locale).decimal_formats[None].pattern))
    pattern.frac_prec = (decimals, decimals)
    return pattern
