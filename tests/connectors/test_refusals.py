"""Every refusal we know of, as data: what it asks us to do, and why its message waits for a person when it does."""

import json
from typing import Any

import pytest
import requests
import stripe

from include.connectors.outcomes import stopped
from include.connectors.salesforce.login import _login_stop
from include.connectors.salesforce.refusals import TooLarge, call_refused, row_refused
from include.connectors.stripe.errors import Declined, stop_of
from include.policy import load_policy
from include.ports import Away, Fatal, Full, Rejected, Retryable, Stop, Uncertain

ROWS = {
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Retryable,
    "PROCESSING_HALTED": Retryable,
    "QUERY_TIMEOUT": Retryable,
    "REQUEST_LIMIT_EXCEEDED": Full,
    "SERVER_UNAVAILABLE": Retryable,
    "SERVICE_UNAVAILABLE": Retryable,
    "STORAGE_LIMIT_EXCEEDED": Full,
    "UNABLE_TO_LOCK_ROW": Retryable,
    "UNKNOWN_EXCEPTION": Retryable,
    "DUPLICATE_VALUE": "TARGET_REJECTED",
    "DUPLICATES_DETECTED": "DUPLICATE_RULE",
    "DUPLICATE_EXTERNAL_ID": "IDENTITY_AMBIGUOUS",
    "ENTITY_IS_DELETED": "TARGET_DELETED",
    "NOT_FOUND": "TARGET_DELETED",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "VALIDATION_BUSINESS",
    "FIELD_INTEGRITY_EXCEPTION": "VALIDATION_HARD",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "VALIDATION_HARD",
    "MALFORMED_ID": "VALIDATION_HARD",
    "NUMBER_OUTSIDE_VALID_RANGE": "VALIDATION_HARD",
    "REQUIRED_FIELD_MISSING": "VALIDATION_HARD",
    "STRING_TOO_LONG": "VALIDATION_HARD",
    "INSUFFICIENT_ACCESS": "PERMISSION",
    "INSUFFICIENT_ACCESS_OR_READONLY": "PERMISSION",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "PERMISSION",
    "INVALID_FIELD": "SCHEMA_DRIFT",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "SCHEMA_DRIFT",
    "INVALID_TYPE": "SCHEMA_DRIFT",
    "INVALID_CROSS_REFERENCE_KEY": "REF_MISSING",
    "SOMETHING_NEW_NEXT_SUMMER": "TARGET_REJECTED",
}

CALLS = [
    (500, "UNKNOWN_EXCEPTION", Retryable),
    (502, "", Away),
    (503, "SERVER_UNAVAILABLE", Away),
    (504, "", Away),
    (400, "QUERY_TIMEOUT", TooLarge),
    (400, "OPERATION_TOO_LARGE", TooLarge),
    (400, "EXCEEDED_ID_LIMIT", TooLarge),
    (414, "", TooLarge),
    (400, "INVALID_QUERY_LOCATOR", Retryable),
    (403, "REQUEST_LIMIT_EXCEEDED", Away),
    (401, "INVALID_SESSION_ID", Fatal),
    (401, "INVALID_AUTH_HEADER", Fatal),
    (401, "INVALID_JWT_FORMAT", Fatal),
    (401, "", Fatal),
    (403, "API_DISABLED_FOR_ORG", Fatal),
    (403, "INSUFFICIENT_ACCESS", Fatal),
    (400, "INVALID_FIELD", Fatal),
    (404, "INVALID_TYPE", Fatal),
    (300, "", "IDENTITY_AMBIGUOUS"),
    (412, "", "CONFLICT_UNRESOLVED"),
]

LOGINS = ["invalid_grant", "INVALID_LOGIN", "LOGIN_RATE_EXCEEDED", "API_DISABLED_FOR_ORG", "inactive user"]

PAYMENTS = [
    (stripe.APIConnectionError, None, "", Uncertain),
    (stripe.APIError, 500, "", Uncertain),
    (stripe.APIError, 502, "", Uncertain),
    (stripe.APIError, 503, "", Uncertain),
    (stripe.APIError, 504, "", Uncertain),
    (stripe.APIError, 409, "idempotency_key_in_use", Away),
    (stripe.InvalidRequestError, 409, "lock_timeout", Away),
    (stripe.RateLimitError, 429, "rate_limit", Away),
    (stripe.IdempotencyError, 400, "idempotency_error", "KEY_PAYLOAD_MISMATCH"),
    (stripe.AuthenticationError, 401, "api_key_expired", Fatal),
    (stripe.PermissionError, 403, "", Fatal),
    (stripe.CardError, 402, "card_declined", Declined),
    (stripe.CardError, 402, "insufficient_funds", Declined),
    (stripe.CardError, 402, "authentication_required", Declined),
    (stripe.CardError, 402, "expired_card", Declined),
    (stripe.InvalidRequestError, 404, "resource_missing", "TARGET_DELETED"),
    (stripe.InvalidRequestError, 400, "invoice_not_editable", "VALIDATION_HARD"),
    (stripe.InvalidRequestError, 400, "payment_intent_unexpected_state", "VALIDATION_HARD"),
    (stripe.InvalidRequestError, 400, "charge_already_refunded", "VALIDATION_HARD"),
    (stripe.InvalidRequestError, 400, "amount_too_small", "VALIDATION_HARD"),
    (stripe.InvalidRequestError, 400, "parameter_missing", "VALIDATION_HARD"),
]


def asks_for(stop: Stop) -> Any:
    return stop.reason if type(stop) is Rejected else type(stop)


@pytest.mark.parametrize(("code", "wanted"), ROWS.items())
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "inside a trigger's"])
def test_a_row_salesforce_refuses(code: str, wanted: Any, *, wrapped: bool) -> None:
    error = {"statusCode": code, "message": "no"}
    if wrapped:
        message = f"AccountTrigger: execution of BeforeUpdate caused by: {code}, no: []"
        error = {"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": message}
    assert asks_for(row_refused([error])) == wanted


def test_a_row_whose_trigger_lost_its_session_is_tried_again() -> None:
    error = {"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": "callout: INVALID_SESSION_ID"}
    assert isinstance(row_refused([error]), Retryable)


@pytest.mark.parametrize(("status", "code", "wanted"), CALLS)
def test_a_call_salesforce_refuses(status: int, code: str, wanted: Any) -> None:
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps([{"errorCode": code, "message": "no"}] if code else []).encode()
    assert asks_for(call_refused(response)) == wanted


@pytest.mark.parametrize("code", LOGINS)
def test_a_login_salesforce_refuses_is_a_persons_to_mend(code: str) -> None:
    assert type(_login_stop(code)) is Fatal


@pytest.mark.parametrize(("kind", "status", "code", "wanted"), PAYMENTS)
def test_a_write_the_payments_platform_refuses(kind: Any, status: int | None, code: str, wanted: Any) -> None:
    facts = {"param": None, "code": code} if kind in (stripe.CardError, stripe.InvalidRequestError) else {}
    error = kind("no", http_status=status, headers={"request-id": "req_1"}, **facts)
    error.code = code or None
    assert asks_for(stop_of("payments payment_intents", error, writing=True)) == wanted


def test_every_reason_has_somebody_who_mends_it() -> None:
    named = {
        wanted
        for wanted in [*ROWS.values(), *(row[-1] for row in [*CALLS, *PAYMENTS])]
        if isinstance(wanted, str)
    }
    assert named <= load_policy().delivery.reasons.keys()


def test_a_reason_reaches_the_message() -> None:
    refused = row_refused([{"statusCode": "DUPLICATES_DETECTED"}])
    assert isinstance(refused, Rejected)
    assert stopped(refused).reason == "DUPLICATE_RULE"
