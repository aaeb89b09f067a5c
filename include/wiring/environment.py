"""Airflow's connections under the names they have here (policy/environments.yaml); logs are kept from their secrets."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

import base64
import json
import logging
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_logs, mask_secret

from include.ports import Fatal

if TYPE_CHECKING:
    from include.policy.environments import Environment

_SECRET = re.compile("secret|token|passw|key|credential|assertion", re.IGNORECASE)
"""In an extra's name: what must not be shown."""


def named(usual: str) -> str:
    """What the connection of this usual name is called here. Raises Fatal when nobody knows where this is."""
    return _environment(os.environ.get("TIEOUT_ENVIRONMENT", "")).named(usual)


def connection(usual: str) -> Connection:
    """The connection of this usual name. Raises Fatal naming it when there is none."""
    found = connection_or_none(usual)
    if found is None:
        raise Fatal(f"there is no connection {named(usual)}")
    return found


def connection_or_none(usual: str) -> Connection | None:
    """The connection of this usual name, where there is one. Raises Fatal as `named`."""
    try:
        found = BaseHook.get_connection(named(usual))
    except AirflowNotFoundException:
        return None
    for secret in _secrets(found):
        keep_out_of_logs(secret)
    return found


LINE_MIN = 16
"""Characters of a line of a key: shorter ones may be anybody's words."""


def keep_out_of_logs(secret: str) -> None:
    """Airflow's logs hide what they were told to, letter by letter; so the ways it is sent or written in are told too.

    Of a key in lines each one: wherever it is written within something else, its breaks are written otherwise.
    """
    encoded = base64.b64encode(secret.encode()).decode()
    sent = {quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")}
    written = {repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    lines = {line for line in secret.splitlines() if len(line) >= LINE_MIN and not line.startswith("-----")}
    for form in {secret} | sent | written | lines:
        mask_secret(form)
    for handler in (*logging.root.handlers, logging.lastResort):
        if handler and type(handler) in _PLAIN and _HIDING not in handler.filters:
            handler.addFilter(_HIDING)


class _Hiding(logging.Filter):
    """Hides the same where no task of Airflow's runs, as on the command line: there logging prints by itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if record.exc_info:
            # Whoever formats it next would take the exception itself, as it is.
            said = f"{said}\n{logging.Formatter().formatException(record.exc_info)}"
        record.msg, record.args, record.exc_info, record.exc_text = _hidden(said), None, None, None
        return True


def _hidden(text: str) -> str:
    return str(mask_logs(None, "", {"text": text})["text"])


_HIDING = _Hiding()
_PLAIN = (logging.StreamHandler, logging.FileHandler, type(logging.lastResort))


def _secrets(found: Connection) -> Iterator[str]:
    """A password, each of several in it, and what the extra calls a secret; user:password as it is sent, too.

    Of an address that is a secret what stands behind its host: calls are told without it.
    """
    password = (found.password or "").strip()
    if password:
        yield password
        yield from (word.partition("=")[2] or word for word in password.split())
        yield f"{found.login or ''}:{password}"
        if path := password.partition("://")[2].partition("/")[2]:
            yield path
    for name, value in found.extra_dejson.items():
        if isinstance(value, str) and value and _SECRET.search(name):
            yield value


@cache
def _environment(name: str) -> "Environment":
    """Asked for with each connection, and read once."""
    from include.policy import load_policy

    return load_policy(environment=name or None).environment
