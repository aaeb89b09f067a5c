"""What runs in a process of its own: a flow, until it is done or killed."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from multiprocessing.connection import Connection

import psycopg

from include.store.postgres import PostgresStore
from include.store.queries import query
from include.twin.server import TwinPorts
from include.validation.rows import failures_of
from tests.kills.checkpoints import Checkpoints, Watched, watch_calls
from tests.kills.desk import Desk
from tests.kills.flows import run
from tests.kills.planted import PLANTED, PLANTED_IN_MAIL

# Read and made once in the process all others are forked from.
query("keep_hints")
failures_of("payments", [{}])


@dataclass(frozen=True, kw_only=True)
class Job:
    """`kill_at`: the checkpoint to die at, counted from 1; None to live. `hours`: later than the process before."""

    flow: str
    url: str
    ports: tuple[int, ...]
    kill_at: int | None = None
    hours: float = 0
    planted: str = ""


def work(job: Job, answer: Connection) -> None:
    """Run the flow and answer with the checkpoints passed; killed, answer nothing."""
    points = Checkpoints(job.kill_at)
    watch_calls(points)
    names = [field.name for field in fields(TwinPorts)]
    ports = TwinPorts(**dict(zip(names, job.ports, strict=True)))
    moved = 1
    while moved:
        if job.hours:
            pass_time(job.url, hours=job.hours)
        with PostgresStore(job.url).keeping() as store:
            desk = Desk(Watched(store, points), ports)
            if job.planted:
                {**PLANTED, **PLANTED_IN_MAIL}[job.planted](desk)
            moved = run(job.flow, desk)
        if not job.hours:
            break  # nothing waits for a lease or for another try
    answer.send(points.names)


def pass_time(url: str, *, hours: float) -> None:
    """Set the database's clock so much later than it is, for the connections to come."""
    with psycopg.connect(url) as connection:
        [now] = connection.execute("SELECT ops.clock()").fetchone() or (None,)
        set_clock(url, now + timedelta(hours=hours))


def set_clock(url: str, now: datetime) -> None:
    """Set the database's clock, for the connections to come."""
    with psycopg.connect(url) as connection:
        connection.execute(
            f"ALTER DATABASE {connection.info.dbname} SET tieout.clock = '{now.isoformat()}'".encode()
        )
