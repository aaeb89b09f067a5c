"""Two paths side by side: injected differences found in their classes, and rows compared as fast as they are joined."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from include.connectors.legacy.client import LegacyFolder
from include.flows.compare_parity import compare_parity
from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.bench.landed import land_in

Named = tuple[str, str, str, str]
"""Day, kind, key and field of a difference."""


def tie_out(store: PostgresStore, world: Path, *, days: Iterable[date]) -> None:
    """Land a world, and tie out days of it in order."""
    land_in(store, world)
    for day in days:
        reconcile(store, as_of=day, policy=load_policy())
        publish_run(store, as_of=day)


def compare(store: PostgresStore, world: Path, *, days: Iterable[date]) -> None:
    """Compare tied out days with the old path's answers in the world."""
    for day in days:
        compare_parity(store, day=day, policy=load_policy(), theirs=LegacyFolder(world / "legacy"))


def score(url: str, world: Path) -> dict[str, Any]:
    """The first edition of every day in a database against the truth of the world.

    `recall`: of the injected differences, those found, in whatever class; `false`: found and not injected; `f1`: macro
    over the classes, where a difference counts for a class only when both say it is of it.
    """
    found, truth = dict(_found(url)), dict(_truth(world))
    truth = {name: true for name, true in truth.items() if name[0] in {one[0] for one in found}}
    confused = Counter((truth[name], found[name]) for name in truth.keys() & found.keys())
    scores = {one: _f1(one, truth, found) for one in sorted(set(truth.values()))}
    return {
        "injected": len(truth),
        "found": len(found),
        "recall": len(truth.keys() & found.keys()) / len(truth) if truth else None,
        "false": len(found.keys() - truth.keys()),
        "f1": sum(scores.values()) / len(scores) if scores else None,
        "f1_by_class": scores,
        "confused": {f"{true} as {said}": many for (true, said), many in confused.items() if true != said},
        "examples": sorted(map(list, found.keys() ^ truth.keys()))[:20],
    }


def _f1(one: str, truth: Mapping[Named, str], found: Mapping[Named, str]) -> float:
    true = {name for name, named in truth.items() if named == one}
    said = {name for name, named in found.items() if named == one}
    return 2 * len(true & said) / (len(true) + len(said))


def _found(url: str) -> Iterator[tuple[Named, str]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT day::text, kind, key, field, class FROM parity.differences WHERE edition = 1"
        )
        for day, kind, key, field, named in rows:
            yield (day, kind, key, field), named


def _truth(world: Path) -> Iterator[tuple[Named, str]]:
    with (world / "truth" / "parity.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield (row["day"], row["kind"], row["key"], row["field"]), row["class"]
