"""Whose word counts, field by field, and what we may therefore write where."""

from collections.abc import Mapping
from dataclasses import dataclass

PLATFORM = "tieout"
"""Ourselves among the systems: the owner of what is recalculated."""

CRM = "salesforce"
"""The one system whose records we write to."""


class UnknownField(LookupError):
    """No system owns a field of this name, so nobody may write it."""


@dataclass(frozen=True)
class Ownership:
    """Entity -> field -> owning system, and system -> entity -> the fields we write there.

    Raises ValueError when a field may be written that we do not own, or anywhere but in the CRM.
    """

    owners: Mapping[str, Mapping[str, str]]
    writes: Mapping[str, Mapping[str, frozenset[str]]]

    def __post_init__(self) -> None:
        for system, entities in self.writes.items():
            for entity, fields in entities.items():
                for field in sorted(fields):
                    self._refuse_foreign(system, entity, field)

    def owner(self, entity: str, field: str) -> str:
        """The system whose value wins. Raises UnknownField."""
        try:
            return self.owners[entity][field]
        except KeyError:
            raise UnknownField(f"nobody owns {entity}.{field}; policy/ownership.yaml must say who") from None

    def may_write(self, system: str, entity: str, field: str) -> bool:
        """Whether we may write this field in this system. Raises UnknownField, also where the answer would be no."""
        self.owner(entity, field)
        return field in self.writes.get(system, {}).get(entity, frozenset())

    def _refuse_foreign(self, system: str, entity: str, field: str) -> None:
        owner = self.owner(entity, field)
        if owner != PLATFORM:
            raise ValueError(f"{entity}.{field} is {owner}'s: it must not be written in {system}")
        if system != CRM:
            raise ValueError(f"{entity}.{field} may be written in {CRM} only, not in {system}")
