"""Who did what, newest first, as the audit log has it; how far it is sealed; and part of it with its proof."""

import tempfile
import zipfile
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from include.console.access import Someone, requires
from include.console.permissions import May
from include.console.render import Page, fitting, render, store_of
from include.flows import export_audit as flow
from include.flows.seal_audit import sealed_until
from include.ports import Rejected
from include.wiring import connections

PAGE = Page("Audit", "/audit", May.AUDIT)
router = APIRouter(dependencies=[Depends(requires(May.AUDIT))])

SHOWN = 50
RUNS_SHOWN = 10
COUNTED_MAX = 10_000
"""Rows that wait for a seal; more are not counted: without a key all do."""
EXPORTED_MAX = 50_000
"""Rows handed out at once by a page; `tieout audit export` has no such limit."""


Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9000, 1, 1))]
"""A day that has a day before and after it."""


class Wanted(BaseModel):
    """What the address asks for; `at` is the last line's place, `who` empty leaves programs out."""

    actor: str = Field("", max_length=200)
    entity: str = Field("", max_length=500)
    who: str = Field("", pattern="^(all)?$")
    at: str = Field("", pattern=r"^([0-9]{1,19}\.[0-9]{1,18})?$")


class Span(BaseModel):
    """What is handed out; days are business days, both included."""

    actor: str = Field("", max_length=200)
    entity: str = Field("", max_length=500)
    since: Day | Literal[""] = ""
    until: Day | Literal[""] = ""


@router.get("/audit")
def audit(request: Request, who: Someone, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    xid, _, number = wanted.at.partition(".")
    actor = wanted.actor.strip().lower()
    with store_of(request).transaction() as tx:
        asked = {
            "every": bool(wanted.who or actor),  # who is asked for by name is shown, also a program
            "actor": actor or None,
            "entity": wanted.entity.strip() or None,
        }
        place = {"xid": xid or None, "id": int(number) if number else None}
        rows = tx.rows("console_audit", **asked, **place, limit=SHOWN + 1)
        last = rows[SHOWN - 1] if len(rows) > SHOWN else None
        whole = not last and not wanted.at
        total = fitting(tx, "console_count_audit", whole=whole, **asked)
        runs = tx.rows("console_runs", limit=RUNS_SHOWN)
    given = wanted.model_dump(mode="json", exclude_defaults=True)
    view: dict[str, Any] = {"rows": rows[:SHOWN], "last": last, "total": total, "runs": runs, "given": given}
    view["sealed"] = sealed_until(store_of(request), count_max=COUNTED_MAX + 1)
    view["counted"] = COUNTED_MAX
    return render(request, who, "audit.html", wanted=wanted, **view)


@router.get("/audit/export.zip")
def export(request: Request, span: Annotated[Span, Query()]) -> Response:
    wanted = flow.Wanted(
        since=_start_of(span.since),
        until=_start_of(span.until + timedelta(days=1)) if span.until else None,
        actor=span.actor.strip().lower() or None,
        entity=span.entity.strip() or None,
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            flow.export_audit(store_of(request), wanted, out=Path(folder), rows_max=EXPORTED_MAX)
        except Rejected as too_many:
            raise HTTPException(422, str(too_many)) from None
        content = _zipped(Path(folder))
    disposition = 'attachment; filename="audit-log.zip"'
    return Response(content, media_type="application/zip", headers={"Content-Disposition": disposition})


def _start_of(day: date | Literal[""]) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=connections.ZONE) if day else None


def _zipped(folder: Path) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(folder.iterdir()):
            bundle.write(path, path.name)
    return out.getvalue()
