"""`tieout certificate`: hold a run to what it certified."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from include.local.home import Home, SetUpFailed
from include.ports import NothingUsable, Stop

if TYPE_CHECKING:
    from include.verify import Verdict

DIFFERS = 1
UNUSABLE = 2

certificate_app = typer.Typer(no_args_is_help=True, help="Hold a run to its certificate.")


@certificate_app.callback()
def about_certificates() -> None:
    """Hold a run to its certificate."""


@certificate_app.command()
def verify(
    *,
    results: Annotated[
        Path | None, typer.Option(help="A folder of result files with their certificate.")
    ] = None,
    world: Annotated[
        Path | None, typer.Option(help="Reconcile this world again, and compare line by line.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="With --world; by default the certificate's day."),
    ] = None,
    run: Annotated[str | None, typer.Option(help="Instead: a run in the database, by its id.")] = None,
    database_url: Annotated[
        str | None, typer.Option(envvar="TIEOUT_DATABASE_URL", help="With --run: postgresql://…")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdict as JSON.")] = False,
) -> None:
    """Recompute a certificate and say precisely what differs.

    Exit codes: 0 everything is as certified; 1 something differs; 2 there is nothing to verify.

    Example: tieout certificate verify --results results --world worlds/ibm_ar --as-of 2013-03-31
    """
    try:
        if run and not results:
            verdict = _verify_stored(run, database_url)
        elif results and not run:
            verdict = _verify_results(results, world, as_of.date() if as_of else None)
        else:
            raise NothingUsable("say what to verify: either --results FOLDER or --run UUID")
    except (Stop, SetUpFailed, OSError) as problem:
        print(f"tieout: {problem}", file=sys.stderr)
        raise SystemExit(UNUSABLE) from None
    _show_verdict(verdict, as_json=as_json)
    if not verdict.holds:
        raise SystemExit(DIFFERS)


def _verify_results(results: Path, world: Path | None, day: date | None) -> "Verdict":
    import tempfile

    from include.verify import day_of, verify_again, verify_folder

    if world is None:
        return verify_folder(results)
    with tempfile.TemporaryDirectory() as again:
        return verify_again(
            results, Path(again), lambda out: _reconcile_quietly(world, day or day_of(results), out)
        )


def _reconcile_quietly(world: Path, day: date, out: Path) -> None:
    from include.local.postgres import server
    from include.local.scratch import scratch_database
    from include.offline import reconcile_world

    with server(Home.from_environment()) as urls, scratch_database(urls) as url:
        reconcile_world(world, as_of=day, out=out, database_url=url)


def _verify_stored(run: str, database_url: str | None) -> "Verdict":
    from include.verify import verify_stored

    if not database_url:
        raise NothingUsable("--run needs --database-url, or TIEOUT_DATABASE_URL")
    return verify_stored(database_url, run)


def _show_verdict(verdict: "Verdict", *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(verdict.as_json(), indent=2, ensure_ascii=False))
        return
    for difference in verdict.differences:
        print(difference)
    print(verdict)
