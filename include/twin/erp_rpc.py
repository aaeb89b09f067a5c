"""Tryton's JSON-RPC as far as we use it: log in, read and write records, run a wizard.

Errors come with status 200 and {"error": [kind, details]}; only a login or session that does not hold is a 401.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from include.twin.erp_database import STAMP, Database, Record, UnknownName
from include.twin.erp_rules import RuleBroken, Warned, access, change, process_payments

USER, USER_ID = "tieout", 4


class NotLoggedIn(Exception):
    """No session, or none that holds."""


class NotCallable(Exception):
    """Nothing that may be called."""


class Concurrent(Exception):
    """The record is not any more as the caller saw it."""


class Rpc:
    """The sessions of one database. The one user's password is the REST key."""

    def __init__(self, database: Database, *, password: str) -> None:
        self._database, self._password = database, password
        self._tokens: set[str] = set()
        self._wizards = 0

    def answer(self, method: str, parameters: Sequence[Any], authorization: str) -> dict[str, Any]:
        """The body of the answer, but for its id. Raises NotLoggedIn, NotCallable."""
        if method == "common.db.login":
            return {"result": [USER_ID, self._log_in(parameters), None]}
        if not self._holds(authorization):
            raise NotLoggedIn
        try:
            return {"result": self._call(method, parameters)}
        except Warned as warned:
            return {"error": [warned.kind, [f"{secrets.token_hex(16)}.overpay", str(warned), ""]]}
        except RuleBroken as broken:
            return {"error": [broken.kind, [str(broken), ""]]}
        except Concurrent:
            return {"error": ["ConcurrencyException", "Records were modified in the meanwhile"]}
        except UnknownName as unknown:
            return {"error": [repr(str(unknown)), ""]}

    def _log_in(self, parameters: Sequence[Any]) -> str:
        user, given, *_ = parameters
        password = str(given.get("password", "")) if isinstance(given, Mapping) else ""
        if user != USER or not hmac.compare_digest(password.encode(), self._password.encode()):
            raise NotLoggedIn
        token = secrets.token_hex(32)
        self._tokens.add(token)
        return token

    def _holds(self, authorization: str) -> bool:
        try:
            user, user_id, token = base64.b64decode(authorization.partition(" ")[2]).decode().split(":")
        except (binascii.Error, ValueError):
            return False
        return (user, user_id) == (USER, str(USER_ID)) and token in self._tokens

    def _call(self, method: str, parameters: Sequence[Any]) -> Any:
        kind, _, rest = method.partition(".")
        name, _, action = rest.rpartition(".")
        if kind == "wizard" and name == "account.payment.process":
            return self._wizard(action, parameters)
        if method == "model.ir.model.access.get_access":
            return access(self._database, parameters[0])
        if kind != "model" or action not in {"read", "write"}:
            raise NotCallable
        with self._database.transaction():
            records = [self._database.get(name, one) for one in parameters[0]]
            if action == "read":
                return [self._shown(name, record, parameters[1]) for record in records]
            self._refuse_stale(name, records, parameters[-1])
            for record in records:
                change(self._database, name, record, parameters[1])
        return None

    def _wizard(self, action: str, parameters: Sequence[Any]) -> Any:
        if action == "create":
            self._wizards += 1
            return [self._wizards, "process", "end"]
        if action == "execute":
            with self._database.transaction():
                process_payments(self._database, parameters[-1]["active_ids"])
            return {"actions": []}
        return None

    def _shown(self, model: str, record: Record, names: Sequence[str]) -> dict[str, Any]:
        shown = self._database.read(model, record, [name for name in names if name != "_timestamp"])
        shown.pop("__name__")
        return shown | ({"_timestamp": _timestamp(record)} if "_timestamp" in names else {})

    def _refuse_stale(self, model: str, records: Sequence[Record], context: Any) -> None:
        seen = context.get("_timestamp", {}) if isinstance(context, Mapping) else {}
        for record in records:
            if seen.get(f"{model},{record['id']}", _timestamp(record)) != _timestamp(record):
                raise Concurrent


def _timestamp(record: Record) -> str:
    return f"{record[STAMP].timestamp():.6f}"
