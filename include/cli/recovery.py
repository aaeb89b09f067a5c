"""`tieout recovery`: a database that was restored, and what is looked for before it is sent since.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one that `tieout up` uses.
"""

from typing import Annotated

import typer

from include.cli.shared import Json, print_json, print_table, store_here
from include.ports import Row

recovery_app = typer.Typer(no_args_is_help=True, help="A database that was restored: docs/recovery.md.")

COLUMNS = ("since (UTC)", "noted by", "why", "in doubt until (UTC)")

_As = Annotated[str, typer.Option("--as", help="Who you are: a login or mail address; kept with it.")]
_Reason = Annotated[
    str, typer.Option(help="Which backup was put back, and what is missing in it; kept with it.")
]


@recovery_app.command()
def note(who: _As, reason: _Reason, *, as_json: Json = False) -> None:
    """Note that the database went back in time: for some days nothing is sent that was not looked for at its target.

    Another server or timeline of Postgres (point-in-time recovery, a standby that took over) is noticed without it;
    a disk that was put back, or a dump read into the same server, is not. Exit code 1: refused, with the reason.

    Example: tieout recovery note --as ann@firm.example --reason "disk of 02:00 put back, 02:00 to 03:10 is missing"
    """
    from include.flows.note_restore import note_restore
    from include.policy import load_policy

    with store_here() as store:
        until = note_restore(store, actor=who, reason=reason, pace=load_policy().delivery.pace)
    if as_json:
        print_json({"in_doubt_until": until})
        return
    print(f"until {until:%Y-%m-%d %H:%M} UTC everything is looked for before it is sent")


@recovery_app.command()
def show(*, as_json: Json = False) -> None:
    """List the servers and timelines this database lived on, and until when each leaves effects in doubt.

    Example: tieout recovery show
    """
    from include.flows.note_restore import histories
    from include.policy import load_policy

    with store_here() as store:
        found = histories(store, pace=load_policy().delivery.pace)
    if as_json:
        print_json(found)
        return
    print_table([COLUMNS, *map(_line, found)])


def _line(row: Row) -> tuple[str, ...]:
    until = f"{row['doubted_until']:%Y-%m-%d %H:%M}" if row["doubted"] else "-"
    return f"{row['since']:%Y-%m-%d %H:%M}", row["noted_by"] or "(noticed)", row["reason"], until
