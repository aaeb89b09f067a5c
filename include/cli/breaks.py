"""`tieout breaks`: what there is to do about breaks, and doing it, from the command line.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one that `tieout up` uses.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.cli.shared import As, Json, as_text, print_json, print_table, store_here
from include.domain.shown import on_terminal

if TYPE_CHECKING:
    from uuid import UUID

    from include.flows.act_on_break import Acted
    from include.store.postgres import PostgresStore

breaks_app = typer.Typer(no_args_is_help=True, help="Breaks: what there is to do, and doing it.")

SHORT_ID = 8
COLUMNS = ("break", "sev", "state", "code", "key", "amount", "owner", "assignee", "age", "due (UTC)")


class What(StrEnum):
    """What can be proposed; cash is matched and unmatched by commands of their own."""

    correct = "correct"
    write_off = "write_off"
    accept = "accept"
    manual_match = "manual_match"
    unmatch = "unmatch"
    merge = "merge"
    config_change = "config_change"


Break = Annotated[str, typer.Argument(metavar="BREAK", help="The break's id, or how it begins.")]
Reason = Annotated[str, typer.Option(help="Why; kept in its history.")]
Version = Annotated[
    int | None, typer.Option(help="The version you looked at; refused when it changed since.")
]


@breaks_app.command("list")
def list_command(
    owner: Annotated[str | None, typer.Option(help="Only of this owner, such as AR.")] = None,
    assignee: Annotated[str | None, typer.Option(help="Only what this person has.")] = None,
    recon: Annotated[str | None, typer.Option(help="Only of this reconciliation, such as R3.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 50,
    *,
    closed: Annotated[bool, typer.Option("--closed", help="The resolved and accepted ones instead.")] = False,
    as_json: Json = False,
) -> None:
    """List open breaks, worst first.

    Example: tieout breaks list --owner AR --limit 20
    """
    from include.domain.break_life import CLOSED, WORKED_ON
    from include.flows.show_breaks import Wanted, list_breaks
    from include.policy import load_policy

    states = tuple(sorted(CLOSED)) if closed else WORKED_ON
    who = assignee.strip().lower() if assignee else None
    wanted = Wanted(states=states, owner=owner, assignee=who, recon=recon, limit=limit)
    with store_here() as store:
        found = list_breaks(store, wanted, load_policy())
    if as_json:
        print_json(found)
        return
    print_table([COLUMNS, *(_line(one) for one in found)])
    if len(found) == limit:
        print(f"… the first {limit}; --limit shows more")


@breaks_app.command()
def show(break_: Break, *, as_json: Json = False) -> None:
    """Show one break and its whole history.

    Example: tieout breaks show 1f0c7a52
    """
    from include.flows.resolve_break import find_break
    from include.flows.show_breaks import show_break
    from include.policy import load_policy

    with store_here() as store:
        found, history = show_break(store, find_break(store, break_), load_policy())
    if as_json:
        print_json(found | {"history": history})
        return
    for name, value in found.items():
        if value is not None:
            print(f"{name.replace('_', ' '):18} {on_terminal(as_text(value))}")
    print()
    print_table(
        [
            (
                str(one["version"]),
                as_text(one["happened_at"]),
                one["actor"],
                " ".join(filter(None, (one["action"], one["kind"] if one["action"] == "proposed" else ""))),
                one["to_state"],
                one["reason"],
            )
            for one in history
        ]
    )


@breaks_app.command()
def assign(
    break_: Break,
    who: As,
    to: Annotated[str, typer.Option(help="Who shall have it.")],
    *,
    reason: Reason = "assigned",
    seen: Version = None,
    as_json: Json = False,
) -> None:
    """Give a break to somebody.

    Example: tieout breaks assign 1f0c7a52 --to ann@firm.example --as lead@firm.example
    """
    from include.flows import resolve_break as desk
    from include.flows.act_on_break import By

    by = By(actor=who, reason=reason, seen=seen)
    act_on_break(break_, lambda store, found: desk.assign(store, found, by, to=to), as_json=as_json)


@breaks_app.command()
def comment(break_: Break, who: As, reason: Reason, *, seen: Version = None, as_json: Json = False) -> None:
    """Add a remark to a break's history.

    Example: tieout breaks comment 1f0c7a52 --reason "asked the remitter" --as ann@firm.example
    """
    from include.flows import resolve_break as desk
    from include.flows.act_on_break import By

    by = By(actor=who, reason=reason, seen=seen)
    act_on_break(break_, lambda store, found: desk.comment(store, found, by), as_json=as_json)


@breaks_app.command()
def propose(
    break_: Break,
    who: As,
    kind: Annotated[What, typer.Option(help="What to do about it.")],
    reason: Reason,
    *,
    seen: Version = None,
    as_json: Json = False,
) -> None:
    """Propose what to do. What needs a second pair of eyes waits for `approve` by somebody else.

    Example: tieout breaks propose 1f0c7a52 --kind write_off --reason "not worth a letter" --as ann@firm.example
    """
    from include.flows import resolve_break as desk
    from include.flows.act_on_break import By
    from include.policy import load_policy

    by = By(actor=who, reason=reason, seen=seen)
    rules = load_policy()
    act_on_break(
        break_,
        lambda store, found: desk.propose(store, found, by, kind=kind.value, policy=rules),
        as_json=as_json,
    )


@breaks_app.command()
def approve(
    break_: Break, who: As, *, reason: Reason = "approved", seen: Version = None, as_json: Json = False
) -> None:
    """Approve what somebody else proposed.

    Example: tieout breaks approve 1f0c7a52 --as ben@firm.example
    """
    from include.flows import resolve_break as desk
    from include.flows.act_on_break import By

    by = By(actor=who, reason=reason, seen=seen)
    act_on_break(break_, lambda store, found: desk.approve(store, found, by), as_json=as_json)


@breaks_app.command()
def reject(break_: Break, who: As, reason: Reason, *, seen: Version = None, as_json: Json = False) -> None:
    """Send a proposal back to whoever has the break; its maker withdraws it so too.

    Example: tieout breaks reject 1f0c7a52 --reason "ask for the bank's advice first" --as ben@firm.example
    """
    from include.flows import resolve_break as desk
    from include.flows.act_on_break import By

    by = By(actor=who, reason=reason, seen=seen)
    act_on_break(break_, lambda store, found: desk.reject(store, found, by), as_json=as_json)


@breaks_app.command()
def resolve(break_: Break, who: As, reason: Reason, *, seen: Version = None, as_json: Json = False) -> None:
    """Say that it is done; a later day that still finds it opens it again.

    Example: tieout breaks resolve 1f0c7a52 --reason "applied in the ERP" --as ann@firm.example
    """
    from include.flows import resolve_break as desk
    from include.flows.act_on_break import By

    by = By(actor=who, reason=reason, seen=seen)
    act_on_break(break_, lambda store, found: desk.resolve(store, found, by), as_json=as_json)


@breaks_app.command()
def accept(break_: Break, who: As, reason: Reason, *, seen: Version = None, as_json: Json = False) -> None:
    """Let it stand, as approved.

    Example: tieout breaks accept 1f0c7a52 --reason "booked to 7420" --as ann@firm.example
    """
    from include.flows import resolve_break as desk
    from include.flows.act_on_break import By

    by = By(actor=who, reason=reason, seen=seen)
    act_on_break(break_, lambda store, found: desk.accept(store, found, by), as_json=as_json)


def act_on_break(text: str, act: Callable[["PostgresStore", "UUID"], "Acted"], *, as_json: bool) -> None:
    """Do it to the break whose id begins so, and say where it is then."""
    from include.flows.resolve_break import find_break

    with store_here() as store:
        done = act(store, find_break(store, text))
    print_acted(done, as_json=as_json)


def print_acted(done: "Acted", *, as_json: bool) -> None:
    """Where the break is after an act."""
    if as_json:
        print_json(
            {
                "break_id": done.break_id,
                "state": done.state,
                "version": done.version,
                "assignee": done.assignee,
            }
        )
        return
    has = f", {done.assignee} has it" if done.assignee else ""
    print(f"break {str(done.break_id)[:SHORT_ID]} is {done.state}{has} (version {done.version})")


def _line(one: dict[str, Any]) -> tuple[str, ...]:
    due = f"{one['due_at']:%Y-%m-%d %H:%M}" if one["due_at"] else ""
    late = f", {one['escalated_to']}" if one["missed"] else ""
    return (
        str(one["break_id"])[:SHORT_ID],
        one["severity"],
        one["state"],
        one["code"],
        one["key"],
        one["amount"] or "",
        one["owner"],
        one["assignee"] or "",
        f"{one['age_business_days']} bd",
        f"{due}{late}",
    )
