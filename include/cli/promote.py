"""`tieout promote`: a release to an environment, through its gates; and what a change of rules would change.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one that `tieout up` uses: the target's.
"""

import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from include.cli.radius import radius
from include.cli.shared import Json, print_json, print_table, store_here
from include.ports import Rejected
from include.version import release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.flows.promote import Gate, Offer
    from include.policy import Policy
    from include.ports import Store
    from include.store.postgres import PostgresStore

promote_app = typer.Typer(invoke_without_command=True)
promote_app.command()(radius)

EXIT_SHUT = 3
SHORT = 12

To = Annotated[str, typer.Option(help="The environment, of include/policy/environments.yaml.")]
Approver = Annotated[
    str, typer.Option("--as", help="Who approves: a login or mail address, and no author of it.")
]
Reason = Annotated[str, typer.Option(help="Why; kept with the promotion.")]
AfterUrl = Annotated[
    str,
    typer.Option(
        envvar="TIEOUT_AFTER_DATABASE_URL", help="Where the environment before keeps its promotions."
    ),
]
FromAirflow = Annotated[
    bool, typer.Option("--from-airflow", help="Let the doctor ask the connections of Airflow's database.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Ask every gate, and promote nothing.")]


@promote_app.callback()
def promote(
    context: typer.Context,
    to: To = "",
    who: Approver = "",
    reason: Reason = "",
    after_url: AfterUrl = "",
    *,
    from_airflow: FromAirflow = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Promote what lies here to an environment, if every gate of that environment is passed.

    Each gate that is shut says what to do. What is promoted is kept as one hash over code, rules and schema.

    Exit codes: 0 promoted, or a dry run whose gates are all passed; 3 a gate is shut; 1 failed, with a sentence.

    Examples: tieout promote --to staging --dry-run --as ann@firm.example;
    tieout promote --to prod --as ann@firm.example --reason "release of the week"
    """
    if context.invoked_subcommand:
        return
    from include.flows.promote import promote as keep
    from include.policy import load_policy
    from include.store.postgres import PostgresStore

    target = load_policy(environment=to or None)
    if not to or not target.environment.gates:
        raise Rejected("say where to: --to staging, or --to prod")
    with store_here() as store:
        offer = _offer(store, to=to, approver=who, reason=reason)
        after = PostgresStore(after_url) if after_url else store
        gates, radius_id = _gates(store, after, offer, target, from_airflow=from_airflow)
        left = [gate for gate in gates if not gate.passed]
        kept = None if dry_run or left else keep(store, offer, gates, radius_id=radius_id)
    _print(offer, gates, promoted=kept is not None, as_json=as_json)
    if left:
        raise SystemExit(EXIT_SHUT)


@promote_app.command("hash")
def hash_command(*, as_json: Json = False) -> None:
    """Print the hash of what lies here, over code, rules and schema.

    Example: tieout promote hash
    """
    found = release()
    if as_json:
        print_json({**found._asdict(), "release": found.sha256})
        return
    print(found.sha256)


@promote_app.command()
def record(
    of: Annotated[str, typer.Option(help="The hash that was tested, taken before the tests began.")],
    what: Annotated[str, typer.Option(help="What was run.")] = "make test",
) -> None:
    """Keep that the tests of what lies here passed. `make test` does so when they did.

    Refused when a file changed while they ran: then it is not known what was tested.

    Example: tieout promote record --of $(tieout promote hash)
    """
    from include.cli import gates as here

    now = release()
    if now.sha256 != of:
        raise Rejected("files changed while the tests ran, so nothing is recorded: run them again")
    told = {
        "release": now.sha256,
        "commit": here.commit(),
        "what": what,
        "by": getpass.getuser(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    here.tested_file(now).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"recorded: {what} passed for {now.sha256[:SHORT]}")


@promote_app.command("list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 20, *, as_json: Json = False
) -> None:
    """List what was promoted where, newest first.

    Example: tieout promote list --json
    """
    from include.flows.promote import promotions

    with store_here() as store:
        found = promotions(store, limit=limit)
    if as_json:
        print_json(found)
        return
    head = ("when (UTC)", "to", "release", "rules", "commit", "approved by", "why")
    rows = [
        (
            f"{one['promoted_at']:%Y-%m-%d %H:%M}",
            one["environment"],
            *(one[name][:SHORT] for name in ("release_sha256", "rules_sha256", "commit_id")),
            one["approver"],
            one["reason"],
        )
        for one in found
    ]
    print_table([head, *rows])


def _offer(store: "Store", *, to: str, approver: str, reason: str) -> "Offer":
    from include.cli import gates as here
    from include.flows.promote import Offer, last_promoted
    from include.policy import read_files

    last = last_promoted(store, to)
    since = f"{last['commit_id']}..HEAD" if last and here.knows(last["commit_id"]) else "HEAD"
    authors = here.authors(since) or here.authors("HEAD^!")  # else the very commit that stands there
    return Offer(
        release=release(),
        to=to,
        commit=here.git("rev-parse", "HEAD").strip(),
        authors=authors,
        approver=approver,
        reason=reason,
        rules=read_files(),
        follows=last["promotion_id"] if last else None,
    )


def _gates(
    store: "PostgresStore", after: "Store", offer: "Offer", target: "Policy", *, from_airflow: bool
) -> "tuple[list[Gate], int | None]":
    """Every gate of the environment, in its order; and the radius that was shown."""
    from include.cli import gates as here
    from include.flows import promote as flow

    radius_id = None
    found: list[Gate] = []
    for name in target.environment.gates:
        if name == "committed":
            found.append(here.committed())
        elif name == "tests":
            found.append(here.tests(offer.release))
        elif name == "doctor":
            found.append(here.doctor(offer.to, from_airflow=from_airflow))
        elif name == "database":
            found.append(flow.database_gate(store, offer.to))
        elif name == "migrations":
            found.append(here.migrations(store))
        elif name == "approver":
            found.append(flow.approver_gate(offer))
        elif name == "after":
            found.append(flow.after_gate(after, offer, target.environment.after or ""))
        elif name == "parity":
            found.append(flow.parity_gate(store, target))
        else:
            gate, radius_id = flow.radius_gate(store, offer, target)
            found.append(gate)
    return found, radius_id


def _print(offer: "Offer", gates: "Sequence[Gate]", *, promoted: bool, as_json: bool) -> None:
    if as_json:
        told = {**offer.release._asdict(), "release": offer.release.sha256, "to": offer.to}
        print_json({**told, "promoted": promoted, "gates": [asdict(gate) for gate in gates]})
        return
    for gate in gates:
        print(f"{'passed' if gate.passed else 'SHUT  '}  {gate.name}: {gate.said}")
        if not gate.passed and gate.mend:
            print(f"        to open it: {gate.mend}")
    left = sum(not gate.passed for gate in gates)
    what = f"release {offer.release.sha256[:SHORT]}"
    if promoted:
        print(f"{what} is promoted to {offer.to}")
    else:
        print(
            f"{what} is not promoted: {left} gates are shut"
            if left
            else f"{what} may be promoted to {offer.to}"
        )
