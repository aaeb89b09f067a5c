"""Where finance mail arrives: an SMTP sink that keeps each message as a file, and a page to read them."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, Envelope, Session
from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from include.twin.mail_reading import read_heading, read_mail
from include.twin.mailbox_pages import PAGES
from include.twin.web import web_app
from include.twin.world import Clock, utc_now

SHOWN_MAX = 500
_NAME = re.compile(r"[0-9]{8}-[0-9]{8}T[0-9]{6}Z\.eml")
# Styles stand inside mails and pages; nothing else is fetched or run, and a mail can send nothing out.
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_templates = Environment(loader=DictLoader(PAGES), autoescape=True)


@dataclass(frozen=True)
class Sink:
    """Stores what arrives, named in the order of arrival: `<number>-<UTC time>.eml`."""

    folder: Path
    clock: Clock = utc_now

    # The name is aiosmtpd's.
    async def handle_DATA(self, _server: SMTP, _session: Session, mail: Envelope) -> str:  # noqa: N802
        self.store(mail)
        return "250 OK"

    def store(self, envelope: Envelope) -> Path:
        """The message, after the envelope's addresses, is complete on disk before the sender is told so."""
        recipients = ", ".join(envelope.rcpt_tos)
        trace = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {recipients}\r\n"
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = max((int(name.partition("-")[0]) for name in _names(self.folder)), default=0) + 1
        path = self.folder / f"{number:08d}-{self.clock():%Y%m%dT%H%M%SZ}.eml"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(trace.encode(errors="surrogateescape") + content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return path


def mailbox_app(folder: Path, *, clock: Clock = utc_now) -> Starlette:
    """The page: mails newest first, one mail, its attachments. Reads the folder each time."""
    routes = [
        Route("/", _list),
        Route("/mail/{name}", _mail),
        Route("/mail/{name}/{number:int}", _attachment),
    ]
    # Another site's page must not read mail through a name that it points at this machine.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    app = web_app(routes, clock=clock, middleware=[hosts])
    app.state.folder = folder
    return app


def _list(request: Request) -> Response:
    names = sorted(_names(request.app.state.folder), reverse=True)
    mails = [(name, read_heading(request.app.state.folder / name)) for name in names[:SHOWN_MAX]]
    return _page("list", mails=mails, hidden=len(names) - len(mails))


def _mail(request: Request) -> Response:
    path = _path(request)
    return _page("mail", name=path.name, mail=read_mail(path))


def _attachment(request: Request) -> Response:
    attachments, number = read_mail(_path(request)).attachments, request.path_params["number"]
    if number >= len(attachments):
        raise HTTPException(404)
    # Always a download of plain bytes: a mail must not get the browser to show a page of its own from here.
    name = quote(attachments[number].name, safe="", errors="replace")
    headers = _SAFE | {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(attachments[number].content, headers=headers, media_type="application/octet-stream")


def _page(template: str, **facts: object) -> Response:
    return HTMLResponse(
        _templates.get_template(template).render(facts).encode(errors="replace"), headers=_SAFE
    )


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.eml") if _NAME.fullmatch(path.name)]


def _path(request: Request) -> Path:
    name = request.path_params["name"]
    if name not in _names(request.app.state.folder):
        raise HTTPException(404)
    return Path(request.app.state.folder / name)
