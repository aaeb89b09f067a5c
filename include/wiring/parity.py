"""Airflow to parity: where the old path's answers are, and signatures as tasks that wait for a person."""
# ruff: noqa: PLC0415  # every parse of a DAG would pay for what only a task needs

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from include.ports import Fatal, NothingUsable
from include.wiring import connections, days
from include.wiring.asks import AskedBy, AskPerson, arguments, asked_by
from include.wiring.environment import connection_or_none

if TYPE_CHECKING:
    from include.flows.asking import Answered, Ask
    from include.flows.compare_parity import Compared
    from include.flows.tell_answers import TheirTable
    from include.ports import OldPath

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

    found = connection_or_none(CONNECTION)
    extra = found.extra_dejson if found else {}
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


def due_days() -> list[str]:
    """The days this run compares, as ISO text: its own, and what was missed of the last two weeks before it.

    A backfill compares its own day only. Raises Retryable until the day is published.
    """
    from include.flows.compare_parity import days_due

    old_path()  # nothing is waited for where nothing is compared
    found = days_due(connections.store(), day=days.as_of(), policy=connections.policy())
    return [day.isoformat() for day in (found[-1:] if days.is_past() else found)]


def compare(wanted: Sequence[str]) -> list[str]:
    """Compare days in order; a sentence for each. Only the run's own day must be there."""
    from datetime import date

    from include.flows.compare_parity import compare_parity

    told = []
    for day in wanted:
        try:
            done: Compared = compare_parity(
                connections.store(),
                day=date.fromisoformat(day),
                policy=connections.policy(),
                theirs=old_path(),
            )
        except (NothingUsable, Fatal) as nothing:  # a day that was missed keeps none from its own
            if day == wanted[-1]:
                raise
            told.append(str(nothing))
        else:
            told.append(str(done))
    return told


def judge() -> str:
    """Judge the days up to the run's own; what stands in the way of signing them."""
    from include.flows.judge_parity import judge_parity

    seen = judge_parity(connections.store(), last=days.as_of(), policy=connections.policy())
    return "; ".join(seen.obstacles) or f"window {seen.window_no} may be signed"


class AskSignature(AskPerson):
    """Waits until somebody signs or declines here, or it was signed elsewhere."""

    path = "/parity"
    choices = (SIGN, DECLINE)
    look_again = LOOK_AGAIN

    def asked(self, by: AskedBy) -> "Ask | None":
        """Which days are to be signed, and as whom."""
        from include.flows.sign_parity import asked

        return asked(connections.store(), self.ask_no, **by)

    def over(self) -> "Answered | None":
        """Whether it was signed elsewhere, or the days were judged anew."""
        from include.flows.sign_parity import look

        return look(connections.store(), self.ask_no)

    def write(self, *, actor: str, agrees: bool, reason: str) -> "Answered":
        """Sign, or note that somebody declines."""
        from include.flows.sign_parity import answer

        return answer(connections.store(), self.ask_no, actor=actor, signs=agrees, reason=reason)


def questions() -> list[dict[str, int]]:
    """The signatures that this run of the DAG asks for: the arguments of its tasks."""
    from include.flows.sign_parity import ask_signatures

    return arguments(
        ask_signatures(connections.store(), policy=connections.policy(), **asked_by(AskSignature.path))
    )
