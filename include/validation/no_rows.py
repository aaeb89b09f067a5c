"""An expectation of ours: a query of sql/expectations that must find nothing, of which only the number is fetched."""

from typing import Any, ClassVar

from great_expectations.execution_engine import ExecutionEngine
from great_expectations.expectations.core import UnexpectedRowsExpectation


class NoRows(UnexpectedRowsExpectation):  # type: ignore[misc]  # its parent is not typed for us
    """Passes when the query finds no row. Unlike its parent it never reads the rows: they may hold what is personal."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count", "table.row_count")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002 - the parent's signature
        execution_engine: ExecutionEngine | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        found = metrics["unexpected_rows_query.row_count"]
        checked = metrics["table.row_count"]
        result = {
            "observed_value": found,
            "unexpected_count": found,
            "unexpected_percent": 100 * found / checked if checked else 0,
            "element_count": checked,
        }
        return {"success": found == 0, "result": result}
