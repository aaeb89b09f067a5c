"""`tieout alerts`: what somebody must hear of at once, what is over, and whether anybody watches and is told.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one that `tieout up` uses.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.cli.shared import print_json, print_table, store_here

if TYPE_CHECKING:
    from include.flows.show_alerts import Shown

alerts_app = typer.Typer(no_args_is_help=True, help="Alerts: what lasts, since when, and what to do.")
COLUMNS = ("sev", "what", "money", "since (UTC)", "playbook", "look at")


@alerts_app.callback()
def about() -> None:
    """Alerts: what lasts, since when, and what to do."""


@alerts_app.command("list")
def list_command(
    over: Annotated[int, typer.Option(min=0, help="How many of what is over to list too.")] = 0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """List the alerts that last, worst first, how the channels are, and when somebody last looked.

    Exit codes: 0 done, whatever lasts; 1 the database is away.

    Examples: tieout alerts list; tieout alerts list --over 20; tieout alerts list --json
    """
    from include.flows.show_alerts import show_alerts
    from include.policy import load_policy

    with store_here() as store:
        shown = show_alerts(store, load_policy(), over=over)
    if as_json:
        print_json(asdict(shown))
        return
    print(_watching(shown))
    for one in shown.channels:
        how = f"{one['failures']} failures in a row: {one['detail']}" if one["failures"] else "works"
        print(f"{one['channel']}: {how}")
    if shown.lasting:
        print_table([COLUMNS, *map(_line, shown.lasting)])
    else:
        print("nothing lasts that needs anybody at once")
    if shown.over:
        print()
        print_table([("sev", "ended", "how", "from (UTC)", "to (UTC)"), *map(_ended, shown.over)])


def _watching(shown: "Shown") -> str:
    if shown.beat_at is None:
        return "nobody has watched yet (the dag watch)"
    word = "NOBODY WATCHES: last looked" if shown.silent else "last looked"
    return f"{word} {_moment(shown.beat_at)} UTC"


def _line(one: Mapping[str, Any]) -> tuple[str, ...]:
    look = [*(f"break {id_[:8]}" for id_ in one["breaks"]), *(f"message {id_}" for id_ in one["messages"])]
    return (
        one["severity"],
        one["what"],
        one["money"],
        _moment(one["since"]),
        one["playbook"],
        ", ".join(look) or one["dag_id"],
    )


def _ended(one: Mapping[str, Any]) -> tuple[str, ...]:
    how = "mended" if one["mended"] else "no longer watched"
    return one["severity"], one["what"], how, _moment(one["since"]), _moment(one["over_at"])


def _moment(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
