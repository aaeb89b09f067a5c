"""What a page says when it cannot be shown: a sentence, and on the way in a link to Airflow's login."""

import base64
import hashlib
from functools import cache
from urllib.parse import urlencode

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.exceptions import HTTPException

from include.console.forms import TooOld
from include.console.render import STATIC, sentence, template
from include.domain.shown import cut

LOGIN = "/api/v2/auth/login"
NOT_LOGGED_IN = 401
GIVEN_SHOWN = 60
"""Characters of what was asked for that the refusal quotes."""


def refused(request: Request, error: Exception) -> HTMLResponse:
    """The refusal with its status. Its style is in the page: who is not logged in may fetch no file."""
    if isinstance(error, RequestValidationError):
        status, said, headers = 422, _unknown(error), None
    else:
        assert isinstance(error, HTTPException)  # noqa: S101 - the only other one it is registered for
        status, said, headers = error.status_code, str(error.detail), error.headers
    style = _style()
    page = template("refused.html").render(
        status=status,
        said=sentence(said.rstrip(".")),
        style=Markup(style),  # noqa: S704 - our own file
        login=_login(request) if status == NOT_LOGGED_IN else "",
        typed=error.typed if isinstance(error, TooOld) else {},
        root=request.scope.get("root_path", ""),
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'self'; base-uri 'none'"
    return HTMLResponse(page, status, {**(headers or {}), "Content-Security-Policy": policy})


def _unknown(error: RequestValidationError) -> str:
    """What of the address or the form is no such thing, and why."""
    first = error.errors()[0]
    given = cut(str(first.get("input", "")), GIVEN_SHOWN)
    name = [*first["loc"], ""][1]
    return f"{name} is {given!r} in the address, which the console does not know: {first['msg'].lower()}"


def _login(request: Request) -> str:
    """Airflow's login beside us, leading back to the page asked for and never to another site."""
    root = request.scope.get("root_path", "")
    asked = request.url.path if request.method == "GET" else f"{root}/"
    if not asked.startswith(f"{root}/") or asked.startswith("//"):
        asked = f"{root}/"
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return f"{root.rpartition('/')[0]}{LOGIN}?{urlencode({'next': asked + query})}"


@cache
def _style() -> str:
    return (STATIC / "console.css").read_text(encoding="utf-8")
