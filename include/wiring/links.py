"""Airflow's connections to where people open a record in the system it comes from."""
# ruff: noqa: PLC0415  # looked up and imported by the api-server only, as in include/wiring/connections.py

from collections.abc import Callable
from functools import lru_cache
from time import monotonic

from airflow.sdk import BaseHook, Connection

from include.wiring.connections import address_of
from include.wiring.environment import named

KEPT_S = 60
"""Connections change rarely, and every page of a break asks for some of them."""

LOGINS = frozenset({"login", "test"})
"""Domains of Salesforce that are every organisation's, and none's own."""

Links = Callable[[str, str, str], str]
"""System, canonical entity and native id -> address; empty where there is none."""


def record_links() -> Links:
    """How to link to records as the connections are now, or were a minute ago."""
    return _links(int(monotonic() // KEPT_S))


@lru_cache(maxsize=1)
def _links(_minute: int) -> Links:
    from include.connectors.salesforce.links import record_url as salesforce_url
    from include.connectors.stripe.links import record_url as stripe_url
    from include.connectors.tryton.links import record_url as erp_url

    salesforce, erp, payments = (_known(name) for name in ("salesforce_api", "erp_api", "payments_api"))
    org = _org(salesforce) if salesforce else ""
    database = _database(erp) if erp else ""
    live = bool(payments and "_live_" in (payments.password or ""))
    on_stripe = bool(payments and not payments.host)

    def link(system: str, entity: str, native_id: str) -> str:
        if system == "salesforce":
            return salesforce_url(org, entity, native_id)
        if system == "erp":
            return erp_url(database, entity, native_id)
        return stripe_url(entity, native_id, live=live) if system == "payments" and on_stripe else ""

    return link


def _known(name: str) -> Connection | None:
    try:
        return BaseHook.get_connection(named(name))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, a page without links is still a page
        return None


def _org(connection: Connection) -> str:
    """The organisation's own address, where the connection says it, or else the login that leads on to a page of it."""
    extra = connection.extra_dejson
    domain = (extra.get("domain") or "").removesuffix(".my")
    if domain in LOGINS and not extra.get("instance_url"):
        return f"https://{domain}.salesforce.com/?startURL="
    return str(extra.get("instance_url") or (f"https://{domain}.my.salesforce.com" if domain else ""))


def _database(connection: Connection) -> str:
    if not connection.host:
        return ""
    return f"{address_of(connection).rstrip('/')}/{connection.extra_dejson.get('database') or 'erp'}"
