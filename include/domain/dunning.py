"""When an overdue invoice is asked for, how firmly, and when it is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Rung:
    """One level of the ladder: from so many days past due on. `approval`: a person must say yes first."""

    level: int
    name: str
    from_days: int
    approval: bool = False


@dataclass(frozen=True, kw_only=True)
class DunningRules:
    """The ladder, lowest first, and below which worth (SGD minor units) nobody is asked."""

    ladder: tuple[Rung, ...]
    least_sgd_minor: int


@dataclass(frozen=True, kw_only=True)
class Debt:
    """An open invoice as it stands on a day. Amounts in minor units of its currency, `open_sgd_minor` in SGD cents.

    `due_date` is a business day of its customer: who is due on a day of rest is counted from the next one.
    `in_flight_minor` is money known to be on its way or matched and not posted yet; `unapplied_minor` the customer's
    money that is on no invoice; `level` the highest rung taken since it was last paid anything.
    """

    invoice_id: str
    due_date: date
    open_minor: int
    open_sgd_minor: int | None
    level: int = 0
    in_flight_minor: int = 0
    unapplied_minor: int = 0
    disputed: bool = False
    promised_until: date | None = None
    legal_hold: bool = False
    uncertain_write: bool = False  # something we sent about it may or may not have happened


@dataclass(frozen=True)
class Step:
    """The rung to take, with the proof that it is due; or None, and what keeps it from being due."""

    rung: Rung | None
    why: str


def due_step(debt: Debt, *, today: date, rules: DunningRules) -> Step:
    """The next rung of an invoice, if one is due. Levels only rise; of several that are due the highest is taken."""
    if held := next(iter(_held(debt, today, rules)), None):
        return Step(None, held)
    days = (today - debt.due_date).days
    due = [rung for rung in rules.ladder if rung.from_days <= days and rung.level > debt.level]
    if not due:
        return Step(None, f"{days} days past due: no level above {debt.level} is due")
    rung = due[-1]
    since = f"{days} days ago" if days >= 0 else f"in {-days} days"
    return Step(rung, f"due {debt.due_date}, {since}; {rung.name} from day {rung.from_days}")


def _held(debt: Debt, today: date, rules: DunningRules) -> Sequence[str]:
    """Every reason not to ask for it, the plainest first."""
    reasons = (
        (debt.open_minor <= 0, "nothing is open"),
        (debt.uncertain_write, "something about it may have been written: look first"),
        (debt.legal_hold, "legal holds it"),
        (debt.disputed, "it is disputed"),
        (
            debt.promised_until is not None and today <= debt.promised_until,
            f"promised until {debt.promised_until}",
        ),
        (debt.in_flight_minor >= debt.open_minor > 0, "its money is on its way"),
        (debt.unapplied_minor >= debt.open_minor > 0, "the customer's unapplied money covers it"),
        (
            debt.open_sgd_minor is not None and debt.open_sgd_minor < rules.least_sgd_minor,
            "less is open than is worth asking for",
        ),
    )
    return [reason for holds, reason in reasons if holds]
