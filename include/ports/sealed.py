"""Personal data as it is kept: sealed, with what stands for it everywhere else."""

from typing import NamedTuple


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
