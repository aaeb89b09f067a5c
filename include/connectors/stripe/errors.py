"""What Stripe refuses, by what to do next: https://docs.stripe.com/error-handling and /api/idempotent_requests.

The SDK's messages may quote what was sent or answered, so ours hold the kind, the status and the request id alone.
"""

import re

import stripe

from include.ports import Away, Fatal, Rejected, Retryable, Stop, Uncertain

_BUSY_STATUSES = frozenset({409, 429})  # 409: another request holds the object or the key
_NO_JSON_STATUS = 200
_SERVER_ERROR = 500
_BAD_REQUEST, _NOT_FOUND = 400, 404
_CODE = re.compile(r"[a-z_]{1,60}")


class Vanished(Retryable):
    """The object a page was to start after is no longer there; start from its time of creation instead."""


class Declined(Rejected):
    """The payer's bank refused the money: an outcome of a payment, and no fault."""


def stop_of(place: str, error: stripe.StripeError, *, writing: bool = False) -> Stop:
    """The error to raise. `writing`: the request may have had its effect, although no answer says so."""
    status, code = error.http_status, error.code if _CODE.fullmatch(error.code or "") else ""
    answer = f"{status}, request {error.request_id}" if status else "no answer"
    reason = f"{place}: {type(error).__name__} ({answer}{f', {code}' if code else ''})"
    if isinstance(error, stripe.IdempotencyError):
        return Rejected(
            f"{reason}; S1: one key for two different requests is a bug of ours, nothing was sent twice",
            reason="KEY_PAYLOAD_MISMATCH",
        )
    if isinstance(error, stripe.CardError):
        return Declined(f"{reason}; the payer's bank refused, which is an outcome and no fault")
    if status in _BUSY_STATUSES:
        return Away(f"{reason}; trying again later, with the same key")
    if status is None or status >= _SERVER_ERROR or status == _NO_JSON_STATUS:
        if writing:
            return Uncertain(f"{reason}; it may have happened: look before sending it again")
        stop = Retryable if status == _SERVER_ERROR else Away
        return stop(f"{reason}; trying again later")
    return _refused(reason, error, writing=writing)


def _refused(reason: str, error: stripe.StripeError, *, writing: bool) -> Stop:
    if writing and error.http_status == _BAD_REQUEST:
        # Also of what another call did before (charge_already_refunded): in doubt, that was looked for first.
        return Rejected(f"{reason}; what was sent is not what Stripe takes", reason="VALIDATION_HARD")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return Fatal(f"{reason}; check the key in the payments_api connection and what it may read")
    if error.code == "resource_missing" and getattr(error, "param", "") == "starting_after":
        return Vanished(f"{reason}; the last object of the page before is gone")
    if error.http_status == _NOT_FOUND and error.code == "resource_missing":
        return Rejected(f"{reason}; there is no such object", reason="TARGET_DELETED")
    return Fatal(f"{reason}; the request is not one this API version takes")
