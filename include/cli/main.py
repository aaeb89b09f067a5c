"""`tieout`: the platform from the command line.

Commands import what they run, so that `--help` and the twin do not wait for pandas.
"""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from include.cli import pairs  # noqa: F401 - adds to the commands below
from include.cli.alerts import alerts_app
from include.cli.audit import audit_app
from include.cli.breaks import breaks_app
from include.cli.certificate import certificate_app
from include.cli.cutover import cutover_app
from include.cli.delivery import delivery_app, replay
from include.cli.doctor import doctor
from include.cli.keys import keys_app, shred
from include.cli.parity import parity_app
from include.cli.promote import promote_app
from include.cli.recovery import recovery_app
from include.cli.salesforce import salesforce_app
from include.cli.webhooks import webhooks_app
from include.domain.shown import on_terminal
from include.local.home import Home, SetUpFailed
from include.ports import NothingUsable, Rejected, Stop

if TYPE_CHECKING:
    from include.offline import Outcome

EXIT_FAILED = 1
EXIT_UNUSABLE = 2
WARNINGS_SHOWN = 50

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
world_app = typer.Typer(no_args_is_help=True, help="Make and serve worlds: folders of CSV files.")
app.add_typer(world_app, name="world")
app.add_typer(alerts_app, name="alerts")
app.add_typer(audit_app, name="audit")
app.add_typer(breaks_app, name="breaks")
app.add_typer(certificate_app, name="certificate")
app.add_typer(cutover_app, name="cutover")
app.add_typer(delivery_app, name="delivery")
app.add_typer(keys_app, name="keys")
app.add_typer(parity_app, name="parity")
app.add_typer(promote_app, name="promote")
app.command()(replay)
app.command()(shred)
app.command()(doctor)
app.add_typer(recovery_app, name="recovery")
app.add_typer(salesforce_app, name="salesforce")
app.add_typer(webhooks_app, name="webhooks")

_Day = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Business day; later facts are not seen.")
]
_MaybeDay = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Business day; by default the world's last."),
]
_MaybeWorld = Annotated[Path | None, typer.Option(help="The world to serve; by default a generated one.")]


@app.callback()
def about() -> None:
    """Keeps Salesforce, an ERP and a payments platform in agreement, and proves it to finance.

    Exit codes: 0 done; 1 failed, with a sentence saying why; 2 nothing usable, or wrong arguments.
    """


@app.command()
def demo(world: _MaybeWorld = None, as_of: _MaybeDay = None) -> None:
    """Run the main job from nothing: extract, reconcile, mail the report.

    On a terminal the platform then stays up until Ctrl-C.

    Example: tieout demo --world worlds/ibm_ar --as-of 2013-03-31
    """
    from include.local.demo import run_demo

    day = as_of.date() if as_of else None
    raise SystemExit(run_demo(home=Home.from_environment(), world=world, as_of=day, keep_up=True))


@app.command()
def up(world: _MaybeWorld = None) -> None:
    """Start the platform: Postgres, the twin and Airflow, and leave it running.

    Example: tieout up
    """
    from include.local.demo import run_up

    raise SystemExit(run_up(home=Home.from_environment(), world=world))


@app.command()
def down() -> None:
    """Stop the platform.

    Example: tieout down
    """
    from include.local.demo import run_down

    raise SystemExit(run_down(home=Home.from_environment()))


@app.command()
def migrate(url: Annotated[str, typer.Option(envvar="TIEOUT_DATABASE_URL", help="postgresql://…")]) -> None:
    """Bring a database to the newest schema; nothing happens when it is there already.

    Example: TIEOUT_DATABASE_URL=postgresql://… tieout migrate
    """
    from include.store.migrate import MigrationConflict, MigrationWaits
    from include.store.migrate import migrate as apply

    try:
        applied = apply(url)
    except (MigrationConflict, MigrationWaits) as stop:
        raise Rejected(str(stop)) from None
    print(f"applied {', '.join(applied)}" if applied else "the schema is the newest already")


@app.command("reconcile")
def reconcile_command(
    world: Annotated[Path, typer.Option(help="The folder to read.")],
    as_of: _Day,
    out: Annotated[Path, typer.Option(help="The folder for the result files; made when absent.")],
    buckets: Annotated[
        int,
        typer.Option(min=0, help="Parts to take customers through memory in; 0 chooses. Changes no result."),
    ] = 0,
) -> None:
    """Reconcile a world offline, without Airflow, and write the result files.

    Example: tieout reconcile --world worlds/ibm_ar --as-of 2013-03-31 --out results
    """
    from include.local.postgres import server
    from include.local.scratch import scratch_database
    from include.offline import reconcile_world

    warnings: list[str] = []
    try:
        with (
            Console(stderr=True).status("starting Postgres") as status,
            server(Home.from_environment()) as urls,
            scratch_database(urls) as url,
        ):
            day = as_of.date()
            outcome = reconcile_world(
                world,
                as_of=day,
                out=out,
                database_url=url,
                buckets=buckets,
                step=status.update,
                warn=warnings.append,
            )
    finally:
        _show_warnings(warnings)
    print(_sentence(outcome, out))


def _show_warnings(warnings: list[str]) -> None:
    for warning in warnings[:WARNINGS_SHOWN]:
        print(on_terminal(warning), file=sys.stderr)
    if len(warnings) > WARNINGS_SHOWN:
        print(f"… and {len(warnings) - WARNINGS_SHOWN:,} more; breaks.csv lists every one", file=sys.stderr)


def _sentence(outcome: "Outcome", out: Path) -> str:
    return (
        f"{outcome.run.as_of}: {outcome.good:,} rows used, {outcome.quarantined:,} quarantined, "
        f"{outcome.run.breaks:,} breaks; results in {out}, certificate {outcome.run.certificate_sha256[:12]}"
    )


@world_app.command()
def generate(
    *,
    out: Annotated[Path, typer.Option(help="The folder to write; an earlier generated world is replaced.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    size: Annotated[int, typer.Option(help="Invoices, about.")] = 1_000,
    profile: Annotated[str, typer.Option(help="clean, default or hostile.")] = "default",
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="The world's last day; by default 2026-06-30."),
    ] = None,
    legacy_days: Annotated[
        int,
        typer.Option(
            min=0, help="Beside a clean world: the old manual path's answers of that many last days."
        ),
    ] = 0,
) -> None:
    """Make a world and the truth about it.

    Example: tieout world generate --seed 7 --size 10000 --profile default --out worlds/seven

    Example: tieout world generate --seed 8 --profile clean --legacy-days 14 --out worlds/side_by_side
    """
    from rich.progress import Progress

    from include.twin.generate import generate_world

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("generating")

        def progress(step: str, done: int, everything: int) -> None:
            bar.update(task, description=step, completed=done, total=everything)

        day = {"as_of": as_of.date()} if as_of else dict[str, date]()
        try:
            world = generate_world(
                out=out,
                seed=seed,
                size=size,
                profile=profile,
                legacy_days=legacy_days,
                progress=progress,
                **day,
            )
        except ValueError as refused:
            _stop(refused, EXIT_UNUSABLE)
    print(
        f"{world.path}: {sum(world.counts.values()):,} rows in {len(world.counts)} files, as of {world.as_of}"
    )


@world_app.command()
def serve(
    world: Annotated[Path, typer.Argument(help="The folder to serve.")],
    faults: Annotated[Path | None, typer.Option(help="A YAML script of what goes wrong, and when.")] = None,
) -> None:
    """Serve a world as Salesforce, the ERP, the payments platform and a mailbox, on loopback.

    Faults may also be armed while it serves, at the control address: POST /_twin/faults.

    Ports and keys come from TIEOUT_TWIN_SALESFORCE_PORT, TIEOUT_TWIN_ERP_KEY and the like; a missing port is
    chosen, a missing key is "twin".

    Example: tieout world serve worlds/seven
    """
    import os
    from dataclasses import fields

    from include.twin.faults import BadFault, Script, read_script
    from include.twin.server import PortTaken, TwinKeys, TwinPorts
    from include.twin.server import serve as serve_twin
    from include.twin.world import NoWorld

    def variable(name: str, suffix: str, default: str) -> str:
        return os.environ.get(f"TIEOUT_TWIN_{name.upper()}{suffix}", default)

    ports = TwinPorts(**{port.name: int(variable(port.name, "_PORT", "0")) for port in fields(TwinPorts)})
    keys = TwinKeys(**{key.name: variable(key.name, "", "twin") for key in fields(TwinKeys)})
    try:
        script = read_script(faults) if faults else Script()
        mailbox = Home.from_environment().mailbox
        serve_twin(world=world, mailbox=mailbox, ports=ports, keys=keys, faults=script)
    except (NoWorld, PortTaken, BadFault) as refused:
        _stop(refused, EXIT_FAILED)


def main() -> None:
    """Run a command. What stops it is one sentence on stderr and an exit code, never a traceback."""
    try:
        app()
    except NothingUsable as nothing:
        _stop(nothing, EXIT_UNUSABLE)
    except (Stop, SetUpFailed, OSError) as problem:
        _stop(problem, EXIT_FAILED)


def _stop(problem: Exception, code: int) -> NoReturn:
    print("\n".join(map(on_terminal, f"tieout: {problem}".split("\n"))), file=sys.stderr)
    raise SystemExit(code)
