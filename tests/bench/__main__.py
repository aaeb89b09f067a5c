"""`python -m tests.bench`: measures the engine as it is. `make bench` runs it all."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.score import score as compare
from tests.bench.show import as_text, as_values
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


if __name__ == "__main__":
    app()
