"""What seeds share: a server's database in which everything was read once, and a wire to a twin of the same world."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from include.connectors.salesforce.watch import SalesforceWatch
from include.connectors.stripe.watch import StripeWatch
from include.flows.poll_hints import poll_hints
from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.store.postgres import PostgresStore
from include.twin.world import World, load_world
from tests.connectors.conftest import Clock, write_world
from tests.disorder.story import BEGIN
from tests.kills.desk import KEYS, Desk
from tests.kills.world import TODAY
from tests.simulation.store import Connection, connect, numbers_of
from tests.simulation.story import world
from tests.simulation.wire import PORTS, TwinInside, Wire, numbered

TIDY_EVERY = 40
"""Seeds after which what they left behind is vacuumed: a rollback keeps the dead rows."""


@dataclass
class Ground:
    """What seeds share: a database in which everything was read once, and the wire."""

    connection: Connection
    world: World
    wire: Wire
    numbers: str
    seeds: int = 0
    tidied: Callable[[], Any] = field(default=lambda: None)


@contextmanager
def ground(urls: DatabaseUrls, folder: Path) -> Iterator[Ground]:
    """A database and a wire for many seeds, one after another."""
    write_world(folder / "world", world())
    held = load_world(folder / "world")
    with ExitStack() as stack:
        url = stack.enter_context(scratch_database(urls))
        wire = stack.enter_context(Wire().up())
        clock = Clock()
        clock.now = BEGIN - timedelta(hours=1)
        set_clock(url, clock.now)
        with numbered(), PostgresStore(url).keeping() as store:
            wire.twin = TwinInside(held, KEYS, clock)
            desk = Desk(store, PORTS)
            desk.read()
            reconcile(store, as_of=TODAY, policy=desk.policy)
            publish_run(store, as_of=TODAY)
            first_glance(desk)
        connection = connect(url)
        stack.callback(connection.close)
        tidy = partial(_tidy, url)
        tidy()
        yield Ground(connection, held, wire, numbers_of(connection), tidied=tidy)


def first_glance(desk: Desk) -> None:
    """Watching begins; before it, only reading tells what changed."""
    for watch in (SalesforceWatch(desk.crm), StripeWatch(desk.payments)):
        poll_hints(watch, desk.store)


def set_clock(url: str, now: datetime) -> None:
    with connect(url) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET tieout.clock = '{now.isoformat()}'")


def _tidy(url: str) -> None:
    connection = connect(url)
    connection.autocommit = True
    with connection:
        connection.execute("VACUUM ANALYZE")
