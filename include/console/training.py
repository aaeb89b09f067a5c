"""Training: the pages of docs/training with their pictures, as they stand there."""

from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from include.console.access import Someone
from include.console.playbooks import DOCS, TRAINING, page_of

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
    return page_of(request, who, TRAINING, name)
