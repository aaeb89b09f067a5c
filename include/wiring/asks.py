"""Questions as tasks of Airflow that wait for a person, until they are answered there or decided elsewhere."""
# ruff: noqa: PLC0415  # every parse of a DAG would pay for what only a task needs

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypedDict, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import TaskAwaitingInput

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.flows.asking import Answered, Ask

log = logging.getLogger(__name__)


class AskPerson(HITLOperator):
    """Waits until somebody answers, or the question is over elsewhere. A kind of question says what is to be chosen.

    What is asked is read from the database when the task begins: between tasks goes its number alone. An answer is
    written under the name of whoever gave it. What the database refuses ends the task too, with the reason in its log,
    and the next run asks again: a task of Airflow can be answered once.
    """

    template_fields: ClassVar[Sequence[str]] = ()  # type: ignore[misc]  # what people wrote is no template
    path: ClassVar[str]
    """Of the console's page about what is asked, below /tieout."""
    choices: ClassVar[tuple[str, str]]
    """To agree, and not to."""
    look_again: ClassVar[timedelta]
    """How long a decision elsewhere may take to end the task that waits."""

    def __init__(self, *, ask_no: int, **kwargs: Any) -> None:
        super().__init__(
            subject=f"question {ask_no}",
            options=list(self.choices),
            params={"reason": Param("looked at it", source="task", type="string", minLength=1, title="Why")},
            response_timeout=self.look_again,
            **kwargs,
        )
        self.ask_no = ask_no

    def asked(self, by: "AskedBy") -> "Ask | None":
        """The question as the run asks it; None when it is over."""
        raise NotImplementedError

    def over(self) -> "Answered | None":
        """What became of the question elsewhere; None while it waits."""
        raise NotImplementedError

    def write(self, *, actor: str, agrees: bool, reason: str) -> "Answered":
        """Write what somebody answered."""
        raise NotImplementedError

    def execute(self, context: "Context") -> Any:
        """Ask, and wait without a worker."""
        ask = self.asked(_asked_by(self.path, context["dag_run"]))
        if ask is None:
            over = self.over()
            return _told(over) if over else self._wait_on()
        self.subject, self.body = ask.subject, ask.body
        return super().execute(context)

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> str:
        """After an answer, or when it is time to look whether it was decided elsewhere."""
        if event.get("error_type") == "timeout":
            over = self.over()
            return _told(over) if over else self._wait_on()
        given = super().execute_complete(context, event)
        who = cast("dict[str, str]", given["responded_by_user"] or {})
        reason = str(given["params_input"].get("reason") or "answered in Airflow")
        agrees = given["chosen_options"] == [self.choices[0]]
        return _told(self.write(actor=who.get("name", ""), agrees=agrees, reason=reason))

    def _wait_on(self) -> NoReturn:
        raise TaskAwaitingInput(method_name="execute_complete", timeout=self.look_again)


class AskedBy(TypedDict):
    """Which run asks, and where one may look."""

    asked_in: str
    link_to: str


def asked_by(path: str) -> AskedBy:
    """Which run asks, and where in the console (below /tieout) one may look; no address where Airflow has none."""
    return _asked_by(path, get_current_context()["dag_run"])


def _asked_by(path: str, run: Any) -> AskedBy:
    from airflow.configuration import conf

    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return {"asked_in": f"{run.dag_id}/{run.run_id}", "link_to": f"{base}/tieout{path}" if base else ""}


def arguments(asks: "Iterable[Ask]") -> list[dict[str, int]]:
    """Those of one task for each question."""
    return [{"ask_no": one.ask_no} for one in asks]


def _told(answered: "Answered") -> str:
    """What became of it, in one word; who and why stand in the log."""
    level = logging.WARNING if answered.outcome == "refused" else logging.INFO
    log.log(level, "%s: %s", answered.outcome, answered.words)
    return answered.outcome.replace(" ", "_")
