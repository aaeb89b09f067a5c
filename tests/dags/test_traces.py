"""One event from the webhook to Salesforce, as a collector sees it; over real HTTP, on the twin."""

import json
import logging
from collections.abc import Iterator

import psycopg
import pytest

from include import telemetry
from include.domain import trace_ids
from include.domain.trace_ids import Event
from include.store.postgres import PostgresStore
from include.telemetry.names import ATTRIBUTES, DECIDED, GAUGES, LOOKED_AT, METRICS, RECEIVED, SENT, STEPS
from tests.collector import Collector, Span, collecting
from tests.dags.test_fast_lane import confirmed, knock, ports, read, work_until  # noqa: F401 - a fixture
from tests.test_dashboard import sql_of_panels

EVENT = Event("payments", "evt_1")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.address)
        yield found
        telemetry.end()


def only(spans: list[Span], name: str, **facts: str) -> Span:
    wanted = {f"tieout.{fact}": value for fact, value in facts.items()}
    [found] = [one for one in spans if one.name == name and wanted.items() <= one.facts.items()]
    return found


@pytest.mark.usefixtures("ports")
def test_an_event_is_one_trace_from_the_webhook_to_salesforce(
    store: PostgresStore, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tieout.steps")
    read(store)
    assert knock("evt_1", "ch_1") == "kept"
    assert knock("evt_1", "ch_1") == "known"
    work_until(
        store,
        lambda: confirmed(store, order=1, invoice=1, order_reference=1, invoice_status=1, payment_activity=1),
    )

    trace = f"{trace_ids.received(EVENT).trace:032x}"
    of_event = [one for one in collector.spans if one.trace == trace]
    received, looked = only(of_event, RECEIVED), only(of_event, LOOKED_AT)
    told = only(of_event, DECIDED, message_kind="invoice_status", native_id="I1", outcome="confirmed")
    sent = only(of_event, SENT, message_kind="invoice_status", native_id="I1", outcome="confirmed")
    assert [received.parent, looked.parent, told.parent, sent.parent] == [
        "",
        received.span,
        looked.span,
        told.span,
    ]
    assert received.began <= looked.began <= told.began <= sent.began
    assert sent.ended <= told.ended
    assert sent.facts["tieout.system"] == "salesforce"
    assert received.facts["tieout.native_id"] == "ch_1"
    # Sent by another hand before its invoice is there, it is refused and sent again.
    activity = only(of_event, SENT, message_kind="payment_activity", outcome="confirmed")
    assert activity.facts["tieout.event_id"] == "evt_1"

    assert {one.name for one in collector.spans} == STEPS.keys()
    assert {fact for one in collector.spans for fact in one.facts} <= ATTRIBUTES.keys()
    spans = json.dumps([one.facts for one in collector.spans])
    assert not any(word in spans for word in ("Acme", "109", "54.50", "sk_test_twin"))

    assert collector.values("tieout.effect.latency", target="salesforce", since="event") >= [1.0]
    assert sum(collector.values("tieout.message.calls", target="salesforce", outcome="confirmed")) >= 3
    assert collector.values("tieout.outbox.messages", target="erp", state="parked") == [0]
    assert collector.metrics.keys() <= {one.name for one in METRICS}
    lines = {record.getMessage() for record in caplog.records if record.name == "tieout.steps"}
    assert lines == STEPS.keys()

    with store.transaction() as tx:
        for gauge in GAUGES:
            for row in tx.rows(gauge.query):
                assert row.keys() == {"value", *gauge.attributes}, gauge.name
    with psycopg.connect(store.url) as connection:
        for title, statement in sql_of_panels():
            assert connection.execute(statement.encode()).description, title
