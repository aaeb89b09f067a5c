"""The platform as `make up` starts it, while customers pay: one of its processes after another dies, is held or is kept
away. Nobody helps: what died must come back by itself, and in the end each payment shows once.

`python -m tests.chaos.living VICTIM …` strikes these alone, in this order.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import CLOCK_BOOTTIME, clock_gettime, monotonic, sleep
from typing import Any, TypeVar

import psycopg

from include.local import services
from include.local.airflow_api import Airflow, health
from include.local.demo import EXTRACTIONS
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.postgres import server
from include.local.processes import Process, all_pids, wait_for
from include.local.secrets import load_secrets
from include.ports import Stop
from tests.chaos.beside import LOGS, SECRET, Customer, Place, without_nothing
from tests.chaos.platform import VICTIMS, ancestors, guarded, kill, new_home
from tests.connectors.conftest import write_world
from tests.disorder.story import GROSS_MINOR, world
from tests.kills.desk import KEYS
from tests.local.conftest import command_line, processes_of

INVOICES, PAY_EVERY_S = 40, 2.0
DAGS = (*EXTRACTIONS, "fast_lane", "watch")
AWAY_S = 300.0
PATIENCE_S, ALERTS_S = 900.0, 1500.0
"""For a payment to show, or a process to be back; for an alert to be over: it is 12 minutes after what it told."""

POLL_S = 0.2
HITS = 60
"""So often a zombie is looked for that is in the middle of a transaction, with all that it locked."""

LANE = """
SELECT pid, id::text, try_number FROM task_instance
WHERE dag_id = 'fast_lane' AND state = 'running' AND pid IS NOT NULL ORDER BY start_date DESC LIMIT 1
"""
STILL = "SELECT FROM task_instance WHERE id = %s AND try_number = %s AND state = 'running'"
LOOKED = "SELECT FROM dag_run WHERE dag_id = 'watch' AND state = 'success' LIMIT 1"
HELD = """
SELECT FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction'
    AND state_change < clock_timestamp() - interval '0.5 s'
"""
LANES = "SELECT coalesce(max(lane_id), 0) FROM delivery.lanes"
LATE = "SELECT count(*) FROM delivery.attempts WHERE outcome = 'late'"
ALERTS = "SELECT alert_id, kind || ' ' || about, over_at IS NULL FROM ops.alerts"


T = TypeVar("T")


@dataclass
class Payment:
    """When it was made and acknowledged, and when Salesforce showed it."""

    charge: Mapping[str, Any]
    event: str
    made: float
    told: bool = False
    shown: float | None = None


@dataclass
class Living(Place):
    """A platform that runs, its Airflow's database, and those who pay beside it."""

    airflow_url: str
    payments: list[Payment] = field(default_factory=list)

    def airflow(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What Airflow's database says."""
        with psycopg.connect(self.airflow_url, autocommit=True, connect_timeout=10) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def shown_since(self, moment: float) -> float | None:
        """When the first payment made after a moment showed."""
        return min((one.shown for one in self.payments if one.made > moment and one.shown), default=None)

    def longest(self, since: float, until: float) -> float:
        """The longest that a payment made meanwhile took to show, or has waited by now."""
        now = monotonic()
        took = [(one.shown or now) - one.made for one in self.payments if since < one.made <= until]
        return max(took, default=0.0)

    def lane(self) -> tuple[list[Process], str, int] | None:
        """The process that runs the lane and the one that watches it; the task's id and try."""
        for pid, task, number in self.airflow(LANE):
            if (child := Process.find(int(pid))) and (parent := Process.find(_parent(child.pid))):
                return [child, parent], str(task), int(number)
        return None


Strike = Callable[[Living], dict[str, float]]
"""Does it; what else was measured, in seconds. It ends when the victim is back."""


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _killed(find: Callable[[Living], list[Process]]) -> Strike:
    def strike(place: Living) -> dict[str, float]:
        victims = seen(lambda: find(place))
        began, ticks = monotonic(), clock_gettime(CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")
        kill(victims)
        # Its own children come to its guard, too: only what began later has taken its place.
        seen(lambda: [one for one in find(place) if one.started > ticks])
        return {"back": monotonic() - began}

    return strike


def seen(look: Callable[[], T | None]) -> T:
    """What is looked for, as soon as there is something; whoever is asked may be away. Raises NeverSeen."""
    until = monotonic() + PATIENCE_S
    while monotonic() < until:
        with suppress(psycopg.Error, FileNotFoundError, ProcessLookupError):
            if there := look():
                return there
        sleep(POLL_S)
    raise NeverSeen


class NeverSeen(Exception):
    """What was waited for did not come."""


def _zombie(place: Living) -> dict[str, float]:
    """Its task is stopped, until Airflow has given it up and another run of the lane works; then it goes on."""
    victims, task, number = _stopped_in_a_transaction(place)
    began, lane = monotonic(), place.ask(LANES)[0][0]
    try:
        seen(lambda: not place.airflow(STILL, task, number))
        dead = monotonic() - began
        seen(lambda: place.ask(LANES)[0][0] > lane and place.shown_since(began))
    finally:
        for one in victims:
            one.send(signal.SIGCONT)
    woken = monotonic()
    seen(lambda: not victims[0].alive)  # who watched it serves on
    return {"declared dead": dead, "woken": woken - began, "ended once woken": monotonic() - woken}


def _stopped_in_a_transaction(place: Living) -> tuple[list[Process], str, int]:
    """Stopped where it holds what others may wait for, if that is met with."""
    for hit in range(HITS):
        victims, task, number = seen(place.lane)
        for one in victims:
            one.send(signal.SIGSTOP)
        sleep(1)
        if place.ask(HELD) or hit == HITS - 1:
            break
        for one in victims:
            one.send(signal.SIGCONT)
        sleep(POLL_S)
    return victims, task, number


def _away(place: Living) -> dict[str, float]:
    """It is killed, and its guard held, so that nobody starts it again for a while: whoever asks is refused."""
    guard = Process.read(place.home.run / "guards" / "api-server.pid")
    assert guard
    with _held([guard]):
        kill([one for pid in _below(guard.pid) if (one := Process.find(pid))])
        sleep(AWAY_S)
    return {"back": _until_healthy(place)}


def _hung(place: Living) -> dict[str, float]:
    """It is stopped for a while: whoever asks waits for an answer."""
    [api_server] = guarded(place.home, "api-server")
    with _held([api_server, *(one for pid in _below(api_server.pid) if (one := Process.find(pid)))]):
        sleep(AWAY_S)
    return {"back": _until_healthy(place)}


@contextmanager
def _held(processes: Sequence[Process]) -> Iterator[None]:
    for one in processes:
        one.send(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in processes:
            one.send(signal.SIGCONT)


def _below(pid: int) -> list[int]:
    """Descendants."""
    return [one for one in all_pids() if one != pid and pid in ancestors(one)]


def _until_healthy(place: Living) -> float:
    began = monotonic()
    seen(lambda: health(f"http://127.0.0.1:{place.ports['airflow']}"))
    return monotonic() - began


def _at_home(find: Callable[[Home], list[Process]], place: Living) -> list[Process]:
    return find(place.home)


def _lane(place: Living) -> list[Process]:
    at_work = place.lane()
    return at_work[0][:1] if at_work else []


TWIN = "the twin, which is all other systems"
STRIKES: Mapping[str, tuple[str, Strike]] = {
    **{
        name: ("killed", _killed(partial(_at_home, find)))
        for name, find in VICTIMS.items()
        if name not in ("a running task", TWIN)
    },
    "the task that runs the lane": ("killed", _killed(_lane)),
    "the webhooks' door": ("killed", _killed(lambda place: guarded(place.home, "webhooks"))),
    "the lane's task, a zombie": ("stopped until its successor works, then woken", _zombie),
    "the API server, away": (f"refuses for {AWAY_S:.0f} s", _away),
    "the API server, hung": (f"answers nothing for {AWAY_S:.0f} s", _hung),
    TWIN: ("killed", _killed(partial(_at_home, VICTIMS[TWIN]))),
}
"""Victim -> how it is struck, and by what."""


def victims(seed: int) -> list[str]:
    """In an order that falls by the seed; the twin last, for it forgets all that was ever told to it."""
    left = [name for name in STRIKES if name != TWIN]
    random.Random(seed).shuffle(left)  # noqa: S311 - a test's dice, no secret
    return [*left, TWIN]


def lived(names: Sequence[str], *, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """What became of a platform that was struck so often; no strike begins after so many seconds."""
    began = monotonic()
    with new_home() as home:
        wrong: dict[str, Any] = {}
        try:
            with _up(home) as place:
                told = _lived(place, names, until=began + seconds, say=say)
                wrong = told["wrong"]
        finally:
            if left := _taken_down(home):
                wrong["left running"] = left
            if wrong or sys.exc_info()[0]:
                shutil.copytree(home.logs, LOGS / "living", dirs_exist_ok=True)
    return told


def _lived(
    place: Living, names: Sequence[str], *, until: float, say: Callable[[str], None]
) -> dict[str, Any]:
    began, before = monotonic(), {row[0] for row in place.ask(ALERTS)}
    last = [name for name in names if name == TWIN]
    with _paying(place) as hands:
        struck = _strike_all(place, [name for name in names if name != TWIN], until=until, say=say)
    struck = _measured(place, struck)
    say("settling")
    settled = place.settle(patience_s=PATIENCE_S)
    alerts = _alerts(place, before)
    wrong = place.wrong(gross=GROSS_MINOR / 100, settled=settled) | dict(_wrong(place, alerts))
    if not hands.whole:
        wrong["the hands that paid"] = "met with a fault"
    payments, place.payments = place.payments, []
    with _paying(place):
        forgot = _strike_all(place, last, until=until, say=say)
    struck += _measured(place, forgot)
    if never := [one["victim"] for one in struck if one["showed"] is None]:
        wrong["never showed again"] = never
    return {
        "payments": len(payments),
        "took_s": round(monotonic() - began),
        "strikes": struck,
        "not run": [name for name in names if name not in {one["victim"] for one in struck}],
        "late": place.ask(LATE)[0][0],
        "alerts": sorted(alerts),
        "wrong": without_nothing(wrong),
    }


def _strike_all(
    place: Living, names: Sequence[str], *, until: float, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """One after another, as long as time is left and what was struck came back."""
    told: list[dict[str, Any]] = []
    for name in names:
        if monotonic() > until or (told and told[-1]["showed"] is None):
            break
        how, strike = STRIKES[name]
        one: dict[str, Any] = {"victim": name, "how": how, "showed": None, "at": monotonic()}
        with suppress(NeverSeen):
            seen(lambda: place.shown_since(monotonic() - 30))
            one["at"] = began = monotonic()
            one["measured"] = {what: round(seconds, 1) for what, seconds in strike(place).items()}
            one["showed"] = round(seen(partial(place.shown_since, began)) - began, 1)
        told.append(one)
        say(f"{name}: {one}")
    return told


def _measured(place: Living, struck: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the longest that any payment took that was made between a strike and the next."""
    moments = [one.pop("at") for one in struck]
    for one, since, end in zip(struck, moments, [*moments[1:], monotonic()], strict=False):
        one["longest"] = round(place.longest(since, end), 1)
    return struck


def _alerts(place: Living, before: set[int]) -> dict[str, bool]:
    """Which were raised meanwhile, and whether they are not over, once all are or patience is."""
    raised: dict[str, bool] = {}

    def lasts() -> bool:
        raised.update({name: lasts for number, name, lasts in place.ask(ALERTS) if number not in before})
        return any(raised.values())

    wait_for(lambda: not lasts(), timeout_s=ALERTS_S, every_s=5)
    return raised


def _wrong(place: Living, alerts: Mapping[str, bool]) -> Iterator[tuple[str, Any]]:
    heard = {row[0] for row in place.ask("SELECT event_id FROM delivery.inbox")}
    yield "acknowledged and gone", len({one.event for one in place.payments if one.told} - heard)
    yield "never acknowledged", sum(not one.told for one in place.payments)
    yield "alerts that last", sorted(name for name, lasts in alerts.items() if lasts)


@dataclass
class _Hands:
    """Whether both went on to the end."""

    ended: int = 0

    @property
    def whole(self) -> bool:
        return self.ended == 2


@contextmanager
def _paying(place: Living) -> Iterator[_Hands]:
    """A customer pays every two seconds, and each payment is told until that is acknowledged; somebody looks at
    Salesforce for them.
    """
    hands, over, blind = _Hands(), Event(), Event()

    def pay() -> None:
        customer = Customer(place)
        while not over.is_set():
            number = len(place.payments)
            charge = customer.pay(f"I{number % INVOICES}")
            place.payments.append(Payment(charge, f"evt_{charge['id']}", monotonic()))
            _tell(place, customer)
            over.wait(PAY_EVERY_S)
        wait_for(lambda: _tell(place, customer), timeout_s=PATIENCE_S, every_s=1)
        hands.ended += 1

    def look() -> None:
        crm = place.desk.crm
        while not blind.is_set():
            with suppress(Stop):
                rows = crm.query("SELECT Activity_Key__c FROM Payment_Activity__c")
                shown, now = {str(row["Activity_Key__c"]).split("/")[1] for row in rows}, monotonic()
                for one in place.payments:
                    if not one.shown and one.charge["id"] in shown:
                        one.shown = now
            blind.wait(0.5)
        hands.ended += 1

    threads = [Thread(target=one, daemon=True) for one in (pay, look)]
    for thread in threads:
        thread.start()
    try:
        yield hands
    finally:
        over.set()
        threads[0].join(PATIENCE_S)
        wait_for(lambda: all(one.shown for one in place.payments), timeout_s=PATIENCE_S, every_s=1)
        blind.set()
        threads[1].join(PATIENCE_S)


def _tell(place: Living, customer: Customer) -> bool:
    """Knock for each that nobody acknowledged yet; whether none is left."""
    for one in place.payments:
        if not one.told and not customer.tell(one.charge, one.event):
            return False
        one.told = True
    return True


@contextmanager
def _up(home: Home) -> Iterator[Living]:
    """`make up`, with everything read in once and the lane at work."""
    home.create()
    home.secrets.write_text(json.dumps({**asdict(KEYS), "payments_webhook_secret": SECRET}))
    write_world(home.root / "small-world", world(INVOICES))
    _command(home, "up", "--world", str(home.root / "small-world"))
    ports = services.running_ports(home)
    assert ports
    with server(home) as urls:
        with Airflow(
            ports.airflow_address, username="admin", password=load_secrets(home).admin_password
        ) as airflow:
            for name in DAGS:
                seen(partial(_unpaused, airflow, name))
        place = Living(home, urls.app, asdict(ports), urls.airflow)
        seen(lambda: place.airflow(LOOKED))
        with _paying(place):
            seen(lambda: place.shown_since(0))
        place.settle(patience_s=PATIENCE_S)
        yield place


def _unpaused(airflow: Airflow, name: str) -> bool:
    try:
        airflow.unpause(name)
    except SetUpFailed:  # not parsed yet
        return False
    return True


def _taken_down(home: Home) -> list[str]:
    """`make down`; what runs nevertheless."""
    _command(home, "down")
    wait_for(lambda: not processes_of(home), timeout_s=60)
    return [command_line(pid) for pid in processes_of(home)]


def _command(home: Home, *words: str) -> None:
    around = {name: value for name, value in os.environ.items() if name != "TIEOUT_DATABASE_URL"}
    subprocess.run(
        [sys.executable, "-m", "include.cli", *words],
        cwd=PROJECT,
        env=around | {"TIEOUT_HOME": str(home.root)},
        check=True,
    )


if __name__ == "__main__":
    print(json.dumps(lived(sys.argv[1:] or victims(1), seconds=3600, say=print), indent=1, default=str))
