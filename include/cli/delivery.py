"""`tieout delivery`: what is on its way to other systems, what is parked, and sending that again.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one that `tieout up` uses.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from include.cli.shared import print_json, print_table, store_here
from include.ports import Row

if TYPE_CHECKING:
    from include.flows.replay import End

delivery_app = typer.Typer(no_args_is_help=True, help="Effects on other systems: queued, parked, replayed.")

SHORT_KEY = 12
SHOWN_DETAIL = 60
NO_LOOK = "nothing failed to be looked at that is not asked for again already"

_Key = Annotated[str | None, typer.Option(help="The message of this key, or of what `list` shows of it.")]
_Subject = Annotated[str | None, typer.Option(help="Messages about this, such as invoices/INV-1.")]
_Since = Annotated[datetime | None, typer.Option(help="Decided at or after this moment (UTC).")]
_Until = Annotated[datetime | None, typer.Option(help="Decided before this moment (UTC).")]
_As = Annotated[str, typer.Option("--as", help="Who you are: a login or mail address; kept with them.")]
_Reason = Annotated[str, typer.Option(help="Why; kept with the messages.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be sent and how it differs; send nothing.")
]
_Ask = Annotated[bool, typer.Option("--ask", help="Ask for somebody else to approve it, who then sends it.")]
_Number = Annotated[int, typer.Argument(help="The number of the replay that somebody asked for.")]
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
    from include.flows.replay import Wanted, asked, conflicts, parked, queues, repairs
    from include.flows.spare_systems import spared
    from include.policy import load_policy

    wanted = Wanted(key=key, subject=subject, since=_utc(since), until=_utc(until))
    with store_here() as store:
        waiting, found = queues(store), parked(store, wanted, load_policy())
        twofold, swept, alone = conflicts(store), repairs(store), spared(store)
        waits = asked(store)
    if as_json:
        print_json(
            {
                "waiting": waiting,
                "parked": found,
                "key_conflicts": twofold,
                "swept": swept,
                "left_alone": alone,
                "asked": waits,
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
    if waits:
        print("\nwaits for a second person (tieout delivery approve, refuse or withdraw NUMBER)")
        print_table([("number", "asked by", "since (UTC)", "messages", "stands", "why"), *map(_asked, waits)])
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


def _asked(row: Row) -> tuple[str, ...]:
    since = f"{row['asked_at']:%Y-%m-%d %H:%M}"
    stands = f"until {row['lapses_at']:%Y-%m-%d %H:%M}" if row["stage"] == "waits" else row["stage"]
    why = row["ended_why"] or row["reason"]
    return str(row["replay_id"]), row["actor_id"], since, str(len(row["messages"])), stands, _short(why)


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
    dry_run: _DryRun = False,
    ask: _Ask = False,
    as_json: _Json = False,
) -> None:
    """Put parked messages back on their way; the target is looked at before anything is sent again.

    Exit codes: 0 done, also when nothing fitted; 1 nothing was asked for, nobody said why, the database refused, or
    it is more than policy lets people, or one person alone: then none is sent.

    Example: tieout delivery replay --subject invoices/INV-1 --as ann@firm.example --reason "field was locked"
    """
    from include.flows.replay import AN_HOUR, By, Wanted, ask_replay, most_of, preview, replay
    from include.policy import load_policy

    wanted = Wanted(key=key, subject=subject, since=_utc(since), until=_utc(until))
    by = By(who, reason)
    with store_here() as store:
        if dry_run:
            _print_preview(preview(store, wanted), as_json=as_json)
            return
        if ask:
            limits = load_policy().delivery
            lives, hourly = limits.asked_for, limits.replayed_hourly_max
            number, _ = ask_replay(store, wanted, by, lives=lives, hourly=hourly)
            print(
                f"replay {number} waits for somebody else, for {lives // AN_HOUR} hours: "
                f"tieout delivery approve {number} --as … --reason …"
            )
            return
        done = replay(store, wanted, by, most_of(load_policy()))
    _print_done(done, as_json=as_json)


@delivery_app.command()
def look() -> None:
    """Have every object looked at again of which an event told, and which could not be read or decided about.

    A look decides what the facts call for, and nothing twice. Needed once the object or the fault is mended.

    Example: tieout delivery look
    """
    with store_here() as store, store.transaction() as tx:
        count = tx.run("look_again")
    print(f"{count:,} {'object is' if count == 1 else 'objects are'} looked at again" if count else NO_LOOK)


@delivery_app.command()
def approve(number: _Number, *, who: _As, reason: _Reason, as_json: _Json = False) -> None:
    """Send again, as a second person, what somebody asked for; `list` names what waits, `replay --dry-run` shows it.

    Example: tieout delivery approve 7 --as ben@firm.example --reason "seen with Ann"
    """
    from include.flows.replay import By, approve_replay, most_of
    from include.policy import load_policy

    with store_here() as store:
        done = approve_replay(store, number, By(who, reason), most_of(load_policy()))
    _print_done(done, as_json=as_json)


@delivery_app.command()
def refuse(number: _Number, *, who: _As, reason: _Reason) -> None:
    """Send back, as a second person, what somebody asked for: nobody approves it then, and they are told why.

    Example: tieout delivery refuse 7 --as ben@firm.example --reason "the rule still stands"
    """
    _end(number, who, reason, "refused")


@delivery_app.command()
def withdraw(number: _Number, *, who: _As, reason: _Reason) -> None:
    """Take back what you asked for yourself.

    Example: tieout delivery withdraw 7 --as ann@firm.example --reason "asked for too early"
    """
    _end(number, who, reason, "withdrawn")


def _end(number: int, who: str, reason: str, ended: "End") -> None:
    from include.flows.replay import By, end_replay

    with store_here() as store:
        end_replay(store, number, By(who, reason), ended=ended)
    print(f"replay {number} is {ended}; its messages stay parked")


def _print_done(done: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(done))
        return
    again, said = done.get("replayed", 0), done.get("superseded", 0)
    if not again and not said:
        print("no parked message fits, and none was sent; `tieout delivery list` names those that are parked")
        return
    print(f"{again} on their way again, {said} said by a newer message since")


def _print_preview(rows: list[Row], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    print_table(
        [("key", "system", "kind", "about", "field", "confirmed last", "would say"), *_previewed(rows)]
    )
    outdated = sum(row["outdated"] for row in rows)
    print(
        f"\n{len(rows) - outdated} would be on their way again, {outdated} said by a newer message; nothing was sent"
    )


def _previewed(rows: list[Row]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        about = (row["key"][:SHORT_KEY], row["target"], row["kind"], row["subject"])
        if row["outdated"]:
            yield *about, "", "", "nothing: a newer message says it"
        for name, (said, says) in row["changes"].items() if not row["outdated"] else ():
            yield *about, name, _short(str(said) if said is not None else "-"), _short(str(says))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
