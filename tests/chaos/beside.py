"""The platform in processes of its own (programs.py), those who pay beside it, and what came of their payments."""

import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from secrets import token_hex
from subprocess import PIPE, Popen
from tempfile import mkdtemp
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import psycopg

from include.flows.verify_audit import verify_audit
from include.local.cluster import find_cluster
from include.local.home import PROJECT, Home
from include.local.ports import reserve_ports
from include.local.postgres import _postmaster, _works_in, server
from include.local.processes import all_pids, wait_for
from include.local.scratch import scratch_database
from include.signing import holds
from include.store.postgres import PostgresStore
from include.twin.server import TwinPorts
from include.twin.webhooks import signature
from include.vault.keys import new_keys
from tests.chaos.programs import REST_S, STOPPED, SYSTEMS, paid
from tests.checks import assert_checks_hold
from tests.connectors.conftest import write_world
from tests.disorder.story import ACCOUNT, world
from tests.kills.desk import KEYS, Desk

SECRET = "whsec_chaos"
SEED = "1" * 64
OK = 200
LOGS = PROJECT / "var" / "chaos" / "logs"
"""Where logs are kept when a program ended by a fault of ours."""

RELAY_S = 180.0
"""Between two runs of the lane, as in include/wiring/lane.py."""

PORTS = {"salesforce": 8500, "erp": 8501, "payments": 8502, "webhooks": 8503}
UNFINISHED = """
SELECT (SELECT count(*) FROM delivery.inbox WHERE state IN ('new', 'taken'))
    + (SELECT count(*) FROM delivery.outbox WHERE finished_at IS NULL)
"""


@dataclass
class Program:
    """A process that is started anew when it ends. `relayed`: and another beside it every three minutes."""

    words: tuple[str, ...]
    relayed: bool
    log: Path
    running: list[Popen[bytes]] = field(default_factory=list)
    began: float = 0.0
    ended: Counter[int] = field(default_factory=Counter)

    def tend(self, begin: Callable[..., Popen[bytes]]) -> None:
        """Begin what is due."""
        for one in [one for one in self.running if one.poll() is not None]:
            self.running.remove(one)
            self.ended[one.returncode] += 1
        waits = RELAY_S if self.running else REST_S
        if (self.relayed or not self.running) and monotonic() > self.began + waits:
            self.began = monotonic()
            self.running.append(begin(*self.words, log=self.log))


@dataclass
class Place:
    """Where a platform keeps its files, its database and its ports; whoever started it starts anew what ends."""

    home: Home
    url: str
    ports: Mapping[str, int]

    def tend(self) -> None:
        """Start anew what ended, where nobody else does."""

    @property
    def faults(self) -> dict[str, int]:
        """Programs that ended by a fault of ours, and how often; none where nobody counts."""
        return {}

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What our database says."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def unfinished(self) -> int:
        """Hints and messages that wait."""
        return int(self.ask(UNFINISHED)[0][0])

    def settle(self, *, patience_s: float) -> bool:
        """Tend what runs until for some seconds nothing waits; whether it came to that."""
        until, quiet = monotonic() + patience_s, 0
        while monotonic() < until and quiet < 5:
            self.tend()
            time.sleep(2)
            quiet = 0 if self.unfinished() else quiet + 1
        return quiet == 5

    @property
    def desk(self) -> Desk:
        """Clients of the three systems."""
        return Desk(None, TwinPorts(**{name: self.ports[name] for name in SYSTEMS}))  # type: ignore[arg-type]

    def wait_for_lane(self) -> None:
        """Until a run of it that began since is at work."""
        began = "SELECT count(*) FROM delivery.lanes WHERE began_at > clock_timestamp() - interval '1 minute'"
        assert wait_for(lambda: self.ask(began)[0][0], timeout_s=300, every_s=0.5)

    def wait_for_door(self) -> None:
        """Until somebody answers there."""
        assert wait_for(
            lambda: _Wire(self.ports["webhooks"]).post("/", b"", {})[0], timeout_s=300, every_s=0.2
        )

    def wrong(self, *, gross: float, settled: bool) -> dict[str, Any]:
        """What is not as promised: of what Salesforce shows beside what payments hold, and of how programs ended."""
        desk = self.desk
        held, of = Counter[str](), Counter[str]()
        for charge in desk.payments.objects("charges"):
            of[charge["metadata"]["invoice_id"]] += charge["amount"]
            held[charge["id"]] += 1
        activities = desk.crm.query("SELECT Activity_Key__c FROM Payment_Activity__c")
        shown = Counter(str(row["Activity_Key__c"]).split("/")[1] for row in activities)
        invoices = desk.crm.query("SELECT Invoice_Key__c, Open_Amount__c FROM Invoice__c")
        told = {row["Invoice_Key__c"]: row["Open_Amount__c"] for row in invoices}
        truth = {invoice: max(0, round(gross - minor / 100, 2)) for invoice, minor in of.items()}
        return without_nothing(
            {
                "lost": sum(1 for one in held if not shown[one]),
                "doubled": sum(1 for one in held if shown[one] > 1),
                "invoices wrong": sum(told.get(invoice) != open_ for invoice, open_ in truth.items()),
                "still waits": 0 if settled else self.unfinished() or "something",
                "ended by a fault of ours": self.faults,
                "checks": self._broken_checks(),
                "audit": self._broken_audit(),
            }
        )

    def _broken_checks(self) -> str:
        try:
            assert_checks_hold(self.url)
        except AssertionError as broken:
            return str(broken)[:600]
        return ""

    def _broken_audit(self) -> str:
        verdict = verify_audit(PostgresStore(self.url), holds=holds)
        return "" if verdict.holds else str(verdict)


@dataclass
class Platform(Place):
    """One whose programs we start ourselves, and that tell us how they ended."""

    environment: Mapping[str, str]
    twin: Popen[str]
    stack: ExitStack
    programs: dict[str, Program] = field(default_factory=dict)

    def keep(self, name: str, *words: str, relayed: bool = False) -> None:
        """Have a program run from now on, as long as somebody tends it."""
        self.programs[name] = Program((name, *words), relayed, self.home.logs / f"{name}.log")
        self.tend()

    def tend(self) -> None:
        """Start anew what ended."""
        for program in self.programs.values():
            program.tend(self._begin)

    def _begin(self, *words: str, log: Path) -> Popen[bytes]:
        command = [sys.executable, "-m", "tests.chaos.programs", *words]
        with log.open("ab") as out:
            return Popen(command, cwd=PROJECT, env=dict(self.environment), stdout=out, stderr=out)

    def end(self, *names: str) -> None:
        """End some programs for good, or all."""
        for name in names or list(self.programs):
            for one in self.programs.pop(name).running:
                one.terminate()
                one.wait(60)

    def read(self) -> None:
        """Read everything once."""
        self._begin("reads", "-1", log=self.home.logs / "reads.log").wait()

    @property
    def faults(self) -> dict[str, int]:
        """Programs that ended by a fault of ours, and how often."""
        counts = Counter[str]()
        for name, program in self.programs.items():
            counts[name] = sum(times for code, times in program.ended.items() if code not in (0, STOPPED))
        return dict(+counts)

    def queue(self, count: int, invoices: int) -> None:
        """Let so many payments be made since the twin fell behind, of the first invoices; from then on it is now."""
        assert self.twin.stdin
        assert self.twin.stdout
        self.twin.stdin.write(f"{count} {invoices}\n")
        self.twin.stdin.flush()
        assert self.twin.stdout.readline() == "queued\n"

    def stop_database(self) -> float:
        """Stop Postgres at once, as a crash does, and start it again; seconds until it was back."""
        began, found = monotonic(), _postmaster(find_cluster(self.home).data)
        assert found
        found.process.send(signal.SIGQUIT)
        assert wait_for(lambda: not found.process.alive, timeout_s=60)
        self.stack.enter_context(server(self.home))
        return monotonic() - began


def without_nothing(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is none, or empty."""
    return {name: one for name, one in told.items() if one}


def memory_mib(place: Platform) -> dict[str, float]:
    """What each program, the twin and all of Postgres' processes hold, in MiB; of Postgres without what they share."""
    held = {
        name: sum(_mib(one.pid, "VmRSS") for one in program.running)
        for name, program in place.programs.items()
    }
    base = find_cluster(place.home).data
    postgres = sum(_mib(pid, "RssAnon") for pid in all_pids() if _works_in(pid, base))
    return {**held, "twin": _mib(place.twin.pid, "VmRSS"), "Postgres": postgres}


def _mib(pid: int, what: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))


class Customer:
    """Somebody who pays, and the payments platform that tells us so; one a thread."""

    def __init__(self, place: Place) -> None:
        self._payments, self._door = (_Wire(place.ports[name]) for name in ("payments", "webhooks"))

    def pay(self, invoice: str) -> Mapping[str, Any]:
        """A charge of one unit."""
        marks = {"Authorization": f"Bearer {KEYS.payments_key}", "Idempotency-Key": token_hex(16)}
        while True:
            status, body = self._payments.post("/v1/charges", urlencode(paid(invoice)).encode(), marks)
            if status == OK:
                return dict(json.loads(body))
            time.sleep(REST_S / 10)

    def tell(self, charge: Mapping[str, Any], event: str, kind: str = "charge.succeeded") -> bool:
        """Knock with an event of it, or of the payment intent it belongs to; whether that was acknowledged."""
        about = charge if kind.startswith("charge.") else {"id": f"pi_{event}", "object": "payment_intent"}
        told = {"id": event, "object": "event", "type": kind, "livemode": False}
        body = json.dumps({**told, "created": charge["created"], "data": {"object": about}}).encode()
        at = int(time.time())
        mark = {"Stripe-Signature": f"t={at},v1={signature(body, at=at, secret=SECRET)}"}
        return self._door.post("/tieout-hooks/payments", body, mark)[0] == OK


class _Wire:
    """A kept connection, as quick as Python has them; 0 where no answer comes."""

    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            self._http.request("POST", path, body, dict(headers))
            answer = self._http.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            self._http.close()
            return 0, b""


def won(number: int) -> dict[str, Any]:
    """A deal that is won as it is made."""
    stated = {"Name": f"Deal {number}", "AccountId": ACCOUNT, "StageName": "Closed Won", "Amount": 1200}
    return stated | {"CurrencyIsoCode": "SGD", "CloseDate": "2026-06-30", "Term_Months__c": 12}


@contextmanager
def platform(*, invoices: int, behind_h: float = 0) -> Iterator[Platform]:
    """A Postgres as `make up` has it, a database, and a twin with so many invoices; nothing else runs yet."""
    folder = Path(mkdtemp(prefix="tieout-beside-"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        home = Home(folder / "var")
        url = stack.enter_context(scratch_database(stack.enter_context(server(home))))
        ports = reserve_ports(PORTS)
        environment = _environment(home, url, ports) | {"TWIN_BEHIND_H": str(behind_h)}
        write_world(folder / "world", world(invoices))
        command = [sys.executable, "-m", "tests.chaos.programs", "twin", str(folder / "world")]
        outside = stack.enter_context(
            Popen(command, cwd=PROJECT, env=environment, stdin=PIPE, stdout=PIPE, text=True)
        )
        stack.callback(outside.terminate)
        assert outside.stdout
        assert outside.stdout.readline() == "ready\n"
        place = Platform(home, url, ports, environment, outside, stack)
        stack.callback(place.end)
        yield place
        if place.faults:
            shutil.copytree(home.logs, LOGS, dirs_exist_ok=True)


def _environment(home: Home, url: str, ports: Mapping[str, int]) -> dict[str, str]:
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    login = {"consumer_key": KEYS.salesforce_client_id, "consumer_secret": KEYS.salesforce_client_secret}
    user = {"user": "tieout", "user_password": KEYS.erp_key}
    stated: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "salesforce_api": (
            "salesforce",
            {"extra": login | {"domain": "twin", "instance_url": at["salesforce"]}},
        ),
        "erp_api": ("http", {"host": at["erp"], "password": KEYS.erp_key, "extra": user}),
        "payments_api": ("http", {"host": at["payments"], "password": KEYS.payments_key}),
        "payments_webhook": ("http", {"password": SECRET}),
        "tieout_vault": ("generic", {"password": new_keys()}),
        "audit_log": ("generic", {"password": SEED}),
    }
    named = {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps({"conn_type": kind, **facts})
        for name, (kind, facts) in stated.items()
    }
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return bare | {
        **named,
        "AIRFLOW_CONN_TIEOUT_DB": url.replace("postgresql://", "postgres://"),
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.airflow}/nobody-asks-for-it.db",
        "CHAOS_PORTS": json.dumps(dict(ports)),
    }
