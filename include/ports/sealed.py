"""Personal data as it is kept: sealed, with what stands for it everywhere else."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol, Self, runtime_checkable


class SealedValue(NamedTuple):
    """One value. `token` stands for it; `subject` is whose it is: of the record alone, or of all that have the value.

    `wrapped_key` is None once it is destroyed, and the value with it.
    """

    token: str
    field: str
    subject: str
    kid: str
    wrapped_key: bytes | None
    envelope: bytes


class Safe(Protocol):
    """What seals and opens."""

    def seal(self, text: str, *, token: str, field: str, subject: str) -> SealedValue:
        """A value sealed: it opens only as what it was sealed as. Raises Fatal without keys."""

    def unseal(self, value: SealedValue) -> str:
        """A value in clear. Raises Rejected when it is not as it was sealed, Fatal without its key."""


KEY = "~key"
"""The field of a record's own key: nothing is sealed under it, what stands for the record's values is made with it."""

HeldKeys = Callable[[Collection[str]], Mapping[str, SealedValue]]
"""Records' own keys as they are held, by what stands for them; those that are held."""


@runtime_checkable
class Keyed(Protocol):
    """A source that makes what stands for a record's values with a key of that record."""

    def keyed(self, held: HeldKeys) -> Self:
        """The same source, for who holds some records' keys already."""
