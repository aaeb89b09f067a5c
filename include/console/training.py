"""Training: the pages of docs/training with their pictures, as they stand there."""

from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from markupsafe import Markup

from include.console.access import Someone
from include.console.playbooks import DOCS, TRAINING, html_of
from include.console.render import render

router = APIRouter()


@router.get("/{folder}/{picture}.png")
def shown(folder: Literal["training", "mail"], picture: str) -> Response:
    """A picture of a page, or of a mail that a page shows."""
    known = {path.stem: path for path in (DOCS / folder).glob("*.png")}
    if picture not in known:
        raise HTTPException(404, "no such picture")
    return FileResponse(known[picture], headers={"Cache-Control": "private, max-age=3600"})


@router.get("/training/{name}")
def training(request: Request, who: Someone, name: str) -> HTMLResponse:
    if not TRAINING.has(name):
        raise HTTPException(404, f"there is no training {name}")
    view: dict[str, Any] = {"title": TRAINING.title(name), "body": Markup(html_of(TRAINING.text(name)))}  # noqa: S704
    return render(request, who, "playbook.html", **view)
