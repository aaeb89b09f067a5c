"""What a payer wrote, and what an invoice is called, made comparable."""

import re
import unicodedata
from functools import lru_cache

WORDS_MAX = 40
RUNS_MAX = 6
KEY_CHARACTERS_MIN = 3
DIGITS_MIN = 5
"""A number's digits alone name it only from this many on."""

_SEPARATORS = re.compile(r"[\s,;]+")
_JOINED = re.compile(r"\w[-/#_.:]\w")
_RUN = re.compile(r"[^\W\d_]+|\d+")
_ASCII_RUN = re.compile(r"[A-Z]+|[0-9]+")


def tokens(reference: str | None) -> list[str]:
    """The reference cut at spaces, commas and semicolons: what pass P1 holds against invoice numbers, verbatim.

    Empty when there are more than WORDS_MAX: half a list would be another list.
    """
    found = [token for token in _SEPARATORS.split(reference or "") if token]
    return found if len(found) <= WORDS_MAX else []


def number_key(number: str) -> str:
    """A document number as its runs of letters and digits: `INV-2025-00123` -> `INV|2025|123`."""
    return "|".join(_runs(number))


def number_digits(number: str) -> list[str]:
    """The keys of a document number written without its letters, apart and in one: `2025|123` and `202500123`.

    Empty when the digits say too little, or are the whole number.
    """
    runs = [run for run in _RUN.findall(unicodedata.normalize("NFKC", number)) if run.isdecimal()]
    keys = {"|".join(_runs(" ".join(runs))), "".join(runs).lstrip("0")}
    return sorted(key for key in keys - {number_key(number)} if len(key.replace("|", "")) >= DIGITS_MIN)


def reference_keys(reference: str | None) -> list[str]:
    """Every `number_key` the reference could contain, sorted: all spans of up to RUNS_MAX runs that say enough.

    `Pymt inv 2025/123 thanks` holds `INV|2025|123` among others. A lone run of one or two digits says nothing: `fee for
    3 months` does not mean invoice 3.
    """
    runs = _runs(reference or "")
    return sorted(set(_spans(runs))) if len(runs) <= WORDS_MAX else []


def names_a_document(reference: str | None) -> bool:
    """Whether the payer wrote what may mean a document: a digit, parts joined as in `INV-B`, or too many words."""
    text = reference or ""
    return any(map(str.isdecimal, text)) or bool(_JOINED.search(text)) or len(_runs(text)) > WORDS_MAX


@lru_cache(maxsize=16)  # the rules ask for the same text one after the other
def _runs(text: str) -> tuple[str, ...]:
    if text.isascii():
        runs = _ASCII_RUN.findall(text.upper())
    else:
        runs = _RUN.findall(unicodedata.normalize("NFKC", text).upper())
    return tuple([(run.lstrip("0") or "0") if run.isdecimal() else run for run in runs])


def _spans(runs: tuple[str, ...]) -> list[str]:
    found, numbers = [], [run.isdecimal() for run in runs]
    for start, first in enumerate(runs):
        span, characters, has_number = first, len(first), numbers[start]
        if characters >= KEY_CHARACTERS_MIN:
            found.append(span)
        for end in range(start + 1, min(start + RUNS_MAX, len(runs))):
            run = runs[end]
            characters, has_number = characters + len(run), has_number or numbers[end]
            span = f"{span}|{run}"
            if has_number and characters >= KEY_CHARACTERS_MIN:
                found.append(span)
    return found
