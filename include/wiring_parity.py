"""Airflow to parity: where the old path's answers are, and signatures as tasks that wait for a person."""
# ruff: noqa: PLC0415  # every parse of a DAG would pay for what only a task needs

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseHook, Param, get_current_context
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException, TaskAwaitingInput

from include import wiring
from include.ports import Fatal, NothingUsable
from include.wiring_environment import named

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.flows.compare_parity import Compared
    from include.flows.sign_parity import Answered
    from include.flows.tell_answers import TheirTable
    from include.ports import OldPath

log = logging.getLogger(__name__)

CONNECTION = "legacy_answers"
SIGN, DECLINE = "Sign", "Do not sign"
LOOK_AGAIN = timedelta(minutes=2)
"""How long a signature given elsewhere may take to end the task that waits."""


def old_path() -> "OldPath | TheirTable":
    """Connection `legacy_answers`: a folder in its extra's `path`, or a table or view of ours in its `table`.

    Raises AirflowSkipException when it names neither: then there is no old path, or nobody compares it.
    """
    from include.connectors.legacy.client import LegacyFolder
    from include.flows.tell_answers import TheirTable

    try:
        extra = BaseHook.get_connection(named(CONNECTION)).extra_dejson
    except AirflowNotFoundException:
        extra = {}
    if table := str(extra.get("table") or ""):
        return TheirTable(table)
    if not extra.get("path"):
        raise AirflowSkipException(
            f"connection {CONNECTION} names neither a path nor a table: nothing is compared"
        )
    folder = Path(str(extra["path"]))
    if not folder.is_absolute():
        raise Fatal(f"connection {CONNECTION}: the path {folder} is not absolute; workers start elsewhere")
    return LegacyFolder(folder)


def days() -> list[str]:
    """The days this run compares, as ISO text: its own, and what was missed of the last two weeks before it.

    A backfill compares its own day only. Raises Retryable until the day is published.
    """
    from include.flows.compare_parity import days_due

    old_path()  # nothing is waited for where nothing is compared
    found = days_due(wiring.store(), day=wiring.as_of(), policy=wiring.policy())
    return [day.isoformat() for day in (found[-1:] if wiring.is_past() else found)]


def compare(wanted: Sequence[str]) -> list[str]:
    """Compare days in order; a sentence for each. Only the run's own day must be there."""
    from datetime import date

    from include.flows.compare_parity import compare_parity

    told = []
    for day in wanted:
        try:
            done: Compared = compare_parity(
                wiring.store(), day=date.fromisoformat(day), policy=wiring.policy(), theirs=old_path()
            )
        except NothingUsable as nothing:
            if day == wanted[-1]:
                raise
            told.append(str(nothing))
        else:
            told.append(str(done))
    return told


def judge() -> str:
    """Judge the days up to the run's own; what stands in the way of signing them."""
    from include.flows.judge_parity import judge_parity

    seen = judge_parity(wiring.store(), last=wiring.as_of(), policy=wiring.policy())
    return "; ".join(seen.obstacles) or f"window {seen.window_no} may be signed"


def questions() -> list[dict[str, Any]]:
    """The signatures that this run of the DAG asks for: the arguments of its tasks."""
    from airflow.configuration import conf

    from include.flows.sign_parity import ask_signatures

    context = get_current_context()
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    asks = ask_signatures(
        wiring.store(),
        policy=wiring.policy(),
        asked_in=f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}",
        link_to=f"{base}/tieout/parity" if base else "",
    )
    return [{"ask_no": one.ask_no, "subject": one.subject, "body": one.body} for one in asks]


class AskSignature(HITLOperator):
    """Waits until somebody signs or declines here, or it was signed elsewhere.

    The answer is written under the name of whoever gave it; what the database refuses ends the task with the reason,
    and the next run asks again.
    """

    template_fields: ClassVar[Sequence[str]] = ()  # type: ignore[misc]  # what people wrote is no template

    def __init__(self, *, ask_no: int, **kwargs: Any) -> None:
        super().__init__(
            options=[SIGN, DECLINE],
            params={"reason": Param("looked at it", source="task", type="string", minLength=1, title="Why")},
            response_timeout=LOOK_AGAIN,
            **kwargs,
        )
        self.ask_no = ask_no

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> dict[str, str]:
        """After an answer, or when it is time to look whether it was signed elsewhere."""
        from include.flows.sign_parity import answer, look

        if event.get("error_type") == "timeout":
            over = look(wiring.store(), self.ask_no)
            return _told(over) if over else self._wait_on()
        given = super().execute_complete(context, event)
        who = cast("dict[str, str]", given["responded_by_user"] or {})
        reason = str(given["params_input"].get("reason") or "answered in Airflow")
        signs = given["chosen_options"] == [SIGN]
        return _told(
            answer(wiring.store(), self.ask_no, actor=who.get("name", ""), signs=signs, reason=reason)
        )

    def _wait_on(self) -> NoReturn:
        raise TaskAwaitingInput(method_name="execute_complete", timeout=LOOK_AGAIN)


def _told(answered: "Answered") -> dict[str, str]:
    level = logging.WARNING if answered.outcome == "refused" else logging.INFO
    log.log(level, "%s: %s", answered.outcome, answered.words)
    return {"outcome": answered.outcome, "words": answered.words}
