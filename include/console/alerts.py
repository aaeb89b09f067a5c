"""What somebody must hear of at once: what lasts, what is over, whether it gets out, and whether anybody watches."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from include.console.access import Someone
from include.console.kept import rules
from include.console.playbooks import PLAYBOOKS
from include.console.render import Page, render, store_of
from include.flows.show_alerts import show_alerts

PAGE = Page("Alerts", "/alerts")
router = APIRouter()

OVER_SHOWN, OVER_MAX = 50, 250


@router.get("/alerts")
def alerts(
    request: Request, who: Someone, over: Annotated[int, Query(ge=0, le=OVER_MAX)] = OVER_SHOWN
) -> HTMLResponse:
    """`over`: how many of those that ended."""
    shown = show_alerts(store_of(request), rules(), over=over)
    view: dict[str, Any] = {"shown": shown, "playbooks": PLAYBOOKS.names(), "most": OVER_MAX}
    view["airflow"] = request.scope.get("root_path", "").rpartition("/")[0]
    return render(request, who, "alerts.html", **view)
