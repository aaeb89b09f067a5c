"""What chaos consists of: each part runs until its time is over and keeps what it found in var/chaos."""

import gc
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from include.local.databases import DatabaseUrls
from include.local.home import PROJECT
from tests.chaos.catch_up import REQUIRED as PAYMENTS
from tests.chaos.catch_up import caught_up
from tests.chaos.cells import Verdict, cells
from tests.chaos.grid import grid
from tests.chaos.journeys import JOURNEYS, journey
from tests.chaos.living import lived, victims
from tests.chaos.platform import day, deaths
from tests.chaos.soak import EVENTS, soaked
from tests.chaos.stops import STOPS, stopped
from tests.disorder.platforms import compare
from tests.kills.flows import FLOWS
from tests.kills.matrix import Matrix
from tests.simulation.ground import ground
from tests.simulation.hunt import catch, run_seeds, shrink
from tests.simulation.planted import HARMLESS, PLANTED

KEPT = PROJECT / "var" / "chaos"
EXAMPLES = 5
SEEDS_MAX = 10_000_000
SEEDS_PER_MISTAKE = 400
EVENTS_OF = 24
"""Invoices of the part `disorder`."""


@dataclass(frozen=True)
class Time:
    """`seed`: the first one; `seconds`: no seed, cell or mistake begins later than this after the part began.

    `more`: mistakes that were found stay found; of the others the seeds are added up. `size`: how many stops, strikes,
    events or payments, whatever the time; by default as many as fit into it.
    """

    seed: int
    seconds: float
    more: bool = False
    size: int | None = None

    def over(self) -> float:
        """When, on `monotonic`."""
        return monotonic() + self.seconds


def simulation(urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """Seeds, dealt out to a process for each processor; what fails is made small."""
    processes, until, end = os.cpu_count() or 1, time.over(), time.seed + (time.size or SEEDS_MAX)
    dealt = [range(time.seed + number, end, processes) for number in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(partial(_seeds, urls, until), dealt))
    told = {name: sum((part[name] for part in done), Counter()) for name in ("lanes", "struck", "stops")}
    counts = {name: sum(part[name] for part in done) for name in ("seeds", "steps")}
    failed = sorted((case for part in done for case in part["failed"]), key=lambda case: case["seed"])
    return {"first": time.seed, "processes": processes, **counts, **told, "failed": failed}


def _seeds(urls: DatabaseUrls, until: float, dealt: range) -> dict[str, Any]:
    """Some of the seeds, one after another."""
    lanes, struck, cases = Counter[str](), Counter[str](), []
    seeds, steps, stops = 0, 0, Counter[str]()
    with TemporaryDirectory() as folder, ground(urls, Path(folder)) as place:
        gc.freeze()  # what is imported by now stays: nobody need look through it again
        for found in run_seeds(place, dealt, until=until):
            seeds, steps, stops = seeds + 1, steps + found.steps, stops + found.stops
            lanes[found.lane] += 1
            struck.update(fault.rpartition("@")[2].partition(" ")[2] for fault in found.struck)
            if found.wrong:
                case = shrink(place, found)
                cases.append({**asdict(case), "command": case.command})
                _say(f"seed {found.seed}: {case.wrong[0]}: {case.command}", end="\n")
            _say(f"seed {found.seed}: {len(cases)} of {seeds} fail in its process")
    told = {"lanes": lanes, "struck": struck, "stops": stops, "failed": cases}
    return {"seeds": seeds, "steps": steps, **told}


def mistakes(urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """Each planted mistake, until a seed finds it. What is left of the time is shared by those still to come."""
    known, until = _known() if time.more else {}, time.over()
    left = [name for name in PLANTED if known.get(name, {}).get("seed") is None]
    with TemporaryDirectory() as folder, ground(urls, Path(folder)) as place:
        for number, name in enumerate(left):
            share = (until - monotonic()) / (len(left) - number)
            if share <= 0:
                break
            before = known.get(name, {}).get("tried", 0)
            seeds = range(time.seed, time.seed + SEEDS_PER_MISTAKE)
            caught = catch(place, name, seeds, before=before, until=monotonic() + share)
            known[name] = {**asdict(caught), "tried": before + caught.tried, "why": HARMLESS.get(name, "")}
            _say(f"{name}: {'found' if caught.seed is not None else 'not found'} ({caught.tried})", end="\n")
    found = [known[name] for name in PLANTED if name in known]
    return {"first": time.seed, "mistakes": found, "not run": [name for name in PLANTED if name not in known]}


def _known() -> dict[str, dict[str, Any]]:
    path = KEPT / "mistakes.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["mistakes"] if path.exists() else []
    return {one["plant"]: one for one in kept}


def matrix(urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """Every cell of the fault matrix, in an order that falls by the seed."""
    left, until = cells(), time.over()
    random.Random(time.seed).shuffle(left)  # noqa: S311 - a test's dice, no secret
    table: defaultdict[str, defaultdict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    wrong, total = [], len(left)
    with TemporaryDirectory() as folder, grid(urls, Path(folder)) as place:
        while left and monotonic() < until:
            verdict = place.verdict(left.pop())
            table[verdict.cell.fault][verdict.cell.flow][_word(verdict)] += 1
            if verdict.wrong:
                wrong.append({"cell": str(verdict.cell), "wrong": verdict.wrong})
            _say(f"cell {total - len(left)} of {total}: {len(wrong)} wrong")
    return {"cells": total, "not run": len(left), "wrong": wrong, "table": table}


def _word(verdict: Verdict) -> str:
    return "wrong" if verdict.wrong else "held" if verdict.struck else "never struck"


def kills(urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """`kill -9` at every checkpoint of every flow; another process does the same later."""
    until, flows = time.over(), {}
    with TemporaryDirectory() as folder, Matrix(urls, Path(folder)) as place:
        deaths = [cell for flow in FLOWS for cell in place.cells(flow)]
        random.Random(time.seed).shuffle(deaths)  # noqa: S311 - a test's dice, no secret
        flows = {name: {"cells": len(place.cells(name)), "run": 0, "wrong": []} for name in FLOWS}
        for number, cell in enumerate(deaths, start=1):
            if monotonic() > until:
                break
            told: dict[str, Any] = flows[cell.flow]
            told["run"] += 1
            if found := place.difference(cell):
                told["wrong"].append(f"{cell}: {found}"[:600])
            _say(f"death {number} of {len(deaths)}")
    return {"recipes": flows}


def disorder(urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """Every event twice and shuffled within five minutes, beside every event once and in order."""
    with TemporaryDirectory() as folder:
        found = compare(urls, Path(folder), invoices=EVENTS_OF, seed=time.seed)
    told = {"invoices": found.invoices, "events": found.events, "delivered": found.delivered}
    return {
        **told,
        "different": list(found.different),
        "repaired": {k: len(v) for k, v in found.repaired.items()},
    }


def platform(_urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """The day of a platform with Airflow, one of whose processes is killed; each death on a new one."""
    until, found = time.over(), []
    undisturbed = day(None, None)
    left = deaths(time.seed)
    while left and monotonic() < until and not undisturbed.wrong:
        death = left.pop()
        ended = day(death, undisturbed.state)
        found.append(
            {**asdict(death), "struck": ended.struck, "seconds": round(ended.seconds), "wrong": ended.wrong}
        )
        _say(f"{len(found)} deaths: {sum(bool(one['wrong']) for one in found)} wrong")
    told = {"seconds": round(undisturbed.seconds), "wrong": undisturbed.wrong}
    return {"undisturbed": told, "deaths": found, "not run": [str(one) for one in left]}


def living(_urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """The platform that is up and at work, whose processes are struck one after another."""
    return lived(victims(time.seed)[: time.size], seconds=time.seconds, say=_say)


def journeys(_urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """The tests of what is disturbed too deeply for a cell."""
    until, found = time.over(), []
    for what in JOURNEYS:
        if monotonic() > until:
            break
        found.append(asdict(journey(what)))
        _say(f"{what}: {found[-1]['wrong'] or 'nothing'} wrong", end="\n")
    return {"journeys": found, "not run": list(JOURNEYS)[len(found) :]}


EACH_S = {"stops": 8.0, "soak": 0.02, "catch-up": 0.025}
"""Roughly what a stop, an event and a payment take, with nobody beside."""


def stops(_urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """Postgres stopped at once, again and again, while the platform works."""
    return stopped(stops=sized(time, "stops", STOPS), seed=time.seed, say=_say)


def soak(_urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """Very many events through the lane."""
    return soaked(events=sized(time, "soak", EVENTS), say=_say)


def catch_up(_urls: DatabaseUrls, time: Time) -> dict[str, Any]:
    """A day's outage, caught up with."""
    return caught_up(size=sized(time, "catch-up", PAYMENTS), say=_say)


def sized(time: Time, part: str, most: int) -> int:
    """How many: as are asked for, or as fit into the time."""
    return time.size or min(most, max(1, int(time.seconds / EACH_S[part])))


PARTS: Mapping[str, tuple[Callable[[DatabaseUrls, Time], dict[str, Any]], float]] = {
    "matrix": (matrix, 0.15),
    "disorder": (disorder, 0.03),
    "journeys": (journeys, 0.10),
    "stops": (stops, 0.08),
    "catch-up": (catch_up, 0.06),
    "soak": (soak, 0.06),
    "mistakes": (mistakes, 0.15),
    "kills": (kills, 0.10),
    "platform": (platform, 0.10),
    "living": (living, 0.06),
    "simulation": (simulation, 0.11),
}
"""Part -> what it does, and its share of the time."""


def keep(part: str, figures: Mapping[str, Any], *, seconds: float) -> Path:
    """Write down what a part found, when, and how busy the machine was."""
    KEPT.mkdir(parents=True, exist_ok=True)
    told = {"at": datetime.now(UTC).isoformat(timespec="minutes"), "seconds": round(seconds)}
    told |= {"load": round(os.getloadavg()[1], 1), "processors": os.cpu_count()}
    path = KEPT / f"{part}.json"
    path.write_text(json.dumps({**told, **figures}, indent=1, default=str) + "\n", encoding="utf-8")
    return path


def failures(part: str, figures: Mapping[str, Any]) -> int:
    """How much of a part did not end as promised."""
    counts: Mapping[str, Callable[[], int]] = {
        "simulation": lambda: len(figures["failed"]),
        "mistakes": lambda: sum(one["seed"] is None and not one["why"] for one in figures["mistakes"]),
        "matrix": lambda: len(figures["wrong"]),
        "kills": lambda: sum(len(one["wrong"]) for one in figures["recipes"].values()),
        "platform": lambda: sum(bool(one["wrong"]) for one in (figures["undisturbed"], *figures["deaths"])),
        "journeys": lambda: sum(one["wrong"] for one in figures["journeys"]),
        "disorder": lambda: len(figures["different"]) + sum(figures["repaired"].values()),
        **dict.fromkeys(("living", "stops", "soak", "catch-up"), lambda: len(figures["wrong"])),
    }
    return counts[part]()


def _say(text: str, *, end: str = "") -> None:
    print(f"\r{text:<78}", end=end, flush=True)
