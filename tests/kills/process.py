"""What runs in a process of its own: a recipe, until it is done or killed."""

from dataclasses import dataclass, fields
from multiprocessing.connection import Connection

import psycopg

from include.store.postgres import PostgresStore
from include.store.queries import query
from include.twin.server import TwinPorts
from include.validation.rows import failures_of
from tests.kills.checkpoints import Checkpoints, Watched, watch_calls
from tests.kills.desk import Desk, run
from tests.kills.planted import PLANTED

# Read and made once in the process all others are forked from.
query("keep_hints")
failures_of("payments", [{}])


@dataclass(frozen=True, kw_only=True)
class Job:
    """`kill_at`: the checkpoint to die at, counted from 1; None to live. `hours`: later than the process before."""

    recipe: str
    url: str
    ports: tuple[int, ...]
    kill_at: int | None = None
    hours: int = 0
    planted: str = ""


def work(job: Job, answer: Connection) -> None:
    """Run the recipe and answer with the checkpoints passed; killed, answer nothing."""
    points = Checkpoints(job.kill_at)
    watch_calls(points)
    names = [field.name for field in fields(TwinPorts)]
    ports = TwinPorts(**dict(zip(names, job.ports, strict=True)))
    moved, hours = 1, job.hours
    while moved:
        if hours:
            pass_time(job.url, hours=hours)
        with PostgresStore(job.url).keeping() as store:
            desk = Desk(Watched(store, points), ports)
            if job.planted:
                PLANTED[job.planted](desk)
            moved = run(job.recipe, desk)
        if not job.hours:
            break  # nothing waits for a lease or for another try
        hours += job.hours
    answer.send(points.names)


def pass_time(url: str, *, hours: int) -> None:
    """Set the database's clock so much later than it is, for the connections to come."""
    with psycopg.connect(url, autocommit=True) as connection:
        [name, instant] = connection.execute(
            "SELECT current_database(), clock_timestamp() + make_interval(hours => %s)", (hours,)
        ).fetchone() or ("", "")
        connection.execute(f"ALTER DATABASE {name} SET tieout.clock = '{instant}'")
