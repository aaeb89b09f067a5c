"""Leaves a system alone that does not answer: by everybody, for a while; then one call finds out whether it is back.

What one process finds out all know, for it is kept in the database. A system that asks for few calls is spared too:
what may wait for its next day does (`Pace.puts_off`).
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from include.domain.delivery import Allowance, Pace
from include.ports import Row, Store, Transaction

Part = Literal["effects", "looks"]
EFFECTS: Part = "effects"
LOOKS: Part = "looks"


class May(NamedTuple):
    """A system that may be called. `probe`: once. `failing`: it did not answer lately."""

    probe: bool
    failing: bool


def may_call(tx: Transaction, systems: Sequence[str], part: Part, pace: Pace) -> Mapping[str, May]:
    """Those that may be called now. Who gets a probe is the only one, until the rest is over again."""
    rows = tx.rows("may_call", systems=list(systems), part=part, silences=pace.silences_max, rest=pace.rest)
    return {row["system"]: May(row["probe"], row["failing"]) for row in rows}


def note_call(tx: Transaction, system: str, part: Part, pace: Pace, *, silence: str | None) -> None:
    """A round of calls came to something, or in `silence` to nothing, with what was said.

    When a system is back, what waited longer and longer for it is due at once.
    """
    about = {"system": system, "part": part, "silences": pace.silences_max}
    if silence is not None:
        tx.run("note_silence", rest=pace.rest, detail=silence, **about)
    elif any(row["was_alone"] for row in tx.rows("note_answer", **about)):
        tx.run(f"wake_{part}", system=system)


def note_allowance(tx: Transaction, system: str, *, used: int, allowed: int, pace: Pace) -> None:
    """Keep what a system said of its calls of the day, and which kinds of messages wait because of it."""
    puts_off = list(pace.puts_off(Allowance(used, allowed)))
    tx.run("note_calls", system=system, used=used, allowed=allowed, puts_off=puts_off)


def spared(store: Store) -> list[Row]:
    """Who is left alone until when and why, and what waits for whose next day of calls."""
    with store.transaction() as tx:
        return tx.rows("spared_systems")
