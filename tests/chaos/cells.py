"""The fault matrix, cell by cell: one fault, in one flow, at one of its calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from include.flows.drain_inbox import Hint
from include.twin.faults import Fault
from tests.chaos.flows import FLOWS
from tests.kills.world import WON

SKIPS = (0, 1, 3)
"""How many calls of its system pass before a fault strikes."""

WIRE: Mapping[str, Mapping[str, Any]] = {
    "unauthorized": {}, "throttled": {}, "unavailable": {"retry_after_s": 2}, "request_limit": {}, "lock_row": {},
    "partial_batch": {}, "reset_before": {}, "reset_after": {}, "reset_midway": {}, "slow": {"seconds": 45},
    "truncated_json": {}, "short_list": {}, "duplicate_rows": {}, "shuffled_rows": {}, "token_expiry": {},
}  # fmt: skip
"""Kind of the twin's faults of requests -> its values."""

_LISTS = ("truncated_json", "short_list", "duplicate_rows", "shuffled_rows")
WHERE: Mapping[str, Mapping[str, str]] = {
    "partial_batch": {"path": "*/composite/sobjects/*"},
    **{name: {"method": "GET"} for name in _LISTS},
}
"""Which calls a fault waits for, where it makes no sense for all."""

OF_SALESFORCE = {"request_limit", "lock_row", "partial_batch", "token_expiry"}
MOMENTS: Mapping[str, Sequence[int]] = {"reconcile": (60,), "tie out": (0, 1, 2, 3)}
"""How many transactions pass before one is struck, where a flow has very many or few: of reconcile's all but the last
are those of reading.
"""
DATABASE = ("away before", "rolled back", "answer to commit lost")
"""What becomes of one transaction: none begins, it is taken back, or it is committed and nobody hears of it."""

JUMPS: Mapping[str, timedelta] = {
    "database an hour ahead": timedelta(hours=1),
    "database 25 hours ahead": timedelta(hours=25),
    "database 50 minutes back": timedelta(minutes=-50),
}
"""By how much the database's clock differs from all others from a transaction on."""

OURS: Mapping[str, timedelta] = {
    "worker 25 hours ahead": timedelta(hours=25),
    "worker 25 hours behind": timedelta(hours=-25),
}
"""By how much the clock of whoever works differs from all others."""

SHOWN_LATE = {
    "salesforce": ("Opportunity", WON),
    "erp": ("account.invoice", "I3"),
    "payments": ("charges", "ch_paid"),
}
SKEWS_S = {"clock ahead": 3_600, "clock behind": -600}
"""What becomes of a system's own clock while a flow asks it. Behind by less than a flow goes on for: what was stamped
later, such a system does not have yet.
"""

AWAY = "away for a day"
"""Everything a system is asked is refused, while the flow is tried again and again; then the system is back."""

EVENTS: Mapping[str, Callable[[Sequence[Hint]], Sequence[Hint]]] = {
    "each event twice": lambda hints: [*hints, *hints],
    "each event fifty times": lambda hints: [*hints] * 50,
    "events in reverse": lambda hints: hints[::-1],
}


BY_OTHER_NAMES: Mapping[str, str] = {
    "clock_skew": "clock ahead",
    "duplicate_event": "each event twice",
    "out_of_order_event": "events in reverse",
}
"""Kinds of the twin's that cells have, and how these are called there."""

ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("tie", "change", "hard_delete", "merge", "hidden_field", "new_field", "lost_webhook"),
        "tests/connectors/test_known_failures.py",
    ),
    "refresh_rotation": "tests/connectors/test_writes_under_faults.py",
}
"""Kinds of the twin's without a cell -> where they are tried: they change what is true, or disturb one system alone."""


@dataclass(frozen=True)
class Cell:
    """One fault in one flow. `system`: whose, or the database."""

    fault: str
    flow: str
    system: str
    skip: int

    def __str__(self) -> str:
        return f"{self.fault} of {self.system} in {self.flow}, after {self.skip}"


@dataclass(frozen=True)
class Verdict:
    """`struck`: whether the flow came by; without that the cell says nothing. `wrong`: what differed in the end."""

    cell: Cell
    struck: bool
    stops: int
    rounds: int
    wrong: str


def cells() -> list[Cell]:
    """All there are."""
    return [
        *_wire_cells(),
        *_database_cells(),
        *_data_cells(),
        *(Cell(one, "webhook", "events", 0) for one in EVENTS),
        *(Cell(one, name, "worker", 0) for one in OURS for name in FLOWS),
        *(Cell(AWAY, name, system, 0) for name, flow in FLOWS.items() for system in flow.systems),
    ]


def _wire_cells() -> Iterator[Cell]:
    """What only reads sends no batch; and of a look-up from which a row is missing nobody can tell that it is."""
    for name, flow in FLOWS.items():
        for system in flow.systems:
            for fault in (one for one in WIRE if system == "salesforce" or one not in OF_SALESFORCE):
                if (fault != "partial_batch" or not flow.fresh) and (fault != "short_list" or flow.fresh):
                    yield from (Cell(fault, name, system, skip) for skip in _skips(name))


def _skips(flow: str) -> Sequence[int]:
    return (
        SKIPS if flow != "reconcile" else SKIPS[1:2]
    )  # it is the extracts once more, and takes ten times as long


def _database_cells() -> Iterator[Cell]:
    for name in FLOWS:
        for fault in (*DATABASE, *JUMPS):
            for skip in MOMENTS.get(name, (0, 1, 2, 4, 7)):
                yield Cell(fault, name, "database", skip)


def _data_cells() -> Iterator[Cell]:
    for name, flow in FLOWS.items():
        for system in flow.systems:
            for fault in ("late_commit", *SKEWS_S) if flow.fresh else SKEWS_S:
                yield from (Cell(fault, name, system, skip) for skip in _skips(name))


def fault_of(cell: Cell) -> Fault:
    """The twin's fault of a cell."""
    if cell.fault in SKEWS_S:
        told = {"kind": "clock_skew", "values": {"seconds": SKEWS_S[cell.fault]}, "path": "/*"}
    elif cell.fault == "late_commit":
        name, native_id = SHOWN_LATE[cell.system]
        told = {"kind": "late_commit", "values": {"object": name, "ids": [native_id]}, "path": "/*"}
    else:
        told = {"kind": cell.fault, "values": dict(WIRE[cell.fault]), **WHERE.get(cell.fault, {})}
    return Fault(system=cell.system, skip=cell.skip, **told)
