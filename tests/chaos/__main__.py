"""`python -m tests.chaos`: everything that may go wrong, on purpose. `make chaos` runs it all."""

from time import monotonic
from typing import Annotated

import typer

from tests.chaos.document import write_document
from tests.chaos.parts import PARTS, Time, failures, keep
from tests.simulation.hunt import throwaway_server

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Chaos: simulated seeds, planted mistakes, a fault matrix, deaths, stops of Postgres, disorder, soak, outage."""


@app.command()
def run(
    minutes: Annotated[float, typer.Option(help="For all parts together; nothing begins later.")] = 60,
    seed: Annotated[int, typer.Option(help="The first seed, and what cells and deaths are shuffled by.")] = 1,
    size: Annotated[
        int | None,
        typer.Option(help="Of seeds, stops, strikes, events or payments: so many, if time allows."),
    ] = None,
    more: Annotated[bool, typer.Option("--more", help="Go on with mistakes not found.")] = False,  # noqa: FBT002 - typer's
    only: Annotated[str, typer.Option(help=f"Only this part: {', '.join(PARTS)}.")] = "",
) -> None:
    """Run every part for its share of the time, keep it in var/chaos, and write docs/reliability.md.

    Exit code 1 when something did not end as promised.

    Examples: python -m tests.chaos run --minutes 10; python -m tests.chaos run --only simulation --seed 5000
    """
    chosen = {name: part for name, part in PARTS.items() if name == only or not only}
    if not chosen:
        raise typer.BadParameter(f"there are {', '.join(PARTS)}", param_hint="--only")
    wrong = 0
    with throwaway_server() as urls:
        for name, (part, share) in chosen.items():
            began = monotonic()
            figures = part(urls, Time(seed, 60 * minutes * (1 if only else share), more, size))
            keep(name, figures, seconds=monotonic() - began)
            failed = failures(name, figures)
            print(
                f"\r{name}: {failed or 'nothing'} not as promised ({monotonic() - began:.0f} s){'':40}",
                flush=True,
            )
            wrong += failed
    print(f"see {write_document()}")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def table() -> None:
    """Write docs/reliability.md from what is kept in var/chaos.

    Example: python -m tests.chaos table
    """
    print(write_document())


if __name__ == "__main__":
    app()
