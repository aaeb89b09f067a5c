"""What every policy file has in common: typed, frozen, and an unknown key is refused."""

from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __copy__(self) -> Self:
        """A copy with other rules works out anew what follows from them."""
        copied = super().__copy__()
        for name, value in vars(type(self)).items():
            if isinstance(value, cached_property):
                copied.__dict__.pop(name, None)
        return copied
