"""The Grafana dashboard asks only for what there is. Its SQL runs on a journey: tests/dags/test_traces.py."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import airflow.sdk
import psycopg
import pytest
import yaml

from include.domain.trace_ids import Event, received
from include.telemetry.names import ATTRIBUTES, METRICS, STEPS

ROOT = Path(__file__).parents[1]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs/grafana/tieout.json").read_text())
GUIDE = (ROOT / "docs/observability.md").read_text()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
OURS = {one.in_prometheus: one for one in METRICS}
PARTS = {"histogram": ("_bucket", "_sum", "_count")}


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in PANELS:
        yield from ((panel["title"], target) for target in panel["targets"])


def sql_of_panels() -> list[tuple[str, str]]:
    return [(title, target["rawSql"]) for title, target in targets() if "rawSql" in target]


def expressions() -> list[str]:
    return [target["expr"] for _, target in targets() if "expr" in target]


def test_grafana_11_reads_it() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert {"uid", "title", "panels", "templating", "time"} <= DASHBOARD.keys()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    variables = {f"${{{one['name']}}}" for one in DASHBOARD["templating"]["list"]}
    assert {target["datasource"]["uid"] for _, target in targets()} <= variables


def test_every_panel_asks_one_of_the_two() -> None:
    assert all(("expr" in target) != ("rawSql" in target) for _, target in targets())
    assert len(sql_of_panels()) >= 5
    assert all(panel["targets"] for panel in PANELS)


@pytest.mark.parametrize("expression", expressions())
def test_a_metric_of_a_panel_is_one_that_is_told(expression: str) -> None:
    named = set(re.findall(r"\b(?:tieout|airflow)_\w+", expression))
    assert named
    known = {name for name, one in OURS.items() if one.kind != "histogram"}
    known |= {
        f"{name}{part}"
        for name, one in OURS.items()
        if one.kind == "histogram"
        for part in PARTS["histogram"]
    }
    assert {name for name in named if name.startswith("tieout_")} <= known
    assert {name for name in named if name.startswith("airflow_")} <= airflows()
    for name in named & known:
        metric = OURS[re.sub("_bucket$|_sum$|_count$", "", name) if name not in OURS else name]
        asked = {word for words in re.findall(r"by \(([^)]*)\)", expression) for word in words.split(", ")}
        asked |= set(re.findall(r"(\w+)=\"", expression))
        assert asked <= {*metric.attributes, "le"}


def airflows() -> set[str]:
    """What Airflow's own registry says it tells, as Prometheus names it."""
    place = Path(airflow.sdk.__file__).parent / "_shared/observability/metrics/metrics_template.yaml"
    known = yaml.safe_load(place.read_text())["metrics"]
    ends = {"counter": "_total"}
    return {f"airflow_{one['name'].replace('.', '_')}{ends.get(one['type'], '')}" for one in known}


def test_every_metric_and_attribute_stands_in_the_guide() -> None:
    rows = dict(re.findall(r"^\| `(tieout\.[\w.]+)` \| `?([^|`]*)`? \|", GUIDE, re.MULTILINE))
    assert rows.keys() == {one.name for one in METRICS} | ATTRIBUTES.keys()
    assert {one.name: one.in_prometheus for one in METRICS}.items() <= rows.items()
    assert all(f"| {name} |" in GUIDE for name in STEPS)


def test_a_trace_is_found_from_its_event_in_sql(database_url: str) -> None:
    event = Event("payments", "evt_é")
    [statement] = [text for title, text in sql_of_panels() if title == "Newest effects"]
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind) VALUES (%s, %s, 'p', 'P', 'k')",
            event,
        )
        connection.execute("""
            INSERT INTO delivery.outbox
                (key, kind, target, subject, body, body_sha256, newest_only, state, finished_at, hint_id)
            SELECT 'K', 'invoice_status', 'salesforce', 'invoices/I1', '{}', '', true, 'confirmed', now(), hint_id
            FROM delivery.inbox
        """)
        [row] = connection.execute(statement.encode()).fetchall()
    assert row[-1] == f"{received(event).trace:032x}"
