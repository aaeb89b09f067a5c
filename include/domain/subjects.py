"""What a break's key is the id of. Each kind of object is numbered for itself: invoice 7 is not order 7."""

from collections.abc import Sequence
from typing import NamedTuple


class Subject(NamedTuple):
    """A break of `code` whose evidence begins with `opening` is about a `kind`, as a side of a match is called."""

    code: str
    opening: str
    kind: str


def _of(kind: str, *codes: str) -> list[Subject]:
    return [Subject(code, "", kind) for code in codes]


SUBJECTS: Sequence[Subject] = (
    *_of("account", "ID01", "ID03", "ID06", "ID07"),
    *_of("customer", "ID02", "ID04", "ID05", "ID08"),
    *(Subject(code, "ERP customer ", "customer") for code in ("ID06", "ID07")),
    *_of("opportunity", "OR01", "OR08", "OR12"),
    *_of("order", "OR02", "OR03", "OR04", "OR05", "OR06", "OR07", "OR09", "OR10", "OR11", "OR14"),
    *(Subject(code, "Invoice ", "invoice") for code in ("OR04", "OR06", "OR14")),
    Subject("OR05", "The ", "opportunity"),
    *_of("invoice", "OR13", "CA15"),
    *_of("payment", *(f"CA{number:02}" for number in range(1, 22) if number not in (12, 13, 14, 15))),
    Subject("CA11", "the refund ", "refund"),
    *_of("credit_note", "CA12", "CA21"),
    *_of("refund", "CA13"),
    *_of("dispute", "CA14"),
    *_of("payout", "CA21", "PO01", "PO03", "PO04", "PO06", "PO07", "PO08"),
    *_of("bank_line", "CA21", "PO02"),
    *_of("payment", "PO05"),
    Subject("PO05", "the refund ", "refund"),
    Subject("PO05", "its ", "payout"),
    *_of("subscription", *(f"SU{number:02}" for number in range(1, 8))),
)
"""Code by code; of openings that fit the longest counts. Codes of the reading itself (DQ) have no row: their keys say
what they are."""


def kinds_of(code: str, evidence: str) -> frozenset[str]:
    """What the key of such a break may be the id of; nothing where no row says it."""
    fitting = [one for one in SUBJECTS if one.code == code and evidence.startswith(one.opening)]
    longest = max((len(one.opening) for one in fitting), default=0)
    return frozenset(one.kind for one in fitting if len(one.opening) == longest)


NOT_OF_PAYMENTS: Sequence[str] = tuple(
    sorted({one.code for one in SUBJECTS} - {one.code for one in SUBJECTS if one.kind == "payment"})
)
"""The codes whose breaks hold no payment."""
