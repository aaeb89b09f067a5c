"""The Tie-out pages: every day's report, result files and data quality, for those who may read the dag tie_out.

Import this in Airflow's api-server only: it brings in the API's own permissions.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any, Literal

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import SandboxedEnvironment

from include import wiring
from include.console.breaks import break_pages
from include.console.quality import quality_pages
from include.flows.spreadsheets import spreadsheets
from include.ports import Row, Stop, Store, Transaction

DAG_ID = "tie_out"
DAYS_LISTED = 400
HEADERS = {
    # A page embeds the report without scripts, and only Airflow may embed the page.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
File = Literal["matches", "breaks", "aging", "control_totals"]
FILES: tuple[File, ...] = ("matches", "breaks", "aging", "control_totals")
Edition = Literal["restated", "weekly", "month_end"]
EDITIONS: dict[str, str] = {
    "restated": "as restated",
    "weekly": "the week it ended",
    "month_end": "the month it ended",
}

_templates = SandboxedEnvironment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def build_app(store: Callable[[], Store] = wiring.store) -> FastAPI:
    """The app, to be mounted by Airflow; `store` is asked anew for every request.

    Airflow protects nothing that a plugin mounts: the permission stands on the app, before every route.
    """
    app = FastAPI(
        title="Tie-out",
        dependencies=[Depends(requires_access_dag("GET", param_dag_id=DAG_ID))],
        openapi_url=None,
    )

    @app.get("/")
    def latest(request: Request) -> HTMLResponse:
        with store().transaction() as tx:
            days = tx.rows("list_reports", limit=DAYS_LISTED)
            report = _report_of(tx, days[0]["as_of"]) if days else None
            editions = tx.rows("editions_of_day", as_of=days[0]["as_of"]) if days else []
        return _page(request, days, report, editions)

    @app.get("/reports/{as_of}")
    def report(request: Request, as_of: date) -> HTMLResponse:
        with store().transaction() as tx:
            days, editions = (
                tx.rows("list_reports", limit=DAYS_LISTED),
                tx.rows("editions_of_day", as_of=as_of),
            )
            return _page(request, days, _report_of(tx, as_of), editions)

    @app.get("/reports/{as_of}/{file}.csv")
    def result_file(as_of: date, file: File) -> Response:
        with store().transaction() as tx:
            content = spreadsheets(tx, _report_of(tx, as_of)["run_id"])[f"{file}.csv"]
        disposition = f'attachment; filename="{as_of}-{file}.csv"'
        return Response(content, media_type="text/csv", headers={"Content-Disposition": disposition})

    app.include_router(quality_pages(store, _templates))

    @app.get("/reports/{as_of}/{edition}.html")
    def edition(request: Request, as_of: date, edition: Edition) -> HTMLResponse:
        with store().transaction() as tx:
            days, day = tx.rows("list_reports", limit=DAYS_LISTED), _report_of(tx, as_of)
            found = [one for one in tx.rows("editions_of_day", as_of=as_of) if one["edition"] == edition]
        if not found:
            raise HTTPException(404, f"{as_of} has no edition {edition}")
        return _page(request, days, day | found[0], found)

    app.include_router(break_pages(store, _templates))
    app.middleware("http")(_with_headers)
    app.exception_handler(Stop)(_unavailable)
    return app


def _report_of(tx: Transaction, as_of: date) -> Row:
    reports = tx.rows("report_of_day", as_of=as_of)
    if not reports:
        raise HTTPException(404, f"{as_of} was not reported; run the dag {DAG_ID} for it")
    return reports[0]


def _page(request: Request, days: list[Row], report: Row | None, editions: list[Row]) -> HTMLResponse:
    view: dict[str, Any] = {
        "root": request.scope.get("root_path", ""),
        "days": days,
        "report": report,
        "files": FILES,
        "editions": {one["edition"]: EDITIONS[one["edition"]] for one in editions},
    }
    return HTMLResponse(_templates.get_template("page.html").render(view))


async def _with_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await proceed(request)
    response.headers.update(HEADERS)
    return response


def _unavailable(_request: Request, stop: Exception) -> PlainTextResponse:
    return PlainTextResponse(f"{stop}\n", status_code=503)
