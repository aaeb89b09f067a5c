"""What every policy file has in common: typed, frozen, and an unknown key is refused."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
