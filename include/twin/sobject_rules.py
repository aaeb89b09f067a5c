"""The validation rules of include/salesforce_metadata: what a record must keep to when it is changed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

from include.twin.sobject_fields import METADATA, NAMESPACE
from include.twin.soql import Value

_NEVER_LESS = re.compile(r"AND\(NOT\(ISNEW\(\)\), PRIORVALUE\((\w+)\) > \1\)")


@dataclass(frozen=True)
class Rule:
    """`field` never becomes less. `message` is told who tries, at the field `shown_at`."""

    field: str
    message: str
    shown_at: str

    def is_broken(self, before: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
        """Whether a changed record breaks it. What is blank is neither more nor less."""
        old, new = before.get(self.field), after.get(self.field)
        return isinstance(old, int | float) and isinstance(new, int | float) and old > new


@cache
def deployed_rules() -> dict[str, tuple[Rule, ...]]:
    """SObject -> its active rules. Raises ValueError for a formula that the twin cannot work out."""
    return {path.stem: tuple(_rules_of(path)) for path in sorted((METADATA / "objects").glob("*.object"))}


def _rules_of(path: Path) -> Iterator[Rule]:
    for element in etree.parse(path).findall("m:validationRules", NAMESPACE):
        told = {etree.QName(part).localname: str(part.text) for part in element}
        formula = _NEVER_LESS.fullmatch(told["errorConditionFormula"])
        if formula is None:
            raise ValueError(f"{path.name}: the twin cannot work out {told['errorConditionFormula']}")
        if told["active"] == "true":
            yield Rule(formula[1], told["errorMessage"], told["errorDisplayField"])
