"""Workers side by side, each woken when there is something to do; what stops one keeps nothing from the others."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from time import monotonic
from typing import NamedTuple

from include.ports import Fatal, Stop

LOOK_S = 0.05
"""Between two looks at whether anything is due."""

REST_S, REST_MAX_S = 1.0, 30.0
"""After a stop, twice as long each time, and at most."""

LEAVE_S = 60.0
"""How long all workers together may take to end their turns when the run is over: the next one is at work by then, and
what is left behind waits until its lease is over."""

log = logging.getLogger(__name__)

Wake = Callable[..., None]
"""Lets the workers of some parts look for work at once."""


class Due(NamedTuple):
    """For which parts something waits, and whether a later run has taken over."""

    parts: Sequence[str]
    relieved: bool


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One thread's work. `act` does what is due and says what that was; after a turn with nothing to do it waits.

    `pause_s`: for how long; without it, until it is woken. `steady`: it waits after every turn.
    """

    part: str
    act: Callable[[Wake], Counter[str]]
    pause_s: Callable[[], float] | None = None
    steady: bool = False


@dataclass
class Lane:
    """The workers of one run, what they did and what stopped them."""

    workers: Sequence[Worker]
    done: Counter[str] = field(default_factory=Counter)
    stops: dict[str, Stop] = field(default_factory=dict)
    broken: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over, self._lock = Event(), Lock()
        self._woken = [(worker.part, Event()) for worker in self.workers]

    @property
    def worst(self) -> Stop | None:
        """One of the stops that were met: sooner one that somebody must mend than one that ends by itself."""
        return min(self.stops.values(), key=lambda stop: not isinstance(stop, Fatal), default=None)

    def wake(self, *parts: str) -> None:
        """Let the workers of these parts look for work."""
        for part, event in self._woken:
            if part in parts:
                event.set()

    def run(self, due: Callable[[], Due], *, seconds: float) -> None:
        """Work for so long, or until relieved. Stops are noted; what is no Stop ends the run and is raised.

        A worker whose call never returns is left behind: what it had taken is free again when its lease is over.
        """
        threads = [  # each in a copy of our context: what lines of the log are told to carry, theirs carry too
            Thread(target=copy_context().run, args=(self._work, worker, event), name=worker.part, daemon=True)
            for worker, (_, event) in zip(self.workers, self._woken, strict=True)
        ]
        for thread in threads:
            thread.start()
        until = monotonic() + seconds
        try:
            while monotonic() < until and not self._look(due):
                if self._over.wait(LOOK_S):
                    break
        finally:
            self._over.set()
            self.wake(*(part for part, _ in self._woken))
            self._leave(threads)
        if self.broken:
            raise self.broken[0]

    def _leave(self, threads: Sequence[Thread]) -> None:
        until = monotonic() + LEAVE_S
        for thread in threads:
            thread.join(max(until - monotonic(), 0))
        if stuck := [thread.name for thread in threads if thread.is_alive()]:
            log.warning("still busy when the run was over, and left behind: %s", ", ".join(stuck))

    def _look(self, due: Callable[[], Due]) -> bool:
        try:
            found = due()
        except Stop as stop:
            self._note("database", stop)
            self._over.wait(REST_S)
            return False
        self.wake(*found.parts)
        return found.relieved

    def _work(self, worker: Worker, woken: Event) -> None:
        rest = REST_S
        while not self._over.is_set():
            woken.clear()
            try:
                moved = +worker.act(self.wake)
            except Stop as stop:
                self._note(worker.part, stop)
                self._over.wait(rest)
                rest = min(rest * 2, REST_MAX_S)
                continue
            except Exception as wrong:  # noqa: BLE001 - a fault of ours: it ends the run, which raises it
                self.broken.append(wrong)
                self._over.set()
                return
            rest = REST_S
            with self._lock:
                self.done += moved
            if worker.steady or not moved:
                self._wait(worker, woken)

    def _wait(self, worker: Worker, woken: Event) -> None:
        if worker.pause_s:
            self._over.wait(worker.pause_s())
        elif not self._over.is_set():
            woken.wait()

    def _note(self, part: str, stop: Stop) -> None:
        with self._lock:
            if part not in self.stops:
                log.error("%s: %s", part, stop)
            self.stops[part] = stop
