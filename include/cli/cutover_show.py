"""How `tieout cutover` writes what it found: who writes, what a switch did, and what it would do."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from include.cli.shared import print_json
from include.ports import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.flows.preview_switch import Preview
    from include.flows.switch_writer import Switched


def print_preview(seen: "Preview", *, as_json: bool) -> None:
    """The steps of a switch, and what would refuse it."""
    if as_json:
        print_json({"dry_run": True, **asdict(seen)})
        return
    for number, step in enumerate(seen.steps, 1):
        print(f"{number}. {step}")
    for refusal in seen.would_be_refused:
        print(f"It would be refused: {refusal}")


def signed_line(signed: Row | None) -> str:
    """Who signed parity, and when."""
    return (
        f"signed by {', '.join(signed['signers'])} on {signed['signed_at']:%Y-%m-%d}"
        if signed
        else "not signed"
    )


def flow_line(row: Row) -> tuple[str, ...]:
    """A flow, as a row of the plan."""
    since = f"{row['since']:%Y-%m-%d %H:%M}" if row["since"] else "the beginning"
    by = f"{row['act']} by {row['actor']}" + (" (emergency)" if row["emergency"] else "")
    counts = tuple(str(row[name]) for name in ("queued", "called", "uncertain", "parked"))
    return row["flow"], row["writer"], str(row["token"]), since, by, *counts


def print_switched(done: "Sequence[Switched]", *, as_json: bool) -> None:
    """Each flow after its switch."""
    if as_json:
        print_json([asdict(one) for one in done])
        return
    for one in done:
        said = f"{one.flow}: {one.writer} writes, token {one.token}, after {one.seconds:.1f} s; {one.waiting} wait here"
        print(said + (f", {one.held} parked" if one.held else ""))
        for row in one.written:
            print(f"   ours wrote {row['messages']} {row['kind']} at {row['target']} since it began to")
        if one.uncertain:
            print(f"   {one.uncertain} may have happened: look there before writing any of them again")
