"""Airflow to OAuth2: how the connection `salesforce_api` logs in, and the token all workers share (vault.tokens)."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection

from include.domain.diagnosis import Answer, Check, ok, warn
from include.ports import Fatal, Login
from include.wiring import connections, vault
from include.wiring.environment import connection, keep_out_of_logs, named

if TYPE_CHECKING:
    from collections.abc import Callable

    from simple_salesforce.api import Salesforce

    from include.connectors.salesforce.client import SalesforceClient
    from include.connectors.salesforce.oauth import App
    from include.flows.renew_token import TokenBroker

_PREFIX = "extra__salesforce__"
"""Older Airflow wrote a field of the extra with this before its name."""


def salesforce_clients() -> "Callable[[], SalesforceClient]":
    """Makes clients of Salesforce, each for a thread of its own, that all use the token of the broker."""
    from simple_salesforce.api import DEFAULT_API_VERSION

    from include.connectors.salesforce.client import SalesforceClient
    from include.connectors.salesforce.oauth import sharing

    found = connection("salesforce_api")
    version = str(_field(found, "version") or DEFAULT_API_VERSION)
    broker, address = salesforce_broker(), _twin(found)
    return lambda: SalesforceClient(sharing(broker, address=address, version=version))


def salesforce_broker() -> "TokenBroker":
    """Who has Salesforce's token, and renews it: works under a role of its own, which may do nothing else."""
    from include.flows.renew_token import TokenBroker

    return TokenBroker(
        store=connections.store(connections.BROKER),
        safe=vault.vault(),
        login=salesforce_login(connection("salesforce_api")),
        by=f"{connections.program()}, process {os.getpid()}",
        tell=keep_out_of_logs,
    )


def salesforce_login(found: Connection) -> Login:
    """How the connection logs in: by a signed assertion where it holds a private key, as its extra `flow` says, by the
    app's secret, or else as Airflow's hook does.

    Raises Fatal naming what is lacking.
    """
    from include.connectors.salesforce.oauth import ClientCredentials, JwtBearer, Otherwise, RefreshToken

    app, flow = _app(found), str(_field(found, "flow") or "").replace("_", " ")
    key = _private_key(found)
    if flow == RefreshToken.flow:
        return RefreshToken(app=app, grace_s=int(_field(found, "refresh_grace_s") or 0))
    if flow == JwtBearer.flow or (key and not flow):
        if not (key and app.client_id and found.login):
            raise Fatal("salesforce_api: a signed assertion takes a login, a consumer_key and a private_key")
        audience = str(_field(found, "audience") or "")
        return JwtBearer(app=app, username=found.login, private_key=key, audience=audience)
    if flow == ClientCredentials.flow or (not flow and app.client_secret and not found.password):
        return ClientCredentials(app=app)
    if flow:
        flows = ", ".join(one.flow for one in (JwtBearer, ClientCredentials, RefreshToken))
        raise Fatal(f"salesforce_api: nobody knows the flow its extra names; it may be {flows}")
    return Otherwise(app=app, username=str(found.login or ""), connect=lambda: _by_hook(_twin(found)))


def checks() -> list[Check]:
    """What `tieout doctor` asks of the token."""
    return [Check("token", _token, "mend what is named; docs/playbooks/token_lost.md")]


def _token() -> Answer:
    """Whether the next one is to be had: asked for where that costs nothing, else what is known."""
    broker = salesforce_broker()
    if not broker.login.by_refresh_token:
        return ok(f"renewed by {broker.login.flow}: number {broker.renew().generation}")
    broker.token()
    state = broker.state() or {}
    said = (
        f"number {state['generation']}, of {state['renewed_at']:%Y-%m-%d %H:%M} UTC, by {broker.login.flow}"
    )
    if state["asks"]:
        return warn(
            f"{said}; somebody asked for the next one and nobody knows what came of it",
            "nothing while it works; docs/playbooks/token_lost.md. With JWT bearer it cannot happen",
        )
    return ok(said)


def _app(found: Connection) -> "App":
    from include.connectors.salesforce.oauth import App

    domain = str(_field(found, "domain") or "login")
    return App(
        client_id=str(_field(found, "consumer_key") or ""),
        client_secret=str(_field(found, "consumer_secret") or ""),
        domain=domain,
        address=_twin(found),
    )


def _twin(found: Connection) -> str:
    """A plain-http `instance_url` is a twin here."""
    address = str(_field(found, "instance_url") or "")
    return address if address.startswith("http://") else ""


def _private_key(found: Connection) -> str:
    if path := _field(found, "private_key_file_path"):
        try:
            with open(path, encoding="ascii") as file:  # noqa: PTH123  # a path of whoever configures
                key = file.read()
        except (OSError, ValueError):
            raise Fatal("salesforce_api: its private_key_file_path cannot be read here") from None
    else:
        key = str(_field(found, "private_key") or "")
    if key:
        keep_out_of_logs(key)
    return key


def _field(found: Connection, name: str) -> Any:
    extra = found.extra_dejson
    return extra.get(name) or extra.get(_PREFIX + name)


def _by_hook(address: str) -> "Salesforce":
    from airflow.providers.salesforce.hooks.salesforce import SalesforceHook

    from include.connectors.salesforce.session import guarded_session

    connection("salesforce_api")  # what the hook reads by itself is kept out of logs
    return SalesforceHook(named("salesforce_api"), session=guarded_session(address)).get_conn()
