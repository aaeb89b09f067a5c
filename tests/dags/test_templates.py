"""What starts a run says numbers and days, never a template: nothing of it is rendered, and no shell runs."""

from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from tests.dags.conftest import PROJECT
from tests.naughty import RUN


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415  # after conftest has set up its home

    return dict(DagBag(str(PROJECT / "dags")).dags)


def test_no_task_renders_a_template_or_runs_a_shell(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            kind = type(task).__name__
            assert kind in {
                "_PythonDecoratedOperator",
                "MappedOperator",
                "AskApproval",
                "AskSignature",
                "InItsTurn",
            }, kind
            for name in task.template_fields:
                value = getattr(task, name, None)
                assert not value or name in {"op_args", "op_kwargs"}, (task.task_id, name)
                assert "{{" not in repr(value)


def test_what_a_run_is_started_with_has_a_schema_that_texts_do_not_fit(dags: dict[str, Any]) -> None:
    found = {(dag.dag_id, name): dag.params.get_param(name) for dag in dags.values() for name in dag.params}
    assert found, "some are asked for"
    for (dag_id, name), param in found.items():
        assert set(param.schema.get("type", ())) <= {"null", "integer", "boolean"}, (dag_id, name)
        for text in RUN.values():
            with pytest.raises(ParamValidationError):
                param.resolve(text)
