"""Translated rows against their schema: which are good, and what is wrong with the others."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import filterfalse

import numpy as np
import pandas as pd
import pandera.errors

from include.domain.entities import ENTITIES
from include.ports import Translated
from include.validation.schemas import cell_rules, row_rules, schema_of_filled

SHOWN_MAX = 60
"""Characters of a wrong value that a message shows."""


@dataclass(frozen=True)
class Failure:
    """One rule a row broke; no `field` when the whole row is. `value` is shortened, and masked where personal."""

    field: str
    rule: str
    value: str

    def __str__(self) -> str:
        return ": ".join(
            part for part in (self.field and f"column {self.field}", self.rule, self.value) if part
        )


def failures_of(entity: str, rows: Sequence[Translated]) -> dict[int, list[Failure]]:
    """Every broken rule by position in `rows`; rows that are good are absent. One bad row never hides another."""
    wrong = _wrong(entity, rows)
    found = _named_by_schema(entity, [rows[position] for position in wrong]) if wrong else {}
    return {wrong[index]: failures for index, failures in found.items()}


def _wrong(entity: str, rows: Sequence[Translated]) -> list[int]:
    """Where a rule of the schema is broken, asked once for what is written alike. Which it is, the schema tells."""
    found: set[int] = set()
    for field in ENTITIES[entity].received:
        cells = [row.get(field.name) for row in rows]
        texts = {text for text in cells if text is not None}
        refused: set[str | None] = {None} if field.required else set()
        refused |= {text for rule in cell_rules(field) for text in filterfalse(rule.holds, texts)}
        if not refused.isdisjoint(cells):
            found.update(position for position, text in enumerate(cells) if text in refused)
    rules = row_rules(entity)
    frame = _frame(rows, dict.fromkeys(name for rule in rules for name in rule.columns))
    for rule in rules:
        found.update(np.flatnonzero(~rule.holds(frame).to_numpy(dtype=bool)).tolist())
    return sorted(found)


def _named_by_schema(entity: str, rows: Sequence[Translated]) -> dict[int, list[Failure]]:
    frame = _frame(rows, [field.name for field in ENTITIES[entity].received])
    try:
        schema_of_filled(entity, _filled(frame)).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        return _by_row(entity, frame, errors.failure_cases)
    return {}


def _frame(rows: Sequence[Translated], columns: Iterable[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.array([row.get(name) for row in rows], dtype="string") for name in columns})


def _filled(frame: pd.DataFrame) -> frozenset[str]:
    return frozenset(str(name) for name, any_text in frame.notna().any().items() if any_text)


def _by_row(entity: str, frame: pd.DataFrame, cases: pd.DataFrame) -> dict[int, list[Failure]]:
    found: defaultdict[int, dict[str, Failure]] = defaultdict(dict)
    if cases["index"].isna().any():
        raise TypeError(
            f"a rule of {entity} could not be evaluated: {cases['check'][cases['index'].isna()].tolist()}"
        )
    for column, check, index in zip(cases["column"], cases["check"], cases["index"], strict=True):
        field, _, rule = str(check).rpartition(": ")
        field = field or str(column)
        if field in found[int(index)]:
            continue  # one reason a field: a value that is no number is not also inexact
        found[int(index)][field] = _failure(entity, field, rule, frame[field].iloc[int(index)])
    return {index: list(fields.values()) for index, fields in sorted(found.items())}


def _failure(entity: str, field: str, rule: str, value: object) -> Failure:
    if rule == "not_nullable":
        return Failure(field, "required and empty", "")
    personal = any(spec.hidden for spec in ENTITIES[entity].received if spec.name == field)
    return Failure(field, rule, "a personal value" if personal else shown(value))


def shown(value: object) -> str:
    """A value as messages show it: quoted, one line, and shortened with its true length."""
    if value is None or value is pd.NA:
        return ""
    text = str(value)
    short = text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
    return repr(short) + (f" ({len(text):,} characters)" if len(text) > SHOWN_MAX else "")
