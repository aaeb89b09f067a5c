"""Airflow to Tieout: its connections become sources, store and postman; its DAGs get their common settings.

Looked up inside tasks only, never while a DAG file is parsed; what is heavy to import is imported there too.
"""
# ruff: noqa: PLC0415  # every parse of every DAG file would pay for vendors' libraries

import logging
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from airflow.sdk import (
    BaseHook,
    Connection,
    CronDataIntervalTimetable,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    Variable,
    get_current_context,
)
from airflow.sdk.log import mask_secret

from include.ports import Fatal, Postman, Rejected, Retryable, Source, Stop, Store, Uncertain

if TYPE_CHECKING:
    from simple_salesforce.api import Salesforce

    from include.policy import Policy

ZONE = ZoneInfo("Asia/Singapore")
"""The legal entity's: its days are our business days."""

# Explicit: Airflow's own reading of a cron text gives intervals of zero width.
# TIEOUT_SCHEDULE=off leaves only the runs somebody asks for.
_SCHEDULED = os.getenv("TIEOUT_SCHEDULE") != "off"
EVERY_TEN_MINUTES = CronDataIntervalTimetable("*/10 * * * *", timezone="UTC") if _SCHEDULED else None
EVERY_NIGHT = CronDataIntervalTimetable("30 2 * * *", timezone=str(ZONE)) if _SCHEDULED else None
EVERY_BUSINESS_DAY = CronDataIntervalTimetable("0 0 * * *", timezone=str(ZONE)) if _SCHEDULED else None

COMPLAINTS_SHOWN = 20

log = logging.getLogger(__name__)

retry_policy = ExceptionRetryPolicy(
    rules=[
        RetryRule(Retryable, RetryAction.RETRY, reason="the outside system is away; trying again later"),
        RetryRule(
            [Fatal, Rejected], RetryAction.FAIL, reason="trying again changes nothing; see the message"
        ),
        RetryRule(Uncertain, RetryAction.FAIL, reason="it may have happened; look before sending again"),
    ]
)

default_args: dict[str, Any] = {
    "owner": "finance-platform",
    "retries": 3,
    "retry_policy": retry_policy,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=15),
}


def dag_settings(*, pool: str) -> dict[str, Any]:
    """What all DAGs have in common."""
    return {
        "start_date": datetime(2010, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": default_args | {"pool": pool},
    }


# --- what tasks work with


def store() -> Store:
    """The application's database: connection `tieout_db`."""
    from include.store.postgres import PostgresStore

    scheme, _, rest = BaseHook.get_connection("tieout_db").get_uri().partition("://")
    if not scheme.startswith("postgres"):
        raise Fatal(f"connection tieout_db is of type {scheme}; it must be postgres")
    return PostgresStore(f"postgresql://{rest}")


def sources() -> list[Source]:
    """Every system we read."""
    return [salesforce(), erp(), payments()]


def salesforce() -> Source:
    """Salesforce: connection `salesforce_api`; a plain-http `instance_url` in its extra is a twin here."""
    from airflow.providers.salesforce.hooks.salesforce import SalesforceHook

    from include.connectors.salesforce.client import SalesforceClient, guarded_session
    from include.connectors.salesforce.source import SalesforceSource

    address = str(BaseHook.get_connection("salesforce_api").extra_dejson.get("instance_url") or "")
    session = guarded_session(address if address.startswith("http://") else "")

    def connect() -> "Salesforce":
        logged_in = SalesforceHook("salesforce_api", session=session).get_conn()
        mask_secret(logged_in.session_id)  # Airflow's logs hide only the secrets they were told
        return logged_in

    return SalesforceSource(SalesforceClient(connect))


def erp() -> Source:
    """Tryton: connection `erp_api`, its password the key; the database in its path or its extra."""
    from include.connectors.tryton.client import TrytonClient
    from include.connectors.tryton.source import TrytonSource

    connection = BaseHook.get_connection("erp_api")
    address = address_of(connection)
    if not urlsplit(address).path.strip("/"):
        address = f"{address.rstrip('/')}/{connection.extra_dejson.get('database') or 'erp'}"
    return TrytonSource(TrytonClient(address, key=_password(connection)))


def payments() -> Source:
    """Stripe: connection `payments_api`, its password the key; a host only when it is not Stripe's own."""
    from include.connectors.stripe.client import StripePayments
    from include.connectors.stripe.source import StripeSource

    connection = BaseHook.get_connection("payments_api")
    address = address_of(connection) if connection.host else ""
    return StripeSource(StripePayments(_password(connection), address=address), zone=ZONE)


def postman() -> Postman:
    """Mail to finance: connection `finance_mail`, with the extras of Airflow's smtp connections."""
    from include.connectors.mail.client import MailPostman, MailServer

    connection = BaseHook.get_connection("finance_mail")
    extra = connection.extra_dejson
    sender = extra.get("from_email") or connection.login
    if not connection.host or not sender:
        raise Fatal("connection finance_mail needs a host, and from_email in its extra")
    security = _security(plain=_yes(extra.get("disable_ssl")), bare=_yes(extra.get("disable_tls")))
    server = MailServer(
        host=connection.host,
        port=connection.port or {"tls": 465, "starttls": 587, "none": 25}[security],
        sender=str(sender),
        security=security,
        login=connection.login or "",
        password=connection.password or "",
    )
    return MailPostman(server)


def recipients() -> list[str]:
    """Who gets the report: variable `finance_recipients`, separated by commas. Raises Fatal when empty."""
    stated = str(Variable.get("finance_recipients", default="") or "")
    addresses = stated.replace(";", ",").replace(",", " ").split()
    if not addresses:
        raise Fatal("variable finance_recipients is empty; set it to addresses separated by commas")
    return addresses


def policy() -> "Policy":
    """The rules of include/policy."""
    from include.policy import load_policy

    return load_policy()


def address_of(connection: Connection) -> str:
    """The URL of a connection, stated whole in its host or in parts. Raises Fatal when there is none."""
    host = (connection.host or "").rstrip("/")
    if not host:
        raise Fatal(
            f"connection {connection.conn_id} has no host; give its address, such as https://erp.example"
        )
    if "://" not in host:
        here = host.partition(":")[0] in {"127.0.0.1", "localhost"}
        host = f"{connection.schema or ('http' if here else 'https')}://{host}"
    parts = urlsplit(host)
    if connection.port and not parts.port:
        parts = parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    return parts.geturl()


def _password(connection: Connection) -> str:
    if not connection.password:
        raise Fatal(f"connection {connection.conn_id} has no password; its key belongs there")
    return connection.password


def _yes(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1", "yes"}


def _security(*, plain: bool, bare: bool) -> Literal["none", "starttls", "tls"]:
    if not plain:
        return "tls"
    return "none" if bare else "starttls"


# --- what tasks have in common


def business_day(*, interval_start: datetime | None, run_after: datetime) -> date:
    """The day a run ties out: its interval's; without an interval, the last one that is over."""
    moment = interval_start or run_after - timedelta(days=1)
    # Airflow's instants are pendulum's, whose dates are not quite dates.
    return datetime.fromtimestamp(moment.timestamp(), ZONE).date()


def as_of() -> date:
    """The business day of the running task."""
    context = get_current_context()
    return business_day(
        interval_start=context.get("data_interval_start"), run_after=context["dag_run"].run_after
    )


def day_end() -> datetime:
    """When the business day of the running task is over."""
    return datetime.combine(as_of() + timedelta(days=1), time(), tzinfo=ZONE)


def check_invariants() -> int:
    """Run every query of sql/checks; how many there are. Raises Fatal naming those that found something."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    hook = PostgresHook("tieout_db")
    checks = sorted((Path(__file__).parents[1] / "sql" / "checks").glob("*.sql"))
    broken = [check.stem for check in checks if hook.get_first(check.read_text(encoding="utf-8"))]
    if broken:
        raise Fatal(f"invariants do not hold: {', '.join(broken)}; run sql/checks by hand to see the rows")
    return len(checks)


def each_entity(source: Source, act: Callable[[str], object]) -> None:
    """Do it for every entity, also after one that stops; then raises what stopped, naming all of it."""
    stopped: dict[str, Stop] = {}
    for entity in source.entities:
        try:
            log.info("%s %s: %s", source.system, entity, act(entity))
        except Stop as stop:
            log.error("%s %s: %s", source.system, entity, stop)  # noqa: TRY400  # the message is the news, not the stack
            stopped[entity] = stop
    if stopped:
        worst = next((stop for stop in stopped.values() if not isinstance(stop, Retryable)), None)
        kind = type(worst) if worst else Retryable
        raise kind("; ".join(f"{source.system} {entity}: {stop}" for entity, stop in stopped.items()))


def pull(source: Source) -> None:
    """Keep what changed in every entity."""
    from include.flows.pull_changes import pull_changes

    db = store()
    each_entity(source, lambda entity: pull_changes(source, db, entity=entity))


def prove(source: Source) -> None:
    """Prove every entity's window complete. One that is not is pulled and asked once more."""
    db = store()
    each_entity(source, lambda entity: prove_entity(source, db, entity=entity))


def sweep(source: Source) -> None:
    """Prove everything of every entity, not its last window alone; read it all again where it differs."""
    from include.flows.sweep_entity import sweep_entity

    db = store()
    each_entity(source, lambda entity: sweep_entity(source, db, entity=entity))


def prove_entity(source: Source, db: Store, *, entity: str) -> object:
    """The proof. Raises Fatal with its text when the window stays unproven, Retryable."""
    from include.flows.check_completeness import check_completeness
    from include.flows.land_records import land_records
    from include.flows.pull_changes import pull_changes, rewind

    proof = check_completeness(source, db, entity=entity)
    if not proof.proven:
        log.warning("%s; reading the unproven window once more", proof)
        rewind(db, system=source.system, entity=entity)
        pull_changes(source, db, entity=entity)
        land_records(source, db, entity=entity)
        proof = check_completeness(source, db, entity=entity)
    if not proof.proven:
        raise Fatal(str(proof))
    return proof


def land(source: Source) -> None:
    """Land every entity; what is quarantined is told, some of it by name."""
    from include.flows.land_records import land_records

    db = store()

    def land_entity(entity: str) -> str:
        landed = land_records(source, db, entity=entity)
        for complaint in landed.complaints[:COMPLAINTS_SHOWN]:
            log.warning("quarantined: %s", complaint)
        return f"{landed.good} good, {landed.quarantined} quarantined"

    each_entity(source, land_entity)
