"""`tieout parity`: the old path beside ours, from the first comparison to a pack that anybody can check.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one of `tieout up`; `key` and `verify` need none.
"""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from include.cli.parity_register import accept, drill
from include.cli.parity_show import show_judged, tables_of_day
from include.cli.shared import As, Json, print_json, print_new_key, print_table, store_here

parity_app = typer.Typer(no_args_is_help=True, help="Parity: the old path beside ours, until it is signed.")

NOT_GREEN = 1

Day = Annotated[datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="Business day, tied out before.")]
MaybeDay = Annotated[
    datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="By default the last one compared.")
]
Last = Annotated[datetime, typer.Option("--last", formats=["%Y-%m-%d"], help="The last of the days judged.")]
Reason = Annotated[str, typer.Option(help="Why; kept for good.")]


class Signer(StrEnum):
    """For whom somebody signs."""

    controller = "controller"
    revops = "revops"
    it = "it"


class Shown(StrEnum):
    """Of what differences are shown."""

    orders = "orders"
    invoices = "invoices"
    statuses = "statuses"
    arr = "arr"
    matches = "matches"


@parity_app.callback()
def about() -> None:
    """Parity: the old path beside ours, until it is signed."""


@parity_app.command()
def compare(
    *,
    day: Day,
    legacy: Annotated[Path | None, typer.Option(help="The folder of the old path's answers.")] = None,
    table: Annotated[str | None, typer.Option(help="Instead: a table or view of them, schema.name.")] = None,
    as_json: Json = False,
) -> None:
    """Compare a day's answers, and keep the verdict. Again, it comes to the same and changes nothing.

    Exit codes: 0 compared, whatever differs; 1 the day is not tied out, or the database is away; 2 nothing to compare.

    Example: tieout parity compare --day 2026-06-30 --legacy worlds/side_by_side/legacy
    """
    from include.connectors.legacy.client import LegacyFolder
    from include.flows.compare_parity import compare_parity
    from include.flows.policy_here import policy_here
    from include.flows.tell_answers import TheirTable
    from include.ports import NothingUsable

    if (legacy is None) == (table is None):
        raise NothingUsable("say where their answers are: either --legacy FOLDER or --table SCHEMA.NAME")
    theirs = LegacyFolder(legacy) if legacy else TheirTable(str(table))
    with store_here() as store:
        done = compare_parity(store, day=day.date(), policy=policy_here(store), theirs=theirs)
    if as_json:
        print_json(asdict(done))
        return
    print(done)


@parity_app.command()
def show(
    *,
    day: MaybeDay = None,
    kind: Annotated[Shown | None, typer.Option(help="Only these.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only of this cause, such as oldest_first.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of each, at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what a day came to: differences with what explains them, unreadable rows, and what was learnt since.

    Exit codes: 0 shown; 1 the database is away; 2 the day was not compared.

    Examples: tieout parity show; tieout parity show --day 2026-06-30 --kind matches --json
    """
    from include.flows.show_parity import show_parity

    only = {"kind": kind or "", "cause": cause or ""}
    with store_here() as store:
        shown = show_parity(store, day=day.date() if day else None, only=only, limit=limit)
    if as_json:
        print_json(asdict(shown))
        return
    print(
        f"{shown.day['day']}, edition {shown.day['edition']}: {shown.day['ours_count']:,} answers of ours, "
        f"{shown.day['theirs_count']:,} of theirs, {shown.day['quarantined_count']:,} unreadable, "
        f"{shown.day['differences_count']:,} differences; verdict {shown.day['verdict_sha256'][:12]}"
    )
    for rows in tables_of_day(shown):
        print()
        print_table(rows)


@parity_app.command()
def judge(*, last: Last, as_json: Json = False) -> None:
    """Judge the fourteen days up to a day against the limits: what `sign` signs.

    Exit codes: 0 it may be signed; 1 something is in the way, and is named.

    Example: tieout parity judge --last 2026-06-30
    """
    from include.flows.judge_parity import judge_parity
    from include.flows.policy_here import policy_here

    with store_here() as store:
        seen = judge_parity(store, last=last.date(), policy=policy_here(store))
    show_judged(seen, as_json=as_json)
    if seen.obstacles:
        raise SystemExit(NOT_GREEN)


parity_app.command()(accept)
parity_app.command()(drill)


@parity_app.command()
def sign(
    who: As,
    *,
    role: Annotated[Signer, typer.Option("--role", help="For whom.")],
    last: Last,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Sign the days up to a day for one of three roles. Three people must; the database sees to it.

    Exit codes: 0 signed; 1 refused, with why.

    Example: tieout parity sign --last 2026-06-30 --role controller --as ben@firm.example --reason "looked at all of it"
    """
    from include.flows.policy_here import policy_here
    from include.flows.sign_parity import sign_known, signed_or_judged

    with store_here() as store:
        seen = signed_or_judged(store, last=last.date(), policy=policy_here(store))
        seen = sign_known(store, seen.window_no, role=role.value, person=who, reason=reason)
    show_judged(seen, as_json=as_json)


@parity_app.command()
def key(path: Annotated[Path, typer.Argument(help="The file to make.")]) -> None:
    """Make the key that packs are sealed with. Keep the file; tell people the public key.

    Exit codes: 0 made; 1 the file is there already, or its folder is not.

    Example: tieout parity key var/parity.pem
    """
    print_new_key(path)


@parity_app.command()
def pack(
    *,
    last: Last,
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    key_file: Annotated[
        Path, typer.Option("--key", envvar="TIEOUT_PARITY_KEY", help="The key to seal with; see `key`.")
    ],
    as_json: Json = False,
) -> None:
    """Write the parity pack of the days up to a day: a page, tables, hashes, and a seal.

    Exit codes: 0 written; 1 failed. Whether it holds, and who has signed, `verify` says.

    Example: tieout parity pack --last 2026-06-30 --key var/parity.pem --out packs/2026-06
    """
    from include.flows.pack_parity import parity_pack
    from include.flows.policy_here import policy_here
    from include.flows.sign_parity import signed_or_judged
    from include.ports import Rejected
    from include.verify_parity import seal

    if out.exists():
        raise Rejected(f"{out} is there already; a pack is written to a folder of its own")
    with store_here() as store:
        seen = signed_or_judged(store, last=last.date(), policy=policy_here(store))
        files = seal(parity_pack(store, seen.window_no), key=key_file)
    out.mkdir(parents=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
    told = {"folder": str(out), "window_no": seen.window_no, "files": sorted(files)}
    if as_json:
        print_json(told)
        return
    print(f"{out}: {len(files)} files, content {seen.content_sha256[:12]}")


@parity_app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A pack.")],
    *,
    public_key: Annotated[str, typer.Option(help="The key it must be sealed with, as hex.")] = "",
    as_json: Json = False,
) -> None:
    """Check a pack, with no database: its seal, every hash, and that its tables bear out what was signed.

    Exit codes: 0 it holds; 1 it does not, and everything wrong is named; 2 there is no pack.

    Example: tieout parity verify packs/2026-06 --public-key 5f1c…
    """
    from include.verify_parity import verify_pack

    verdict = verify_pack(folder, public_key=public_key)
    if as_json:
        print_json(verdict.as_json())
    else:
        for problem in verdict.problems:
            print(problem)
        print(verdict)
    if not verdict.holds:
        raise SystemExit(NOT_GREEN)
