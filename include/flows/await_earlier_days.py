"""Keeps days in their order: a day opens with the last one published, so that earlier ones are published first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from include.ports import Fatal, Store, Transaction


@dataclass(frozen=True)
class EarlierRun:
    """A run of an earlier day: its name, its day, when it began (None: not yet), and whether it has failed."""

    name: str
    as_of: date
    began_at: datetime | None
    failed: bool = False


def earlier_days_are_published(store: Store, *, as_of: date, earlier: Iterable[EarlierRun]) -> str:
    """What this day waits for, in words; empty when nothing of what it opens with is still to come.

    `earlier`: the newest of those at work, and of those that failed. A run that publishes and then still mails keeps
    nobody waiting. Raises Fatal where one failed and no day since was published: what opened with an older one would
    be out of order.
    """
    waits = ""
    with store.transaction() as tx:
        newest: date | None = tx.rows("newest_published_before", as_of=as_of)[0]["as_of"]
        for run in earlier:
            if run.as_of >= as_of:
                continue
            if run.failed and (newest is None or newest < run.as_of):
                raise Fatal(_ADVICE.format(run=run, as_of=as_of))
            if not run.failed and not _published(tx, run):
                waits = f"run {run.name} of {run.as_of} has published nothing yet; {as_of} opens with it"
    return waits


_ADVICE = (
    "run {run.name} failed and {run.as_of} is not published, so {as_of} would open with an older day. Mend what it "
    "names, clear it, then this one and those in between: they wait for each other. To go on without that day, mark "
    "its run as success and clear this one"
)


def _published(tx: Transaction, run: EarlierRun) -> bool:
    """Whether it has published its day since it began; a day that was published before is computed anew."""
    found: bool = tx.rows("is_published_since", as_of=run.as_of, since=run.began_at)[0]["published"]
    return found
