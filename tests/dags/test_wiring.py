"""Airflow's connections and errors, as the application sees them."""

import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from inspect import signature
from itertools import chain, repeat
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pendulum
import pytest
from airflow.sdk import Connection, RetryAction
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.exceptions import AirflowSkipException

from include.connectors.mail import client
from include.flows import await_earlier_days, check_completeness, land_records, pull_changes
from include.flows.report_day import report_day
from include.flows.report_period import report_periods
from include.ports import Away, Fatal, Rejected, Report, Retryable, Source, Store, Uncertain
from include.store.postgres import As, PostgresStore
from include.wiring import connections, days, entities, files, mail, schedules
from include.wiring.smtp import FinanceMail
from tests.connectors.smtp import Mailbox, parsed, serving

Connect = Callable[..., None]

A_REPORT = Report(key="k", as_of=date(2026, 6, 30), subject="ties", html="<p>ties</p>", text="ties")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Define a connection for this test."""

    def define(conn_id: str, **facts: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(facts))

    return define


@pytest.mark.parametrize(
    ("stop", "action"),
    [
        (Retryable("away"), RetryAction.RETRY),
        (Fatal("wrong key"), RetryAction.FAIL),
        (Rejected("bad record"), RetryAction.FAIL),
        (Uncertain("answer lost"), RetryAction.FAIL),
        (KeyError("a bug"), RetryAction.DEFAULT),
    ],
)
def test_only_what_may_mend_itself_is_tried_again(stop: Exception, action: RetryAction):
    assert schedules.retry_policy.evaluate(stop, 1, 3).action is action


@pytest.mark.parametrize(
    ("facts", "address"),
    [
        ({"host": "http://127.0.0.1:8462"}, "http://127.0.0.1:8462"),
        ({"host": "http://127.0.0.1", "port": 8462}, "http://127.0.0.1:8462"),
        ({"host": "127.0.0.1", "port": 8462}, "http://127.0.0.1:8462"),
        ({"host": "erp.example"}, "https://erp.example"),
        ({"host": "erp.example", "schema": "http", "port": 81}, "http://erp.example:81"),
        ({"host": "https://erp.example/books/"}, "https://erp.example/books"),
        ({"host": "https://erp.example:444", "port": 1}, "https://erp.example:444"),
    ],
)
def test_an_address_may_stand_whole_in_the_host_or_in_parts(facts: dict[str, Any], address: str):
    assert connections.address_of(Connection(conn_id="erp_api", conn_type="http", **facts)) == address


def test_a_connection_without_a_host_is_named():
    with pytest.raises(Fatal, match="erp_api has no host"):
        connections.address_of(Connection(conn_id="erp_api", conn_type="http"))


@pytest.mark.parametrize("make", [connections.erp, connections.payments])
def test_a_connection_without_a_key_is_named(connect: Connect, make: Callable[[], Source]):
    connect("erp_api", conn_type="http", host="http://127.0.0.1:1")
    connect("payments_api", conn_type="http")
    with pytest.raises(Fatal, match="_api has no password"):
        make()


def test_the_database_keeps_its_password_and_its_options(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_TIEOUT_DB", "postgresql://tieout:p%40ss@127.0.0.1:5463/tieout?sslmode=disable"
    )
    store = cast("Any", connections.store())
    assert store._url == "postgresql://tieout:p%40ss@127.0.0.1:5463/tieout?sslmode=disable"
    connect("tieout_db", conn_type="mysql", host="h")
    with pytest.raises(Fatal, match="must be postgres"):
        connections.store()


@pytest.mark.parametrize(
    ("extra", "security", "port"),
    [
        ({}, "tls", 465),
        ({"disable_ssl": False}, "tls", 465),
        ({"disable_ssl": True}, "starttls", 587),
        ({"disable_ssl": "true", "disable_tls": "true"}, "none", 25),
    ],
)
def test_mail_is_encrypted_unless_told_otherwise(
    connect: Connect, extra: dict[str, Any], security: str, port: int
):
    connect(
        "finance_mail", conn_type="smtp", host="mail.example", extra={"from_email": "t@example.com"} | extra
    )
    server = cast("Any", mail.postman())._server
    hook = FinanceMail("finance_mail")
    assert (server.place, server.sender) == (f"mail.example:{port}", "t@example.com")
    assert (hook.security, hook.use_ssl, hook.smtp_starttls) == (
        security, security == "tls", security == "starttls",
    )  # fmt: skip


PLAIN = {"from_email": "t@example.com", "disable_ssl": True, "disable_tls": True}


def test_a_report_goes_out_over_the_connection_the_provider_made(connect: Connect):
    mailbox = Mailbox()
    with serving(mailbox) as server:
        connect("finance_mail", conn_type="smtp", host="127.0.0.1", port=port_of(server), extra=PLAIN)
        mail.postman().send(A_REPORT, to=["cfo@example.com"])
    assert parsed(mailbox.received[0])["Subject"] == "ties"


@pytest.mark.parametrize(
    "wanted", [{"extra": PLAIN | {"disable_tls": False}}, {"login": "tieout", "password": "secret"}]
)
def test_a_server_without_tls_or_login_where_we_want_it_is_fatal(connect: Connect, wanted: dict[str, Any]):
    with serving(Mailbox()) as server:
        connect(
            "finance_mail",
            conn_type="smtp",
            host="127.0.0.1",
            port=port_of(server),
            **{"extra": PLAIN} | wanted,
        )
        with pytest.raises(Fatal, match="finance_mail"):
            mail.postman().send(A_REPORT, to=["cfo@example.com"])


def drip(server: socket.socket, said: Sequence[bytes], begun: bytes) -> None:
    """Answer like a mail server so many times, the greeting first, and then say a byte now and then, and never all."""
    with server.accept()[0] as line, suppress(OSError):
        for number, answer in enumerate(said):
            if number:
                line.recv(1000)
            line.sendall(answer)
        for byte in chain(begun, repeat(ord("2"))):
            line.sendall(bytes([byte]))
            time.sleep(0.02)


GREETED, STARTTLS, A_LOGIN = b"220 here\r\n", b"250-ok\r\n250 STARTTLS\r\n", b"250-ok\r\n250 AUTH PLAIN\r\n"
A_RECORD = b"\x16\x03\x03\x40\x00\x02"
"""A handshake of TLS as long as one can be begins so."""


@pytest.mark.parametrize(
    ("extra", "said", "begun"),
    [
        ({}, [], A_RECORD),
        (PLAIN, [], b""),
        ({"disable_ssl": True}, [GREETED], b""),
        ({"disable_ssl": True}, [GREETED, STARTTLS], b""),
        ({"disable_ssl": True}, [GREETED, STARTTLS, b"220 go\r\n"], A_RECORD),
        (PLAIN, [GREETED, A_LOGIN], b""),
    ],
    ids=["TLS", "greeting", "EHLO", "STARTTLS", "its TLS", "login"],
)
def test_a_server_that_lets_us_in_by_the_byte_is_left_in_time_and_is_worth_another_try(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], said: list[bytes], begun: bytes
):
    monkeypatch.setattr(client, "TALK_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=drip, args=[server, said, begun], daemon=True).start()
        known = {
            "host": "127.0.0.1",
            "port": server.getsockname()[1],
            "login": "tieout",
            "password": "secret",
        }
        connect("finance_mail", conn_type="smtp", extra={"from_email": "t@example.com"} | extra, **known)
        began = time.monotonic()
        with pytest.raises(Retryable, match="did not let us in within"):
            mail.postman().send(A_REPORT, to=["cfo@example.com"])
    assert time.monotonic() - began < 5


def test_a_server_that_hangs_up_is_asked_once_and_is_worth_another_try(connect: Connect):
    class Hanging(Mailbox):
        greeted = 0

        async def handle_EHLO(  # noqa: N802  # the name aiosmtpd calls
            self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
        ) -> list[str]:
            del session, envelope, hostname
            self.greeted += 1
            server.transport.close()
            return responses

    mailbox = Hanging()
    with serving(mailbox) as server:
        extra = PLAIN | {"disable_tls": False}
        connect("finance_mail", conn_type="smtp", host="127.0.0.1", port=port_of(server), extra=extra)
        with pytest.raises(Retryable):
            mail.postman().send(A_REPORT, to=["cfo@example.com"])
    assert mailbox.greeted <= 2  # EHLO, and HELO for who does not know that


def port_of(server: Any) -> int:
    return int(server.place.rpartition(":")[2])


def test_recipients_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW_VAR_FINANCE_RECIPIENTS", "a@example.com, b@example.com;c@example.com")
    assert [one.address for one in mail.recipients()] == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
    ]
    monkeypatch.setenv("AIRFLOW_VAR_FINANCE_RECIPIENTS", " ")
    with pytest.raises(Fatal, match="finance_recipients is empty"):
        mail.recipients()


@pytest.mark.parametrize(
    ("address", "link"), [("https://af.example/", "https://af.example/tieout/breaks/"), ("/", "")]
)
def test_breaks_are_looked_at_below_airflows_own_address(
    monkeypatch: pytest.MonkeyPatch, address: str, link: str
):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", address)
    assert mail.link_to_breaks() == link


def test_reports_are_told_everything_they_ask_for(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    connect("finance_mail", conn_type="smtp", host="mail.example", extra={"from_email": "t@example.com"})
    connect("tieout_db", conn_type="postgres", host="127.0.0.1", schema="tieout")
    monkeypatch.setenv("AIRFLOW_VAR_FINANCE_RECIPIENTS", '[{"address": "a@example.com", "locale": "de_DE"}]')
    run = SimpleNamespace(
        run_id="r", run_type=DagRunType.SCHEDULED, run_after=datetime(2026, 7, 1, tzinfo=UTC)
    )
    monkeypatch.setattr(days, "get_current_context", lambda: {"dag_run": run})
    told = mail.telling()
    for flow in (report_day, report_periods):
        signature(flow).bind(**told)
    assert (told["as_of"], told["past"]) == (date(2026, 6, 30), False)


@pytest.mark.parametrize(("run_type", "past"), [("backfill", True), ("scheduled", False), ("manual", False)])
def test_only_a_backfill_tells_a_day_after_the_fact(
    monkeypatch: pytest.MonkeyPatch, *, run_type: str, past: bool
):
    run = SimpleNamespace(run_type=DagRunType(run_type), run_after=datetime(2026, 7, 1, tzinfo=UTC))
    monkeypatch.setattr(days, "get_current_context", lambda: {"dag_run": run})
    assert days.is_past() is past
    known_by = datetime(2026, 6, 30, 16, tzinfo=UTC) if past else None
    assert days.day_as_known() == {"as_of": date(2026, 6, 30), "known_by": known_by}


@pytest.mark.parametrize(
    ("run_type", "earlier", "asked", "goes_on"),
    [
        ("backfill", {"running": 29, "failed": 28}, {("29", False), ("28", True)}, False),
        ("backfill", {"queued": 29}, {("29", False)}, False),
        ("backfill", {"success": 29}, set(), True),
        ("scheduled", {"running": 29}, None, True),
    ],
)
def test_a_past_day_asks_of_the_days_before_it_whether_it_may_go_on(
    monkeypatch: pytest.MonkeyPatch, *, run_type: str, earlier: dict[str, int], asked: Any, goes_on: bool
):
    def run(day: int) -> SimpleNamespace:
        start = datetime(2026, 6, day - 1, 16, tzinfo=UTC)
        return SimpleNamespace(
            run_id=str(day),
            data_interval_start=start,
            run_after=start,
            start_date=start,
            run_type=DagRunType(run_type),
        )

    def previous(*, state: str) -> SimpleNamespace | None:
        return run(earlier[state]) if state in earlier else None

    found: list[Any] = []

    def published(_store: Any, *, as_of: date, earlier: list[Any]) -> str:
        assert as_of == date(2026, 6, 30)
        found.append({(one.name, one.failed) for one in earlier})
        assert all(one.as_of.day == int(one.name) for one in earlier)
        return "the day before" if any(not one.failed for one in earlier) else ""

    context = {
        "dag_run": run(30),
        "data_interval_start": run(30).data_interval_start,
        "task_instance": SimpleNamespace(get_previous_dagrun=previous),
    }
    monkeypatch.setattr(days, "get_current_context", lambda: context)
    monkeypatch.setattr(connections, "store", lambda: None)
    monkeypatch.setattr(await_earlier_days, "earlier_days_are_published", published)
    assert days.earlier_days_first() is goes_on
    assert found == ([] if asked is None else [asked])


@pytest.mark.parametrize(
    ("interval_start", "run_after", "day"),
    [
        (datetime(2026, 6, 29, 16, tzinfo=UTC), datetime(2026, 6, 30, 16, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 6, 30, 15, 59, tzinfo=UTC), datetime(2026, 7, 9, tzinfo=UTC), date(2026, 6, 30)),
        (None, datetime(2026, 6, 30, 15, 59, tzinfo=UTC), date(2026, 6, 29)),
        (None, datetime(2026, 6, 30, 16, 0, tzinfo=UTC), date(2026, 6, 30)),
    ],
)
def test_a_run_ties_out_its_interval_or_else_the_last_complete_day(
    interval_start: datetime | None, run_after: datetime, day: date
):
    assert days.business_day(interval_start=interval_start, run_after=run_after) == day


def test_airflows_instants_become_plain_dates():
    day = days.business_day(interval_start=pendulum.datetime(2026, 6, 29, 16), run_after=pendulum.now())
    assert (type(day), day) == (date, date(2026, 6, 30))


SOURCE = cast("Source", SimpleNamespace(system="erp", entities=["customers", "orders", "invoices"]))


@pytest.mark.parametrize(
    ("stops", "worst"),
    [
        ({"orders": Retryable("away")}, Retryable),
        ({"customers": Retryable("away"), "orders": Fatal("wrong key")}, Fatal),
    ],
)
def test_an_entity_that_stops_does_not_keep_the_others_from_being_read(
    stops: dict[str, Exception], worst: type[Exception]
):
    done = []

    def act(entity: str) -> str:
        if entity in stops:
            raise stops[entity]
        done.append(entity)
        return "fine"

    with pytest.raises(worst) as stopped:
        entities.each_entity(SOURCE, act)
    assert done == [entity for entity in SOURCE.entities if entity not in stops]
    assert all(f"erp {entity}: {stop}" in str(stopped.value) for entity, stop in stops.items())


def test_a_source_that_is_away_is_not_waited_for_entity_by_entity():
    asked = []

    def act(entity: str) -> str:
        asked.append(entity)
        raise Away("the ERP does not answer")

    with pytest.raises(Retryable, match="erp invoices: not asked"):
        entities.each_entity(SOURCE, act)
    assert asked == ["customers", "orders"]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Lets the checks of a window find these missing, one after the other; what was pulled meanwhile."""

    def answer(*missing: list[str]) -> list[str]:
        answers, pulled = iter(missing), list[str]()

        def check(*_args: Any, entity: str) -> Any:
            absent = next(answers)
            return check_completeness.Proof(entity, 1, 1 - len(absent), absent, {}, {})

        monkeypatch.setattr(check_completeness, "check_completeness", check)
        monkeypatch.setattr(pull_changes, "pull_changes", lambda *_args, entity: pulled.append(entity))
        monkeypatch.setattr(
            land_records, "land_records", lambda *_args, entity: pulled.append(f"landed {entity}")
        )
        monkeypatch.setattr(
            pull_changes, "rewind", lambda _store, **where: pulled.append(f"rewound {where['entity']}")
        )
        return pulled

    return answer


NO_STORE = cast("Store", None)


def test_a_proven_window_is_not_pulled_again(checks: Callable[..., list[str]]):
    pulled = checks([])
    entities.prove_entity(SOURCE, NO_STORE, entity="invoices")
    assert pulled == []


def test_an_unproven_window_is_pulled_and_asked_once_more(checks: Callable[..., list[str]]):
    pulled = checks(["I1 @ 1"], [])
    entities.prove_entity(SOURCE, NO_STORE, entity="invoices")
    assert pulled == ["rewound invoices", "invoices", "landed invoices"]


def test_a_window_that_stays_unproven_fails_with_what_is_missing(checks: Callable[..., list[str]]):
    pulled = checks(["I1 @ 1"], ["I1 @ 1"])
    with pytest.raises(Fatal, match="missing I1 @ 1"):
        entities.prove_entity(SOURCE, NO_STORE, entity="invoices")
    assert pulled == ["rewound invoices", "invoices", "landed invoices"]


def test_a_place_for_files_makes_a_source_and_none_skips_its_tasks(connect: Connect, tmp_path: Path):
    with pytest.raises(AirflowSkipException, match="bank_files names no path"):
        files.bank()
    connect("bank_files", conn_type="fs", extra={"path": str(tmp_path)})
    connect("fx_rates", conn_type="fs")
    assert [source.system for source in files.file_sources()] == ["bank"]
    connect(
        "fx_rates", conn_type="fs", extra={"path": "https://ecb.example/rates.xml", "since": "2026-01-01"}
    )
    assert [source.system for source in files.file_sources()] == ["bank", "fx"]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"path": "relative/folder"}, "not absolute"),
        ({"path": "/data", "settle_s": "soon"}, "whole seconds"),
        ({"path": "/data", "since": "lately"}, "give a day"),
        ({"path": "http://ecb.example/rates.xml"}, "not https"),
    ],
)
def test_a_place_that_makes_no_sense_is_named(connect: Connect, extra: dict[str, str], said: str):
    connect("fx_rates", conn_type="fs", extra=extra)
    with pytest.raises(Fatal, match=said):
        files.fx()


def test_a_folder_is_pulled_landed_and_proven_as_its_tasks_do(
    connect: Connect, tmp_path: Path, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections, "store", lambda role: PostgresStore(store.url, who=As(role)))
    connect("fx_rates", conn_type="fs", extra={"path": str(tmp_path)})
    (tmp_path / "hist.csv").write_text("Date,USD\n2026-06-30,1.12\n")
    os.utime(tmp_path / "hist.csv", (1_000, 1_000))
    for step in (entities.pull, entities.land, entities.prove, entities.sweep):
        step(files.fx())
    with store.transaction() as tx:
        proven = tx.rows("complete_sources", until=datetime(2026, 7, 1, tzinfo=UTC))
    assert [(row["system"], row["entity"]) for row in proven] == [("fx", "fx_rates")]
