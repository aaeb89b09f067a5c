"""What `make bench` measures, step by step. Each step keeps its figures as var/bench/<name>.json."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from include.local.databases import DatabaseUrls
from include.local.home import PROJECT
from include.local.scratch import scratch_database
from tests.bench import naive, worlds
from tests.bench.engine import Run, run_engine
from tests.bench.landed import land, landed_copy, landed_seconds
from tests.bench.others import PEERS, run_peer
from tests.bench.places import keep
from tests.bench.plain import copy_and_join
from tests.bench.score import score
from tests.bench.show import as_values
from tests.bench.stage import Stage
from tests.bench.truth import Results, Truth, read_results, read_truth, rows

REPEATED_BELOW = 500_000
"""Worlds up to this size are timed three times, ours and the plain join alike, and the quickest run counts."""
DAY_ROWS = 10_000
BUCKETS = ("1", "8")
REAL_WORLDS = {"ibm_ar": "2014-01-31", "crm_maven": "2017-12-31"}
SHARED = Path(os.environ.get("TIEOUT_SHARED") or PROJECT.parent / "shared")


def no_stage() -> Stage:
    """For steps that need no platform."""
    raise RuntimeError("there is no stage")


@dataclass(frozen=True)
class Bench:
    """The server to measure on and the seed of the generated worlds.

    `samples`: how often the live steps measure, where another number than required is wanted; `stage`: the running
    platform, brought up when it is first asked for.
    """

    urls: DatabaseUrls
    seed: int
    samples: int = 0
    stage: Callable[[], Stage] = no_stage


def accuracy(bench: Bench, *, profile: str, size: int) -> Path:
    """All reconciliations on a whole world, against its truth."""
    world = worlds.generated(seed=bench.seed, size=size, profile=profile)
    with landed_copy(bench.urls, world) as url:
        run, results = _run(url, worlds.day_of(world))
    figures = as_values(score(read_truth(world), results))
    facts = {"seed": bench.seed, "size": size, "profile": profile, "run": asdict(run)}
    return keep(f"accuracy-{profile}-{size}", {**facts, "score": figures})


def cash(bench: Bench, *, profile: str, size: int, beside: bool = True) -> Path:
    """The R3 run alone: accuracy, time and memory; with `beside`, the plain join, naive rules and peers as well."""
    world = worlds.cash_only(worlds.generated(seed=bench.seed, size=size, profile=profile))
    day, truth = worlds.day_of(world), read_truth(world, only="R3")
    runs, plain, others = [], [], {}
    for last in [False, False, True] if size < REPEATED_BELOW else [True]:
        with landed_copy(bench.urls, world) as url:
            run, results = _run(url, day)
            runs.append(run)
            if beside:
                plain.append(copy_and_join(url))
            if beside and last:
                others = _others(url, day, truth)
    ours = min(runs, key=lambda one: one.seconds)
    figures: dict[str, Any] = {"seed": bench.seed, "size": size, "profile": profile, "run": asdict(ours)}
    figures |= {"rows": _count(world), "landed_s": landed_seconds(bench.urls, world), "others": others}
    figures["score"] = as_values(score(truth, results))
    if plain:
        least = min(plain, key=lambda one: one.seconds)
        figures["plain"] = {**asdict(least), "seconds": least.seconds, "ratio": ours.seconds / least.seconds}
    return keep(f"cash-{profile}-{size}", figures)


def controls(bench: Bench, *, size: int) -> Path:
    """Worlds in which no pair is right: strangers pay, or payments and invoices come of two companies."""
    world = worlds.cash_only(worlds.generated(seed=bench.seed, size=size, profile="default"))
    other = worlds.cash_only(worlds.generated(seed=bench.seed + 1, size=size, profile="default"))
    made = {
        "shuffled customers, references kept": worlds.with_strangers_paying(world, references=True),
        "shuffled customers, references blanked": worlds.with_strangers_paying(world, references=False),
        "two worlds": worlds.of_two(world, other, own_ids=True),
        "two worlds whose customer ids collide": worlds.of_two(world, other, own_ids=False),
    }
    figures = {}
    for name, control in made.items():
        with landed_copy(bench.urls, control) as url:
            run, results = _run(url, worlds.day_of(world))
        pairs = [one for one in results.posted if one.recon == "R3"]
        by_rule = {rule: sum(1 for one in pairs if one.rule == rule) for rule in {one.rule for one in pairs}}
        figures[name] = {"posted": len(pairs), "by_rule": by_rule, "breaks": run.breaks}
        figures[name]["payments"] = _count(control, "payments/payments.csv")
    return keep("controls", {"seed": bench.seed, "size": size, "controls": figures})


def determinism(bench: Bench, *, size: int) -> Path:
    """The certificate of the same day, again: same database, landed anew, lines shuffled, and in buckets."""
    world = worlds.generated(seed=bench.seed, size=size, profile="default")
    day, shuffled = worlds.day_of(world), worlds.in_another_order(world, seed=bench.seed)
    hashes = {}
    with landed_copy(bench.urls, world) as url:
        hashes["first run"] = _run(url, day)[0].certificate
        hashes["re-run"] = _run(url, day)[0].certificate
    with scratch_database(bench.urls) as url:
        land(world, url)
        hashes["landed anew"] = _run(url, day)[0].certificate
    with landed_copy(bench.urls, shuffled) as url:
        hashes["shuffled input"] = _run(url, day)[0].certificate
    return keep(
        "determinism", {"seed": bench.seed, "size": size, "hashes": hashes, "buckets": _buckets(world, day)}
    )


def day(bench: Bench, *, size: int) -> Path:
    """The newest 10,000 rows of a world, landed and reconciled on its history and on none."""
    world = worlds.cash_only(worlds.generated(seed=bench.seed, size=size, profile="default"))
    cut = worlds.before_and_after(world, day_rows=DAY_ROWS)
    figures = {}
    for name, base in (("empty", cut.empty), ("history", cut.history)):
        with landed_copy(bench.urls, base) as url, TemporaryDirectory(dir=cut.empty.parent) as folder:
            _run(url, cut.eve)
            grown = worlds.grown(base, cut.newest, Path(folder) / "world")
            run, _ = _run(url, worlds.day_of(world), grown)
        figures[name] = {**asdict(run), "total_s": run.landing_s + run.seconds, "rows": _count(base)}
    ratio = figures["history"]["total_s"] / figures["empty"]["total_s"]
    facts = {"seed": bench.seed, "size": size, "day_rows": _count(cut.newest), "ratio": ratio}
    return keep(f"day-{size}", {**facts, **figures})


def real(bench: Bench) -> list[Path]:
    """What comes out of worlds that nobody generated; a world that is not there is skipped with a word."""
    kept = []
    for name, as_of in REAL_WORLDS.items():
        world = SHARED / "worlds" / name
        if not world.is_dir():
            missing = f"no such world (TIEOUT_SHARED, or ../shared, holds no worlds/{name})"
            kept.append(keep(f"real-{name}", {"skipped": missing}))
            continue
        last = date.fromisoformat(as_of)
        with scratch_database(bench.urls) as url:
            landing_s = land(world, url)
            run, results = _run(url, last)
        figures = as_values(score(read_truth(world), results))
        codes = sorted({one.code for some in results.breaks.values() for one in some})
        named = {
            code: sum(1 for some in results.breaks.values() for b in some if b.code == code) for code in codes
        }
        facts = {"as_of": as_of, "landed_s": landing_s, "run": asdict(run), "posted": len(results.posted)}
        kept.append(keep(f"real-{name}", {**facts, "breaks": named, "score": figures}))
    return kept


def _run(url: str, as_of: date, newest: Path | None = None) -> tuple[Run, Results]:
    with TemporaryDirectory() as out:
        run = run_engine(url, as_of=as_of, out=Path(out), day=newest)
        return run, read_results(Path(out))


def _others(url: str, as_of: date, truth: Truth) -> dict[str, Any]:
    """Naive rules and peers on the plain tables, scored as ours is."""
    found = {}
    payments, invoices = naive.read_open(url, as_of)
    for name, rule in naive.RULES.items():
        started = monotonic()
        results = naive.results_of(rule, payments, invoices, as_of)
        found[name] = {"kind": "naive", "seconds": monotonic() - started, **_brief(truth, results)}
    del payments, invoices
    for name in PEERS:
        peer = run_peer(name, url, as_of)
        outcome = {"failed": peer.failed} if peer.failed else {**peer.took, **_brief(truth, peer.results)}
        found[name] = {"kind": "peer", **outcome}
    return found


def _brief(truth: Truth, results: Results) -> dict[str, Any]:
    values = as_values(score(truth, results))
    links, payments = values["links"]["R3"], values["cash"]
    kept = ("posted", "wrong", "lucky", "precision", "precision_by_value", "recall")
    return {key: links[key] for key in kept} | {key: payments[key] for key in ("coverage", "withheld")}


def _buckets(world: Path, as_of: date) -> dict[str, str]:
    """Certificate hash by number of buckets, from the command line; empty while it knows no buckets."""
    tieout = [sys.executable, "-m", "include.cli", "reconcile"]
    about = subprocess.run([*tieout, "--help"], cwd=PROJECT, capture_output=True, text=True, check=True)
    hashes = {}
    for buckets in BUCKETS if "--buckets" in about.stdout else ():
        with TemporaryDirectory() as out:
            given = ["--world", str(world), "--as-of", as_of.isoformat(), "--out", out, "--buckets", buckets]
            subprocess.run([*tieout, *given], cwd=PROJECT, check=True)
            hashes[buckets] = json.loads((Path(out) / "certificate.json").read_text())["certificate_sha256"]
    return hashes


def _count(world: Path, *names: str) -> int:
    return sum(1 for name in names or worlds.CASH_FILES for _ in rows(world / name))
