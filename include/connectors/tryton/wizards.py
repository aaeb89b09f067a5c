"""Tryton's JSON-RPC, for what REST cannot do: wizards, such as processing payments.

It wants a person's way in, a login and a session, and answers errors with status 200 (seen on Tryton 8.2).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from include.connectors.shapes import an_object
from include.connectors.tryton.client import GRANTS
from include.connectors.tryton.reasons import told
from include.connectors.tryton.refusals import refused_writing, unanswered
from include.connectors.wire import TIMEOUT_S, bounded_session, read_json
from include.ports import Away, Fatal, Rejected, Retryable, Stop, Uncertain

_UNAUTHORIZED, _FORBIDDEN, _REDIRECT = 401, 403, 300
_CREATED = 3
"""What a new wizard is told by: its number, where it begins and where it ends."""
_BUSINESS_RULES = frozenset({"UserError", "UserWarning"})


class TrytonWizards:
    """Runs wizards as a user of the database at `address`; logs in when it must."""

    def __init__(self, address: str, *, user: str, password: str) -> None:
        self._address, self.user, self._password = f"{address.rstrip('/')}/rpc/", user, password
        self._session = bounded_session()
        self._calls = 0

    def run(self, name: str, *, model: str, records: Sequence[int], company: int) -> None:
        """Run a wizard that asks nothing over some records. A warning is not answered: it is a refusal.

        Raises Rejected, Retryable, Uncertain, Fatal.
        """
        context = {
            "company": company,
            "active_model": model,
            "active_id": records[0],
            "active_ids": list(records),
        }
        made = self._call(f"wizard.{name}.create", context)
        if not isinstance(made, list) or len(made) != _CREATED:
            raise Uncertain(
                f"ERP wizard.{name}.create answered with no wizard; it may have begun all the same"
            )
        number, state, _end = made
        try:
            self._call(f"wizard.{name}.execute", number, {}, state, context)
        finally:
            self._call(f"wizard.{name}.delete", number, context)

    def access(self, models: Sequence[str]) -> Mapping[str, Mapping[str, bool]]:
        """What this user may do with each model, as the client's. Raises Retryable, Uncertain, Fatal."""
        method = "model.ir.model.access.get_access"
        answer = an_object(self._call(method, list(models), {}), place=f"ERP {method}", having=models)
        return {model: an_object(answer[model], place=f"ERP {method}", having=GRANTS) for model in models}

    def _call(self, method: str, *parameters: Any) -> Any:
        if "Authorization" not in self._session.headers:
            self._log_in()
        response = self._post(method, parameters)
        if response.status_code in {_UNAUTHORIZED, _FORBIDDEN}:
            # Sessions end by time; Tryton did nothing, so a second try is not a second act.
            self._log_in()
            response = self._post(method, parameters)
        return self._result(response, method)

    def _log_in(self) -> None:
        self._session.headers.pop("Authorization", None)
        try:
            response = self._post("common.db.login", [self.user, {"password": self._password}, "en"])
        except Uncertain as lost:
            raise Away(f"{lost}; a login may be repeated") from None
        if response.status_code == _UNAUTHORIZED:
            raise Fatal("the ERP refused the login; check user and user_password in the extra of erp_api")
        told = self._result(response, "common.db.login")
        user_id, token, *_ = [*told, None, None] if isinstance(told, list) else [None, None]
        if not token:
            raise Fatal("the ERP asks more than a password at login; let its user use a password alone")
        session = base64.b64encode(f"{self.user}:{user_id}:{token}".encode()).decode()
        self._session.headers["Authorization"] = f"Session {session}"

    def _post(self, method: str, parameters: Sequence[Any]) -> requests.Response:
        self._calls += 1
        body = {"id": self._calls, "method": method, "params": list(parameters)}
        try:
            return self._session.post(self._address, json=body, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise unanswered(error, place=method) from None

    def _result(self, response: requests.Response, method: str) -> Any:
        if response.status_code >= _REDIRECT:
            raise refused_writing(response, place=method)
        body = read_json(response.text, place=f"ERP {method}")
        if not isinstance(body, Mapping):
            return body
        if "error" in body:
            raise _refused(body["error"], method)
        return body.get("result")


def _refused(error: Any, method: str) -> Stop:
    kind, details = (str(error[0]), error[1]) if isinstance(error, list) and len(error) > 1 else ("", "")
    if kind in _BUSINESS_RULES:
        # A UserError's details are its message and a description, a warning's begin with the warning's name.
        words = details if isinstance(details, list) else [details]
        message = words[1] if kind == "UserWarning" and len(words) > 1 else words[0] if words else ""
        return Rejected(f"ERP {method}: {told(str(message))}")
    if kind == "ConcurrencyException":
        return Retryable(f"ERP {method}: somebody else changed the record meanwhile")
    return Retryable(f"ERP {method} broke; its log says why")
