"""`tieout`: the platform from the command line."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from include.local.home import Home, SetUpFailed
from include.local.postgres import server
from include.local.scratch import scratch_database
from include.offline import NothingUsable, Outcome, reconcile_world
from include.ports import Stop

EXIT_FAILED = 1
EXIT_UNUSABLE = 2
WARNINGS_SHOWN = 50

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)
world_app = typer.Typer(
    no_args_is_help=True, help="Make and serve worlds: folders of CSV files that say what each system holds."
)
app.add_typer(world_app, name="world")

Day = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Business day; later facts are not seen.")
]


@app.callback()
def about() -> None:
    """Keeps Salesforce, an ERP and a payments platform in agreement, and proves it.

    Exit codes: 0 done; 1 failed, with a sentence saying why; 2 nothing usable, or wrong arguments.
    """


@app.command("reconcile")
def reconcile_command(
    world: Annotated[Path, typer.Option(help="The folder to read.")],
    as_of: Day,
    out: Annotated[Path, typer.Option(help="The folder for the result files; made when absent.")],
) -> None:
    """Reconcile a world offline, without Airflow, and write the result files.

    Example: `tieout reconcile --world worlds/ibm_ar --as-of 2013-03-31 --out var/out`
    """
    terminal = Console(stderr=True)
    warnings: list[str] = []
    with (
        terminal.status("starting Postgres") as status,
        server(Home.from_environment()) as urls,
        scratch_database(urls) as url,
    ):
        outcome = reconcile_world(
            world,
            as_of=as_of.date(),
            out=out,
            database_url=url,
            step=status.update,
            warn=warnings.append,
        )
    for warning in warnings[:WARNINGS_SHOWN]:
        print(warning, file=sys.stderr)
    if len(warnings) > WARNINGS_SHOWN:
        print(
            f"… and {len(warnings) - WARNINGS_SHOWN:,} more; breaks.csv lists every quarantined row",
            file=sys.stderr,
        )
    print(_sentence(outcome, out))


def _sentence(outcome: Outcome, out: Path) -> str:
    return (
        f"{outcome.run.as_of}: {outcome.good:,} rows used, {outcome.quarantined:,} quarantined, "
        f"{outcome.run.breaks:,} breaks; results in {out}, certificate {outcome.run.certificate_sha256[:12]}"
    )


def main() -> None:
    """Run a command; what stops it is one sentence on stderr and an exit code, never a traceback."""
    try:
        app()
    except NothingUsable as nothing:
        print(nothing, file=sys.stderr)
        raise SystemExit(EXIT_UNUSABLE) from None
    except (Stop, SetUpFailed, OSError) as stopped:
        print(f"tieout: {stopped}", file=sys.stderr)
        raise SystemExit(EXIT_FAILED) from None


if __name__ == "__main__":
    main()
