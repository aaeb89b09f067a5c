"""The platform in processes of its own, without Airflow: the fast lane, reads, days, the webhooks' door, and the twin.

`python -m tests.chaos.beside NAME …` is one of them. What a process ends with is kept: a Stop (the next one tries
again, as Airflow would have it) or a fault of ours.
"""

import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import mkdtemp
from time import monotonic
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import psycopg
import requests

from include.local.cluster import find_cluster
from include.local.databases import DatabaseUrls
from include.local.home import PROJECT, Home
from include.local.ports import reserve_ports
from include.local.postgres import _postmaster, _works_in, server
from include.local.processes import all_pids, end_with_parent, wait_for
from include.local.scratch import scratch_database
from include.ports import Stop
from include.twin.webhooks import signature
from include.vault.keys import new_keys
from tests.disorder.story import ACCOUNT, world
from tests.kills.desk import KEYS, Desk

SECRET = "whsec_chaos"
SEED = "1" * 64
RELAY_S = 180.0
"""Between two runs of the lane, as in include/wiring/lane.py."""

REST_S = 1.0
OK = 200
STOPPED = 75
"""How a process ends that a Stop ended."""

SYSTEMS = ("salesforce", "erp", "payments")
PORTS = {"salesforce": 8500, "erp": 8501, "payments": 8502, "webhooks": 8503}
UNFINISHED = """
SELECT (SELECT count(*) FROM delivery.inbox WHERE state IN ('new', 'taken'))
    + (SELECT count(*) FROM delivery.outbox WHERE finished_at IS NULL)
"""


# --- what a process is


def lane(seconds: str) -> None:
    """One run, as the task of the DAG makes it."""
    from include.wiring.lane import run_fast_lane  # noqa: PLC0415 - Airflow's settings are read by then

    run_fast_lane(seconds=float(seconds))


def reads(pause_s: str) -> None:
    """What the three `extract_…` do, again and again; a pause below 0: once."""
    from include.wiring import connections, entities  # noqa: PLC0415

    sources = [connections.salesforce(), connections.erp(), connections.payments()]
    acts = (entities.pull, entities.land, entities.prove)
    _again(float(pause_s), *(partial(act, source) for source in sources for act in acts))


def days(pause_s: str) -> None:
    """What `tie_out` does with today, again and again."""
    from include.flows.publish_run import publish_run  # noqa: PLC0415
    from include.flows.reconcile import reconcile  # noqa: PLC0415
    from include.wiring import connections, effects  # noqa: PLC0415

    store, policy = connections.store(), connections.policy()

    def day() -> None:
        reconcile(store, as_of=effects.business_today(), policy=policy)
        publish_run(store, as_of=effects.business_today(), policy=policy)

    _again(float(pause_s), day)


def _again(pause_s: float, *acts: Callable[[], object]) -> None:
    while True:
        for act in acts:
            try:
                act()
            except Stop as stop:
                _say(stop)
                time.sleep(REST_S)
        if pause_s < 0:
            return
        time.sleep(pause_s)


def twin(folder: str) -> None:
    """All other systems. It is some hours ago there until a line `PAYMENTS INVOICES` on stdin: so many payments
    are made since, of the first invoices, and it is now.
    """
    from include.twin import payments_writes as writes  # noqa: PLC0415
    from include.twin import server as twins  # noqa: PLC0415

    behind, made = timedelta(hours=float(os.environ["TWIN_BEHIND_H"])), list[Any]()
    late, app_of = [behind], twins.payments_app
    ports = twins.TwinPorts(**{name: PORTS_HERE[name] for name in SYSTEMS})

    def payments_app(*args: Any, **given: Any) -> Any:
        made.append(app_of(*args, **given))
        return made[-1]

    with (
        patch.object(twins, "payments_app", payments_app),
        twins.running(
            world=Path(folder),
            mailbox=Path(folder) / "mail",
            keys=KEYS,
            ports=ports,
            clock=lambda: datetime.now(UTC) - late[0],
        ),
    ):
        print("ready", flush=True)
        for line in sys.stdin:
            count, invoices = map(int, line.split())
            began, late[0] = datetime.now(UTC) - behind, timedelta()
            for number in range(count):
                then = began + behind * (number / count)
                book = writes.Book(partial(lambda at: at, then), made[0].state.book.put)
                writes._charged(book, paid(f"I{number % invoices}"), "tok_visa", intent=None)
            print("queued", flush=True)


def paid(invoice: str) -> Mapping[str, str]:
    """The form of a payment of one unit."""
    return {"amount": "100", "currency": "sgd", "source": "tok_visa", "metadata[invoice_id]": invoice}


def door() -> None:
    """As `tieout webhooks serve` opens it."""
    from include.cli.webhooks import serve  # noqa: PLC0415

    serve(port=PORTS_HERE["webhooks"], host="127.0.0.1")


def _say(stop: object) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {type(stop).__name__}: {stop}"[:300], file=sys.stderr, flush=True)


PROGRAMS: Mapping[str, Callable[..., None]] = {one.__name__: one for one in (lane, reads, days, door, twin)}
PORTS_HERE: Mapping[str, int] = json.loads(os.environ.get("CHAOS_PORTS", "{}"))


# --- all of them


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
class Platform:
    """Where it keeps its files, its database, and what runs."""

    home: Home
    urls: DatabaseUrls
    url: str
    environment: Mapping[str, str]
    ports: Mapping[str, int]
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
        command = [sys.executable, "-m", "tests.chaos.beside", *words]
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
    def faults(self) -> dict[str, int]:
        """Programs that ended by a fault of ours, and how often."""
        counts = Counter[str]()
        for name, program in self.programs.items():
            counts[name] = sum(times for code, times in program.ended.items() if code not in (0, STOPPED))
        return dict(+counts)

    @property
    def desk(self) -> Desk:
        """Clients of the three systems."""
        return Desk(None, Addresses(**{name: self.ports[name] for name in SYSTEMS}))  # type: ignore[arg-type]

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

    def wait_for_lane(self) -> None:
        """Until a run of it that began since is at work."""
        runs = "SELECT count(*) FROM delivery.lanes"
        before = self.ask(runs)
        assert wait_for(lambda: self.ask(runs) > before, timeout_s=120, every_s=0.5)

    def wait_for_door(self) -> None:
        """Until somebody answers there."""
        address = f"http://127.0.0.1:{self.ports['webhooks']}/"
        assert wait_for(lambda: _answers(address), timeout_s=120, every_s=0.2)

    def wrong(self, *, gross: float) -> dict[str, int]:
        """What Salesforce shows in the end beside what payments hold: charges lost and doubled, invoices wrong."""
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
        return {
            "charges": len(held),
            "lost": sum(1 for one in held if not shown[one]),
            "doubled": sum(1 for one in held if shown[one] > 1),
            "invoices wrong": sum(told.get(invoice) != open_ for invoice, open_ in truth.items()),
        }


def _answers(address: str) -> bool:
    try:
        requests.get(address, timeout=5)
    except requests.RequestException:
        return False
    return True


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


@dataclass(frozen=True)
class Addresses:
    """Ports of the three systems."""

    salesforce: int
    erp: int
    payments: int


class Customer:
    """Somebody who pays, and the payments platform that tells us so; one a thread."""

    def __init__(self, place: Platform) -> None:
        self._payments, self._door = (_Wire(place.ports[name]) for name in ("payments", "webhooks"))

    def pay(self, invoice: str) -> Mapping[str, Any]:
        """A charge of one unit."""
        key = {"Authorization": f"Bearer {KEYS.payments_key}"}
        status, body = self._payments.post("/v1/charges", urlencode(paid(invoice)).encode(), key)
        assert status == OK, body[:200]
        return dict(json.loads(body))

    def tell(self, charge: Mapping[str, Any], event: str) -> bool:
        """Knock with an event of it; whether that was acknowledged."""
        told = {"id": event, "object": "event", "type": "charge.succeeded", "livemode": False}
        body = json.dumps({**told, "created": charge["created"], "data": {"object": charge}}).encode()
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
        urls = stack.enter_context(server(home))
        url = stack.enter_context(scratch_database(urls))
        ports = reserve_ports(PORTS)
        environment = _environment(home, url, ports) | {"TWIN_BEHIND_H": str(behind_h)}
        from tests.connectors.conftest import write_world  # noqa: PLC0415

        write_world(folder / "world", world(invoices))
        command = [sys.executable, "-m", "tests.chaos.beside", "twin", str(folder / "world")]
        outside = stack.enter_context(
            Popen(command, cwd=PROJECT, env=environment, stdin=PIPE, stdout=PIPE, text=True)
        )
        stack.callback(outside.terminate)
        assert outside.stdout
        assert outside.stdout.readline() == "ready\n"
        place = Platform(home, urls, url, environment, ports, outside, stack)
        stack.callback(place.end)
        yield place


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


def main(name: str, *words: str) -> None:
    """Be one of the programs, until it is over."""
    end_with_parent(signal.SIGTERM)
    try:
        PROGRAMS[name](*words)
    except Stop as stop:
        _say(stop)
        sys.exit(STOPPED)
    except Exception:  # noqa: BLE001 - told to whoever looks into the log
        traceback.print_exc()
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
