"""What recipients were last told of a day, a week or a month, so that nobody is mailed figures that they have."""

from dataclasses import dataclass
from datetime import date
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
    """The last mail that somebody has of a day or a period. `figures`: None where nobody kept what they were."""

    run_id: UUID
    telling: int
    scope: Scope
    figures: str | None


def mails_of(tx: Transaction, mails: Mails) -> Mails:
    """The telling that is under way: the next one, once another run had the last word since this one was sent."""
    [found] = tx.rows("telling_of", run_id=mails.run_id, edition=mails.edition, **mails.about)
    return Mails(mails.run_id, mails.edition, mails.told_of, found["telling"])


def last_words(tx: Transaction, mails: Mails) -> dict[str, Word]:
    """Mailbox -> the last mail it has of the same day or period, whichever run it is of."""
    return {row["recipient"]: _word(row) for row in tx.rows("last_words", **mails.about)}


def _word(row: Row) -> Word:
    return Word(row["run_id"], row["telling"], scope_of(row["scope"]), row["figures"])


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
