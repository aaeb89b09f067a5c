"""Approvals as tasks of Airflow: one a proposal, until it is decided there or in the console."""
# ruff: noqa: PLC0415  # every parse of the DAG would pay for what only a task needs

from datetime import timedelta
from typing import TYPE_CHECKING

from include.wiring import connections
from include.wiring.asks import AskedBy, AskPerson, arguments, asked_by

if TYPE_CHECKING:
    from include.flows.asking import Answered, Ask

APPROVE, SEND_BACK = "Approve", "Send back"
LOOK_AGAIN = timedelta(minutes=5)
"""How long a decision in the console may take to end the task that waits."""


class AskApproval(AskPerson):
    """Waits until a proposal is answered here, or decided in the console."""

    path = "/breaks/"
    choices = (APPROVE, SEND_BACK)
    look_again = LOOK_AGAIN

    def asked(self, by: AskedBy) -> "Ask | None":
        """What is proposed, by whom and why."""
        from include.flows.ask_approvals import asked

        return asked(connections.store(), self.ask_no, **by)

    def over(self) -> "Answered | None":
        """Whether it was decided in the console, lapsed, or waited for too long."""
        from include.flows.ask_approvals import look

        return look(connections.store(), self.ask_no)

    def write(self, *, actor: str, agrees: bool, reason: str) -> "Answered":
        """As the console would write it."""
        from include.flows.ask_approvals import answer

        return answer(connections.store(), self.ask_no, actor=actor, approves=agrees, reason=reason)


def questions() -> list[dict[str, int]]:
    """What this run of the DAG asks: the arguments of its tasks."""
    from include.flows.ask_approvals import ask_approvals

    return arguments(ask_approvals(connections.store(), **asked_by(AskApproval.path)))
