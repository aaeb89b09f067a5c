"""Nothing is told where nobody listens, and nothing is imported for it."""

import logging
import subprocess
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal

import pytest
from structlog.testing import capture_logs

from include import telemetry
from include.domain.trace_ids import Event, received
from include.flows.drain_inbox import Hint
from include.flows.tell_steps import tell_received
from include.telemetry import Step, Telling
from include.telemetry.aside import aside
from include.telemetry.names import HINTS_RECEIVED, LATENCY
from include.telemetry.otlp import Otlp
from tests.collector import collecting

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HINT = Hint(source="payments", event_id="evt_1", entity="payments", native_id="ch_1", kind="charge.succeeded")
SILENT = """
import sys
from include import telemetry
from include.flows import deliver_outbox, drain_inbox, poll_hints, put_message, tell_steps
telemetry.begin("nobody")
assert telemetry.telling() is None
print([name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "google", "structlog", "statsd")])
"""


def test_with_it_off_nothing_is_imported_and_nobody_is_told() -> None:
    there = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", SILENT], cwd=ROOT, env=there, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_somebody_listens_where_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, wanted: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert telemetry.wanted() is wanted


def test_only_what_was_news_is_told_and_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        telemetry.begin("test/0")
        telemetry.begin("test/1")
        tell_received([HINT], {"evt_1"}, began_at=NOW)
        tell_received([HINT], set(), began_at=NOW)
        telemetry.end()
        tell_received([HINT], {"evt_1"}, began_at=NOW)
        [span] = collector.spans
        assert (span.trace, span.span) == tuple(
            f"{one:x}" for one in received(Event("payments", "evt_1"))[:2]
        )
        assert span.began == int(NOW.timestamp()) * 10**9
        assert collector.values("tieout.hints.received", system="payments", writer="test/0") == [1]


def test_traces_alone_may_be_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
        exporter = Otlp("test")
        exporter.count(HINTS_RECEIVED, 1, {"system": "payments"})
        exporter.count(LATENCY, 0.2, {"target": "salesforce", "since": "event"})
        exporter.step(a_step())
        exporter.close()
        assert set(collector.asked) == {"/v1/traces"}


def test_an_attribute_without_a_name_in_the_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    exporter = Otlp("test")
    with pytest.raises(KeyError, match="customer is no attribute"):
        exporter.step(a_step(customer="Acme"))
    exporter.close()


def test_a_line_of_the_log_carries_the_ids_of_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    import structlog  # noqa: PLC0415 - what Airflow's tasks have imported

    told: list[dict[str, object]] = []

    def note(_words: str) -> None:
        told.append(dict(structlog.contextvars.get_contextvars()))

    monkeypatch.setattr(telemetry.lines, "info", note)
    telemetry.lines.setLevel("INFO")
    Telling(None).step(a_step(event_id="evt_1"))
    telemetry.lines.setLevel("WARNING")
    [line] = told
    assert line["event_id"] == "evt_1"
    assert line["trace_id"] == f"{received(Event('payments', 'evt_1')).trace:032x}"
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as after:
        structlog.get_logger().info("later")
    assert "event_id" not in after[0]


def a_step(**facts: str) -> Step:
    place = received(Event("payments", "evt_1"))
    return Step(name="received", place=place, began_at=NOW, ended_at=NOW, facts=facts)


class Taker(logging.Handler):
    """Takes lines once it is free to, each with who said it."""

    def __init__(self) -> None:
        super().__init__()
        self.free, self.taken = Signal(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.free.wait(30)
        self.taken.append(f"{WHO.get()}: {record.getMessage()}")


WHO: ContextVar[str] = ContextVar("WHO")


def test_whoever_logs_does_not_wait_for_whoever_takes_the_lines_and_each_keeps_its_context() -> None:
    logger, taker = logging.getLogger("tested"), Taker()
    logger.handlers = [taker]
    with aside(logger):
        for name in ("one", "another"):
            WHO.set(name)
            logger.warning("done")
        assert taker.taken == []
        taker.free.set()
    assert taker.taken == ["one: done", "another: done"]
    assert logger.handlers == [taker]


def test_lines_that_nobody_takes_are_counted_and_told_of_in_the_end() -> None:
    logger, taker = logging.getLogger("tested"), Taker()
    logger.handlers = [taker]
    WHO.set("one")
    with aside(logger, most=2):
        for number in range(10):
            logger.warning("%d", number)
        taker.free.set()
    assert taker.taken[-1].endswith("lines were lost: nobody took them")
    assert len(taker.taken) < 10
