"""`tieout delivery`: what is on its way to other systems, what is parked, and sending that again.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one that `tieout up` uses.
"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from include.cli.shared import print_json, print_table, store_here
from include.ports import Row

delivery_app = typer.Typer(no_args_is_help=True, help="Effects on other systems: queued, parked, replayed.")

SHORT_KEY = 12
SHOWN_DETAIL = 60

_Key = Annotated[str | None, typer.Option(help="The message of this key.")]
_Subject = Annotated[str | None, typer.Option(help="Messages about this, such as invoices/INV-1.")]
_Since = Annotated[datetime | None, typer.Option(help="Decided at or after this moment (UTC).")]
_Until = Annotated[datetime | None, typer.Option(help="Decided before this moment (UTC).")]
_As = Annotated[str, typer.Option("--as", help="Who you are: a login or mail address; kept with them.")]
_Reason = Annotated[str, typer.Option(help="Why; kept with the messages.")]
_Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table or sentence.")]


@delivery_app.command("list")
def list_command(
    key: _Key = None,
    subject: _Subject = None,
    since: _Since = None,
    until: _Until = None,
    *,
    as_json: _Json = False,
) -> None:
    """Say how many messages wait at each system and what sweeps repaired, and list what is parked and why.

    Example: tieout delivery list --subject opportunities/0065g00000ABCDEAA1
    """
    from include.flows.replay import Wanted, conflicts, parked, queues, repairs
    from include.flows.spare_systems import spared
    from include.policy import load_policy

    wanted = Wanted(key=key, subject=subject, since=_utc(since), until=_utc(until))
    with store_here() as store:
        waiting, found = queues(store), parked(store, wanted, load_policy())
        twofold, swept, alone = conflicts(store), repairs(store), spared(store)
    if as_json:
        print_json(
            {
                "waiting": waiting,
                "parked": found,
                "key_conflicts": twofold,
                "swept": swept,
                "left_alone": alone,
            }
        )
        return
    print_table([("system", "state", "messages", "oldest (UTC)"), *map(_waiting, waiting)])
    if alone:
        print()
        print_table([("left alone", "of", "until (UTC)", "waits", "why"), *map(_alone, alone)])
    repaired = sum(row["repaired"] for row in swept)
    print(f"\nsweeps of the last day: {sum(row['sweeps'] for row in swept)}, rows they repaired: {repaired}")
    if found:
        print()
        head = ("key", "system", "kind", "about", "reason", "mended by", "detail")
        print_table([head, *map(_parked, found)])
    if twofold:
        print("\nS1: decided again with something else to say; nothing was sent of it")
        print_table([("key", "about", "since (UTC)"), *map(_conflict, twofold)])


def _waiting(row: Row) -> tuple[str, ...]:
    return row["target"], row["state"], str(row["messages"]), f"{row['oldest']:%Y-%m-%d %H:%M}"


def _alone(row: Row) -> tuple[str, ...]:
    until = f"{row['until']:%H:%M:%S}" if row["until"] else "its next day"
    return row["system"], row["part"], until, ", ".join(row["puts_off"]), row["detail"][:SHOWN_DETAIL]


def _parked(row: Row) -> tuple[str, ...]:
    told = tuple(str(row[name]) for name in ("target", "kind", "subject", "reason", "mended_by"))
    return row["key"][:SHORT_KEY], *told, _short(row["detail"] or "")


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_DETAIL else f"{text[: SHOWN_DETAIL - 1]}…"


def _conflict(row: Row) -> tuple[str, ...]:
    return row["key"][:SHORT_KEY], row["subject"], f"{row['found_at']:%Y-%m-%d %H:%M}"


@delivery_app.command()
def replay(
    key: _Key = None,
    subject: _Subject = None,
    since: _Since = None,
    until: _Until = None,
    *,
    who: _As,
    reason: _Reason,
    as_json: _Json = False,
) -> None:
    """Put parked messages back on their way; the target is looked at before anything is sent again.

    Exit codes: 0 done, also when nothing fitted; 1 nothing was asked for, nobody said why, the database refused, or
    more would be sent again within an hour than policy allows: then none is.

    Example: tieout delivery replay --subject invoices/INV-1 --as ann@firm.example --reason "field was locked"
    """
    from include.flows.replay import By, Wanted, replay
    from include.policy import load_policy

    wanted = Wanted(key=key, subject=subject, since=_utc(since), until=_utc(until))
    with store_here() as store:
        done = replay(store, wanted, By(who, reason), hourly_max=load_policy().delivery.replayed_hourly_max)
    if as_json:
        print_json(dict(done))
        return
    print(f"{done['replayed']} on their way again, {done['superseded']} said by a newer message since")


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
