"""Who hears of a day, and how much of it is theirs."""

from dataclasses import dataclass

HOME_LOCALE = "en_SG"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The part of the books somebody answers for; None is all of it.

    Books say of no row which legal entity it is of: one is told by the currencies it trades in and the countries of the
    customers it answers for.
    """

    currencies: frozenset[str] | None = None
    countries: frozenset[str] | None = None

    @property
    def whole(self) -> bool:
        return self.currencies is None and self.countries is None


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """One mailbox. `locale` says how its reader writes numbers, such as `de_DE`."""

    address: str
    scope: Scope = Scope()
    locale: str = HOME_LOCALE

    @property
    def mailbox(self) -> str:
        """What two writings of one address have in common."""
        return self.address.lower()
