"""Seeds by the dozen: run them, find the one that fails, make it small, say how to see it again."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from unittest.mock import patch

from include.local.cluster import SETTINGS
from include.local.databases import DatabaseUrls
from include.local.home import Home
from include.local.postgres import server
from tests.conftest import THROWN_AWAY, home_of_tests
from tests.simulation.ground import Ground, ground
from tests.simulation.planted import PLANTED, RUNS_IN, STRIKES, TELLS, Plant
from tests.simulation.run import Outcome, lane_of, simulate

Fails = Callable[[list[str]], bool]
FURIES = (6, ""), (2, "")
"""How many times as often as usual something strikes while a mistake is looked for, and what more often still, in turn:
with very many faults every worker begins anew so often that what one left out the next one reads again.
"""

SHRINKS_MAX = 40
"""Runs that making a failing seed small may take."""


@dataclass(frozen=True)
class Case:
    """A failing seed with no more than it needs: the faults that must strike, and whom nothing needs to happen to."""

    seed: int
    wrong: list[str]
    faults: tuple[str, ...]
    without: tuple[str, ...]
    fury: int
    plant: str = ""

    @property
    def command(self) -> str:
        """The one line that shows it again."""
        words = [f"python -m tests.simulation seed {self.seed}"]
        words += [f"--fault '{fault}'" for fault in self.faults] or ["--no-faults"]
        words += [f"--fury {self.fury}"]
        words += [f"--without '{who}'" for who in self.without]
        return " ".join([*words, *([f"--plant '{self.plant}'"] if self.plant else [])])


@dataclass(frozen=True)
class Caught:
    """How a planted mistake was found: after so many seeds, by what; None when it was not, within `tried`."""

    plant: str
    tried: int
    seed: int | None
    by: str
    seconds: float


@contextmanager
def throwaway_server(home: Home | None = None) -> Iterator[DatabaseUrls]:
    """The tests' Postgres, which waits for no disk; others that are started meanwhile do."""
    with ExitStack() as stack:
        with patch.dict(SETTINGS, THROWN_AWAY):
            urls = stack.enter_context(server(home or home_of_tests()))
        yield urls


@contextmanager
def ground_alone() -> Iterator[Ground]:
    """A ground of this process's own."""
    with throwaway_server() as urls, TemporaryDirectory() as folder, ground(urls, Path(folder)) as place:
        yield place


def catch(
    place: Ground, name: str, seeds: Sequence[int], *, before: int = 0, until: float = float("inf")
) -> Caught:
    """Run seeds with a mistake planted, until one finds it. `until`: on `monotonic`, no seed begins later; `before`: so
    many were tried already.

    Seeds are passed over, and not counted, whose lane makes up for this mistake by other means.
    """
    began, tried, lanes = monotonic(), 0, RUNS_IN.get(name, TELLS)
    for seed in islice((one for one in seeds if lane_of(one) in lanes), before, None):
        if monotonic() > until:
            break
        fury, often = STRIKES.get(name, FURIES)[(before + tried) % 2]
        tried += 1
        found = simulate(place, seed, plant=PLANTED[name], fury=fury, often=often)
        if (
            found.wrong and not simulate(place, seed, fury=fury, often=often).wrong
        ):  # it is the mistake that is found, and nothing else
            return Caught(name, tried, seed, found.wrong[0], monotonic() - began)
    return Caught(name, tried, None, "", monotonic() - began)


def shrink(place: Ground, failed: Outcome, *, plant: str = "", tries: int = SHRINKS_MAX) -> Case:
    """The same failure with fewer faults and fewer subjects: whatever can be left out, is."""
    small = _Shrinking(place, failed, PLANTED[plant] if plant else None, tries)
    faults = small.fewer(failed.struck, lambda kept: small.fails(kept, ()))
    dropped: list[str] = []
    for who in failed.subjects:
        if small.fails(faults, [*dropped, who]):
            dropped.append(who)
    return Case(failed.seed, small.wrong, tuple(faults), tuple(dropped), failed.fury, plant)


class _Shrinking:
    def __init__(self, place: Ground, failed: Outcome, plant: Plant | None, tries: int) -> None:
        self._place, self._failed, self._plant, self._left = place, failed, plant, tries
        self.wrong = failed.wrong
        self._like = {_kind_of(one) for one in failed.wrong}

    def fails(self, faults: Sequence[str], without: Sequence[str]) -> bool:
        """Whether it still fails with these faults alone; never once all tries are used up."""
        if self._left <= 0:
            return False
        self._left -= 1
        told = {"only": frozenset(faults), "without": frozenset(without), "plant": self._plant}
        found = simulate(self._place, self._failed.seed, fury=self._failed.fury, **told)  # type: ignore[arg-type]
        same = bool(self._like & {_kind_of(one) for one in found.wrong})
        if same:
            self.wrong = found.wrong
        return same

    def fewer(self, faults: Sequence[str], fails: "Fails") -> list[str]:
        """Delta debugging: halves first, then ever smaller parts are left out, as long as it fails without them."""
        kept, parts = list(faults), 2
        if fails([]):
            return []
        while len(kept) > 1 and self._left > 0:
            size = max(1, len(kept) // parts)
            for start in range(0, len(kept), size):
                rest = kept[:start] + kept[start + size :]
                if fails(rest):
                    kept, parts = rest, max(2, parts - 1)
                    break
            else:
                if size == 1:
                    break
                parts = min(len(kept), 2 * parts)
        return kept


def _kind_of(complaint: str) -> str:
    """A complaint without whom it is about, so that one failure does not turn into another while it gets smaller."""
    return re.sub(r"[0-9A-Z]*[0-9][0-9A-Za-z_]*", "", complaint)[:60]


def run_seeds(place: Ground, seeds: Sequence[int], *, until: float = float("inf")) -> Iterator[Outcome]:
    """The outcomes of seeds, one after another; none begins after `until`."""
    for seed in seeds:
        if monotonic() > until:
            return
        yield simulate(place, seed)
