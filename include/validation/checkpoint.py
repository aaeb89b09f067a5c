"""Runs the suites where the data is: in Postgres, by Great Expectations, on what one run saw."""

import logging
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before it is imported: nothing is told to anybody

import great_expectations as gx
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context import AbstractDataContext
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent import SQLDatasource

from include.ports import Fatal, Retryable
from include.validation.expected import Expected
from include.validation.no_rows import NoRows

# It logs drivers' messages whole, and those may hold values; what went wrong is raised by us.
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)

# Counts alone: with LIMIT 0 the unexpected values are not even asked for.
RESULT_FORMAT = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}
_AWAY = ("OperationalError", "InterfaceError", "ConnectionTimeout")


@dataclass(frozen=True)
class Snapshot:
    """What the views of schema `seen` show: a run's landing batches, day and rules."""

    run_id: UUID
    as_of: date
    batch: int
    rules_sha256: str

    @property
    def options(self) -> str:
        """The settings of a connection that sees it, and cannot write."""
        settings = {
            "tieout.run": self.run_id,
            "tieout.as_of": self.as_of.isoformat(),
            "tieout.batch": self.batch,
            "tieout.rules": self.rules_sha256,
            "timezone": "UTC",
            "work_mem": "128MB",
            "default_transaction_read_only": "on",
        }
        return " ".join(f"-c {name}={value}" for name, value in settings.items())


@dataclass(frozen=True)
class Judged:
    """Whether an expectation was met; how many rows of how many were not, or what was found instead."""

    expected: Expected
    met: bool
    checked: int | None
    unexpected: int | None
    observed: str | None


@dataclass(frozen=True)
class Validated:
    """What came of every expectation, in their order, and the context that can render it."""

    judged: list[Judged]
    context: AbstractDataContext


def validate(database_url: str, snapshot: Snapshot, expected: Sequence[Expected]) -> Validated:
    """Judge every expectation on a snapshot. Nothing is written to the database, no row leaves it.

    Raises Fatal when an expectation cannot be evaluated, Retryable when Postgres is away.
    """
    context = gx.get_context(mode="ephemeral", project_config=_config())
    with _named_by_what_to_do():
        results = _results(context, database_url, snapshot, expected)
    found = {_name(one): one for one in results}
    return Validated([_judged(one, found[one.name]) for one in expected], context)


def _results(
    context: AbstractDataContext, database_url: str, snapshot: Snapshot, expected: Sequence[Expected]
) -> list[ExpectationValidationResult]:
    source = context.data_sources.add_postgres(
        "books",
        connection_string=database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        kwargs={"connect_args": {"options": snapshot.options}},
    )
    of_relation: defaultdict[str, list[Expected]] = defaultdict(list)
    for one in expected:
        of_relation[one.relation].append(one)
    try:
        definitions = [_definition(context, source, *some) for some in of_relation.items()]
        checkpoint = gx.Checkpoint(
            name="day", validation_definitions=definitions, result_format=RESULT_FORMAT
        )
        ran = context.checkpoints.add(checkpoint).run()
    finally:
        source.get_engine().dispose()
    return [one for result in ran.run_results.values() for one in result.results]


@contextmanager
def _named_by_what_to_do() -> Iterator[None]:
    """Great Expectations' errors that come of Postgres being away, as ours: it connects before anything is judged."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause:
            if type(cause).__name__ in _AWAY:
                raise Retryable("Postgres was away when the data was to be judged") from None
            cause = cause.__cause__ or cause.__context__
        raise


def _config() -> DataContextConfig:
    """Everything in memory, nothing told to anybody, and no folder made for pages we do not want there."""
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _definition(
    context: AbstractDataContext, source: SQLDatasource, relation: str, expected: Sequence[Expected]
) -> gx.ValidationDefinition:
    """A relation, and what is expected of it: asked together, most of it is one query."""
    asset = source.add_table_asset(relation, table_name=relation, schema_name="seen")
    suite = gx.ExpectationSuite(relation, expectations=[_named(one) for one in expected])
    definition = gx.ValidationDefinition(
        name=relation, data=asset.add_batch_definition_whole_table("day"), suite=context.suites.add(suite)
    )
    return context.validation_definitions.add(definition)


def _named(one: Expected) -> Any:
    """Great Expectations' own object, under our name; where its words would be a query, with our sentence."""
    wordy = one.limits or isinstance(one.test, NoRows)
    words = {"description": one.holds} if wordy else {}
    return one.test.copy(update={"id": None, "meta": {"name": one.name}, "notes": one.holds, **words})


def _name(result: ExpectationValidationResult) -> str:
    config = result.expectation_config
    if config is None:
        raise TypeError("a result without its expectation")
    return str(config.meta["name"])


def _judged(one: Expected, result: ExpectationValidationResult) -> Judged:
    _refuse_errors(one, result.exception_info or {})
    found: Mapping[str, Any] = result.result
    checked, unexpected = found.get("element_count"), found.get("unexpected_count")
    observed = found.get("observed_value")
    return Judged(one, bool(result.success), checked, unexpected, None if observed is None else str(observed))


def _refuse_errors(one: Expected, info: Mapping[str, Any]) -> None:
    """A check that could not run is neither met nor broken. Messages of drivers may hold values: they are not shown."""
    for error in [info, *(value for value in info.values() if isinstance(value, Mapping))]:
        if error.get("raised_exception"):
            text = f"{error.get('exception_message')} {error.get('exception_traceback')}"
            if any(word in text for word in _AWAY):
                raise Retryable(f"Postgres went away while {one.name!r} was checked")
            raise Fatal(f"{one.name!r} cannot be checked, which is a fault of ours: {_kind(text)}")


def _kind(text: str) -> str:
    """The driver's name for what went wrong."""
    return next(
        (word for word in text.replace("(", " ").replace(")", " ").split() if "errors." in word), "see GX"
    )
