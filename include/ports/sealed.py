"""Personal data as it is kept: sealed, with what stands for it everywhere else."""

from typing import NamedTuple, Protocol


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
