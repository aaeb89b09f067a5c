"""`tieout doctor`: with everything right it says so, and with one thing wrong it names exactly that."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.exceptions import HTTPException

from include.connectors.bank import checks as folder_checks
from include.console import roles
from include.console.permissions import ROLES
from include.domain.diagnosis import Finding, Verdict
from include.domain.target_days import target_days
from include.flows.diagnose import diagnose
from include.store.migrate import migrate, migrations
from include.twin import erp, erp_rpc, payments, payments_objects, salesforce, salesforce_records
from include.twin.server import TwinKeys, TwinPorts, running
from include.twin.web import json_reply
from include.vault.keys import new_keys
from include.wiring import alerts, doctor
from include.wiring.doctor import systems
from tests.dags.conftest import PROJECT

KEYS = TwinKeys("the-client", "the-secret", "the-erp-key", "rk_test_twin")
DAY = "2026-01-05"
TABLES = {
    "salesforce/Account": "Id,Name,Website,BillingCountryCode,CurrencyIsoCode,OwnerId,ParentId,TaxId__c,"
    "ERP_Customer_Id__c,LastModifiedDate\n001000000000001AAA,Ada,,,,,,,C1,",
    "salesforce/Contact": "Id,AccountId,FirstName,LastName,Email,Phone\n003000000000001AAA,,,,,",
    "salesforce/Opportunity": "Id,AccountId,Name,StageName,IsClosed,IsWon,Amount,CurrencyIsoCode,CloseDate,Type,"
    "Discount_Percent__c,Approval_Level__c,Term_Months__c,ERP_Order_Id__c,Product__c,List_Price__c,OwnerId\n"
    f"006000000000001AAA,,,Closed Won,,,,,{DAY},,,,,O1,,,",
}
ROLE = "tieout_doctor_test"
OUR_ROLES = (
    "tieout_ingest, tieout_app, tieout_send, tieout_console, tieout_auditor, tieout_broker, tieout_remover"
)

Bad = set[tuple[str, str, str]]


class Clinic:
    """A whole world in which all is well, until a test changes something; and what the doctor finds in it."""

    def __init__(self, folder: Path, stack: ExitStack, database_url: str) -> None:
        self.folder, self.stack, self.database_url = folder, stack, database_url
        self.bank, self.rates = folder / "bank", folder / "fx"
        self.airflow: dict[str, Any] = {
            "/api/v2/version": {"version": "3.3.2"},
            "/api/v2/monitor/health": {
                part: {"status": "healthy"}
                for part in ("metadatabase", "scheduler", "dag_processor", "triggerer")
            },
        }
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.changed: dict[str, dict[str, Any]] = {}
        self.role_url = _role(database_url)
        self.bank.mkdir()
        self.rates.mkdir()
        today = datetime.now(UTC).date()
        days = target_days(today - timedelta(days=12), today)
        self.state_rates("".join(["Date,USD\n", *(f"{day},1.1\n" for day in days)]))

    def state_rates(self, text: str) -> None:
        path = self.rates / "hist.csv"
        path.write_text(text)
        os.utime(path, (1_000, 1_000))  # long ago, so that nobody is still writing it

    def change(self, conn_id: str, **facts: Any) -> None:
        self.changed[conn_id] = facts

    def connections(self, ports: TwinPorts) -> Mapping[str, dict[str, Any]]:
        def address(system: str) -> str:
            return f"http://127.0.0.1:{getattr(ports, system)}"

        login = {"consumer_key": KEYS.salesforce_client_id, "consumer_secret": KEYS.salesforce_client_secret}
        sender = {"from_email": "t@example.com", "disable_ssl": True, "disable_tls": True}
        known: dict[str, dict[str, Any]] = {
            "salesforce_api": {
                "conn_type": "salesforce",
                "extra": login | {"domain": "twin", "instance_url": address("salesforce")},
            },
            "erp_api": {
                "conn_type": "http",
                "host": address("erp"),
                "password": KEYS.erp_key,
                "extra": {"user": "tieout", "user_password": KEYS.erp_key},
            },
            "tieout_vault": {"conn_type": "generic", "password": new_keys()},
            "airflow_db": {"conn_type": "postgres", "host": "127.0.0.1", "schema": "tieout_airflow"},
            "payments_api": {"conn_type": "http", "host": address("payments"), "password": KEYS.payments_key},
            "bank_files": {"conn_type": "fs", "extra": {"path": str(self.bank)}},
            "fx_rates": {"conn_type": "fs", "extra": {"path": str(self.rates)}},
            "finance_mail": {"conn_type": "smtp", "host": "127.0.0.1", "port": ports.smtp, "extra": sender},
        }
        for name, changed in self.changed.items():
            extra = {**known[name].get("extra", {}), **changed.pop("extra", {})}
            known[name] |= changed | {"extra": extra}
        return known

    def variables(self) -> dict[str, str]:
        """The environment in which Airflow knows everything."""
        world = self.folder / "world"
        for name, text in TABLES.items():
            path = world / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        ports = self.stack.enter_context(
            running(world=world, mailbox=self.folder / "mail", keys=KEYS, clock=self.clock)
        )
        connections = self.connections(ports)
        return {
            "AIRFLOW_CONN_TIEOUT_DB": self.role_url,
            "AIRFLOW_VAR_FINANCE_RECIPIENTS": "finance@example.com",
            "AIRFLOW_VAR_ALERT_RECIPIENTS": "oncall@example.com",
            "AIRFLOW__API__BASE_URL": self.stack.enter_context(serving(self.airflow)),
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(facts) for name, facts in connections.items()},
        }


def _role(database_url: str) -> str:
    """A login that may be our roles, and has no rights of its own; its URL."""
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'test'")
        connection.execute("INSERT INTO ops.beats VALUES ('watch', now(), now())")
        connection.execute(f"GRANT {OUR_ROLES} TO {ROLE} WITH INHERIT FALSE, SET TRUE")
        info = connection.info
        return f"postgresql://{ROLE}:test@{info.host}:{info.port}/{info.dbname}"


class serving:  # noqa: N801 - used as a function
    """A server of these JSON answers by path; entered, its address."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answers.get(self.path)).encode()
                self.send_response(200 if self.path in answers else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                """Nothing: a test's output is its own."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_problem: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def clinic(tmp_path: Path, database_url: str) -> Iterator[Clinic]:
    with ExitStack() as stack:
        yield Clinic(tmp_path, stack, database_url)


@pytest.fixture
def findings(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """What the doctor finds; `unset` are variables that are not there."""

    def ask(*unset: str, **changed: str) -> list[Finding]:
        for name, value in (clinic.variables() | changed).items():
            if name not in unset:
                monkeypatch.setenv(name, value)
        monkeypatch.setattr("stripe.HTTPClient._sleep_time_seconds", lambda *_: 0)
        return diagnose(systems(airflow=os.environ["AIRFLOW__API__BASE_URL"]))

    return ask


def bad(found: list[Finding]) -> Bad:
    """What is not well and was asked: verdict, system and check; every one says how to mend it."""
    ill = [one for one in found if one.answer.verdict in (Verdict.WARN, Verdict.FAIL)]
    assert all(one.answer.mend for one in ill)
    return {(one.answer.verdict.value, one.system, one.check) for one in ill}


def said(found: list[Finding]) -> str:
    return " ".join(one.answer.said for one in found if one.answer.verdict in (Verdict.WARN, Verdict.FAIL))


def test_where_all_is_right_the_doctor_says_so(findings: Callable[..., list[Finding]]):
    found = findings()
    assert bad(found) == set(), said(found)
    assert {one.answer.verdict for one in found} == {Verdict.OK}
    assert len({one.system for one in found}) == 11
    assert len(found) > 25


def drop(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def hidden(name: str) -> Callable[..., None]:
    def change(_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = salesforce_records.describe_field
        monkeypatch.setattr(
            salesforce_records,
            "describe_field",
            lambda field: whole(replace(field, name="X") if field.name == name else field),
        )

    return change


def not_unique(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    whole = salesforce_records.describe_field
    monkeypatch.setattr(
        salesforce_records,
        "describe_field",
        lambda field: whole(field) | ({"unique": False} if field.name == "Invoice_Key__c" else {}),
    )


def may_delete(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    whole = salesforce_records.describe
    monkeypatch.setattr(
        salesforce_records,
        "describe",
        lambda one, root: whole(one, root) | {"deletable": one.name == "Contact"},
    )


def may_edit(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    whole = salesforce_records.describe
    monkeypatch.setattr(
        salesforce_records,
        "describe",
        lambda one, root: whole(one, root) | ({"updateable": True} if one.name == "Contact" else {}),
    )


def reads_more(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Case", "Salary__c"):
        monkeypatch.setitem(TABLES, f"salesforce/{name}", "Id,Name\n00X000000000001AAA,Ada")
    assert clinic


def calls_left(remaining: int) -> Callable[..., None]:
    def change(_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        limits = {"DailyApiRequests": {"Max": 1000, "Remaining": remaining}}
        monkeypatch.setattr(salesforce, "_limits", lambda _request: json_reply(limits))

    return change


def no_such_model(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    whole = erp._search

    def search(request: Any) -> Any:
        if request.path_params["model"] == "sale.subscription":
            raise HTTPException(404)
        return whole(request)

    monkeypatch.setattr(erp, "_search", search)


def erp_user(**facts: Any) -> Callable[..., None]:
    def change(_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = erp.load_database

        def loaded(*given: Any) -> Any:
            database = whole(*given)
            more = database.add("res.group", {"name": "Accounting Administration"})["id"]
            database.add("ir.model.access", {"model": "account.tax", "group": more, "perm_delete": True})
            [user] = database.table("res.user").all()
            user |= {name: value or [*user["groups"], more] for name, value in facts.items()}
            return database

        monkeypatch.setattr(erp, "load_database", loaded)

    return change


def erp_login_more(_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user than the key's, who may do more than that one."""
    whole = erp_rpc.access

    def access(database: Any, models: Any) -> Any:
        granted = whole(database, models)
        return granted | {"account.tax": granted["account.tax"] | {"delete": True}}

    monkeypatch.setattr(erp_rpc, "access", access)


def erp_rows_gone(table: str, column: str, value: str) -> Callable[..., None]:
    def change(_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = erp.load_database

        def loaded(*given: Any) -> Any:
            database = whole(*given)
            rows = database.table(table)
            rows.hold([one for one in rows.all() if one[column] != value])
            return database

        monkeypatch.setattr(erp, "load_database", loaded)

    return change


def no_disputes(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    whole = payments._listing_of

    def listing(request: Any) -> Any:
        if request.path_params["listing"] == "disputes":
            raise payments_objects.Refused(403, "The provided key does not have the permission.")
        return whole(request)

    monkeypatch.setattr(payments, "_listing_of", listing)


def other_version(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    whole = payments._guard

    async def guard(request: Any, go_on: Any) -> Any:
        response = await whole(request, go_on)
        response.headers["Stripe-Version"] = "2017-08-15"
        return response

    monkeypatch.setattr(payments, "_guard", guard)


def unreadable(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    (clinic.bank / "secret.sta").write_text("")
    monkeypatch.setattr(folder_checks, "_may", lambda path, _mode: path.name != "secret.sta")


def writable(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.rates.chmod(0o555)
    monkeypatch.setattr(folder_checks.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(folder_checks.os, "access", lambda path, mode: mode != os.W_OK or path == clinic.bank)


def statement(sql: str) -> Callable[..., None]:
    def change(clinic: Clinic, _monkeypatch: pytest.MonkeyPatch) -> None:
        with psycopg.connect(clinic.database_url) as connection:
            connection.execute(sql)

    return change


NEWEST = max(migrations())

WRONG: dict[str, tuple[Callable[..., Any], Bad, str]] = {
    "nobody watches any more": (
        statement("UPDATE ops.beats SET beat_at = now() - interval '1 hour'"),
        {("fail", "database", "watch")},
        "nobody has watched for 60 minutes",
    ),
    "old rows are not removed": (
        statement("INSERT INTO delivery.lanes (began_at) VALUES (now() - interval '33 days'), (now())"),
        {("warn", "database", "old rows")},
        "rows that should have been gone for two days are here: delivery.lanes",
    ),
    "nobody hears of alerts": (
        lambda _, m: m.setattr(alerts, "recipients", list),
        {("warn", "alerts", "channels")},
        "nobody hears of alerts",
    ),
    "the webhook of alerts is no address": (
        lambda _, m: m.setattr(alerts, "webhook_address", lambda: "hooks.example/secret"),
        {("fail", "alerts", "channels")},
        "no http address",
    ),
    "Salesforce refuses the login": (
        lambda c, _: c.change("salesforce_api", extra={"consumer_secret": "other"}),
        {("fail", "Salesforce", "connection")},
        "invalid_client",
    ),
    "the key that signs is none": (
        lambda c, _: c.change("salesforce_api", login="i", extra={"private_key": "the-secret is no key"}),
        {("fail", "Salesforce", "connection")},
        "no RSA key in PEM",
    ),
    "nobody signed in for the refresh token": (
        lambda c, _: c.change("salesforce_api", extra={"flow": "refresh_token"}),
        {("fail", "Salesforce", "connection")},
        "nobody has signed in to salesforce as it is connected here: tieout salesforce login",
    ),
    "the API version is retired": (
        lambda _, m: m.setattr(salesforce, "API_VERSIONS", range(20, 30)),
        {("fail", "Salesforce", "API version")},
        "is not served",
    ),
    "a field is hidden": (
        hidden("TaxId__c"),
        {("fail", "Salesforce", "permissions")},
        "Account: hides TaxId__c",
    ),
    "Salesforce would not know what is older": (
        hidden("Tieout_Turn__c"),
        {("fail", "Salesforce", "external ids")},
        "Invoice__c.Tieout_Turn__c is not there",
    ),
    "our user may delete": (may_delete, {("warn", "Salesforce", "permissions")}, "delete Contact"),
    "our user may edit": (may_edit, {("warn", "Salesforce", "permissions")}, "may also edit Contact"),
    "our user reads what we do not": (
        reads_more,
        {("warn", "Salesforce", "permissions")},
        "may also read Case, read Salary__c",
    ),
    "an external id is not unique": (
        not_unique,
        {("fail", "Salesforce", "external ids")},
        "Invoice__c.Invoice_Key__c is not unique",
    ),
    "few calls are free": (calls_left(200), {("warn", "Salesforce", "free API calls")}, "200 of 1,000"),
    "no call is free": (calls_left(40), {("fail", "Salesforce", "free API calls")}, "reading has stopped"),
    "their clocks are a minute ahead": (
        lambda c, _: setattr(c, "clock", lambda: datetime.now(UTC) + timedelta(minutes=1)),
        {("warn", system, "clock") for system in ("Salesforce", "ERP", "payments")},
        "s ahead of ours",
    ),
    "their clocks are an hour behind": (
        lambda c, _: setattr(c, "clock", lambda: datetime.now(UTC) - timedelta(hours=1)),
        {("fail", system, "clock") for system in ("Salesforce", "ERP", "payments")},
        "s behind ours",
    ),
    "the ERP's key is wrong": (
        lambda c, _: c.change("erp_api", password="other"),
        {("fail", "ERP", "connection")},
        "401",
    ),
    "the ERP's user is an administrator": (
        erp_user(administrator=True),
        {("warn", "ERP", "permissions"), ("warn", "ERP", "permissions of the login")},
        "may also do everything (it may change what anybody may do, as an administrator)",
    ),
    "the ERP's user is of another group": (
        erp_user(groups=None),
        {("warn", "ERP", "permissions"), ("warn", "ERP", "permissions of the login")},
        "may also delete account.tax",
    ),
    "the ERP has a model less": (
        erp_rows_gone("ir.model", "name", "stock.location"),
        {("fail", "ERP", "permissions"), ("fail", "ERP", "permissions of the login")},
        "stock.location: is not there",
    ),
    "the ERP's user lacks a right": (
        erp_rows_gone("ir.model.access", "model", "account.invoice.line"),
        {("fail", "ERP", "permissions"), ("fail", "ERP", "permissions of the login")},
        "account.invoice.line: our user may not read, create",
    ),
    "the ERP keeps invoices of others from nobody": (
        erp_rows_gone("ir.rule.group", "model", "account.invoice"),
        {("warn", "ERP", "permissions"), ("warn", "ERP", "permissions of the login")},
        "may also change account.invoice of others",
    ),
    "the ERP's login for wizards is refused": (
        lambda c, _: c.change("erp_api", extra={"user_password": "other"}),
        {("fail", "ERP", "permissions of the login")},
        "check user and user_password",
    ),
    "who logs in for wizards may do more": (
        erp_login_more,
        {("warn", "ERP", "permissions of the login")},
        "may also delete account.tax",
    ),
    "an ERP module is missing": (
        no_such_model,
        {("fail", "ERP", "permissions")},
        "sale.subscription: cannot be read",
    ),
    "the ERP is of an older series": (
        lambda _, m: m.setattr(erp, "SERIES", "7.0"),
        {("fail", "ERP", "API version")},
        "its series is 7.0, older than 8.2",
    ),
    "the payments key is wrong": (
        lambda c, _: c.change("payments_api", password="rk_other"),
        {("fail", "payments", "connection")},
        "AuthenticationError",
    ),
    "the payments key must not read disputes": (
        no_disputes,
        {("fail", "payments", "permissions")},
        "disputes: must not be read",
    ),
    "payments answer in another version": (
        other_version,
        {("fail", "payments", "API version")},
        "answers in 2017-08-15",
    ),
    "the bank's folder is gone": (
        lambda c, _: drop(c.bank),
        {("fail", "bank folder", "connection")},
        "is no folder here",
    ),
    "a statement must not be read": (unreadable, {("fail", "bank folder", "permissions")}, "secret.sta"),
    "we may write where we only read": (writable, {("warn", "bank folder", "permissions")}, "write to the"),
    "an archive lies in the bank's folder": (
        lambda c, _: (c.bank / "june.zip").write_bytes(b"PK"),
        {("warn", "bank folder", "files")},
        "june.zip is an archive",
    ),
    "no newer rates came": (
        lambda c, _: c.state_rates("Date,USD\n2026-01-05,1.1\n"),
        {("fail", "FX", "newest rates")},
        "the newest are of 2026-01-05",
    ),
    "nobody answers for mail": (
        lambda c, _: c.change("finance_mail", port=unused_port()),
        {("fail", "mail", "connection")},
        "did not answer",
    ),
    "a migration is missing": (
        statement(f"DELETE FROM public.schema_migrations WHERE name = '{NEWEST}'"),
        {("fail", "database", "migrations")},
        f"not applied: {NEWEST}",
    ),
    "a table is out of reach": (
        statement("REVOKE INSERT ON raw.records FROM tieout_ingest"),
        {("fail", "database", "permissions")},
        "raw.records: must not be read or added to",
    ),
    "everybody may add to what was received": (
        statement("GRANT INSERT ON raw.records TO PUBLIC"),
        {("warn", "database", "roles")},
        "raw.records open to everybody",
    ),
    "the console may change what was received": (
        statement("GRANT UPDATE ON raw.records TO tieout_console"),
        {("warn", "database", "roles")},
        "raw.records tieout_console may change",
    ),
    "somebody else may read what is sealed": (
        statement("GRANT SELECT ON vault.sealed TO pg_monitor"),
        {("warn", "database", "roles")},
        "select on vault.sealed given to pg_monitor",
    ),
    "a payload as received holds a name in clear": (
        statement(
            "WITH pull AS (INSERT INTO ops.pulls (system, entity, cursor_to, records) "
            "VALUES ('erp', 'customers', '{}', 1) RETURNING pull_id) "
            "INSERT INTO raw.records (pull_id, system, entity, native_id, version, payload, place, damage) "
            "SELECT pull_id, 'erp', 'customers', '1', 'v', '{\"email\": \"jane@example.com\"}', '', '' FROM pull"
        ),
        {("warn", "vault", "payloads")},
        "of 1 payloads that were looked into, as received, some hold personal data in clear: erp customers email (1)",
    ),
    "a request to forget somebody waits": (
        statement(
            "INSERT INTO vault.erasures (entity, native_id, reason, asked_by, asked_at) "
            "VALUES ('contacts', 'P1', 'asked', 'dpo', '2026-03-01'), ('contacts', 'P2', 'asked', 'dpo', now()); "
            "INSERT INTO vault.erasures (entity, native_id, reason, asked_by, asked_at, ended_by, ended_at, ended_why) "
            "VALUES ('contacts', 'P3', 'asked', 'dpo', '2026-03-01', 'ben', now(), 'refused')"
        ),
        {("warn", "vault", "erasures")},
        "erasures that wait for a second person (1): contacts/P1, asked for by dpo on 2026-03-01",
    ),
    "what keeps messages as decided is gone": (
        statement("DROP TRIGGER messages_keep_their_words ON delivery.outbox"),
        {("fail", "database", "guards")},
        "delivery.outbox (messages_keep_their_words)",
    ),
    "we are a superuser": (
        lambda c, _: setattr(c, "role_url", c.database_url),
        {("warn", "database", "permissions")},
        "superuser",
    ),
    "the database refuses our password": (
        lambda c, _: setattr(c, "role_url", c.role_url.replace(":test@", ":other@")),
        {("fail", "database", "connection")},
        "",
    ),
    "the scheduler gives no sign of life": (
        lambda c, _: c.airflow["/api/v2/monitor/health"].update(scheduler={"status": "unhealthy"}),
        {("fail", "Airflow", "heartbeats")},
        "no sign of life from scheduler",
    ),
    "Airflow is too old": (
        lambda c, _: c.airflow.update({"/api/v2/version": {"version": "2.10.1"}}),
        {("fail", "Airflow", "API version")},
        "2.10.1, older than 3.3",
    ),
}


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("wrong", list(WRONG))
def test_one_thing_wrong_is_named_and_nothing_else(
    clinic: Clinic,
    findings: Callable[..., list[Finding]],
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
):
    change, expected, words = WRONG[wrong]
    change(clinic, monkeypatch)
    found = findings()
    assert bad(found) == expected, said(found)
    assert words in said(found)
    for secret in (KEYS.salesforce_client_secret, KEYS.erp_key, KEYS.payments_key, ":test@"):
        assert secret not in str(found)


def test_a_token_that_cannot_be_renewed_is_named_while_the_one_held_still_works(
    findings: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
):
    assert bad(findings()) == set()
    found = json.loads(os.environ["AIRFLOW_CONN_SALESFORCE_API"])
    found["extra"]["consumer_secret"] = "changed-since"
    monkeypatch.setenv("AIRFLOW_CONN_SALESFORCE_API", json.dumps(found))
    asked = [system for system in systems(airflow="") if system.name == "Salesforce"]
    later = diagnose(asked)
    assert bad(later) == {("fail", "Salesforce", "token")}
    assert "invalid_client" in said(later)


def test_an_unrestricted_key_is_a_warning(
    findings: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
):
    keys = TwinKeys("the-client", "the-secret", "the-erp-key", "sk_test")
    monkeypatch.setattr(sys.modules[__name__], "KEYS", keys)
    assert bad(findings()) == {("warn", "payments", "permissions")}


def test_a_connection_that_is_not_there_is_named_and_one_for_files_is_not_missed(
    findings: Callable[..., list[Finding]],
):
    found = findings("AIRFLOW_CONN_ERP_API", "AIRFLOW_CONN_BANK_FILES", AIRFLOW_VAR_FINANCE_RECIPIENTS=" ")
    assert bad(found) == {("fail", "ERP", "connection"), ("fail", "mail", "recipients")}
    assert "there is no connection erp_api" in said(found)
    assert [one.answer.verdict for one in found if one.system == "bank folder"] == [Verdict.SKIP]


def test_that_nobody_removes_airflows_old_rows_from_here_is_said_and_held_against_nobody(
    findings: Callable[..., list[Finding]],
):
    found = findings("AIRFLOW_CONN_AIRFLOW_DB")
    assert bad(found) == set()
    assert [one.check for one in found if one.answer.verdict is Verdict.SKIP] == ["old rows"]


def test_where_this_is_says_what_is_needed_and_what_it_is_called(
    findings: Callable[..., list[Finding]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TIEOUT_ENVIRONMENT", "prod")
    found = findings("AIRFLOW_CONN_PAYMENTS_WEBHOOK")
    assert ("fail", "environment", "connections") in bad(found)
    assert "payments_webhook" in said(found)
    monkeypatch.setenv("TIEOUT_ENVIRONMENT", "staging")
    found = findings()
    assert ("fail", "ERP", "connection") in bad(found)
    assert "there is no connection erp_api_staging" in said(found)
    monkeypatch.setenv("TIEOUT_ENVIRONMENT", "production")
    assert "it knows dev, staging, prod" in said(findings())


def test_the_command_answers_in_json_and_by_its_exit_code(clinic: Clinic):
    settings = clinic.folder / "settings.yaml"
    settings.write_text("airflow: {connections: [], pools: [], variables: []}\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TIEOUT"))}
    home = {"TIEOUT_HOME": str(clinic.folder / "home"), "AIRFLOW_HOME": os.environ["AIRFLOW_HOME"]}

    def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "include.cli", "doctor", "--settings", str(settings), *options],
            env=clean | home | clinic_variables | environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    clinic_variables = clinic.variables()
    fair = run("--json", AIRFLOW_CONN_TIEOUT_DB=clinic.database_url)
    assert (fair.returncode, fair.stderr) == (0, "")
    assert {one["verdict"] for one in json.loads(fair.stdout)["findings"]} == {"ok", "warn"}
    strict = run("--strict", AIRFLOW_CONN_TIEOUT_DB=clinic.database_url)
    assert (strict.returncode, "superuser" in strict.stdout) == (1, True)
    settings.write_text("airflow: {connections: [{conn_id: a, conn_type: http, conn_host: '${NOT_SET}'}]}\n")
    unasked = run()
    assert unasked.returncode == 2
    assert "NOT_SET" in unasked.stderr


RIGHT = {role: frozenset(map(str, may)) for role, may in ROLES.items()}


@pytest.mark.parametrize(
    ("changed", "verdict", "says"),
    [
        ({}, Verdict.OK, "and no more"),
        ({"Public": frozenset({"can_read"})}, Verdict.WARN, "Public may read the console"),
        (
            {"Tie-out Viewer": frozenset({"can_read", "can_approve", "can_fly"})},
            Verdict.WARN,
            "Tie-out Viewer may approve or reject proposals, can_fly",
        ),
        (
            {"Tie-out Analyst": frozenset()},
            Verdict.WARN,
            "Tie-out Analyst may not read the console, see payloads",
        ),
    ],
)
def test_what_a_role_of_airflows_may_in_the_console_is_held_to_what_it_should(
    changed: dict[str, frozenset[str]], verdict: Verdict, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    monkeypatch.setattr(roles, "held", lambda: RIGHT | changed)
    [system] = doctor._console()
    [found] = diagnose([system])
    assert found.answer.verdict is verdict
    assert says in found.answer.said
    assert bool(found.answer.mend) is (verdict is Verdict.WARN)
