"""A break's page: what it is, who has it, and all that happened to it. What the mails link to."""

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from jinja2.sandbox import SandboxedEnvironment

from include import wiring
from include.flows.show_breaks import show_break
from include.ports import Rejected, Store


def break_pages(store: Callable[[], Store], templates: SandboxedEnvironment) -> APIRouter:
    """The routes; the permission stands on the app they are included in."""
    pages = APIRouter()

    @pages.get("/breaks/{break_id}")
    def one_break(break_id: UUID) -> HTMLResponse:
        try:
            found, history = show_break(store(), break_id, wiring.policy())
        except Rejected as unknown:
            # A past day's break that no later day found has no life of its own.
            raise HTTPException(404, f"{unknown}; it stands in the workbook of its day") from None
        page = templates.get_template("break.html")
        return HTMLResponse(page.render(found=found, history=history, kept=_KEPT))

    return pages


_KEPT = {
    "state": "State",
    "assignee": "Who has it",
    "owner": "Owner",
    "severity": "Severity",
    "key": "Key",
    "since_on": "Since",
    "age_business_days": "Age in business days",
    "due_at": "Due",
    "escalated_to": "With",
    "action": "Next",
    "evidence": "Evidence",
    "first_seen_on": "First seen",
    "last_seen_on": "Last seen",
    "version": "Version",
}
"""What is shown of a break, in this order -> how it is called."""
