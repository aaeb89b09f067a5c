"""Pages: one template each inside the frame of base.html, escaped, with navigation, person and form token."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from pydantic import Field

from include.console.access import Person
from include.console.forms import token_for
from include.console.kept import rules
from include.console.permissions import May
from include.console.words import DECIDING, DONE, ENTITY, PROOF, RECON, RULES_OF
from include.domain.break_life import TO_DO
from include.domain.money import Money
from include.ports import Store, Transaction
from include.report.figures import Figures
from include.report.words import BUCKETS, SEVERITIES

HERE = Path(__file__).parent
STATIC = HERE / "static"
FIGURES = Figures("en_SG")
FRAMED_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)
"""For pages that were made elsewhere and carry their style in their tags: nothing runs there and nothing is ours, but
links may open a tab."""
_HEAD = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)


Number = Annotated[int, Field(ge=0, lt=2**63)]
"""A number of ours in an address: one the database can hold."""


@dataclass(frozen=True)
class Page:
    """An entry of the navigation. `path` is below where the console is mounted."""

    title: str
    path: str
    permission: May = May.READ


def render(request: Request, who: Person, name: str, *, status: int = 200, **view: Any) -> HTMLResponse:
    """The page as HTML. Every value is escaped; nothing that is undefined passes as empty."""
    pages: tuple[Page, ...] = request.app.state.pages
    path = request.scope["path"].removeprefix(request.scope.get("root_path", "")) or "/"
    frame = {
        "root": request.scope.get("root_path", ""),
        "pages": [page for page in pages if page.permission in who.may],
        "here": max((p.path for p in pages if _below(path, p.path)), key=len, default=""),
        "who": who,
        "token": token_for(who.name),
        "done": DONE.get(request.query_params.get("done", ""), ""),
        "version": _version(),
        "May": May,
    }
    return HTMLResponse(_templates().get_template(name).render(frame | view), status_code=status)


def template(name: str) -> Template:
    """A template without the frame, for pages that are shown to anybody."""
    return _templates().get_template(name)


def framed(html: str) -> HTMLResponse:
    """A mail as it is kept, in a frame of its own: its links open outside of the frame, where one is logged in."""
    head = _HEAD.search(html)
    at = head.end() if head else 0
    shown = f'{html[:at]}<base target="_blank">{html[at:]}'
    return HTMLResponse(shown, headers={"Content-Security-Policy": FRAMED_POLICY})


def store_of(request: Request) -> Store:
    """The database, asked anew for every request."""
    store: Store = request.app.state.store()
    return store


def opening_store_of(request: Request) -> Store:
    """The same for what is sealed, which the console's own role may not read."""
    store: Store = request.app.state.opening_store()
    return store


def today_here(tx: Transaction) -> date:
    """The legal entity's business date by now: its days are those of every run, report and deadline."""
    now: datetime = tx.rows("console_now")[0]["now"]
    return now.astimezone(rules().calendars.entity.zone).date()


COUNTED_MAX = 1_000
"""Lines of a list that are counted; of more it is said that there are more."""


def fitting(tx: Transaction, name: str, *, whole: bool, **params: Any) -> str:
    """Of how many lines a page shows some, by a query that counts them; empty where the page has the `whole` list."""
    if whole:
        return ""
    count: int = tx.rows(name, **params, most=COUNTED_MAX + 1)[0]["fitting"]
    return f"more than {COUNTED_MAX:,}" if count > COUNTED_MAX else f"{count:,}"


class Sharing:
    """A store whose transactions are all one that is open already: for a page that several flows read for."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        yield self._tx


def url_with(given: Mapping[str, Any], **changes: Any) -> str:
    """A query string of what is given with some of it changed; what is empty is left out."""
    kept = {name: value for name, value in (dict(given) | changes).items() if value not in (None, "")}
    return "?" + urlencode(kept)


def _below(path: str, page: str) -> bool:
    return path == page or (page != "/" and path.startswith(f"{page}/"))


@cache
def _version() -> str:
    """Changes with what browsers keep, so that they keep it for long."""
    content = b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))
    return hashlib.sha256(content).hexdigest()[:12]


def money(minor: Any, currency: str | None) -> str:
    """An amount as every page writes it; empty where there is none."""
    return "" if minor is None or not currency else FIGURES.money(int(minor), currency)


def say_money(money: Money) -> str:
    """An amount as every page writes it: "USD 16,469.00"."""
    return FIGURES.money(money.minor, money.currency)


def said(sentence: str) -> str:
    """A sentence of ours with its figures as every page writes them."""
    return FIGURES.said(sentence)


def _segment(native_id: object) -> str:
    """An id as one part of an address, whatever is in it."""
    return quote(str(native_id), safe="")


def _instant(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _ago(moment: datetime | None, now: datetime) -> str:
    """How long ago in the largest unit that fits."""
    if moment is None:
        return "never"
    return _lasting(max(now - moment, timedelta()))


def _lasting(passed: timedelta) -> str:
    """A time in the largest unit that fits."""
    if passed < timedelta(hours=1):
        return f"{passed // timedelta(minutes=1)} min"
    return f"{passed // timedelta(hours=1)} h" if passed < timedelta(days=2) else f"{passed.days} d"


def _duration(minutes: int) -> str:
    return _lasting(timedelta(minutes=minutes))


def _spoken(text: str) -> str:
    return text.replace("_", " ")


def sentence(text: str) -> str:
    """A text with its first letter large, where it begins with a word: an id or a place stays as it is."""
    begins = text.partition(" ")[0].replace("'", "").removesuffix(",")
    return text[:1].upper() + text[1:] if begins.isalpha() else text


def _days(since: date, until: date) -> int:
    return (until - since).days


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "sentence": sentence,
        "segment": _segment,
        "money": money,
        "said": said,
        "instant": _instant,
        "ago": _ago,
        "duration": _duration,
        "spoken": _spoken,
        "days": _days,
    }
    found.globals |= {
        "url_with": url_with,
        "RULES_OF": RULES_OF,
        "SEVERITIES": SEVERITIES,
        "BUCKETS": BUCKETS,
        "RECON": RECON,
        "ENTITY": ENTITY,
        "PROOF": PROOF,
        "DECIDING": DECIDING,
        "TO_DO": TO_DO,
    }
    return found
