"""Approvals as tasks of Airflow that wait for a person: one a proposal, until it is decided there or elsewhere."""
# ruff: noqa: PLC0415  # every parse of the DAG would pay for what only a task needs

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import TaskAwaitingInput

from include import wiring

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.flows.ask_approvals import Answered

log = logging.getLogger(__name__)

APPROVE, SEND_BACK = "Approve", "Send back"
LOOK_AGAIN = timedelta(minutes=5)
"""How long a decision in the console may take to end the task that waits."""


class AskApproval(HITLOperator):
    """Waits until a proposal is answered here, or decided in the console.

    The answer is written as the console would write it, by whoever gave it. What the database refuses ends the task
    too, with the reason, and the next run asks again: a task of Airflow can be answered once.
    """

    template_fields: ClassVar[Sequence[str]] = ()  # type: ignore[misc]  # what people wrote is no template

    def __init__(self, *, ask_no: int, **kwargs: Any) -> None:
        super().__init__(
            options=[APPROVE, SEND_BACK],
            params={"reason": Param("looked at it", source="task", type="string", minLength=1, title="Why")},
            response_timeout=LOOK_AGAIN,
            **kwargs,
        )
        self.ask_no = ask_no

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> dict[str, str]:
        """After an answer, or when it is time to look whether somebody decided it elsewhere."""
        from include.flows.ask_approvals import answer, look

        if event.get("error_type") == "timeout":
            over = look(wiring.store(), self.ask_no)
            return _told(over) if over else self._wait_on()
        given = super().execute_complete(context, event)
        who = cast("dict[str, str]", given["responded_by_user"] or {})
        reason = str(given["params_input"].get("reason") or "answered in Airflow")
        approves = given["chosen_options"] == [APPROVE]
        return _told(
            answer(wiring.store(), self.ask_no, actor=who.get("name", ""), approves=approves, reason=reason)
        )

    def _wait_on(self) -> NoReturn:
        raise TaskAwaitingInput(method_name="execute_complete", timeout=LOOK_AGAIN)


def questions() -> list[dict[str, Any]]:
    """What this run of the DAG asks: the arguments of its tasks."""
    from airflow.configuration import conf

    from include.flows.ask_approvals import ask_approvals

    context = get_current_context()
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    link = f"{base}/tieout/breaks/" if base else ""
    asked_in = f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"
    asks = ask_approvals(wiring.store(), asked_in=asked_in, link_to=link)
    return [{"ask_no": one.ask_no, "subject": one.subject, "body": one.body} for one in asks]


def _told(answered: "Answered") -> dict[str, str]:
    log.log(
        logging.WARNING if answered.outcome == "refused" else logging.INFO,
        "%s: %s",
        answered.outcome,
        answered.words,
    )
    return {"outcome": answered.outcome, "words": answered.words}
