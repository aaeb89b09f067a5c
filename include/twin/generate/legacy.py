"""The old manual path: what it answers each day beside a clean world, with its typical errors, and the truth of these.

Its answers are those of the clean facts, but where an error was drawn: the truth says of every day what differs,
by which error, and so of which class. An item has one error at most, or two of other fields; a customer whose money
somebody applies to the oldest invoice first, or whose due dates somebody moves off weekends, has that for all of its
kind. Errors last: what came late comes late every time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from include.twin.generate.book import Book, Invoice, Rules
from include.twin.generate.dates import banking_day, days_after
from include.twin.generate.draws import Stream, chance, draws
from include.twin.generate.legacy_facts import Answer, Facts, Paid, Terms, facts_of, settled, typed_in
from include.twin.generate.sales import Subscription

OFFICE = ZoneInfo("America/Los_Angeles")
"""Where the old path's server stands: it reads an instant as that day."""

CLASSES = {
    "late": "timing",
    "per_line": "rounding",
    "float": "rounding",
    "unmapped": "mapping",
    "missed_amendment": "legacy_error",
    "duplicate": "legacy_error",
    "time_zone": "legacy_error",
    "missing": "legacy_error",
    "extra": "legacy_error",
    "oldest_first": "logic",
    "weekend_due": "logic",
}

CHANGES = {
    "per_line": {"amount", "tax"},
    "float": {"amount", "tax"},
    "unmapped": {"status"},
    "time_zone": {"on_date"},
    "weekend_due": {"due_date"},
}
"""Errors of single fields, as the truth names these: an item may have two that share none."""

Shares = tuple[tuple[str, int], ...]
"""Errors and how many of a million items have them, where they can."""

SHARES: Mapping[str, Shares] = {
    "orders": (("missing", 6_000), ("duplicate", 6_000), ("unmapped", 8_000), ("late", 250_000)),
    "invoices": (
        ("per_line", 600_000),
        ("float", 500_000),
        ("missing", 3_000),
        ("duplicate", 3_000),
        ("late", 250_000),
    ),
    "statuses": (("time_zone", 40_000), ("unmapped", 6_000), ("late", 250_000)),
    "arr": (("missed_amendment", 400_000), ("missing", 4_000)),
    "matches": (("missing", 3_000), ("late", 250_000)),
}
OLDEST_FIRST, WEEKEND_DUE, EXTRA = 40_000, 50_000, 15_000  # of a million customers
COMPANY, MILLION = 50, 1_000_000
"""So many times as often an error happens to an item that has one already."""
RETRIED_AFTER = timedelta(seconds=40)
UNMAPPED = {"orders": "Archived", "statuses": "CLRD"}

_Key = tuple[str, str]
_Errors = tuple[str, ...]
_Rows = dict[_Key, list[Answer]]


@dataclass(frozen=True, slots=True)
class _Day:
    """A day, and what was right at its end and a day before."""

    day: date
    today: _Rows
    yesterday: _Rows


@dataclass(frozen=True, slots=True)
class _Case:
    """What an error needs to know of the one it happens to."""

    right: Answer
    before: Answer | None  # the day before
    facts: Facts
    terms: Terms


def write_legacy(
    book: Book,
    contracts: Sequence[Subscription],
    billed: Sequence[Invoice],
    rules: Rules,
    days: Sequence[date],
) -> None:
    """Add the old path's answers of every day about this customer, and the truth about them."""
    facts = facts_of(book, contracts, billed)
    numbers = draws(rules.seed, Stream.LEGACY, book.customer.index, 3)
    habits = {
        "oldest_first": chance(numbers[0], OLDEST_FIRST),
        "weekend_due": chance(numbers[1], WEEKEND_DUE),
        "extra": chance(numbers[2], EXTRA),
    }
    errors: dict[_Key, _Errors] = {}
    yesterday = _right(facts, days_after(days[0], -1))
    for day in days:
        today = _right(facts, day)
        for key in today.keys() - errors.keys():
            errors[key] = _drawn(rules, book.customer.index, key, facts, habits)
        case = _Day(day, today, yesterday)
        theirs = _theirs(facts, case, errors, habits)
        _write(book, day, theirs)
        _write_truth(book, day, today, theirs, errors)
        yesterday = today


def _right(facts: Facts, day: date) -> _Rows:
    return {(one.kind, one.key): [one] for one in facts.answers(day)}


def _drawn(rules: Rules, customer: int, key: _Key, facts: Facts, habits: Mapping[str, bool]) -> _Errors:
    """The errors of one item; none for most."""
    kind, name = key
    if kind in {"statuses", "matches"} and habits["oldest_first"]:
        return ("oldest_first",)
    first: _Errors = ()
    if kind == "invoices" and habits["weekend_due"] and facts.due_on_weekend(name):
        first = ("weekend_due",)
    part = 1 + crc32("|".join(key).encode())
    numbers = draws(rules.seed, Stream.LEGACY, customer, len(SHARES[kind]), part=part)
    for number, (error, share) in zip(numbers, SHARES[kind], strict=True):
        more = _apart(first, error)
        drawn = chance(number, min(share * COMPANY, MILLION) if more else share)
        if (more or not first) and drawn and _can_happen(error, name, facts):
            first = (*first, error)
    return first


def _apart(first: _Errors, error: str) -> bool:
    """Whether an error may join the only one there is: they share no field."""
    return len(first) == 1 and {*first, error} <= CHANGES.keys() and not CHANGES[first[0]] & CHANGES[error]


def _can_happen(error: str, name: str, facts: Facts) -> bool:
    if error == "per_line":
        return facts.terms[name].tax_per_line() != facts.terms[name].tax
    if error == "float":
        return facts.terms[name].gross_in_float() != facts.terms[name].gross
    if error == "time_zone":
        return facts.card_instant(name) is not None
    if error == "missed_amendment":
        return facts.first_arr(name) is not None
    return True


def _theirs(facts: Facts, case: _Day, errors: Mapping[_Key, _Errors], habits: Mapping[str, bool]) -> _Rows:
    applied = {}
    if habits["oldest_first"]:
        applied = {
            (one.kind, one.key): [one] for one in settled(facts, oldest_first(facts, case.day), case.day)
        }
    told: _Rows = {}
    for key, [right] in case.today.items():
        if errors[key] == ("oldest_first",):
            told[key] = applied.get(key, [])
            continue
        told[key] = [right]
        before = case.yesterday.get(key, [None])[0]
        for error in errors[key]:
            [so_far] = told[key]  # only errors of single fields come in twos
            told[key] = _ERRORS[error](_Case(so_far, before, facts, facts.terms.get(key[1], _NO_TERMS)))
    if habits["extra"] and facts.orders:
        one = _invented(facts)
        told[one.kind, one.key] = [one] if one.since <= case.day else []
    return told


def oldest_first(facts: Facts, day: date) -> list[Paid]:
    """All money received by the day, applied to whatever invoice was open longest when it came."""
    owed = {one.number: one.gross for one in facts.invoices}
    applied: list[Paid] = []
    for payment in sorted(facts.paid, key=lambda one: (one.on, one.payment_id)):
        left = payment.amount if payment.on <= day else 0
        for invoice in sorted(facts.invoices, key=lambda one: (one.issued, one.number)):
            part = min(left, owed[invoice.number]) if invoice.issued <= payment.on else 0
            if part:
                owed[invoice.number] -= part
                left -= part
                applied.append(replace(payment, number=invoice.number, amount=part))
    return applied


def _invented(facts: Facts) -> Answer:
    """An order of a deal that nobody ever closed, typed in once and never removed."""
    first = facts.orders[0]
    return replace(first, key=facts.nobodys_deal, number=f"{first.number}-X")


def _late(case: _Case) -> list[Answer]:
    return [case.before] if case.before else []


def _twice(case: _Case) -> list[Answer]:
    """A retry after a lost answer, forty seconds later, under a number of its own where it has one."""
    again = replace(case.right, at=(case.right.at or typed_in(case.right.since)) + RETRIED_AFTER)
    return [case.right, replace(again, number=f"{again.number}R") if again.kind == "orders" else again]


def _per_line(case: _Case) -> list[Answer]:
    tax = case.terms.tax_per_line()
    return [replace(case.right, tax=tax, amount=case.terms.net + tax)]


def _in_float(case: _Case) -> list[Answer]:
    gross = case.terms.gross_in_float()
    return [replace(case.right, tax=gross - case.terms.net, amount=gross)]


def _another_day(case: _Case) -> list[Answer]:
    instant = case.facts.card_instant(case.right.key)
    if instant is None or case.right.on is None:
        return [case.right]
    return [replace(case.right, on=instant.astimezone(OFFICE).date())]


def _as_first_sold(case: _Case) -> list[Answer]:
    first = case.facts.first_arr(case.right.key)
    return [
        replace(case.right, amount=first if first is not None and case.right.amount else case.right.amount)
    ]


_ERRORS: Mapping[str, Callable[[_Case], list[Answer]]] = {
    "late": _late,
    "missing": lambda _: [],
    "duplicate": _twice,
    "unmapped": lambda case: [replace(case.right, word=UNMAPPED[case.right.kind])],
    "per_line": _per_line,
    "float": _in_float,
    "time_zone": _another_day,
    "missed_amendment": _as_first_sold,
    "weekend_due": lambda case: [replace(case.right, due=case.right.due and banking_day(case.right.due))],
}
_NO_TERMS = Terms(net=0, tax=0, gross=0, lines=1, percent=0, exponent=2)


def _write(book: Book, day: date, theirs: _Rows) -> None:
    for rows in theirs.values():
        for one in rows:
            book.add(f"legacy/{one.kind}.csv", day.isoformat(), *one.cells(book.customer.market))


def _write_truth(book: Book, day: date, today: _Rows, theirs: _Rows, errors: Mapping[_Key, _Errors]) -> None:
    for key in sorted(today.keys() | theirs.keys()):
        several = errors.get(key, ("extra",))
        for field in _fields(today.get(key, []), theirs.get(key, [])):
            error = next((one for one in several if field in CHANGES.get(one, {field})), several[0])
            book.add("truth/parity.csv", day.isoformat(), *key, field, CLASSES[error], error)


def _fields(right: Sequence[Answer], theirs: Sequence[Answer]) -> Iterator[str]:
    """What differs: `key` for a row too many or too few, else the fields of the row."""
    if len(right) != len(theirs):
        yield "key"
    for mine, other in zip(right, theirs, strict=False):
        yield from mine.differs_in(other)
