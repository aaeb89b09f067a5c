"""OpenTelemetry: steps become spans, counts and figures become metrics, sent over OTLP as the standard variables say.

Its providers are ours alone: Airflow's own, where they are on, have theirs.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from threading import local
from typing import Any

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import set_span_in_context as in_context

from include.domain.trace_ids import Place
from include.telemetry import Step
from include.telemetry.names import ATTRIBUTES, GAUGES, METRICS, Metric
from include.version import code_sha256

SERVICE = "tieout"
LEAVE_MS = 5_000
SECONDS = (0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 10, 30, 60, 300, 900, 3600)
"""Where a latency's buckets end: the promise is p50 at 0.3 s, p95 at 1 s, and 30 s for all."""


class Otlp:
    """Takes everything to a collector. A collector that is away costs what was told meanwhile, and nothing else."""

    def __init__(self, writer: str) -> None:
        resource = Resource.create({"service.name": SERVICE, "service.version": code_sha256()[:12]})
        self._writer, self._ids = writer, FromFacts()
        self._spans = TracerProvider(id_generator=self._ids, resource=resource)
        if _on("traces"):
            self._spans.add_span_processor(BatchSpanProcessor(_exporter("trace", "OTLPSpanExporter")))
        readers = (
            [PeriodicExportingMetricReader(_exporter("metric", "OTLPMetricExporter"))]
            if _on("metrics")
            else []
        )
        self._meters = MeterProvider(metric_readers=readers, resource=resource)
        self._tracer, meter = self._spans.get_tracer(SERVICE), self._meters.get_meter(SERVICE)
        self._figures: dict[str, Sequence[Observation]] = {}
        self._counters = {one.name: _counter(meter, one) for one in METRICS if one.kind != "gauge"}
        for gauge in GAUGES:
            meter.create_observable_gauge(
                gauge.name, callbacks=[self._shown(gauge)], unit=gauge.unit, description=gauge.says
            )

    def step(self, step: Step) -> None:
        """A span under the ids its facts give it."""
        self._ids.tell(step.place)
        span = self._tracer.start_span(
            step.name,
            context=_below(step.place),
            start_time=_ns(step.began_at),
            attributes={f"tieout.{name}": value for name, value in step.facts.items() if _known(name)},
        )
        if step.failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_ns(max(step.began_at, step.ended_at)))

    def count(self, metric: Metric, value: float, attributes: Mapping[str, str]) -> None:
        """Counted under this process's name: two that overlap would otherwise undo each other's counts."""
        self._counters[metric.name](value, {**attributes, "writer": self._writer})

    def figures(self, metric: Metric, rows: Iterable[Mapping[str, Any]]) -> None:
        """Shown from now on. Without a writer's name: of two who look, the later one is right."""
        self._figures[metric.name] = [
            Observation(float(row["value"]), {name: str(row[name]) for name in metric.attributes})
            for row in rows
        ]

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        self._spans.force_flush(LEAVE_MS)
        self._spans.shutdown()
        self._meters.shutdown(LEAVE_MS)

    def _shown(self, gauge: Metric) -> Any:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            return self._figures.get(gauge.name, ())

        return observe


class FromFacts(IdGenerator):
    """Gives a span the ids of its place, told by the same thread just before."""

    def __init__(self) -> None:
        self._told = local()

    def tell(self, place: Place) -> None:
        """The place of the span that this thread begins next."""
        self._told.place = place

    def generate_span_id(self) -> int:
        """The span's."""
        return int(self._told.place.span)

    def generate_trace_id(self) -> int:
        """The trace's."""
        return int(self._told.place.trace)


def _below(place: Place) -> Context:
    """The context of its parent; an empty one where the trace begins, whatever span of Airflow's is under way."""
    if place.parent is None:
        return Context()
    parent = SpanContext(
        place.trace, place.parent, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return in_context(NonRecordingSpan(parent), Context())


def _counter(meter: Any, metric: Metric) -> Any:
    about = {"unit": metric.unit, "description": metric.says}
    if metric.kind == "histogram":
        return meter.create_histogram(
            metric.name, explicit_bucket_boundaries_advisory=SECONDS, **about
        ).record
    return meter.create_counter(metric.name, **about).add


def _known(name: str) -> bool:
    if f"tieout.{name}" not in ATTRIBUTES:
        raise KeyError(f"{name} is no attribute of include/telemetry/names.py")
    return True


def _on(what: str) -> bool:
    """Each kind may be turned off by the standard's own word."""
    named = os.environ.get(f"OTEL_{what.upper()}_EXPORTER", "otlp")
    kind = what.upper()
    anywhere = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{kind}_ENDPOINT")
    return named == "otlp" and any(os.environ.get(name) for name in anywhere)


def _exporter(what: str, name: str) -> Any:
    """Over HTTP, unless the standard's variable says gRPC."""
    spoken = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    spoken = os.environ.get(
        f"OTEL_EXPORTER_OTLP_{'TRACES' if what == 'trace' else 'METRICS'}_PROTOCOL", spoken
    )
    wire = "grpc" if spoken == "grpc" else "http"
    return getattr(import_module(f"opentelemetry.exporter.otlp.proto.{wire}.{what}_exporter"), name)()


def _ns(moment: datetime) -> int:
    """Nanoseconds since 1970, exact to the microsecond."""
    whole = int(moment.timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000
