"""`python -m tests.bench`: measures the engine as it is. `make bench` runs it all."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.plan import Scale, run_all
from tests.bench.score import score as compare
from tests.bench.show import as_text, as_values
from tests.bench.table import write_document
from tests.bench.truth import read_results, read_truth

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Benchmarks: precision, recall, time and memory, beside what others reach on the same rows."""


@app.command()
def score(
    world: Annotated[Path, typer.Option(help="A generated world, with its truth.")],
    results: Annotated[Path, typer.Option(help="The result files of a run on it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print values instead of text.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Score the results of a run against the truth of its world.

    Example: python -m tests.bench score --world worlds/seven --results results
    """
    found = compare(read_truth(world), read_results(results))
    print(json.dumps(as_values(found), indent=2) if as_json else "\n".join(as_text(found)))


@app.command()
def run(
    seed: Annotated[int, typer.Option(help="Of the generated worlds; the engine never sees it.")] = 101,
    scale: Annotated[Scale, typer.Option(help="The largest world.")] = Scale.ONE_MILLION,
    minutes: Annotated[int, typer.Option(help="No step begins later than this.")] = 120,
    only: Annotated[str, typer.Option(help="Only steps whose name starts with this.")] = "",
    samples: Annotated[int, typer.Option(help="Of each live step; 0: as many as are required.")] = 0,
) -> None:
    """Measure everything, keep it in var/bench, and write docs/benchmarks.md.

    Exit code 1 when a step broke; a requirement that is not reached is a FAIL in the document, not an error.

    Example: python -m tests.bench run --seed 202 --scale 100k --only cash
    """
    raise SystemExit(run_all(seed=seed, largest=scale.size, minutes=minutes, only=only, samples=samples))


@app.command()
def hosts(
    seed: Annotated[int, typer.Option(help="Of the generated world.")] = 101,
    invoices: Annotated[int, typer.Option(help="Of the world.")] = 20_000,
    workers: Annotated[str, typer.Option(help="How many at a time.")] = "1,2,4",
) -> None:
    """Tie out a day under CeleryExecutor with workers on hosts of their own, and with one of two cut off in the middle.

    Exit code 1 when a day came to something else than LocalExecutor's. `make hosts` installs what it needs first.

    Example: python -m tests.bench hosts --invoices 100000
    """
    from tests.bench.hosts import run  # noqa: PLC0415 - the other commands need none of it

    raise SystemExit(run(seed=seed, size=invoices, counts=[int(count) for count in workers.split(",")]))


@app.command()
def table() -> None:
    """Write docs/benchmarks.md from what is kept in var/bench.

    Example: python -m tests.bench table
    """
    print(write_document())


if __name__ == "__main__":
    app()
