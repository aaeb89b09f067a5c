"""What a payer wrote, and what an invoice is called, made comparable."""

import re
import unicodedata
from collections.abc import Iterator

WORDS_MAX = 40
RUNS_MAX = 6

_SEPARATORS = re.compile(r"[\s,;]+")
_RUN = re.compile(r"[^\W\d_]+|\d+")


def tokens(reference: str | None) -> list[str]:
    """The reference cut at spaces, commas and semicolons: what pass P1 holds against invoice numbers, verbatim."""
    return [token for token in _SEPARATORS.split(reference or "") if token][:WORDS_MAX]


def number_key(number: str) -> str:
    """A document number as its runs of letters and digits: `INV-2025-00123` -> `INV|2025|123`."""
    return "|".join(_runs(number))


def reference_keys(reference: str | None) -> list[str]:
    """Every `number_key` the reference could contain, sorted: all spans of up to RUNS_MAX runs that hold a digit.

    `Pymt inv 2025/123 thanks` holds `INV|2025|123` among others.
    """
    return sorted(set(_spans(_runs(reference or "")[:WORDS_MAX])))


def names_a_document(reference: str | None) -> bool:
    """Whether the payer wrote something that looks like a document number (a run of three digits or more)."""
    return any(run.isdecimal() and len(run) >= 3 for run in _runs(reference or ""))  # noqa: PLR2004 - see docstring


def _runs(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).upper()
    return [(run.lstrip("0") or "0") if run.isdecimal() else run for run in _RUN.findall(folded)]


def _spans(runs: list[str]) -> Iterator[str]:
    for start in range(len(runs)):
        for end in range(start + 1, min(start + RUNS_MAX, len(runs)) + 1):
            if any(run[0].isdecimal() for run in runs[start:end]):
                yield "|".join(runs[start:end])
