"""What happens, told to whoever listens: steps of traces, counts, figures; and log lines with their ids.

Nobody listens unless `begin` finds an address in the environment: then flows tell nothing, and nothing is imported.
"""

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from include.domain.trace_ids import Place
from include.telemetry.names import Metric

lines = logging.getLogger("tieout.steps")
"""One line a step, at INFO, where TIEOUT_LOG_STEPS is on, whether or not anybody else listens."""
lines.setLevel(logging.INFO if os.environ.get("TIEOUT_LOG_STEPS") == "on" else logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a trace. `facts`: attributes of names.ATTRIBUTES, without their prefix."""

    name: str
    place: Place
    began_at: datetime
    ended_at: datetime
    failed: bool = False
    facts: Mapping[str, str | int] = field(default_factory=dict)


class Exporter(Protocol):
    """Who takes all of it to another place."""

    def step(self, step: Step) -> None:
        """Take a step."""

    def count(self, metric: Metric, value: float, attributes: Mapping[str, str]) -> None:
        """Add to a counter, or to a histogram."""

    def figures(self, metric: Metric, rows: Iterable[Mapping[str, Any]]) -> None:
        """What a gauge shows from now on."""

    def close(self) -> None:
        """Send what is left; takes some seconds at most."""


class Telling:
    """Tells steps to the log and to an exporter, where either is wanted."""

    def __init__(self, exporter: Exporter | None) -> None:
        self.exporter = exporter

    def step(self, step: Step) -> None:
        """Tell a step."""
        if self.exporter:
            self.exporter.step(step)
        if lines.isEnabledFor(logging.INFO):
            with about(trace_id=f"{step.place.trace:032x}", span_id=f"{step.place.span:016x}", **step.facts):
                lines.info(step.name)

    def count(self, metric: Metric, value: float = 1, **attributes: str) -> None:
        """Add to a counter, or to a histogram."""
        if self.exporter:
            self.exporter.count(metric, value, attributes)


_MUTE = Telling(None)
_telling: Telling = _MUTE


def telling() -> Telling | None:
    """Who is told what happens; None where nobody listens, so that nothing is worked out for nobody."""
    if _telling.exporter or lines.isEnabledFor(logging.INFO):
        return _telling
    return None


def exporting() -> Exporter | None:
    """Who takes figures elsewhere, where anybody does."""
    return _telling.exporter


def begin(writer: str) -> None:
    """Listen where the environment names an address (OTEL_EXPORTER_OTLP_ENDPOINT and its kin); twice is once.

    `writer` tells processes apart that count at the same time; one that ended leaves its name to the next.
    """
    global _telling  # noqa: PLW0603  # one a process
    if _telling.exporter is None and wanted():
        from include.telemetry.otlp import Otlp  # noqa: PLC0415  # half a second of imports, for who wants it

        _telling = Telling(Otlp(writer))


def end() -> None:
    """Send what is left, and tell nobody any more."""
    global _telling
    exporter, _telling = _telling.exporter, _MUTE
    if exporter:
        exporter.close()


def wanted() -> bool:
    """Whether the environment says where to send any of it."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    kinds = ("", "TRACES_", "METRICS_")
    return any(os.environ.get(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT") for kind in kinds)


@contextmanager
def about(**ids: str | int) -> Iterator[None]:
    """Lines logged inside carry these ids, where lines are structured, as Airflow's are."""
    if "structlog" not in sys.modules:
        yield
        return
    from structlog.contextvars import bound_contextvars  # noqa: PLC0415  # only where it is at hand

    with bound_contextvars(**ids):
        yield
