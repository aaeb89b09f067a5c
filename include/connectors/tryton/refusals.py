"""What Tryton refuses, named by what to do next."""

import re

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from include.connectors.wire import read_json
from include.domain.shown import cut
from include.ports import Away, Fatal, Rejected, Retryable, Stop, Uncertain

RETRYABLE_STATUSES = frozenset({408, 429})
BAD_REQUEST, GONE = 400, frozenset({404, 410})
LOST_ANSWER = frozenset({408, 502, 504})
"""A proxy's word that it did not hear from Tryton, which may have done what was asked."""
_SERVER_ERROR = 500
MESSAGE_CHARS_MAX = 300

_ADVICE = {
    401: "check the key in the erp_api connection",
    403: "check what the key's user may do",
    404: "check the address and database, and that Tryton's module for it is installed",
}
_QUOTED = re.compile(r'"([^"]*)"')
_SHOWABLE = re.compile(r"[A-Z0-9_./()\[\] :@-]*\d[A-Z0-9_./()\[\] :@-]*|[a-z]+(_[a-z]+)*")
"""Document numbers, dates, amounts and technical names."""

_LABELS = frozenset(
    {
        *("Party", "Sale", "Account Invoice", "Account Payment", "Invoice Line", "Sale Line", "Currency"),
        *("Invoice Date", "Sale Date", "Amount", "Invoice Address", "Shipment Address", "Reference", "Name"),
        *(
            "Account",
            "Journal",
            "Payment Term",
            "Line",
            "Company",
            "Unit Price",
            "Quantity",
            "Unit",
            "Product",
        ),
    }
)
"""Tryton's own words in a message; whatever else it quotes may be somebody's name."""


def refused_reading(status: int, *, place: str) -> Stop:
    """Why a search was not answered. Never with the answer's text, which may quote a customer."""
    if status >= _SERVER_ERROR or status in RETRYABLE_STATUSES:
        stop = Retryable if status == _SERVER_ERROR else Away
        return stop(f"ERP {place} answered {status}; trying again later")
    return Fatal(f"ERP {place} answered {status}; {_ADVICE.get(status, 'check the fields and the address')}")


def refused_writing(response: requests.Response, *, place: str) -> Stop:
    """Why something was not written. Tryton undoes all of a request that it answers with an error."""
    status = response.status_code
    if status == BAD_REQUEST and (rule := _rule(response)):
        return Rejected(f"ERP {place}: {message_text(rule)}")
    if status in GONE:
        return Rejected(f"ERP {place} is not there (any more)")
    if status in LOST_ANSWER:
        return Uncertain(f"ERP {place} answered {status}; it may have been done all the same")
    return refused_reading(status, place=place)


def unanswered(error: requests.RequestException, *, place: str) -> Stop:
    """Retryable when nothing was sent; Uncertain when the answer alone is missing."""
    words = f"ERP {place} did not answer ({type(error).__name__})"
    reason = error.args[0] if error.args else None
    never_sent = isinstance(error, requests.ConnectTimeout) or (
        isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)
    )
    if never_sent:
        return Away(f"{words}; nothing was sent")
    return Uncertain(f"{words}; it may have been done all the same")


def message_text(message: str) -> str:
    """Tryton's message without what may be a person's name: of what it quotes, numbers and its own words stay."""
    shown = _QUOTED.sub(lambda quoted: quoted[0] if _may_be_shown(quoted[1]) else '"…"', message)
    return cut(shown.strip(), MESSAGE_CHARS_MAX)


def _may_be_shown(quoted: str) -> bool:
    return quoted in _LABELS or bool(_SHOWABLE.fullmatch(quoted))


def _rule(response: requests.Response) -> str:
    try:
        body = read_json(response.text, place="ERP")
    except Retryable:
        return ""
    return str(body.get("message") or "") if isinstance(body, dict) else ""
