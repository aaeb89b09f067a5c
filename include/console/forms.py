"""Forms that only our own pages can send: the right origin, a token of this person, and Airflow's same-site cookie."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from include.console.access import Someone

BODY_BYTES_MAX = 200_000
TOKEN_AGE_S = 12 * 3600
TOKEN_FIELD = "token"  # noqa: S105 - the name of a field
SALT = "tieout-console-form"


TYPED = ("reason", "to", "other", "other_amount", "owner", "until", "key")
"""Fields that people write themselves."""


class Form:
    """What was filled in. Fields that are absent read as empty."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        return (self._fields.get(name) or [""])[-1].strip()

    def all(self, name: str) -> list[str]:
        return list(self._fields.get(name, ()))


class TooOld(HTTPException):
    """The page the form came from is too old, or somebody else's; `typed`: what stood in its fields, to be kept."""

    def __init__(self, form: Form) -> None:
        super().__init__(
            403, "the page is too old or not yours: nothing was done. Load it again, then repeat what you did"
        )
        self.typed = {name: form.one(name) for name in TYPED if form.one(name)}


def token_for(name: str) -> str:
    """What a page puts into its forms for the person it is shown to."""
    return _signer().dumps(name)


async def checked_form(request: Request, who: Someone) -> Form:
    """The form, or 403 where another site, or somebody else's page, could have sent it; 413 when it is too large."""
    if not _from_our_pages(request):
        raise HTTPException(403, "this form was not sent by a page of the console")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise HTTPException(413, "the form is too large")
    try:
        form = Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=2000))
    except ValueError:
        raise HTTPException(400, "the form cannot be read") from None
    try:
        known = _signer().loads(form.one(TOKEN_FIELD), max_age=TOKEN_AGE_S)
    except BadSignature:
        known = ""
    if known != who.name:
        raise TooOld(form)
    return form


Sent = Annotated[Form, Depends(checked_form)]


def _from_our_pages(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = urlsplit(request.headers.get("origin", ""))
    ours = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    return bool(origin.netloc) and origin.netloc in ours


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get_mandatory_value("api", "secret_key"), salt=SALT)
