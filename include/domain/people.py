"""Whether what records say is said of the same person.

A name stands in other words at the payments platform, at the bank and in the CRM, and in places where nothing compares
it.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from include.domain.text_keys import text_key

SAME_NAME, SAME_CARD = "the same name", "the same card"
SAME_ADDRESS, LIKE_NAME = "the same e-mail address", "a name like theirs"

NAMES = ("payer_text", "name", "customer_name")
ADDRESSES = ("email", "customer_email", "receipt_email")
WORDS_MIN = 2
"""A single word names too many."""
SURE_LETTERS = 16
"""A bank cuts names short: from here on one that begins as another does is taken for the same."""

_WORD = re.compile(r"\w+")
Fields = Mapping[str, Collection[str]]
Words = tuple[str, ...]


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
