"""One seeded scheduler: workers that take turns at every transaction and call, a clock that only it moves, and faults.

What strikes where depends on the seed, the worker and how many places that worker has come by: taking one fault away
leaves the others where they are, as far as the worker still gets there. That is what shrinking needs.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

from include.ports import Stop

KILL, FREEZE = "kill", "freeze"

CHANCES: Mapping[str, Mapping[str, float]] = {
    "begin": {KILL: 0.002},
    "before commit": {KILL: 0.006},
    "after commit": {KILL: 0.014, FREEZE: 0.004},
    "before call": {
        KILL: 0.003, FREEZE: 0.003, "lost before": 0.01, "throttled": 0.008, "unavailable": 0.008, "expired": 0.004,
        "partial": 0.03, "cut": 0.006, "short": 0.008,
    },
    "after call": {KILL: 0.01, FREEZE: 0.004, "lost after": 0.025},
}  # fmt: skip
"""Of every place a worker comes by, what may happen there and how often."""

OFTEN = 25
FROZEN_S = (20, 200, 400, 400, 900)
"""How long a frozen worker stands still; its lease is over after 300 seconds, and then it goes on as if nothing had
happened."""

AGAIN_S = (1, 5, 60, 60, 900)
"""After a death, how long until another process takes the place."""

STEPS_MAX = 60_000
TURN_S = (0.01, 0.02, 0.05, 0.2, 1.0)


class Killed(BaseException):
    """The worker is gone: nothing after this line runs."""


class Restless(AssertionError):
    """It does not come to rest."""


@dataclass
class Actor:
    """One worker. `places`: how many it has come by."""

    name: str
    places: int = 0
    dying: bool = False
    glet: Any = None


@dataclass
class Machine:
    """`only`: the faults that may strike, by name; None for all the seed has. `fury`: so many times as often; but the
    fault `often` strikes OFTEN times as often.
    """

    seed: int
    now: datetime
    only: frozenset[str] | None = None
    faults: bool = True
    fury: int = 1
    often: str = ""
    struck: list[str] = field(default_factory=list)
    stops: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    current: Actor | None = None
    _queue: list[tuple[datetime, int, Actor]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)
    _hub: Any = None

    def spawn(self, name: str, work: Callable[[], Any], *, after_s: float = 0.0) -> Actor:
        """A worker that does this once. Work that goes on for ever is a `Life`."""
        actor = Actor(name)

        def run() -> None:
            try:
                work()
            except Killed:
                self.stops["killed"] += 1

        actor.glet = greenlet(run)
        self._push(actor, after_s)
        return actor

    def live(
        self, name: str, begin: Callable[[], Callable[[], Any]], *, every_s: float, idle_s: float
    ) -> None:
        """A worker that acts for ever, sooner when there was something to do. `begin`: what a process starts with."""

        def work() -> None:
            pause = every_s
            while True:
                try:
                    act = begin()
                    while True:
                        pause = self._acted(act, pause, every_s, idle_s)
                        self.pause(pause)
                except Killed:
                    self._buried()
                    self.pause(self.dice(f"again {self.steps}").choice(AGAIN_S))

        self.spawn(name, work, after_s=self.dice(name).uniform(0, every_s))

    def _acted(self, act: Callable[[], Any], pause: float, every_s: float, idle_s: float) -> float:
        try:
            moved = act()
        except Stop as stop:
            self.stops[type(stop).__name__] += 1
            return every_s
        return every_s if moved else min(2 * pause, idle_s)

    def _buried(self) -> None:
        assert self.current
        self.current.dying = False
        self.stops["killed"] += 1

    def pause(self, seconds: float) -> None:
        """Let others go on for so long."""
        actor = self.current
        assert actor, "only a worker can wait"
        self._push(actor, seconds)
        self._hub.switch()
        self.current = actor

    def run(self, until: datetime, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Let everybody act until then; the clock stands there afterwards."""
        self._hub = getcurrent()
        while self._queue and self._queue[0][0] <= until and not stop():
            self.now, _, actor = heapq.heappop(self._queue)
            self.steps += 1
            if self.steps > STEPS_MAX:
                raise Restless(f"{STEPS_MAX:,} steps and no end")
            self.current = actor
            actor.glet.parent = self._hub
            actor.glet.switch()
            self.current = None
        if not stop():
            self.now = max(self.now, until)

    def seconds(self) -> float:
        """The clock in seconds, as `monotonic` tells them."""
        return self.now.timestamp()

    def clear(self, *, but: tuple[str, ...] = ()) -> None:
        """Nobody acts any more, as when all machines are switched off; `but` those whose names begin so."""
        self._queue = [entry for entry in self._queue if entry[2].name.startswith(but)]
        heapq.heapify(self._queue)

    def at(self, place: str, *, possible: Sequence[str] = ()) -> str | None:
        """A worker comes by: others may go first, and something may strike. Raises Killed.

        `possible`: what may strike here beside a death and a standstill. Gives back what did, None for nothing.
        """
        actor = self.current
        if actor is None:
            return None  # nobody's work: what the test itself does
        if actor.dying:
            raise Killed
        actor.places += 1
        dice = self.dice(f"{actor.name}/{actor.places}")
        fault = self._drawn(actor, place, dice, possible)
        if fault == KILL:
            actor.dying = True
            raise Killed
        self.pause(dice.choice(FROZEN_S) if fault == FREEZE else dice.choice(TURN_S))
        return fault if fault != FREEZE else None

    def dice(self, what: str) -> random.Random:
        """The seed's dice for one purpose."""
        return random.Random(f"{self.seed}/{what}")  # noqa: S311 - a test's dice, no secret

    def _drawn(self, actor: Actor, place: str, dice: random.Random, possible: Sequence[str]) -> str | None:
        drawn = dice.random()
        if not self.faults:
            return None
        for fault, usual in CHANCES[place].items():
            chance = usual * (OFTEN if fault == self.often else self.fury)
            if drawn < chance:
                if fault not in (KILL, FREEZE, *possible):
                    return None
                name = f"{actor.name}@{actor.places} {fault}"
                if self.only is not None and name not in self.only:
                    return None
                self.struck.append(name)
                return fault
            drawn -= chance
        return None

    def _push(self, actor: Actor, seconds: float) -> None:
        heapq.heappush(self._queue, (self.now + timedelta(seconds=seconds), next(self._numbers), actor))
