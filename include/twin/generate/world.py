"""Generates a whole world folder, customer by customer, in bounded memory."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from include.twin.generate.arr import write_arr
from include.twin.generate.billing import invoices, write_invoices, write_subscriptions
from include.twin.generate.book import Book, Rules
from include.twin.generate.cash import WAYS, never_paid
from include.twin.generate.customers import customer, write_identity
from include.twin.generate.dates import add_months, days_after
from include.twin.generate.deals import write_deals
from include.twin.generate.faults import PROFILES
from include.twin.generate.files import Tables, whole_folder, write_manifest
from include.twin.generate.fx import rate_rows, rates
from include.twin.generate.legacy import write_legacy
from include.twin.generate.sales import HISTORY_MONTHS, subscriptions
from include.twin.generate.settlement import LATEST_DAYS, settle
from include.twin.generate.treasury import Treasury

GENERATOR_VERSION = 2  # raise it when the same arguments give other bytes
DEFAULT_AS_OF = date(2026, 6, 30)
LARGEST_SIZE = 20_000_000
LEGACY_DAYS_MAX = 366
REPORTED_EVERY = 200  # customers

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class WorldSummary:
    """What was generated. `counts` are rows by file."""

    path: Path
    seed: int
    size: int
    profile: str
    as_of: date
    counts: dict[str, int]


def generate_world(
    *,
    out: Path,
    seed: int,
    size: int,
    profile: str,
    as_of: date = DEFAULT_AS_OF,
    legacy_days: int = 0,
    progress: Progress | None = None,
) -> WorldSummary:
    """Writes a world of at least `size` invoices (and not many more) and about as many payments to `out`.

    The same arguments give the same bytes. `out` appears when it is complete; a world generated there before
    is replaced. `legacy_days`: for so many days up to as_of, what the old manual path answers beside them.
    `progress` is told the step, what is done and what is to do. Raises ValueError for a seed, size, profile or number
    of days that cannot be, FileExistsError when `out` holds anything but a generated world.
    """
    _check(seed=seed, size=size, profile=profile)
    _check_legacy(legacy_days, profile)
    rules = _rules(seed=seed, profile=profile, as_of=as_of)
    with whole_folder(out) as draft:
        with ExitStack() as stack:
            tables = Tables(draft, stack, legacy=legacy_days > 0)
            days = [days_after(as_of, -back) for back in reversed(range(legacy_days))]
            _write_customers(tables, rules, size, days, progress or (lambda _step, _done, _all: None))
            tables.write("fx/rates.csv", rate_rows(rules.rates, rules.first_day, _days(rules)))
        summary = WorldSummary(out, seed, size, profile, as_of, tables.counts)
        facts = asdict(summary) | {"generator": GENERATOR_VERSION, "as_of": as_of.isoformat()}
        facts |= {"legacy_days": legacy_days} if legacy_days else {}
        del facts["path"]
        write_manifest(draft, facts)
    return summary


def _check(*, seed: int, size: int, profile: str) -> None:
    if not 0 <= seed < 2**63:
        raise ValueError(f"The seed must be a number from 0 to 2^63 - 1, not {seed}.")
    if not 1 <= size <= LARGEST_SIZE:
        raise ValueError(f"The size must be a number of invoices from 1 to {LARGEST_SIZE:,}, not {size}.")
    if profile not in PROFILES:
        raise ValueError(f"There is no profile {profile!r}: use one of {', '.join(PROFILES)}.")


def _check_legacy(days: int, profile: str) -> None:
    if not 0 <= days <= LEGACY_DAYS_MAX:
        raise ValueError(f"The old path answers for 0 to {LEGACY_DAYS_MAX} days, not {days}.")
    if days and not PROFILES[profile].clean:
        raise ValueError("The old path is told in a clean world only, so that what differs is its own error.")


def _rules(*, seed: int, profile: str, as_of: date) -> Rules:
    first_day = add_months(as_of, -HISTORY_MONTHS).replace(day=1)
    days = (as_of - first_day).days + 1 + LATEST_DAYS
    return Rules(seed, as_of, PROFILES[profile], first_day, rates(seed, first_day, days))


def _days(rules: Rules) -> int:
    return (rules.as_of - rules.first_day).days + 1


def _write_customers(
    tables: Tables, rules: Rules, size: int, legacy_days: list[date], progress: Progress
) -> None:
    treasury = Treasury(rules)
    written = index = 0
    while written < size:
        book = _customer_book(rules, index, legacy_days, first_serial=written + 1)
        treasury.receive(book)
        tables.write_all(book.rows)
        written += book.customer.invoice_count
        index += 1
        if index % REPORTED_EVERY == 0:
            progress("customers", min(written, size), size)
    progress("customers", size, size)
    for rows in treasury.close():
        tables.write_all(rows)


def _customer_book(rules: Rules, index: int, legacy_days: list[date], *, first_serial: int) -> Book:
    """All of one customer; `first_serial` numbers its first invoice."""
    book = Book(customer(rules, index))
    contracts = subscriptions(book.customer, rules)
    write_deals(book, contracts, rules)
    billed = invoices(book, contracts, first_serial=first_serial)
    settle(book, billed, rules, WAYS, never_paid)
    write_invoices(book, billed, rules)
    write_subscriptions(book, contracts, rules)
    write_arr(book, contracts, rules)
    write_identity(book, rules)
    if legacy_days:
        write_legacy(book, contracts, billed, rules, legacy_days)
    return book
