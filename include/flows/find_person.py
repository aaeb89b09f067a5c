"""Finds the records that say something of the person whom a record is about.

The values themselves are compared, opened one after the other and shown to nobody: a name stands in other words at the
payments platform, at the bank and in the CRM, and in places where nothing compares it.
"""

import json
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from include.domain.text_keys import text_key
from include.ports import Rejected, SealedValue, Transaction

Unseal = Callable[[SealedValue], str]
"""The value in clear. Raises Rejected when it is not as it was sealed, Fatal without its key."""

ASKED_FOR, SAME_NAME, SAME_CARD = "asked for", "the same name", "the same card"
SAME_ADDRESS, LIKE_NAME = "the same e-mail address", "a name like theirs"
OWN_ADDRESS = frozenset({"contacts", "customers"})
"""Who has an address too: then it is a shared mailbox, or a customer's own, and names nobody."""

NAMES = ("payer_text", "name", "customer_name")
ADDRESSES = ("email", "customer_email", "receipt_email")
WORDS_MIN = 2
"""A single word names too many."""
SURE_LETTERS = 16
"""A bank cuts names short: from here on one that begins as another does is taken for the same."""

log = logging.getLogger(__name__)

_SURE = {SAME_NAME: 0, SAME_CARD: 0, SAME_ADDRESS: 1, LIKE_NAME: 2}
"""What a record is listed for, where it is for more."""

_WHOLE = {"payer_text": SAME_NAME, "card": SAME_CARD}

_WORD = re.compile(r"\w+")
Fields = Mapping[str, Collection[str]]
Words = tuple[str, ...]


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


@dataclass
class Person:
    """What a record says of somebody that tells them from others.

    `tokens`: what stands for it in every record that says it, and why it tells.
    """

    names: set[Words] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    tokens: Mapping[str, str] = field(default_factory=dict)

    def is_named(self, name: str) -> bool:
        """Whether a name is one of theirs, whichever part of it comes first, or cut short."""
        return _words(name) in self.names or any(_starts(text_key(name) or "", one) for one in self.keys)

    def is_like(self, text: str) -> bool:
        """Whether a text holds one of the names, or is a part of one."""
        words = _words(text)
        part = len(words) >= WORDS_MIN and any(_holds(one, words) for one in self.names)
        return part or any(_holds(words, one) for one in self.names)

    def has_address(self, text: str) -> bool:
        """Whether a text holds one of the addresses."""
        said = _folded(text)
        return any(
            re.search(rf"(?<![\w.+-]){re.escape(one)}(?![\w-]|\.\w)", said)
            for one in self.addresses
            if one in said
        )

    def shares(self, fields: Fields) -> str:
        """What a record's values, by field, have of the person: why it is among what is found; empty: nothing."""
        leaves = (leaf for some in fields.values() for text in some for leaf in _leaves(text))
        texts = [*_names(fields), *leaves]
        like, reached = any(map(self.is_like, texts)), any(map(self.has_address, texts))
        if any(map(self.is_named, texts)) or (like and reached):
            return SAME_NAME
        if reached:
            return SAME_ADDRESS
        return LIKE_NAME if like else ""


def person_of(fields: Fields, tokens: Mapping[str, str]) -> Person:
    """Whom values are about, by field. `tokens`: as the person's."""
    names = _names(fields)
    keys = {key for name in names if len(key := text_key(name) or "") >= SURE_LETTERS}
    addresses = {_folded(text).strip() for name in ADDRESSES for text in fields.get(name, ())}
    words = {turned for name in names if len(words := _words(name)) >= WORDS_MIN for turned in _turned(words)}
    return Person(words, keys, {one for one in addresses if "@" in one}, tokens)


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


def _names(fields: Fields) -> list[str]:
    """What somebody is called there; a contact by all names it ever had."""
    whole = [
        f"{first} {last}" for first in fields.get("first_name", ()) for last in fields.get("last_name", ())
    ]
    return [*whole, *(text for name in NAMES for text in fields.get(name, ()))]


def _leaves(text: str) -> Iterator[str]:
    """The texts in a structure that was sealed whole."""
    try:
        held = json.loads(text) if text[:1] in ("{", "[") else text
    except ValueError:
        held = text
    waiting = [held]
    while waiting:
        match waiting.pop():
            case str() as leaf:
                yield leaf
            case dict() as some:
                waiting += some.values()
            case list() as some:
                waiting += some


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(text: str) -> Words:
    return tuple(_WORD.findall(_folded(text)))


def _holds(words: Words, some: Words) -> bool:
    if not some or some[0] not in words:
        return False
    return any(words[place : place + len(some)] == some for place in range(len(words) - len(some) + 1))


def _turned(words: Words) -> Iterator[Words]:
    return (words[place:] + words[:place] for place in range(len(words)))


def _starts(key: str, other: str) -> bool:
    return min(len(key), len(other)) >= SURE_LETTERS and (key.startswith(other) or other.startswith(key))
