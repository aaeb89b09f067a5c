"""`tieout parity accept` and `drill`: what people say about differences and drills, beside what is computed."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.cli.parity_show import entry_line
from include.cli.shared import As, Json, print_json, print_table, store_here

if TYPE_CHECKING:
    from include.ports import Store

Kind = Annotated[str | None, typer.Option(help="Of what: orders, invoices, statuses, arr, matches.")]
Field = Annotated[str | None, typer.Option(help="Which field: key, amount, tax, due_date …")]
Class = Annotated[str | None, typer.Option("--class", help="Of which class.")]
Cause = Annotated[str, typer.Option(help="Of which cause; empty is the unexplained, which needs --key.")]
Key = Annotated[str | None, typer.Option(help="Only of this key.")]
Owner = Annotated[str | None, typer.Option(help="Whose it is.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day it holds for.")]
Why = Annotated[str, typer.Option(help="Why it may stay.")]
Approve = Annotated[int | None, typer.Option(help="Instead: approve this entry, as somebody else.")]
MAY_WORK, MAY_APPROVE = "can_work", "can_approve"
"""The permissions of the console that changing the register takes, and approving what somebody proposed."""
End = Annotated[int | None, typer.Option(help="Instead: end this entry.")]


class Tried(StrEnum):
    """What was tried out on purpose."""

    replay = "replay"
    payout_failure = "payout_failure"


def accept(
    who: As,
    *,
    kind: Kind = None,
    field: Field = None,
    named: Class = None,
    cause: Cause = "",
    key: Key = None,
    owner: Owner = None,
    until: Until = None,
    reason: Why = "",
    approve: Approve = None,
    end: End = None,
    as_json: Json = False,
) -> None:
    """Propose that differences may stay; somebody else approves it. Without --kind, --approve or --end: the register.

    It takes the role that the console asks for the same, and a look at it lately.

    Exit codes: 0 done; 1 refused, with why.

    Examples: tieout parity accept --as ann --kind invoices --field due_date --class logic --cause rolls_to_business_day
    --owner AR --until 2026-09-15 --reason "agreed with sales"; tieout parity accept --as ben --approve 1
    """
    from include.flows import accept_difference as register

    _refuse_several(kind, approve, end)
    with store_here() as store:
        if may := MAY_APPROVE if approve is not None else MAY_WORK if end is not None or kind else "":
            _need(store, who, may)
        if approve is not None:
            register.approve(store, approve, checker=who)
        elif end is not None:
            register.end(store, end, person=who)
        elif kind is not None:
            scope = {"kind": kind, "field": field, "kind_of": named, "cause": cause, "key": key}
            why = {"owner": owner, "reason": reason.strip(), "expires_on": until and until.date()}
            _propose(store, scope, why, maker=who)
        with store.transaction() as tx:
            rows = tx.rows("parity_register")
    if as_json:
        print_json(rows)
        return
    print_table([("entry", "which", "owner", "by", "approved by", "until", "why"), *map(entry_line, rows)])


def _refuse_several(kind: str | None, approve: int | None, end: int | None) -> None:
    from include.ports import Rejected

    if sum(one is not None for one in (kind, approve, end)) > 1:
        raise Rejected("say one of --kind, --approve and --end: each is an act of its own")


def _need(store: "Store", who: str, may: str) -> None:
    """What the console asks of whoever does the same there."""
    from include.flows.asking import FRESH
    from include.flows.need_permission import need_permission

    refused = (
        f"{who} may not {'approve' if may == MAY_APPROVE else 'change'} entries of the register: it takes that role, "
        f"and a look at the console's page Parity within {FRESH // timedelta(hours=1)} hours, which then knows them"
    )
    with store.transaction() as tx:
        need_permission(tx, who, {may}, refused=refused)


def _propose(store: "Store", scope: dict[str, Any], why: dict[str, Any], *, maker: str) -> None:
    from include.flows import accept_difference as register
    from include.flows.policy_here import policy_here
    from include.ports import Rejected

    if not (scope["field"] and scope["kind_of"] and all(why.values())):
        raise Rejected("an entry needs --field, --class, --owner, --until and --reason")
    register.propose(
        store, register.Scope(**scope), register.Why(**why), maker=maker, policy=policy_here(store)
    )


def drill(
    who: As,
    *,
    what: Annotated[Tried, typer.Option(help="What was tried out.")],
    day: Annotated[
        datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="When; one of the days to be signed.")
    ],
    found: Annotated[str, typer.Option(help="What came of it.")],
) -> None:
    """Note a drill that the days to be signed must contain.

    Example: tieout parity drill --what replay --day 2026-06-24 --found "nothing was sent twice" --as ops@firm.example
    """
    from include.flows.accept_difference import note_drill
    from include.flows.policy_here import policy_here

    with store_here() as store:
        note_drill(
            store, drill=what.value, day=day.date(), person=who, found=found, policy=policy_here(store)
        )
    print(f"{what.value} of {day:%Y-%m-%d} is noted")
