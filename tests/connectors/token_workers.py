"""Workers that want the token, in processes of their own: many at once, or one that dies on its way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Barrier

from include.ports import Stop, Store
from include.store.postgres import As, PostgresStore
from include.store.queries import query
from tests.connectors.grants import BROKER, Place
from tests.kills.checkpoints import Checkpoints, Watched, watch_calls

query("token_of")  # read once, in the process all others are forked from


@dataclass(frozen=True)
class Job:
    """`kill_at`: the checkpoint to die at, counted from 1; None to live."""

    place: Place
    flow: str
    refused: int
    grace_s: int = 0
    threads: int = 1
    kill_at: int | None = None


class Queueing(Watched):
    """A store whose commits are checkpoints, also in turn."""

    def __init__(self, store: Store, points: Checkpoints) -> None:
        super().__init__(store, points)
        self._whole, self._noted = store, points

    @contextmanager
    def in_turn(self, name: str, *, patience_s: int) -> Iterator[Store]:
        assert isinstance(self._whole, PostgresStore)
        with self._whole.in_turn(name, patience_s=patience_s) as alone:
            yield Watched(alone, self._noted)


def work(job: Job, answer: Connection) -> None:
    """Take the token and answer with what came, by worker; killed, answer nothing."""
    login = job.place.login(job.flow, grace_s=job.grace_s)
    start = Barrier(job.threads)

    def one(_number: int) -> tuple[int, str]:
        start.wait()
        try:
            token = job.place.broker(login).token(refused=job.refused)
        except Stop as stop:
            return 0, f"{type(stop).__name__}: {stop}"
        return token.generation, token.access_token

    with ThreadPoolExecutor(job.threads) as pool:
        answer.send(list(pool.map(one, range(job.threads))))


def walk(job: Job, answer: Connection) -> None:
    """Take the token, noting or dying at checkpoints; answer with those passed."""
    points = Checkpoints(job.kill_at)
    watch_calls(points)
    store = Queueing(PostgresStore(job.place.url, who=As(BROKER, "walker")), points)
    login = job.place.login(job.flow, grace_s=job.grace_s)
    job.place.broker(login, store=store, by="a worker that dies").token(refused=job.refused)
    answer.send(points.names)
