"""Who owns each field, as policy/ownership.yaml says it."""

from pydantic import BaseModel, ConfigDict, model_validator

from include.domain.ownership import Ownership, UnknownField


class OwnershipRules(BaseModel):
    """Who owns each field, as letters, and the fields we may write in each system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    systems: dict[str, str]
    fields: dict[str, dict[str, str]]
    writes: dict[str, dict[str, frozenset[str]]]

    @model_validator(mode="after")
    def _checked(self) -> "OwnershipRules":
        """Raises ValueError (which pydantic reports) on an unknown letter, or a write we have no right to."""
        self.ownership()
        return self

    def ownership(self) -> Ownership:
        """The rules with systems by name."""
        unknown = {letter for fields in self.fields.values() for letter in fields.values()} - set(
            self.systems
        )
        if unknown:
            raise ValueError(f"owners {', '.join(sorted(unknown))} are no systems")
        owners = {
            entity: {field: self.systems[letter] for field, letter in fields.items()}
            for entity, fields in self.fields.items()
        }
        try:
            return Ownership(owners, self.writes)
        except UnknownField as unknown_field:
            raise ValueError(str(unknown_field)) from unknown_field
