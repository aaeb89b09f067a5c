"""Effects on other systems: under every death of the kill matrix, in disorder, and while the writer changes."""

import random
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from tests.bench.places import keep
from tests.bench.steps import Bench
from tests.cutover.rehearsal import rehearse
from tests.disorder.platforms import compare
from tests.kills import restores
from tests.kills.desk import RECIPES
from tests.kills.matrix import Matrix
from tests.kills.planted import PLANTED

EXAMPLES = 5
INVOICES = 240
DEALS, PLANTED_DEALS, GAP_S = 400, 60, 0.1


def kills(bench: Bench) -> Path:
    """Kill at every checkpoint of every recipe; plant each mistake and kill at random until it is found; then put our
    database back to every commit of every recipe.
    """
    started, recipes, planted = monotonic(), {}, {}
    with TemporaryDirectory() as folder, Matrix(bench.urls, Path(folder)) as matrix:
        for recipe in RECIPES:
            cells = matrix.cells(recipe)
            print(f"{recipe}: {len(cells)} deaths … ", end="", flush=True)
            wrong = [f"{cell}: {found}" for cell in cells if (found := matrix.difference(cell))]
            recipes[recipe] = {"checkpoints": len(matrix.checkpoints(recipe)), "cells": len(cells)}
            recipes[recipe] |= {"wrong": len(wrong), "examples": wrong[:EXAMPLES]}
            print(f"{len(wrong)} wrong; ", end="", flush=True)
        for mistake in PLANTED:
            print(f"{mistake} … ", end="", flush=True)
            planted[mistake] = _found_after(matrix, mistake, seed=bench.seed)
            print(f"found after {planted[mistake]['cells']}; ", end="", flush=True)
        put_back = [loss for recipe in RECIPES for loss in restores.losses(matrix, recipe)]
        print(f"{len(put_back)} restores … ", end="", flush=True)
        wrong = [f"{loss}: {found}" for loss in put_back if (found := restores.difference(matrix, loss))]
    restored = {"losses": len(put_back), "wrong": len(wrong), "examples": wrong[:EXAMPLES]}
    figures: dict[str, Any] = {"recipes": recipes, "planted": planted, "restored": restored}
    return keep("kills", {"seed": bench.seed, **figures, "seconds": monotonic() - started})


def disorder(bench: Bench) -> Path:
    """Many invoices, paid, declined, refunded, disputed: every event told once and in order, or twice and shuffled."""
    started = monotonic()
    with TemporaryDirectory() as folder:
        found = compare(bench.urls, Path(folder), invoices=INVOICES, seed=bench.seed)
    figures = {
        **asdict(found),
        "different": {name: str(pair)[:500] for name, pair in found.different.items()},
    }
    return keep("disorder", {"seed": bench.seed, **figures, "seconds": monotonic() - started})


def cutover(bench: Bench) -> Path:
    """Many deals won while the writing goes to our path, back to the other, and to ours again; then some of them while
    the other path writes without asking, which must show.
    """
    started = monotonic()
    with TemporaryDirectory() as folder:
        found = rehearse(bench.urls, Path(folder), deals=bench.samples or DEALS, gap_s=GAP_S)
    with TemporaryDirectory() as folder:
        planted = rehearse(bench.urls, Path(folder), deals=PLANTED_DEALS, gap_s=GAP_S / 2, they_ask=False)
    doubled = len(planted.doubled)
    return keep("cutover", {**asdict(found), "planted": doubled, "took_s": monotonic() - started})


def _found_after(matrix: Matrix, mistake: str, *, seed: int) -> dict[str, Any]:
    """How many deaths it took to find a mistake, and the one that did."""
    cells = [cell for recipe in RECIPES for cell in matrix.cells(recipe)]
    random.Random(seed).shuffle(cells)  # noqa: S311
    for count, cell in enumerate(cells, start=1):
        if found := matrix.difference(cell, planted=mistake):
            return {"cells": count, "by": str(cell), "difference": found[:300]}
    return {"cells": None, "by": None}
