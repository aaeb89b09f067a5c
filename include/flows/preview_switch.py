"""What a switch of writers would do, step by step, and what would refuse it; nothing is changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from include.flows.allow_switch import Grounds, allowed
from include.flows.replay import By, person_of
from include.flows.switch_writer import Patience, Writer, to_switch, writers
from include.ports import Rejected, Row, Store


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A switch that somebody thinks of. `to`: who writes then; `grounds`: of going."""

    flows: Sequence[str]
    to: Writer
    by: By
    patience: Patience
    grounds: Grounds | None = None
    hold_shadow: bool = False


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The flows as they are, what would happen, and why it would not."""

    flows: Sequence[Row]
    steps: Sequence[str]
    would_be_refused: Sequence[str]


def preview(store: Store, planned: Planned) -> Preview:
    """Ask everything that the switch itself would ask, in the same words."""
    rows = [row for row in writers(store) if row["flow"] in planned.flows]
    refused = _refusals(store, planned, rows)
    left = [row for row in rows if row["writer"] != planned.to]
    return Preview(flows=rows, steps=_steps(planned, left) if left else [], would_be_refused=refused)


def _refusals(store: Store, planned: Planned, rows: Sequence[Row]) -> list[str]:
    refused = _said(lambda: person_of(planned.by)) or _said(lambda: to_switch(rows, but=planned.to))
    if grounds := planned.grounds:
        # Who is nobody is no administrator either, and is told so by the first.
        refused = refused or _said(lambda: _ask(store, planned.by, grounds))
    return refused


def _ask(store: Store, by: By, grounds: Grounds) -> None:
    with store.transaction() as tx:
        allowed(tx, person_of(by), grounds)


def _said(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except Rejected as refused:
        return [str(refused)]
    return []


def _steps(planned: Planned, rows: Sequence[Row]) -> list[str]:
    patience, going = planned.patience, planned.to == "ours"
    fate = "stay here and are not sent"
    if going:
        fate = "are parked if they were decided in shadow" if planned.hold_shadow else _SENT
    first = (
        [f"what is queued has {patience.drain_s:g} s to be sent"] if patience.drain_s and not going else []
    )
    return [
        *first,
        f"{', '.join(row['flow'] for row in rows)}: nobody writes any more; every send under an older token is refused",
        f"the old path's last calls have {patience.settle_s:g} s" if going else "nothing more is sent",
        f"calls under way have {patience.calls_s:g} s; those that do not end are uncertain, and looked for",
        f"then {planned.to} writes, under a new token",
        *(f"{row['flow']}: {row['queued']} waiting {fate}; {row['uncertain']} uncertain" for row in rows),
    ]


_SENT = "are sent, unless the old path caused them"
