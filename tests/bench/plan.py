"""Which steps `make bench` takes, in which order, and what happens when one breaks or time is up."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from functools import cache, partial
from time import monotonic
from typing import Any

from include.local.postgres import server
from tests.bench import audit, effects, latency, latency_load, mail, parity, steps
from tests.bench.backfill import DAYS as BACKFILLED_DAYS
from tests.bench.backfill import backfill
from tests.bench.console import measured as measured_console
from tests.bench.fortnight import fortnight
from tests.bench.landed import forget_outdated
from tests.bench.latency_writes import writes
from tests.bench.places import BENCH, HOME, about, keep
from tests.bench.quality import quality
from tests.bench.stage import raised
from tests.bench.table import write_document
from tests.bench.throughput import measured

Step = tuple[str, Callable[[steps.Bench], Any]]

CONTROL_SIZE, SAME_SIZE, MAILED_BREAKS, PARITY_SIZE = 20_000, 10_000, 10_000, 5_000
FORTNIGHT_ROWS = 100_000
"""A day of the fortnight; fewer where the largest world is smaller than a million."""


class Scale(StrEnum):
    """The largest world to measure on."""

    TEN_THOUSAND = "10k"
    HUNDRED_THOUSAND = "100k"
    ONE_MILLION = "1m"
    TEN_MILLION = "10m"

    @property
    def size(self) -> int:
        return int(self.replace("k", "000").replace("m", "000000"))


def throughput_sizes(largest: int) -> list[tuple[str, int]]:
    """A fifth of the required rows, and what is required from ten million on: 100k accounts, 1M payments."""
    if largest >= Scale.TEN_MILLION.size:
        return [("accounts", 100_000), ("payments", 1_000_000)]
    return [(entity, min(20_000, largest)) for entity in ("accounts", "payments")]


def throughput(bench: steps.Bench, *, entity: str, size: int) -> Any:
    """Extract to landed, beside a bare client and the peers."""
    return keep(f"throughput-{entity}-{size}", measured(bench, entity, size=size))


LIVE = {
    "webhook": (latency.webhook, 250),
    "polling": (latency.polling, 200),
    "won": (latency.won, 60),
    "ack": (latency_load.acknowledged, 30),
    "load": (latency_load.load, 300),
    "backfill": (latency.beside, 100),
}
"""Sub-step -> what takes it and how many samples are required."""


def _live(bench: steps.Bench, *, step: Callable[..., Any], samples: int) -> Any:
    """On the platform as `make up` starts it."""
    return step(bench.stage(), samples=bench.samples or samples)


def mailed(bench: steps.Bench, *, breaks: int) -> Any:
    """A day's mail with many breaks."""
    return keep(f"mail-{breaks}", mail.measured(bench, breaks=breaks))


def console(bench: steps.Bench, *, matches: int, breaks: int) -> Any:
    """Every page of the console on a large day."""
    return keep(f"console-{matches}", measured_console(bench.urls, matches=matches, breaks=breaks))


def backfilled(bench: steps.Bench) -> Any:
    """Past days by Airflow's own command; `--samples` says how many."""
    return backfill(bench.stage(), many=bench.samples or BACKFILLED_DAYS)


def planned(largest: int) -> Iterator[Step]:
    """Cheap steps first, so that a run that is cut short has most of the answers."""
    yield "determinism", partial(steps.determinism, size=min(SAME_SIZE, largest))
    yield "controls", partial(steps.controls, size=min(CONTROL_SIZE, largest))
    yield f"mail-{MAILED_BREAKS}", partial(mailed, breaks=MAILED_BREAKS)
    yield f"parity-{PARITY_SIZE}", partial(parity.side_by_side, size=PARITY_SIZE)
    yield f"parity-rows-{largest}", partial(parity.rows_beside_rows, size=largest)
    yield "real", steps.real
    yield "disorder", effects.disorder
    yield "cutover", effects.cutover
    yield "kills", effects.kills
    rows = min(largest, Scale.ONE_MILLION.size)
    yield f"quality-{rows}", partial(quality, rows=rows)
    yield f"audit-{rows}", partial(audit.audit, rows=rows)
    matches = min(largest, Scale.ONE_MILLION.size)
    yield f"console-{matches}", partial(console, matches=matches, breaks=matches // 10)
    for entity, size in throughput_sizes(largest):
        yield f"throughput-{entity}-{size}", partial(throughput, entity=entity, size=size)
    day_rows = min(FORTNIGHT_ROWS, largest // 10)
    yield f"fortnight-{day_rows}", partial(fortnight, day_rows=day_rows)
    yield "latency-writes", writes
    yield "backfill", backfilled
    for name, (step, samples) in LIVE.items():
        yield f"latency-{name}", partial(_live, step=step, samples=samples)
    sizes = [scale.size for scale in Scale if scale.size <= largest]
    for size in sizes:
        if size == Scale.HUNDRED_THOUSAND.size:
            for profile in ("default", "hostile"):
                yield f"accuracy-{profile}-{size}", partial(steps.accuracy, profile=profile, size=size)
        yield f"cash-default-{size}", partial(steps.cash, profile="default", size=size)
        if size >= Scale.HUNDRED_THOUSAND.size:
            yield f"day-{size}", partial(steps.day, size=size)
        if size == Scale.ONE_MILLION.size:
            yield f"cash-hostile-{size}", partial(steps.cash, profile="hostile", size=size, beside=False)


def run_all(*, seed: int, largest: int, minutes: int, only: str, samples: int = 0) -> int:
    """Take the steps and write the document; 1 when a step broke."""
    started, broken = monotonic(), 0
    with server(HOME) as urls, ExitStack() as until_the_end:
        forget_outdated(urls)
        stage = cache(lambda: until_the_end.enter_context(raised()))
        bench = steps.Bench(urls, seed, samples, stage)
        for name, step in planned(largest):
            if not name.startswith(only):
                continue
            if monotonic() - started > minutes * 60:
                _skip(name, f"the time budget of {minutes} minutes was used up")
                continue
            broken += not _taken(name, step, bench)
    print(f"bench: {write_document()}")
    return 1 if broken else 0


def _taken(name: str, step: Callable[[steps.Bench], Any], bench: steps.Bench) -> bool:
    print(f"bench: {name} … ", end="", flush=True)
    started = monotonic()
    try:
        step(bench)
    except Exception as broken:  # noqa: BLE001 - the other steps can still be measured; this one is shown as broken
        keep(name, {"failed": f"it broke: {type(broken).__name__}: {str(broken)[:300]}"})
        print(f"broke: {broken}", file=sys.stderr)
        return False
    print(f"{monotonic() - started:.0f} s")
    return True


def _skip(name: str, why: str) -> None:
    """Say why in the figures, unless this very commit has measured it before."""
    path = BENCH / f"{name}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    if kept.get("commit") != about()["commit"] or "failed" in kept:
        keep(name, {"skipped": why})
    print(f"bench: {name} skipped: {why}")
