"""What each of Salesforce's refusals asks us to do: one table for calls, one for rows.

By Salesforce's "Status Codes and Error Responses" and "Core Data Types Used in API Calls: StatusCode".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from include.connectors.wire import read_json
from include.ports import Away, Fatal, Full, Rejected, Retryable, Uncertain

# Codes worth another try; REQUEST_LIMIT_EXCEEDED comes with 403.
RETRYABLE_CODES = frozenset(
    {
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "API_TEMPORARILY_UNAVAILABLE",
        "EXCEEDED_ID_LIMIT",
        "INVALID_QUERY_LOCATOR",
        "OPERATION_TOO_LARGE",
        "PROCESSING_HALTED",
        "QUERY_TIMEOUT",
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
        "SERVICE_UNAVAILABLE",
        "STORAGE_LIMIT_EXCEEDED",
        "UNABLE_TO_LOCK_ROW",
        "UNKNOWN_EXCEPTION",
    }
)
TOO_LARGE_CODES = frozenset({"EXCEEDED_ID_LIMIT", "OPERATION_TOO_LARGE", "QUERY_TIMEOUT"})
"""What one query cannot do and a bulk job may."""

AWAY_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "SERVICE_UNAVAILABLE"})
"""Of a call as a whole: whatever was asked for, it would have been refused."""

ROW_AWAY_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "STORAGE_LIMIT_EXCEEDED"})
"""Of a row: the organisation is at a limit, whatever the row says. That uses up none of its attempts."""

ROW_RETRYABLE_CODES = RETRYABLE_CODES | {"INVALID_SESSION_ID"}
"""Of a row alone: a trigger's own session was over, not ours."""

PARKED_CODES: Mapping[str, str] = {
    "DUPLICATES_DETECTED": "DUPLICATE_RULE",
    "DUPLICATE_EXTERNAL_ID": "IDENTITY_AMBIGUOUS",
    "ENTITY_IS_DELETED": "TARGET_DELETED",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "VALIDATION_BUSINESS",
    "FIELD_INTEGRITY_EXCEPTION": "VALIDATION_HARD",
    "INSUFFICIENT_ACCESS": "PERMISSION",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "PERMISSION",
    "INSUFFICIENT_ACCESS_OR_READONLY": "PERMISSION",
    "INVALID_CROSS_REFERENCE_KEY": "REF_MISSING",
    "INVALID_FIELD": "SCHEMA_DRIFT",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "SCHEMA_DRIFT",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "VALIDATION_HARD",
    "INVALID_TYPE": "SCHEMA_DRIFT",
    "MALFORMED_ID": "VALIDATION_HARD",
    "NOT_FOUND": "TARGET_DELETED",
    "NUMBER_OUTSIDE_VALID_RANGE": "VALIDATION_HARD",
    "REQUIRED_FIELD_MISSING": "VALIDATION_HARD",
    "STRING_TOO_LONG": "VALIDATION_HARD",
}
"""A row's code -> why its message is parked; TARGET_REJECTED for any other."""

RETRYABLE_STATUSES = frozenset({408, 420, 429})
PARKED_STATUSES = {300: "IDENTITY_AMBIGUOUS", 412: "CONFLICT_UNRESOLVED"}
"""Several records have this key; the record is no longer the one that was seen."""
_URI_TOO_LONG = 414

OLDER_TURN = "TIEOUT_OLDER_TURN"
"""What the validation rule of our metadata says to who comes late, before anything else."""

WRAPPING_CODE = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
"""A trigger's failure: the code that tells is inside its message."""

_CODE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_REDIRECT, _UNAUTHORIZED, _SERVER_ERROR = 300, 401, 500


class TooLarge(Retryable):
    """One query is too small a tool for this; read it in bulk, or in smaller parts."""


def error_code(text: str) -> str:
    """The code of an answer that refuses; empty when it has none."""
    try:
        code = read_json(text, place="")[0]["errorCode"]
    except (Retryable, LookupError, TypeError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Za-z_]{1,60}", code) else ""


def call_refused(response: requests.Response) -> Retryable | Rejected | Fatal:
    """Why a call as a whole was refused. Never Salesforce's message, which may hold anything."""
    status, code = response.status_code, error_code(response.text)
    reason = f"Salesforce refused ({' '.join([str(status), code]).strip()})"
    if reason_parked := PARKED_STATUSES.get(status):
        return Rejected(f"{reason}; {reason_parked.lower().replace('_', ' ')}", reason=reason_parked)
    if code in TOO_LARGE_CODES or status == _URI_TOO_LONG:
        return TooLarge(f"{reason}; trying again in smaller parts")
    if status > _SERVER_ERROR or status in RETRYABLE_STATUSES or code in AWAY_CODES:
        return Away(f"{reason}; trying again later")
    if status == _SERVER_ERROR or code in RETRYABLE_CODES:
        return Retryable(f"{reason}; trying again later")
    if status == _UNAUTHORIZED:
        return Fatal(f"{reason} even after a new login; check the user and its permissions")
    return Fatal(f"{reason}; check the permissions of our user and the fields it may see")


def row_refused(errors: Sequence[Mapping[str, Any]]) -> Retryable | Rejected | Uncertain:
    """Why one row of several was refused: its codes and fields."""
    if not errors:
        return Uncertain("Salesforce says no and not why; look at the record")
    if any(str(error.get("message")).startswith(OLDER_TURN) for error in errors):
        return Full("Salesforce holds what was taken to be written after this; to be taken anew")
    codes = [_telling_code(error) for error in errors]
    fields = sorted({name for error in errors for name in _fields(error) if _is_name(name)})
    named = ", ".join(codes) + (f" on {', '.join(fields)}" if fields else "")
    if ROW_RETRYABLE_CODES.issuperset(codes):
        stop = Full if ROW_AWAY_CODES.issuperset(codes) else Retryable
        return stop(f"Salesforce did not save the row ({named}); trying again later")
    reason = next((PARKED_CODES[code] for code in codes if code in PARKED_CODES), "TARGET_REJECTED")
    return Rejected(f"Salesforce refused the row ({named})", reason=reason)


def _telling_code(error: Mapping[str, Any]) -> str:
    code = str(error.get("statusCode") or "")
    if code == WRAPPING_CODE:
        inside = [found for found in _CODE.findall(str(error.get("message"))) if found != code]
        code = inside[0] if inside and inside[0] in ROW_RETRYABLE_CODES | PARKED_CODES.keys() else code
    return code if _CODE.fullmatch(code) else "an unknown code"


def _fields(error: Mapping[str, Any]) -> Sequence[Any]:
    named = error.get("fields")
    return named if isinstance(named, list) else ()


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"\w{1,80}", text) is not None


def is_refusal(response: requests.Response) -> bool:
    """Redirects too: none is followed."""
    return response.status_code >= _REDIRECT
