"""Finds the records that say something of the person whom a record is about.

The values themselves are compared (domain/people.py), opened one after the other and shown to nobody.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from include.domain.people import LIKE_NAME, SAME_ADDRESS, SAME_CARD, SAME_NAME, Person, person_of
from include.ports import Rejected, SealedValue, Transaction

Unseal = Callable[[SealedValue], str]
"""The value in clear. Raises Rejected when it is not as it was sealed, Fatal without its key."""

ASKED_FOR = "asked for"
OWN_ADDRESS = frozenset({"contacts", "customers"})
"""Who has an address too: then it is a shared mailbox, or a customer's own, and names nobody."""

log = logging.getLogger(__name__)

_SURE = {SAME_NAME: 0, SAME_CARD: 0, SAME_ADDRESS: 1, LIKE_NAME: 2}
"""What a record is listed for, where it is for more."""

_WHOLE = {"payer_text": SAME_NAME, "card": SAME_CARD}


class Listed(NamedTuple):
    """A record, what it has of the person, and whether it is left as it is: another's."""

    entity: str
    native_id: str
    why: str
    spared: bool = False

    @property
    def record(self) -> str:
        """As people write it."""
        return f"{self.entity}/{self.native_id}"


def find_person(tx: Transaction, unseal: Unseal, *, entity: str, native_id: str, by: str) -> list[Listed]:
    """The person's records, the one asked for first. Spared are those of a name that is but like theirs, and those that
    share an address alone with a contact or a customer.

    That values were opened for it is kept. Raises Fatal when a key is missing that some are sealed by.
    """
    asked = Listed(entity, native_id, ASKED_FOR)
    found = {asked.record: asked} | {one.record: one for one in _parts(tx, [asked])}
    person = _person(tx, unseal, found.values())
    if any((person.names, person.addresses, person.tokens)):
        for one in _alike(tx, unseal, person, by=by, purpose=f"who else is said by {asked.record}"):
            found.setdefault(one.record, one)
    if any(one.why == SAME_ADDRESS and one.entity in OWN_ADDRESS for one in found.values()):
        found = {
            record: one._replace(spared=one.spared or one.why == SAME_ADDRESS)
            for record, one in found.items()
        }
    for one in _parts(tx, [one for one in found.values() if not one.spared]):
        if one.record not in found or found[one.record].spared:
            found[one.record] = one
    return list(found.values())


def _alike(tx: Transaction, unseal: Unseal, person: Person, *, by: str, purpose: str) -> Iterator[Listed]:
    count, shared = 0, dict(person.tokens)
    for subject, rows in groupby(tx.stream("sealed_by_subject"), key=lambda row: str(row["subject"])):
        values = [SealedValue(**row) for row in rows]
        count += len(values)
        fields = _opened(unseal, values)
        if not (why := person.shares(fields)):
            continue
        if subject == values[0].token:
            shared.setdefault(subject, why)
            continue
        entity, _, native_id = subject.partition("/")
        yield Listed(entity, native_id, why, spared=why == LIKE_NAME)
    if count:
        tx.run("note_opening", actor=by, purpose=purpose, opened=count)
    saying = tx.rows("records_saying", tokens=list(shared))
    for row in sorted(saying, key=lambda row: (_SURE[shared[row["token"]]], row["entity"], row["native_id"])):
        why = shared[row["token"]]
        yield Listed(row["entity"], row["native_id"], why, spared=why == LIKE_NAME)


def part_of(record: str) -> str:
    """Why a part is among what was found."""
    return f"part of {record}"


def _parts(tx: Transaction, taken: Sequence[Listed]) -> list[Listed]:
    """What belongs to a payment is about who paid; so is the payment to which what was asked for belongs."""
    payments = [one.native_id for one in taken if one.entity == "payments"]
    asked = [one.record for one in taken if one.why == ASKED_FOR]
    rows = tx.rows("parts_of_payments", payments=payments, records=asked)
    parts = [
        Listed(row["entity"], row["native_id"], part_of(f"payments/{row['payment_id']}")) for row in rows
    ]
    wholes = [
        Listed("payments", row["payment_id"], f"{part.record} is part of it")
        for row, part in zip(rows, parts, strict=True)
        if part.record in asked
    ]
    return [*wholes, *parts]


def _opened(unseal: Unseal, values: Collection[SealedValue]) -> dict[str, set[str]]:
    """Texts by field. One value that is not as it was sealed keeps nobody from being forgotten."""
    fields: defaultdict[str, set[str]] = defaultdict(set)
    for value in values:
        try:
            fields[value.field].add(unseal(value))
        except Rejected as error:
            log.error("not compared: %s", error)  # noqa: TRY400 - the message is the news, not the stack
    return fields


def _person(tx: Transaction, unseal: Unseal, records: Iterable[Listed]) -> Person:
    tokens = {
        row["token"]
        for one in records
        for row in tx.rows("tokens_of", entity=one.entity, native_id=one.native_id)
    }
    values = [SealedValue(**row) for row in tx.rows("sealed_values", tokens=sorted(tokens))]
    fields = _opened(unseal, [value for value in values if value.wrapped_key is not None])
    return person_of(fields, {one.token: _WHOLE[one.field] for one in values if one.field in _WHOLE})
