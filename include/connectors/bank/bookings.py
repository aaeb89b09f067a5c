"""What tells one booking from another, whichever statement states it: the day's, the month's, or a file sent again.

A booking is its account, its booking day, and there the bank's own reference; where it has none, the balance it found.
The bank states an account's bookings in one order, so two statements give a booking the same balance before it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from include.connectors.bank.translate import Entry, Statement, booked_on, translate
from include.domain.canonical_json import sha256


@dataclass(frozen=True)
class Booking:
    """An entry with its key and the hash of what it does to the account.

    Two statements that give one key different hashes contradict each other, which is for a person to decide.
    """

    entry: Entry
    key: str
    version: str


def bookings(statement: Statement) -> Iterator[Booking]:
    """The statement's entries, each with its identity; one that cannot be used has one of this statement only."""
    readable = not any(entry.damage and entry.counts for entry in statement.entries)
    account = statement.account or "no account"
    moved: defaultdict[str, Decimal] = defaultdict(Decimal)
    seen: Counter[str] = Counter()
    for number, entry in enumerate(statement.entries, start=1):
        if entry.damage or not (readable or entry.reference):
            key = f"{account}/{statement.id}/{entry.reference or '#'}{'' if entry.reference else number}"
            key = f"{key} (unusable, entry {number})" if entry.damage else key
            yield Booking(entry, key, sha256(dict(entry.payload)))
            continue
        words = translate({"id": "", "account": "", **entry.payload})
        currency, amount = words["currency"] or "", words["amount"] or ""
        opening = statement.balances.opening.get(currency)
        before = _plain(opening + moved[currency]) if readable and opening is not None else ""
        moved[currency] += Decimal(amount)
        name = entry.reference or f"at {currency} {before}"
        key = f"{account}/{booked_on(entry.payload) or words['value_date']}/{name}"
        seen[key] += 1
        facts = {"amount": _plain(Decimal(amount)), "currency": currency, "value_date": words["value_date"]}
        numbered = key if seen[key] == 1 else f"{key}#{seen[key]}"
        yield Booking(entry, numbered, sha256(facts | {"before": before}))


def _plain(amount: Decimal) -> str:
    """The amount without the zeros that one statement writes and another leaves out."""
    return f"{amount.normalize():f}"
