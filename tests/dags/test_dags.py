"""Every DAG loads, and keeps the rules of the house."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import PROJECT

FILES = sorted((PROJECT / "dags").glob("*.py"))
IDS = {
    *("extract_salesforce", "extract_erp", "extract_payments", "extract_bank", "extract_fx"),
    *("sweep_sources", "sweep_money", "tie_out", "fast_lane", "collect", "approve_breaks", "watch"),
    *("compare_parity", "sign_parity", "keep_audit", "remove_old"),
}
RELAYED = {"fast_lane"}
AT_ONCE = {"fast_lane": 2, "approve_breaks": 16, "sign_parity": 16, "compare_parity": 4}
PATIENT = {
    "tie_out": {"sources_complete", "earlier_days", "report", "editions"},
    "compare_parity": {"due"},
    "fast_lane": {"drain"},
}
"""What waits for others, or for a mail server that is away, for hours."""
POOLS = {"tieout_extract", "tieout_reconcile", "tieout_fast", "tieout_watch", "tieout_ask"}
ASKING = {"get", "get_connection", "get_conn", "get_uri"}
LINES_MAX = 80


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415  # after conftest has set up its home

    return DagBag(str(PROJECT / "dags"))


def test_every_file_is_one_dag_named_like_it_and_loads_without_complaint(bag: Any):
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}
    assert set(bag.dags) == {path.stem for path in FILES} == IDS


@pytest.mark.parametrize("dag_id", sorted(IDS))
def test_a_dag_tells_who_owns_it_how_often_it_runs_and_what_to_do_on_call(bag: Any, dag_id: str):
    dag = bag.dags[dag_id]
    assert "On call" in dag.doc_md
    assert {tag.partition("/")[0] for tag in dag.tags} == {"cadence", "tier"}
    assert dag.default_args["owner"] == "finance-platform"


@pytest.mark.parametrize("dag_id", sorted(IDS))
def test_what_is_read_and_reconciled_gives_way_to_what_somebody_waits_for(bag: Any, dag_id: str):
    from include.wiring.schedules import give_way  # noqa: PLC0415  # as above

    said = bag.dags[dag_id].default_args
    assert said.get("pre_execute") == (
        give_way if said["pool"] in {"tieout_extract", "tieout_reconcile"} else None
    )


def test_a_task_that_gives_way_weighs_a_tenth():
    """In a process of its own: nobody gets back what he gave."""
    script = "import os; from include.wiring.schedules import give_way; give_way({}); print(os.nice(0))"
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert told.stdout.split()[-1] == str(os.nice(0) + 10)


@pytest.mark.parametrize("dag_id", sorted(IDS))
def test_a_dag_runs_over_intervals_one_at_a_time_and_only_forward(bag: Any, dag_id: str):
    """But the lane, of which the next run is at work before the last one stops, and what waits for people."""
    dag = bag.dags[dag_id]
    kind = "CronTriggerTimetable" if dag_id in RELAYED else "CronDataIntervalTimetable"
    assert type(dag.timetable).__name__ == kind
    assert dag.catchup is False
    assert dag.max_active_runs == AT_ONCE.get(dag_id, 1)
    assert (dag.start_date.year, dag.start_date.utcoffset().total_seconds()) == (2010, 0)


@pytest.mark.parametrize("dag_id", sorted(IDS))
def test_every_task_has_a_limit_a_pool_and_retries_only_what_may_mend_itself(bag: Any, dag_id: str):
    for task in bag.dags[dag_id].tasks:
        assert task.execution_timeout.total_seconds() <= 15 * 60
        assert task.queue == task.pool
        assert task.pool in POOLS
        usual = 5 if dag_id == "tie_out" else 3  # what reads and watches begins anew by itself
        assert task.retries == (20 if task.task_id in PATIENT.get(dag_id, ()) else usual)
        assert task.has_retry_policy


@pytest.mark.parametrize("dag_id", sorted(name for name in IDS if name.startswith("extract_")))
def test_an_extraction_lands_what_it_pulled_and_then_proves_it(bag: Any, dag_id: str):
    tasks = {task.task_id: task.downstream_task_ids for task in bag.dags[dag_id].tasks}
    assert tasks == {"pull": {"land", "prove"}, "land": {"prove"}, "prove": set()}


def test_a_day_is_reported_only_when_complete_reconciled_checked_and_published(bag: Any):
    tasks = {task.task_id: task.downstream_task_ids for task in bag.dags["tie_out"].tasks}
    assert tasks == {
        "sources_complete": {"earlier_days"},
        "earlier_days": {"reconcile"},
        "reconcile": {"check"},
        "check": {"quality"},
        "quality": {"publish"},
        "publish": {"report", "editions"},
        "report": set(),
        "editions": set(),
    }


def test_a_day_is_computed_in_its_turn_and_waits_for_it_without_a_worker(
    bag: Any, monkeypatch: pytest.MonkeyPatch
):
    from include.wiring import days  # noqa: PLC0415  # as above

    task = bag.dags["tie_out"].get_task("earlier_days")
    assert task.reschedule
    for turn in (True, False):
        monkeypatch.setattr(days, "earlier_days_first", lambda turn=turn: turn)
        assert task.poke({}) is turn


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_short(path: Path):
    assert len(path.read_text().splitlines()) <= LINES_MAX


def parsed_calls(tree: ast.AST) -> Iterator[str]:
    """Names of what is called while the file is parsed, not inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
        yield from parsed_calls(node)


@pytest.mark.parametrize("path", [*FILES, *PROJECT.glob("include/wiring/*.py")], ids=lambda path: path.stem)
def test_parsing_looks_up_no_connection_and_no_variable(path: Path):
    assert not ASKING & set(parsed_calls(ast.parse(path.read_text())))


def test_parsing_loads_no_vendor_and_no_data_library():
    heavy = "pandas", "pandera", "stripe", "simple_salesforce", "matplotlib", "slack_sdk"
    code = (
        "import sys, runpy\n"
        f"for path in {[str(path) for path in FILES]}: runpy.run_path(path)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == "[]"


def test_questions_end_before_there_are_as_many_runs_as_there_may_be(bag: Any):
    from include.flows.ask_approvals import ASKED_FOR  # noqa: PLC0415  # as above
    from include.wiring.approvals import LOOK_AGAIN  # noqa: PLC0415

    every = timedelta(minutes=10)
    assert (ASKED_FOR + LOOK_AGAIN) / every < bag.dags["approve_breaks"].max_active_runs
