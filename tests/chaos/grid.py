"""Where cells of the fault matrix run: the end of a flow must be that of the same flow undisturbed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from include.connectors.stripe.client import StripePayments
from include.flows import pull_changes as pulling
from include.flows.publish_run import publish_run
from include.flows.raise_alerts import raise_alerts
from include.flows.reconcile import reconcile
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Retryable, Stop
from include.store.postgres import PostgresStore
from include.twin.faults import Fault
from include.twin.world import World, load_world
from tests.chaos import flows
from tests.chaos.cells import AWAY, EVENTS, JUMPS, OURS, Cell, Verdict, fault_of
from tests.chaos.clocks import worker_off_by
from tests.chaos.flows import FLOWS, Flow
from tests.chaos.state import difference, state_of
from tests.connectors.conftest import Clock, write_world
from tests.kills.desk import KEYS, POLICY, Desk
from tests.kills.world import NOW, TODAY, WON, WORLD
from tests.simulation.ground import first_glance, set_clock
from tests.simulation.machine import Machine
from tests.simulation.store import Connection, OneConnection, clock_of, connect, numbers_of, undone
from tests.simulation.wire import PORTS, TwinInside, Wire, numbered

ROUNDS_MAX = 25
ROUND = timedelta(minutes=11)
WAITING = """
    SELECT 'messages_waiting ' || target AS said FROM delivery.outbox WHERE state IN ('queued', 'called')
    UNION SELECT 'hints_waiting ' || source FROM delivery.inbox WHERE state IN ('new', 'taken')
"""
"""The alerts that what waits now must have raised."""
OUTAGE, TRIED_EVERY = timedelta(hours=24), timedelta(hours=1)


class Shaky(OneConnection):
    """A database that is away once: at its transaction number `at`, in the way `fault` says."""

    fault = ""
    at = 0
    struck = False
    _count = 0

    def asked(self, query: str) -> list[str]:
        """Column `said` of what is kept."""
        return [row["said"] for row in self.connection.execute(query.encode()).fetchall()]

    @property
    def now(self) -> datetime:
        """From the transaction on whose fault is a jump, its clock differs."""
        return super().now + (JUMPS.get(self.fault, timedelta()) if self._count > self.at else timedelta())

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self._count += 1
        mine = self.fault and self._count == self.at + 1
        self.struck = self.struck or bool(mine)
        if mine and self.fault == "away before":
            raise Retryable("Postgres: the connection was refused")
        with super().transaction() as tx:
            yield tx
            if mine and self.fault == "rolled back":
                raise Retryable("Postgres: the connection was closed")
        if mine and self.fault == "answer to commit lost":
            raise Retryable("Postgres: the connection was closed during COMMIT")


@dataclass
class Grid:
    """Where cells run: a database before anything was read and one after, and a wire."""

    read: Connection
    unread: Connection
    world: World
    wire: Wire
    numbers: Sequence[str]
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def verdict(self, cell: Cell) -> Verdict:
        """What became of a flow in spite of a fault."""
        expected = self.expected(cell.flow)
        found, struck, stops, rounds = self._run(cell.flow, cell)
        return Verdict(cell, struck, stops, rounds, difference(expected, found))

    def expected(self, flow: str) -> Mapping[str, Any]:
        """What a flow comes to that nothing disturbs."""
        if flow not in self._known:
            self._known[flow], *_ = self._run(flow, None)
            assert not self._known[flow].get("restless"), f"{flow} does not come to rest by itself"
        return self._known[flow]

    def _run(self, name: str, cell: Cell | None) -> tuple[Mapping[str, Any], bool, int, int]:
        flow = FLOWS[name]
        machine = Machine(0, NOW)
        connection = self.unread if flow.fresh else self.read
        with ExitStack() as stack:
            stack.enter_context(undone(connection, self.numbers[flow.fresh]))
            stack.enter_context(numbered())
            stack.enter_context(patch.object(pulling, "monotonic", machine.seconds))
            twin = self.wire.twin = TwinInside(self.world, KEYS, clock_of(machine))
            touch(twin, machine.now, pays=name == "watch events")
            store = Shaky(connection, machine)
            if cell and cell.fault in OURS:
                stack.enter_context(worker_off_by(OURS[cell.fault]))
            elif cell and cell.fault in EVENTS:
                stack.enter_context(patch.object(flows, "HINTS", EVENTS[cell.fault](flows.HINTS)))
            elif cell and cell.fault != AWAY:
                _arm(cell, twin, store)
            away = cell.system if cell and cell.fault == AWAY else ""
            owed = _sit_out(flow, store, machine, twin, away) if away else None
            stops, rounds = _rest(flow.act, store, machine)
            struck = (
                store.struck or bool(twin.injector.log()) or bool(cell and cell.fault in (*EVENTS, *OURS))
            )
            state = state_of(twin, connection, restless=rounds >= ROUNDS_MAX)
            state["alerts"] = [] if owed is None else _untold(store, machine, owed)
            return state, struck, stops, rounds


def _arm(cell: Cell | None, twin: TwinInside, store: Shaky) -> None:
    if cell is None:
        return
    if cell.system == "database":
        store.fault, store.at = cell.fault, cell.skip
    else:
        twin.data.arm(fault_of(cell))


def _sit_out(flow: Flow, store: Shaky, machine: Machine, twin: TwinInside, system: str) -> list[str]:
    """A whole day during which a system refuses whatever it is asked, and whoever watches looks.

    What must have been told of by its end: the reading that is late, or whatever waits.
    """
    twin.data.arm(Fault(kind="unavailable", system=system, times=0))
    until = machine.now + OUTAGE
    while machine.now < until:
        with suppress(Stop):
            flow.act(_desk(store))
        _look(store, machine)
        machine.now += TRIED_EVERY
    twin.data.injector.disarm()
    only_reads = flow.fresh and flow.systems == (system,)
    return [f"flow_late extract_{system}"] if only_reads else store.asked(WAITING)


def _untold(store: Shaky, machine: Machine, owed: Sequence[str]) -> list[str]:
    """Of what should have been told, what was not; and what is still told though all is well again."""
    machine.now += TRIED_EVERY
    _look(store, machine)
    told = {*store.asked("SELECT concat_ws(' ', kind, about) AS said FROM ops.alerts")}
    open_still = {
        *store.asked("SELECT concat_ws(' ', kind, about) AS said FROM ops.alerts WHERE over_at IS NULL")
    }
    return [f"{one} untold" for one in owed if one not in told] + [
        f"{one} still told" for one in sorted(open_still) if one in owed or "_waiting" in one
    ]


def _look(store: Shaky, machine: Machine) -> None:
    raise_alerts(store, POLICY, now=machine.now)  # type: ignore[arg-type] - a store in all it needs


def _rest(act: Callable[[Desk], Any], store: Shaky, machine: Machine) -> tuple[int, int]:
    """Pass after pass, a new process after each stop, until two passes move nothing: stops, passes."""
    desk, stops, quiet = _desk(store), 0, 0
    for number in range(ROUNDS_MAX):
        try:
            moved = act(desk)
            quiet = 0 if moved or _waits(store) else quiet + 1
        except Stop:
            stops, quiet, desk = stops + 1, 0, _desk(store)
        if quiet == 2:
            return stops, number + 1
        machine.now += ROUND
    return stops, ROUNDS_MAX


def _desk(store: Shaky) -> Desk:
    return Desk(store, PORTS)  # type: ignore[arg-type]


def _waits(store: OneConnection) -> bool:
    uncertain = "SELECT 'uncertain' AS said FROM delivery.outbox WHERE state = 'uncertain' LIMIT 1"
    return bool(store.asked(WAITING) or store.asked(uncertain))


def touch(twin: TwinInside, now: datetime, *, pays: bool) -> None:
    """The won deal is edited and, if wanted, an invoice is paid: so that whoever watches has something to see."""
    values = {
        "object": "Opportunity",
        "ids": [WON],
        "values": {"Name": "Acme Gold"},
        "stamp": now.isoformat(),
    }
    twin.data.strike(Fault(kind="change", system="salesforce", values=values))
    if pays:
        told = {"amount": 3_000, "currency": "sgd", "payment_method": "pm_card_visa", "confirm": True}
        payments = StripePayments(KEYS.payments_key, address=f"http://127.0.0.1:{PORTS.payments}")
        payments.create("payment_intents", {**told, "metadata": {"invoice_id": "I3"}}, key="paid meanwhile")


@contextmanager
def grid(urls: DatabaseUrls, folder: Path) -> Iterator[Grid]:
    """A grid on a server, its world written into a folder."""
    write_world(folder / "world", WORLD)
    held = load_world(folder / "world")
    with ExitStack() as stack:
        wire = stack.enter_context(Wire().up())
        stack.enter_context(numbered())
        read, unread = (stack.enter_context(scratch_database(urls)) for _ in range(2))
        clock = Clock()
        clock.now = NOW - timedelta(hours=1)
        set_clock(read, clock.now)
        wire.twin = TwinInside(held, KEYS, clock)
        with PostgresStore(read).keeping() as store:
            desk = Desk(store, PORTS)
            desk.read()
            reconcile(store, as_of=TODAY, policy=desk.policy)
            publish_run(store, as_of=TODAY)
            first_glance(desk)
        connections = [connect(url) for url in (read, unread)]
        for connection in connections:
            stack.callback(connection.close)
        yield Grid(*connections, held, wire, [numbers_of(one) for one in connections])
