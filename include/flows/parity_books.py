"""Customers' books as other rules would have kept them, to hold what they come to against another path's answers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from include.domain.parity import Kind
from include.domain.parity_replays import Owed, Received, Settled, as_applied, oldest_first, settled
from include.ports import Row, Transaction

_Books = tuple[str, str]  # customer and currency


@dataclass(frozen=True)
class Played:
    """A customer's books of one currency, as other rules would have kept them."""

    before: Settled  # by our own rules, before what may still settle
    own: Settled  # by our own rules, on the day
    replays: Mapping[str, Settled]
    changed: Mapping[str, date]  # invoice -> when it was issued, credited or closed last, whatever was paid
    paid: Mapping[str, date]


def books_of(
    tx: Transaction,
    keys: Sequence[tuple[Kind, str]],
    *,
    run_id: UUID,
    day: date,
    settled_by: date,
    zone: str,
) -> dict[str, Played]:
    """Key of a status or match -> the books it is in. `settled_by`: the last day of which both know everything."""
    payers = tx.rows(
        "parity_payers",
        numbers=[key for kind, key in keys if kind == "statuses"],
        payments=[key for kind, key in keys if kind == "matches"],
    )
    wanted = sorted({(row["customer_id"], row["currency"]) for row in payers})
    asked = {"customers": [one for one, _ in wanted], "currencies": [one for _, one in wanted]}
    credited: defaultdict[str, list[tuple[date, int]]] = defaultdict(list)
    for row in tx.rows("parity_credited", **asked):
        credited[row["number"]].append((row["issue_date"], row["minor"]))
    owed: defaultdict[_Books, list[Owed]] = defaultdict(list)
    for row in tx.rows("parity_owed", **asked, day=day, zone=zone):
        owed[row["customer_id"], row["currency"]].append(_owed(row, credited[row["number"]]))
    received: defaultdict[_Books, list[Received]] = defaultdict(list)
    for row in tx.rows("parity_received", run_id=run_id, **asked):
        received[row["customer_id"], row["currency"]].append(_received(row))
    played = {
        books: _played(owed[books], received[books], day=day, settled_by=settled_by) for books in wanted
    }
    return {row["key"]: played[row["customer_id"], row["currency"]] for row in payers}


def _owed(row: Row, credited: Sequence[tuple[date, int]]) -> Owed:
    return Owed(
        number=row["number"],
        issued_on=row["issue_date"],
        gross_minor=row["gross_minor"],
        credited=tuple(credited),
        closed_as=row["closed_as"],
        closed_on=row["closed_on"],
    )


def _received(row: Row) -> Received:
    return Received(
        payment_id=row["payment_id"],
        paid_on=row["paid_on"],
        amount_minor=row["amount_minor"],
        applied=tuple(zip(row["numbers"] or (), row["amounts"] or (), strict=True)),
    )


def _played(owed: Sequence[Owed], received: Sequence[Received], *, day: date, settled_by: date) -> Played:
    ours = as_applied(received, until=day)
    return Played(
        before=settled(owed, as_applied(received, until=settled_by), until=settled_by),
        own=settled(owed, ours, until=day),
        replays={"oldest_first": settled(owed, oldest_first(owed, received, until=day), until=day)},
        changed={one.number: one.changed_on for one in owed},
        paid={one.payment_id: one.paid_on for one in received},
    )
