"""What Tryton refuses, named by what to do next."""

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from include.connectors.tryton.reasons import told
from include.connectors.wire import read_json
from include.ports import Away, Fatal, Rejected, Retryable, Stop, Uncertain

RETRYABLE_STATUSES = frozenset({408, 429})
BAD_REQUEST, GONE = 400, frozenset({404, 410})
LOST_ANSWER = frozenset({408, 502, 504})
"""A proxy's word that it did not hear from Tryton, which may have done what was asked."""
_SERVER_ERROR = 500

_ADVICE = {
    401: "check the key in the erp_api connection",
    403: "check what the key's user may do",
    404: "check the address and database, and that Tryton's module for it is installed",
}


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
        return Rejected(f"ERP {place}: {told(rule)}")
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


def _rule(response: requests.Response) -> str:
    try:
        body = read_json(response.text, place="ERP")
    except Retryable:
        return ""
    return str(body.get("message") or "") if isinstance(body, dict) else ""
