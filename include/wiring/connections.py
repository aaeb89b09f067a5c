"""Airflow to Tieout: its connections become sources and store.

Looked up inside tasks only, never while a DAG file is parsed; what is heavy to import is imported there too.
"""
# ruff: noqa: PLC0415  # every parse of every DAG file would pay for vendors' libraries

import os
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from airflow.sdk import (
    Connection,
    get_current_context,
)

from include.ports import Fatal, PromptStore, Source
from include.wiring import vault
from include.wiring.environment import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.connectors.salesforce.client import SalesforceClient
    from include.connectors.salesforce.mirror import SalesforceMirror
    from include.connectors.stripe.client import StripePayments
    from include.connectors.tryton.client import TrytonClient
    from include.connectors.tryton.wizards import TrytonWizards
    from include.policy import Policy
    from include.store.postgres import PostgresStore

ZONE = ZoneInfo("Asia/Singapore")
"""The legal entity's: its days are our business days."""

APP, INGEST, SEND, CONSOLE = "tieout_app", "tieout_ingest", "tieout_send", "tieout_console"
BROKER, REMOVER = "tieout_broker", "tieout_remover"
"""Roles of the database (sql/schema/401_roles.sql, 441_broker.sql, 996_retention.sql)."""


def store(role: str = APP) -> "PostgresStore":
    """The application's database, connection `tieout_db`, for who works under a role."""
    from include.store.postgres import As, PostgresStore

    return PostgresStore(database_url(), who=As(role, program(), run()))


def opening_store() -> "PostgresStore":
    """The same for who opens what is sealed."""
    return store(SEND)


@contextmanager
def kept_store(role: str = APP) -> "Iterator[PromptStore]":
    """The same for who asks often: its connections stay open until the end."""
    with store(role).keeping() as kept:
        yield kept


def program() -> str:
    """Which program the audit log says did it: the DAG of the running task, or Airflow's server."""
    try:
        return str(get_current_context()["dag"].dag_id)
    except (RuntimeError, LookupError):  # no task runs here
        return "airflow"


def run() -> str:
    """Airflow's name of the run of the running task; empty where none runs."""
    try:
        return str(get_current_context()["dag_run"].run_id)
    except (RuntimeError, LookupError):
        return ""


def database_url() -> str:
    """Where connection `tieout_db` leads. Raises Fatal when it is no Postgres."""
    scheme, _, rest = connection("tieout_db").get_uri().partition("://")
    if not scheme.startswith("postgres"):
        raise Fatal(f"connection tieout_db is of type {scheme}; it must be postgres")
    return f"postgresql://{rest}"


def sources() -> list[Source]:
    """Every system we read; of those that send files, those that have a place for them."""
    from include.wiring.files import file_sources

    return [salesforce(), erp(), payments(), *file_sources()]


def salesforce() -> Source:
    """Salesforce as a source."""
    from include.connectors.salesforce.source import SalesforceSource
    from include.vault.edge import sealed

    return sealed(SalesforceSource(salesforce_client()), vault.vault())


def salesforce_client() -> "SalesforceClient":
    """Salesforce: connection `salesforce_api`; a plain-http `instance_url` in its extra is a twin here."""
    return salesforce_clients()()


def salesforce_clients() -> "Callable[[], SalesforceClient]":
    """Makes clients that share one token with all workers, each for a thread of its own."""
    from include.wiring import tokens

    return tokens.salesforce_clients()


def mirror() -> "SalesforceMirror":
    """What Salesforce holds of the ERP's invoices."""
    from include.connectors.salesforce.mirror import SalesforceMirror

    return SalesforceMirror(salesforce_client())


def erp() -> Source:
    """Tryton as a source."""
    from include.connectors.tryton.source import TrytonSource
    from include.vault.edge import sealed

    return sealed(TrytonSource(erp_client()), vault.vault())


def erp_client() -> "TrytonClient":
    """Tryton: connection `erp_api`, its password the key; the database in its path or its extra, the company there."""
    from include.connectors.tryton.client import TrytonClient

    found = connection("erp_api")
    extra, address = found.extra_dejson, address_of(found)
    if not urlsplit(address).path.strip("/"):
        address = f"{address.rstrip('/')}/{extra.get('database') or 'erp'}"
    return TrytonClient(address, key=_password(found), company=extra.get("company"))


def erp_wizards(address: str) -> "TrytonWizards":
    """Tryton's JSON-RPC at the client's address, as the login in the extra of `erp_api`: user, user_password."""
    from include.connectors.tryton.wizards import TrytonWizards

    extra = connection("erp_api").extra_dejson
    user, password = str(extra.get("user") or ""), str(extra.get("user_password") or "")
    return TrytonWizards(address, user=user, password=password)


def payments() -> Source:
    """Stripe as a source."""
    from include.connectors.stripe.source import StripeSource
    from include.vault.edge import sealed

    return sealed(StripeSource(payments_client(), zone=ZONE), vault.vault())


def payments_client() -> "StripePayments":
    """Stripe: connection `payments_api`, its password the key; a host only when it is not Stripe's own."""
    from include.connectors.stripe.client import StripePayments

    found = connection("payments_api")
    address = address_of(found) if found.host else ""
    return StripePayments(_password(found), address=address)


def judging() -> dict[str, Any]:
    """What a day's data is judged with: where it lies, what we read of which system, and what must mirror it."""
    from include.store.postgres import url_as

    read = {(source.system, entity) for source in sources() for entity in source.entities}
    return {"store": store(), "database_url": url_as(database_url(), APP), "mirror": mirror(), "read": read}


def policy() -> "Policy":
    """The rules of include/policy."""
    from include.policy import load_policy

    return load_policy()


def kept_policy() -> "Policy":
    """The same for who asks often: read again only when one of its files, or the environment, changed."""
    folder = Path(__file__).parent / "policy"
    stamps = tuple((path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.yaml")))
    return _policy_of(stamps, os.environ.get("TIEOUT_ENVIRONMENT"))


@lru_cache(maxsize=1)
def _policy_of(_stamps: tuple[tuple[str, int], ...], _environment: str | None) -> "Policy":
    return policy()


def address_of(found: Connection) -> str:
    """The URL of a connection, stated whole in its host or in parts. Raises Fatal when there is none."""
    host = (found.host or "").rstrip("/")
    if not host:
        raise Fatal(f"connection {found.conn_id} has no host; give its address, such as https://erp.example")
    if "://" not in host:
        here = host.partition(":")[0] in {"127.0.0.1", "localhost"}
        host = f"{found.schema or ('http' if here else 'https')}://{host}"
    parts = urlsplit(host)
    if found.port and not parts.port:
        parts = parts._replace(netloc=f"{parts.netloc}:{found.port}")
    return parts.geturl()


def _password(found: Connection) -> str:
    if not found.password:
        raise Fatal(f"connection {found.conn_id} has no password; its key belongs there")
    return found.password


# --- what tasks have in common


def check_invariants() -> int:
    """Run every query of sql/checks; how many there are. Raises Fatal naming those that found something."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    from include.store.postgres import role_option

    # That what stands for sealed values stands for some is asked of a table that only this role may read.
    hook = PostgresHook("tieout_db", options=role_option(database_url(), SEND) or None)
    checks = sorted((Path(__file__).parents[1] / "sql" / "checks").glob("*.sql"))
    broken = [check.stem for check in checks if hook.get_first(check.read_text(encoding="utf-8"))]
    if broken:
        raise Fatal(f"invariants do not hold: {', '.join(broken)}; run sql/checks by hand to see the rows")
    return len(checks)
