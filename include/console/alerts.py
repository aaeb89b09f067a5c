"""What somebody must hear of at once: what lasts, what is over, whether it gets out, and whether anybody watches."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from include import wiring
from include.console.access import Someone
from include.console.playbooks import PLAYBOOKS
from include.console.render import Page, render, store_of
from include.flows.show_alerts import show_alerts

PAGE = Page("Alerts", "/alerts")
router = APIRouter()

OVER_SHOWN = 50


@router.get("/alerts")
def alerts(request: Request, who: Someone) -> HTMLResponse:
    shown = show_alerts(store_of(request), wiring.policy(), over=OVER_SHOWN)
    view: dict[str, Any] = {"shown": shown, "playbooks": PLAYBOOKS.names()}
    view["airflow"] = request.scope.get("root_path", "").rpartition("/")[0]
    return render(request, who, "alerts.html", **view)
