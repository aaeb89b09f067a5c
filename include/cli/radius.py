"""`tieout promote radius`: what a change of rules would have changed of the days that are published."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from include.cli.shared import print_json, print_table, store_here
from include.ports import Rejected

if TYPE_CHECKING:
    from include.domain.blast_radius import Radius
    from include.ports import Store

Files = dict[str, str]


def radius(
    policy: Annotated[
        Path | None, typer.Option(help="A folder of other policy files: the new rules.")
    ] = None,
    against: Annotated[
        str, typer.Option(help="The old rules, by the beginning of their hash; the new ones are those here.")
    ] = "",
    to: Annotated[str, typer.Option(help="The environment: its last promotion has the old rules.")] = "prod",
    days: Annotated[
        int | None,
        typer.Option(
            min=1, help="The newest so many published days, else as many as that environment asks for."
        ),
    ] = None,
    *,
    truth: Annotated[
        Path | None, typer.Option(help="A generated world: its true links say which new matches are wrong.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of it to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """Replay published days with other rules, keep nothing of it, and show what would be otherwise.

    With --policy the rules here are the old ones. With --against, or neither, they are the new ones, held against those
    of that hash, or those that were promoted last. What was shown is kept: a promotion asks for it.

    Exit codes: 0 shown; 1 failed, with a sentence saying why.

    Examples: tieout promote radius --policy ../other/include/policy --days 5;
    tieout promote radius --html radius.html
    """
    from include.flows.rule_radius import as_values, keep_radius, published_days, rule_radius
    from include.policy import load_policy, policy_of, read_files
    from include.report.radius import render_radius

    with store_here() as store, Console(stderr=True, quiet=as_json).status("reading") as status:
        here = read_files()
        old = here if policy else _old(store, against, to)
        new = read_files(policy) if policy else here
        most = days or load_policy(environment=to).environment.limits.radius_days
        found = rule_radius(
            store,
            days=published_days(store, days=most),
            old=policy_of(old, place="the old rules"),
            new=policy_of(new, place=str(policy or "include/policy")),
            truth=_truth(truth) if truth else None,
            tell=status.update,
        )
        shown = keep_radius(store, found, old_files=old, new_files=new)
    if html:
        html.write_text(render_radius(found), encoding="utf-8")
    if as_json:
        print_json(as_values(found) | {"shown": shown})
        return
    _print(found)
    print(f"\nkept as {shown[:12]}" + (f"; the page is {html}" if html else ""))


def _old(store: "Store", against: str, to: str) -> Files:
    from include.flows.promote import last_promoted
    from include.flows.rule_radius import rules_like

    if not against:
        last = last_promoted(store, to)
        if last is None:
            raise Rejected(f"nothing was promoted to {to} yet; say which rules: --policy or --against")
        against = last["rules_sha256"]
    return rules_like(store, against)


def _truth(world: Path) -> frozenset[tuple[str, frozenset[str]]]:
    path = world / "truth" / "links.csv"
    if not path.is_file():
        raise Rejected(f"{world} has no truth/links.csv; only generated worlds know what is so")
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        return frozenset((row["recon"], frozenset((row["side_a_id"], row["side_b_id"]))) for row in rows)


def _print(found: "Radius") -> None:
    from include.report.radius import summary, sureness, table

    print(summary(found))
    for heading, changes in (("matches", found.matches), ("breaks", found.breaks)):
        if changes:
            print(f"\n{heading}")
            print_table(table(changes))
    print("\nhow often matches are wrong")
    print_table(sureness(found))
    for one in found.estimates:
        print(f"\n{one.method}")
