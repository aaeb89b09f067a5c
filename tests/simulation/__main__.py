"""`python -m tests.simulation`: run seeds, see one again, or plant mistakes. `make chaos` runs all of it."""

from typing import Annotated

import typer

from tests.simulation.hunt import catch, ground_alone, run_seeds, shrink
from tests.simulation.planted import PLANTED
from tests.simulation.run import simulate

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Flows, Postgres and the twin under one seeded scheduler with a virtual clock."""


@app.command()
def run(
    seeds: Annotated[int, typer.Option(help="How many.")] = 20,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
) -> None:
    """Run seeds; the first that fails is made small. Exit code 1 then.

    Example: python -m tests.simulation run --seeds 100 --first 1000
    """
    with ground_alone() as place:
        for found in run_seeds(place, range(first, first + seeds)):
            print(
                f"seed {found.seed} ({found.lane}): {found.steps} steps, {len(found.struck)} faults",
                flush=True,
            )
            if found.wrong:
                case = shrink(place, found)
                print("\n".join(["it fails:", *case.wrong, "see it again:", case.command]))
                raise typer.Exit(1)


@app.command()
def seed(  # noqa: PLR0917 - typer's way
    number: Annotated[int, typer.Argument()],
    fault: Annotated[list[str] | None, typer.Option(help="Only these faults strike.")] = None,
    no_faults: Annotated[bool, typer.Option("--no-faults", help="None strikes.")] = False,  # noqa: FBT002 - typer's way
    without: Annotated[list[str] | None, typer.Option(help="To whom nothing happens.")] = None,
    fury: Annotated[int, typer.Option(help="So many times as often as usual; 0: as the seed has it.")] = 0,
    plant: Annotated[str, typer.Option(help="A mistake to plant.")] = "",
) -> None:
    """Run one seed and say what is wrong in the end. Exit code 1 when something is.

    Example: python -m tests.simulation seed 7 --fault 'inbox1@12 kill'
    """
    only = frozenset(fault or ()) if fault or no_faults else None
    with ground_alone() as place:
        told = {"only": only, "without": frozenset(without or ())}
        found = simulate(place, number, plant=PLANTED[plant] if plant else None, fury=fury, **told)
    print(
        f"seed {number} ({found.lane}): {found.steps} steps; struck: {', '.join(found.struck) or 'nothing'}"
    )
    print("\n".join(found.wrong) or "nothing is wrong")
    raise typer.Exit(1 if found.wrong else 0)


@app.command()
def plants(
    seeds: Annotated[int, typer.Option(help="At most, for each mistake.")] = 100,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
    only: Annotated[str, typer.Option(help="Only mistakes whose name has this in it.")] = "",
) -> None:
    """Plant each mistake and run seeds until one finds it.

    Example: python -m tests.simulation plants --only cursor
    """
    with ground_alone() as place:
        for name in (name for name in PLANTED if only in name):
            found = catch(place, name, range(first, first + seeds))
            told = f"found by seed {found.seed}: {found.by}" if found.seed is not None else "not found"
            print(f"{name}: {told} (seeds: {found.tried}, {found.seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    app()
