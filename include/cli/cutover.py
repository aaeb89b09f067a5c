"""`tieout cutover`: who writes each flow of effects, and handing that to ours or back.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one that `tieout up` uses.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from include.cli.cutover_show import flow_line, print_preview, print_switched, signed_line
from include.cli.shared import Json, print_json, print_table, store_here
from include.ports import Rejected, Row

if TYPE_CHECKING:
    from include.flows.switch_writer import Patience
    from include.policy import Policy
    from include.ports import Store

cutover_app = typer.Typer(no_args_is_help=True)

EXIT_MAY_NOT = 3
COLUMNS = ("flow", "writer", "token", "since (UTC)", "by", "queued", "called", "uncertain", "parked")


class Trigger(StrEnum):
    """What makes going back due."""

    duplicate_invoice = "duplicate_invoice"
    money_difference = "money_difference"
    control_totals = "control_totals"
    coverage = "coverage"
    parity_money = "parity_money"
    parity_duplicates = "parity_duplicates"
    drill = "drill"
    other = "other"


Flows = Annotated[list[str] | None, typer.Argument(metavar="FLOW...", help="Which flows; see plan.")]
All = Annotated[bool, typer.Option("--all", help="Every flow that is not there yet.")]
As = Annotated[str, typer.Option("--as", help="Who you are: a login or mail address; kept with the switch.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the switch.")]
Emergency = Annotated[
    bool, typer.Option("--emergency", help="Without a sign-off; for administrators, and kept as such.")
]
HoldShadow = Annotated[
    bool,
    typer.Option(
        "--hold-shadow", help="Park what was decided in shadow, instead of sending what is not there."
    ),
]
Settle = Annotated[
    int | None, typer.Option("--settle-seconds", min=0, help="For the old path's last calls to end.")
]
Changed = Annotated[
    bool,
    typer.Option(
        "--changed", help="Though other rules or code run than those that were signed; kept with the switch."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")]


@cutover_app.callback()
def about() -> None:
    """Who writes each flow: the old path or ours, one at a time.

    Exit codes of all its commands: 0 done; 1 refused, with a sentence saying why; 3 only of may-write: no.
    """


@cutover_app.command()
def plan(flows: Flows = None, *, as_json: Json = False) -> None:
    """Show who writes what, what waits, whether parity is signed, and whether going back is due.

    Examples: tieout cutover plan; tieout cutover plan orders invoices --json
    """
    from include.flows.policy_here import policy_here
    from include.flows.rollback_due import due_now, signed_now
    from include.flows.switch_writer import history, waiting, writers

    with store_here() as store:
        policy = policy_here(store)
        known = writers(store)
        _refuse_unknown(flows, known)
        shown = [row for row in known if not flows or row["flow"] in flows]
        facts: dict[str, Any] = {
            "environment": policy.here,
            "signed": signed_now(store),
            "going_back_is_due": due_now(store, policy),
            "flows": shown,
            "waiting": {
                row["flow"]: waiting(store, row["flow"]) for row in shown if row["queued"] + row["uncertain"]
            },
            "switches": history(store, limit=10),
        }
    if as_json:
        print_json(facts)
        return
    print(f"environment {policy.here}; parity is {signed_line(facts['signed'])}\n")
    print_table([COLUMNS, *map(flow_line, shown)])
    for flow, rows in facts["waiting"].items():
        for row in rows:
            print(
                f"{flow}: {row['messages']} {row['kind']} at {row['target']} {row['state']} "
                f"since {row['oldest']:%Y-%m-%d %H:%M}"
            )
    for one in facts["going_back_is_due"]:
        print(f"\nGOING BACK IS DUE: {one['what']} ({one['count']}), since {one['since']:%Y-%m-%d %H:%M} UTC")


@cutover_app.command()
def go(
    flows: Flows = None,
    *,
    who: As,
    reason: Reason,
    every: All = False,
    changed: Changed = False,
    emergency: Emergency = False,
    hold_shadow: HoldShadow = False,
    settle_s: Settle = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let ours write: the old path is stopped, its last calls end, and what it did not do is sent.

    What was decided in shadow is looked for at its target first; what the old path caused is not caused again.

    Examples: tieout cutover go statuses --as ann@firm.example --reason "signed on 14 Nov" --dry-run;
    tieout cutover go --all --as ann@firm.example --reason "signed on 14 Nov"
    """
    from include.flows.allow_switch import Grounds
    from include.flows.policy_here import policy_here
    from include.flows.preview_switch import Planned, preview
    from include.flows.replay import By
    from include.flows.switch_writer import go as switch

    with store_here() as store:
        policy = policy_here(store)
        chosen, by = _chosen(store, flows, every=every, but="ours"), By(who, reason)
        patience = _patience(policy, settle_s=settle_s)
        grounds = Grounds(policy=policy, changed=changed, emergency=emergency)
        how: dict[str, Any] = {"patience": patience, "grounds": grounds, "hold_shadow": hold_shadow}
        if dry_run:
            planned = Planned(flows=chosen, to="ours", by=by, **how)
            print_preview(preview(store, planned), as_json=as_json)
            return
        with Console(stderr=True, quiet=as_json).status("switching") as status:
            done = switch(store, chosen, by, **how, tell=status.update)
    print_switched(done, as_json=as_json)


@cutover_app.command()
def back(
    flows: Flows = None,
    *,
    who: As,
    reason: Reason,
    trigger: Annotated[Trigger, typer.Option(help="What makes it due.")],
    every: All = False,
    drain_s: Annotated[
        int,
        typer.Option(
            "--drain-seconds", min=0, help="First let go out what is queued; 0: nothing more is sent."
        ),
    ] = 0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Give flows back to the old path at once: from now on nothing is sent, and within a minute the old path writes.

    Says what ours wrote since it began to, what waits here, and what may have happened and is not known yet.

    Examples: tieout cutover back --all --trigger duplicate_invoice --as ann@firm.example --reason "OR06 on SO-2";
    tieout cutover back orders --trigger drill --drain-seconds 60 --as ann@firm.example --reason "drill of the quarter"
    """
    from include.flows.policy_here import policy_here
    from include.flows.preview_switch import Planned, preview
    from include.flows.replay import By
    from include.flows.switch_writer import back as switch

    with store_here() as store:
        policy = policy_here(store)
        chosen = _chosen(store, flows, every=every, but="theirs")
        patience = _patience(policy, drain_s=drain_s)
        if dry_run:
            planned = Planned(flows=chosen, to="theirs", by=By(who, reason), patience=patience)
            print_preview(preview(store, planned), as_json=as_json)
            return
        with Console(stderr=True, quiet=as_json).status("switching") as status:
            done = switch(
                store, chosen, By(who, reason), trigger=trigger, patience=patience, tell=status.update
            )
    print_switched(done, as_json=as_json)


@cutover_app.command("may-write")
def may_write(
    flow: Annotated[str, typer.Argument(help="Which flow.")],
    token: Annotated[int, typer.Option(help="The token under which the old path began its work.")],
) -> None:
    """Say whether the old path may still write, for whoever integrates it: asked before each write, as ours does.

    Exit codes: 0 it may; 3 it may not; 1 there is no such flow.

    Example: tieout cutover may-write orders --token 3
    """
    from include.flows.switch_writer import writers

    with store_here() as store:
        [row] = writers(store, flow)
    if (row["writer"], row["token"]) != ("theirs", token):
        print(f"no: {flow} is {row['writer']} under token {row['token']}")
        raise SystemExit(EXIT_MAY_NOT)
    print("yes")


def _refuse_unknown(flows: Sequence[str] | None, known: Sequence[Row]) -> None:
    names = [row["flow"] for row in known]
    if unknown := sorted(set(flows or ()) - set(names)):
        raise Rejected(f"there is no flow {', '.join(unknown)}; there are {', '.join(names)}")


def _chosen(store: "Store", flows: Sequence[str] | None, *, every: bool, but: str) -> list[str]:
    from include.flows.switch_writer import writers

    known = writers(store)
    _refuse_unknown(flows, known)
    if bool(flows) == every:
        raise Rejected("say which flows, or --all")
    chosen = flows or [row["flow"] for row in known if row["writer"] != but]
    if not chosen:
        raise Rejected(f"every flow is {but} already")
    return sorted(set(chosen))


def _patience(policy: "Policy", *, settle_s: int | None = None, drain_s: int = 0) -> "Patience":
    from include.flows.switch_writer import Patience

    limits = policy.environment.limits
    return Patience(
        drain_s=drain_s,
        calls_s=limits.calls_seconds,
        settle_s=limits.settle_seconds if settle_s is None else settle_s,
    )
