"""What a compared day came to: its differences, worst first, with what explains each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from include.ports import NothingUsable, Row, Store


@dataclass(frozen=True, kw_only=True)
class ShownDay:
    """One edition of a day: what it counted, its differences by class and cause, and some of them.

    `restated`: what was learnt since of what it left open, which the next published day entered anew.
    """

    day: Row
    causes: list[Row]
    differences: list[Row]
    quarantined: list[Row]
    restated: list[Row]


def show_parity(
    store: Store,
    *,
    day: date | None,
    only: Mapping[str, str],
    limit: int,
    edition: int | None = None,
    after: int | None = None,
) -> ShownDay:
    """The newest edition of a day (`day` None: of the last one compared), or a certain one.

    `only`: kind, class or cause of the differences listed; `after`: the last line of the page before. Raises
    NothingUsable when it was not compared.
    """
    with store.transaction() as tx:
        found = tx.rows("parity_day", day=day, edition=edition)
        if not found:
            raise NothingUsable(f"{day or 'no day'} was compared")
        at = {"day": found[0]["day"], "edition": found[0]["edition"]}
        wanted = {name: only.get(name) or None for name in ("kind", "class_", "cause")}
        return ShownDay(
            day=found[0],
            causes=tx.rows("parity_causes", **at),
            differences=tx.rows("parity_differences", **at, **wanted, after=after or 0, limit=limit),
            quarantined=tx.rows("parity_quarantine", **at, limit=limit),
            restated=tx.rows("parity_restated", first_day=at["day"], last_day=at["day"], limit=limit),
        )
