"""What recipients were last told of a day, a week or a month, so that nobody is mailed figures that they have."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any
from uuid import UUID

from include.domain.recipients import Scope
from include.ports import Row, Transaction

Stated = dict[str, list[str] | None]


@dataclass(frozen=True)
class Mails:
    """Which mails: of this run, in this edition of a day, or of a period by its last; told for the so-manieth time."""

    run_id: UUID
    edition: str
    told_of: date
    telling: int = 1

    @property
    def params(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "edition": self.edition, "telling": self.telling}

    @property
    def key(self) -> str:
        """What names them among all mails."""
        again = f"/{self.telling}" if self.telling > 1 else ""
        return f"{self.run_id}/{self.edition}{again}"

    @property
    def about(self) -> dict[str, Any]:
        """The day or period, and the editions that tell the same of it."""
        alike = ["daily", "restated"] if self.edition == "daily" else [self.edition]
        return {"told_of": self.told_of, "editions": alike}


@dataclass(frozen=True)
class Word:
    """A mail that somebody has of a day or a period. `figures`: None where nobody kept what they were.

    `came_to`: what names the figures of its run in all, whatever part of them the mail told.
    """

    run_id: UUID
    telling: int
    scope: Scope
    figures: str | None
    sent_at: datetime
    came_to: str


def mails_of(tx: Transaction, mails: Mails) -> Mails:
    """The telling that is under way: the next one, once another run had the last word since this one was sent."""
    [found] = tx.rows("telling_of", run_id=mails.run_id, edition=mails.edition, **mails.about)
    return Mails(mails.run_id, mails.edition, mails.told_of, found["telling"])


def words_of(tx: Transaction, mails: Mails) -> dict[str, list[Word]]:
    """Mailbox -> the mails it has of the same day or period, the last one first, whichever runs they are of."""
    found: defaultdict[str, list[Word]] = defaultdict(list)
    for row in tx.rows("words_of", **mails.about):
        found[row["recipient"]].append(_word(row))
    return dict(found)


def said_before(words: Sequence[Word], scope: Scope, figures: str, *, zone: tzinfo) -> datetime | None:
    """When somebody who was told otherwise since was first told of these figures, there; None where that was never."""
    alike = [one.sent_at for one in words if (one.scope, one.figures) == (scope, figures)]
    return alike[-1].astimezone(zone) if alike else None


def _word(row: Row) -> Word:
    mail = (row["run_id"], row["telling"], scope_of(row["scope"]), row["figures"])
    return Word(*mail, row["sent_at"], row["came_to"])


def stated(scope: Scope) -> Stated:
    """A part of the books as it is kept."""
    return {
        "currencies": sorted(scope.currencies) if scope.currencies is not None else None,
        "countries": sorted(scope.countries) if scope.countries is not None else None,
    }


def scope_of(kept: Stated) -> Scope:
    """The same read again."""
    currencies, countries = kept["currencies"], kept["countries"]
    return Scope(
        currencies=None if currencies is None else frozenset(currencies),
        countries=None if countries is None else frozenset(countries),
    )
