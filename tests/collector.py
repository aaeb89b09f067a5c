"""A collector in this process: takes what comes over OTLP (HTTP, protobuf) and keeps it to be looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.serving import Answers, serving


@dataclass(frozen=True)
class Span:
    name: str
    trace: str
    span: str
    parent: str
    began: int
    ended: int
    facts: dict[str, Any]


@dataclass
class Collector:
    """Spans as they came; of each metric the newest values, by their attributes."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, dict[frozenset[tuple[str, str]], float]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        self.asked.append(path)
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [_span(one) for scope in resource.scope_spans for one in scope.spans]
        if path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self.metrics.setdefault(metric.name, {}).update(_points(metric))

    def values(self, name: str, **facts: str) -> list[float]:
        """What a metric shows where it has these attributes."""
        return [value for about, value in self.metrics.get(name, {}).items() if about >= set(facts.items())]


def _span(one: Any) -> Span:
    return Span(
        one.name,
        one.trace_id.hex(),
        one.span_id.hex(),
        one.parent_span_id.hex(),
        one.start_time_unix_nano,
        one.end_time_unix_nano,
        _facts(one.attributes),
    )


def _points(metric: Any) -> dict[frozenset[tuple[str, str]], float]:
    held = getattr(metric, metric.WhichOneof("data"))
    return {frozenset(_facts(point.attributes).items()): _value(point) for point in held.data_points}


def _value(point: Any) -> float:
    if hasattr(point, "bucket_counts"):
        return float(point.count)
    return float(getattr(point, point.WhichOneof("value")))


def _facts(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """It listens until the end."""
    found = Collector()

    class Door(Answers):
        def answer(self) -> None:
            found.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    with serving(Door) as found.address:
        yield found
