"""Records' own keys. Each is made once, kept wrapped as a value's is, and destroyed with all that the record said."""

import os
from collections.abc import Collection
from typing import NamedTuple

from include.ports import KEY, HeldKeys, SealedValue
from include.vault.envelope import unwrap, wrap
from include.vault.index import Index
from include.vault.keys import KEY_BYTES, Keyring


class RecordKey(NamedTuple):
    """The key of one record. `new`: what it is kept under, record and keyring, where it is not kept yet."""

    key: bytes
    new: tuple[str, str, Keyring] | None = None

    def wrapped(self) -> SealedValue | None:
        """It as it is to be kept, where it is new: most records say nothing that it is needed for."""
        if self.new is None:
            return None
        token, record, ring = self.new
        return SealedValue(token, KEY, record, ring.kid, wrap(ring, self.key, token), b"")


def nobody_holds(_tokens: Collection[str]) -> dict[str, SealedValue]:
    """For who has no store: every record's key is new, and what stands for its values is too."""
    return {}


class RecordKeys:
    """The keys of records as they come, page by page: the next page is asked for before this one is kept."""

    def __init__(self, held: HeldKeys) -> None:
        self._held = held
        self._made: dict[str, RecordKey] = {}

    def of(self, records: Collection[str], *, ring: Keyring, index: Index) -> dict[str, RecordKey]:
        """Record -> its key. Of a record whose key was destroyed it is another each time, which nobody keeps.

        Raises Fatal and Rejected as `unwrap`.
        """
        tokens = {record: index.key_of(record) for record in records}
        held = self._held(tokens.values())
        before, self._made = self._made, {}
        return {
            record: _opened(ring, held[token]) if token in held else self._make(record, token, ring, before)
            for record, token in tokens.items()
        }

    def _make(self, record: str, token: str, ring: Keyring, before: dict[str, RecordKey]) -> RecordKey:
        made = before.get(record)
        if made is None:
            made = RecordKey(os.urandom(KEY_BYTES), (token, record, ring))
        self._made[record] = made
        return made


def _opened(ring: Keyring, held: SealedValue) -> RecordKey:
    return RecordKey(os.urandom(KEY_BYTES) if held.wrapped_key is None else unwrap(ring, held))
